//! A circuit breaker: whether whoever takes our mails is asked at all at the moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Clock;
use rand::RngExt;
use time::OffsetDateTime;

use super::MailError;

/// The longest pause between two looks †.
const LONGEST: Duration = Duration::from_secs(60);

/// Open while they are away: then each process tries once in a while, and not once for each mail that waits.
#[derive(Debug)]
pub struct Breaker {
    clock: Clock,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    until: OffsetDateTime,
    tries: u32,
    why: String,
}

impl Breaker {
    pub fn new(clock: Clock) -> Self {
        Self { clock, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether they may be asked now, or else when to come back.
    pub fn check(&self) -> Result<(), MailError> {
        match &*self.open() {
            Some(open) if open.until > self.clock.now() => Err(self.away(open)),
            _ => Ok(()),
        }
    }

    pub fn succeeded(&self) {
        *self.open() = None;
    }

    /// They are away. They may say for how long; else a second, and twice as long each time. Those who asked together count as one.
    pub fn failed(&self, pause: Option<Duration>, why: String) -> MailError {
        let now = self.clock.now();
        let mut open = self.open();
        let open = open.get_or_insert(Open { until: now, tries: 0, why: String::new() });
        if open.until <= now {
            let pause = pause.unwrap_or_else(|| Duration::from_secs(1 << open.tries.min(6)).min(LONGEST));
            *open = Open { until: now + pause, tries: open.tries + 1, why };
            tracing::warn!(?pause, why = open.why, "mails wait");
        }
        self.away(open)
    }

    /// Those who come back do not come as one.
    fn away(&self, open: &Open) -> MailError {
        let left: Duration = (open.until - self.clock.now()).try_into().unwrap_or_default();
        let spread = left.max(Duration::from_secs(1)).as_millis() as u64;
        let back_in = left + Duration::from_millis(rand::rng().random_range(0..=spread));
        MailError::Away { back_in, why: open.why.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stays_away_is_asked_less_and_less() {
        let clock = Clock::default();
        let breaker = Breaker::new(clock.clone());
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert_eq!(breaker.check(), Ok(()));
            breaker.failed(None, "away".into());
            // Asked together with the first.
            breaker.failed(None, "away".into());
            let mut seconds = 0;
            while breaker.check().is_err() {
                clock.advance(time::Duration::SECOND);
                seconds += 1;
            }
            pauses.push(seconds);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        breaker.succeeded();
        breaker.failed(Some(Duration::from_secs(5)), "quota".into());
        let Err(MailError::Away { back_in, why }) = breaker.check() else { panic!("it is open") };
        assert!((4..=10).contains(&back_in.as_secs()) && why == "quota", "{back_in:?}");
    }
}
