//! Jobs that come back by the clock.

use domain::error::Result;
use domain::{Tx, paris};
use time::{Duration, OffsetDateTime};

use super::{NewJob, enqueue};

/// How often a job comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// At full multiples of so many seconds.
    Seconds(i64),
    /// At full multiples of so many minutes.
    Minutes(i64),
    /// Once a day, at this hour and minute in Paris.
    DayAt(i8, i8),
}

/// A line of the schedule. Its name is part of the unique key of each tick.
#[derive(Clone, Copy, Debug)]
pub struct Cron {
    pub name: &'static str,
    pub every: Every,
    pub job: fn() -> NewJob,
}

impl Every {
    /// The tick that is due at this time: the newest that is not in the future.
    pub fn latest(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Minutes(minutes) => Self::Seconds(60 * minutes).latest(now),
            Self::Seconds(seconds) => {
                let period = seconds.max(1);
                now - Duration::seconds(now.unix_timestamp().rem_euclid(period))
                    - Duration::nanoseconds(i64::from(now.nanosecond()))
            }
            Self::DayAt(hour, minute) => paris::latest(hour, minute, now),
        }
    }
}

/// Enqueues the latest tick of each line. Any number of processes may offer the same tick: its key lets one through. After
/// an absence of all of them the latest tick runs once, and those before it are skipped.
pub async fn offer(tx: &mut Tx, lines: &[Cron], now: OffsetDateTime) -> Result<()> {
    let tick = |line: &Cron| {
        let key = format!("cron:{}:{}", line.name, line.every.latest(now).unix_timestamp());
        (line.job)().once(key)
    };
    enqueue(tx, lines.iter().map(tick)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_tick_is_the_newest_that_has_come() {
        let now = datetime!(2026-03-29 00:59:59.5 UTC);
        assert_eq!(Every::Minutes(10).latest(now), datetime!(2026-03-29 00:50 UTC));
        assert_eq!(Every::Seconds(5).latest(now), datetime!(2026-03-29 00:59:55 UTC));
        assert_eq!(Every::DayAt(4, 0).latest(now), datetime!(2026-03-28 03:00 UTC));
        // The clocks go forward that night: four o'clock comes an hour earlier.
        assert_eq!(
            Every::DayAt(4, 0).latest(datetime!(2026-03-29 02:00 UTC)),
            datetime!(2026-03-29 02:00 UTC)
        );
        // An hour that does not exist, and one that exists twice.
        assert_eq!(
            Every::DayAt(2, 30).latest(datetime!(2026-03-29 12:00 UTC)),
            datetime!(2026-03-29 01:30 UTC)
        );
        assert_eq!(
            Every::DayAt(2, 30).latest(datetime!(2026-10-25 12:00 UTC)),
            datetime!(2026-10-25 00:30 UTC)
        );
    }
}
