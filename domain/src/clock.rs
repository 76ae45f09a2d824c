//! Business time as a value that is passed, so that a test can advance it. Leases use the database's clock instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};

/// Cut to the microseconds that PostgreSQL keeps.
pub fn to_micros(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.nanosecond() / 1000 * 1000).unwrap_or(at)
}

/// The time of the system, moved forward by what a test has added.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in UTC, in the microseconds that PostgreSQL keeps: a value read back equals the value written.
    pub fn now(&self) -> OffsetDateTime {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
        let now = OffsetDateTime::now_utc() + self.ahead();
        to_micros(now)
    }

    /// How far this clock runs ahead of the system's; zero outside tests. The ledger adds it to the database's clock.
    pub fn ahead(&self) -> Duration {
        Duration::milliseconds(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Moves this clock and all its clones forward.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(by.whole_milliseconds() as i64, Ordering::Relaxed);
    }
}
