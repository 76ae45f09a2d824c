//! Whether whoever takes our mails is asked at all at the moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Clock;
use rand::RngExt;
use time::OffsetDateTime;

use super::MailError;

/// The longest pause between two looks †.
const LONGEST: Duration = Duration::from_secs(60);

/// While they are away, each process tries once in a while, and not once for each mail that waits.
#[derive(Debug)]
pub struct Door {
    clock: Clock,
    shut: Mutex<Option<Shut>>,
}

#[derive(Debug)]
struct Shut {
    until: OffsetDateTime,
    tries: u32,
    why: String,
}

impl Door {
    pub fn new(clock: Clock) -> Self {
        Self { clock, shut: Mutex::default() }
    }

    fn shut(&self) -> MutexGuard<'_, Option<Shut>> {
        self.shut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one in, or says when to come back.
    pub fn enter(&self) -> Result<(), MailError> {
        match &*self.shut() {
            Some(shut) if shut.until > self.clock.now() => Err(self.away(shut)),
            _ => Ok(()),
        }
    }

    pub fn opened(&self) {
        *self.shut() = None;
    }

    /// It was found shut. They may say for how long; else a second, and twice as long each time. Who was let in together counts as
    /// one.
    pub fn closed(&self, pause: Option<Duration>, why: String) -> MailError {
        let now = self.clock.now();
        let mut shut = self.shut();
        let shut = shut.get_or_insert(Shut { until: now, tries: 0, why: String::new() });
        if shut.until <= now {
            let pause = pause.unwrap_or_else(|| Duration::from_secs(1 << shut.tries.min(6)).min(LONGEST));
            *shut = Shut { until: now + pause, tries: shut.tries + 1, why };
            tracing::warn!(?pause, why = shut.why, "mails wait");
        }
        self.away(shut)
    }

    /// Those who come back do not come as one.
    fn away(&self, shut: &Shut) -> MailError {
        let left: Duration = (shut.until - self.clock.now()).try_into().unwrap_or_default();
        let spread = left.max(Duration::from_secs(1)).as_millis() as u64;
        let back_in = left + Duration::from_millis(rand::rng().random_range(0..=spread));
        MailError::Away { back_in, why: shut.why.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_that_stays_shut_is_tried_less_and_less() {
        let clock = Clock::default();
        let door = Door::new(clock.clone());
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert_eq!(door.enter(), Ok(()));
            door.closed(None, "away".into());
            // Who had been let in with the first.
            door.closed(None, "away".into());
            let mut seconds = 0;
            while door.enter().is_err() {
                clock.advance(time::Duration::SECOND);
                seconds += 1;
            }
            pauses.push(seconds);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        door.opened();
        door.closed(Some(Duration::from_secs(5)), "quota".into());
        let Err(MailError::Away { back_in, why }) = door.enter() else { panic!("it is shut") };
        assert!((4..=10).contains(&back_in.as_secs()) && why == "quota", "{back_in:?}");
    }
}
