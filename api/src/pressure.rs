//! Backpressure: while a queue breaks its promise, the routes that feed it answer 503 instead of making it worse.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::{Clock, Db};
use jobs::ledger::{self, Queue};
use jobs::queues;

use crate::error::ApiError;

/// Operations that put work of their own size into a queue. An answer to what is already there is not refused.
const FEEDS: [(&str, Queue); 3] = [
    ("createMission", queues::CRITICAL),
    ("duplicateMission", queues::CRITICAL),
    ("updateMission", queues::CRITICAL),
];

/// How old the oldest due job of a queue may be, in milliseconds.
fn promise(queue: Queue) -> i64 {
    if queue == queues::CRITICAL { 5_000 } else { 60_000 }
}

/// How often the ledger is asked: a queue cannot fall behind in between by more than this.
const LOOK: Duration = Duration::from_secs(1);

/// Age of the oldest due job of each queue, as of the last look.
#[derive(Clone, Debug, Default)]
pub struct Pressure(Arc<[AtomicI64; queues::ALL.len()]>);

impl Pressure {
    /// Watches the queues for as long as somebody asks.
    pub fn watch(db: Db, clock: Clock) -> Self {
        let pressure = Self::default();
        let seen = Arc::downgrade(&pressure.0);
        tokio::spawn(async move {
            while let Some(ages) = seen.upgrade() {
                match look(&db, &clock).await {
                    Ok(found) => {
                        for (age, found) in ages.iter().zip(found) {
                            age.store(found, Ordering::Relaxed);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "cannot look at the queues"),
                }
                drop(ages);
                tokio::time::sleep(LOOK).await;
            }
        });
        pressure
    }

    /// Seconds that the oldest due job of each queue has waited.
    pub fn ages(&self) -> impl Iterator<Item = (Queue, f64)> {
        queues::ALL.into_iter().zip(self.0.iter().map(|age| age.load(Ordering::Relaxed) as f64 / 1000.0))
    }

    /// Refuses an operation whose queue is behind.
    pub fn admit(&self, operation: &str) -> Result<(), ApiError> {
        let Some((_, queue)) = FEEDS.iter().find(|(fed, _)| *fed == operation) else { return Ok(()) };
        let behind = self.ages().any(|(known, age)| known == *queue && age * 1000.0 > promise(*queue) as f64);
        match behind {
            true => Err(ApiError::Unavailable {
                code: "QUEUE_OVERLOADED",
                message: "Too much is waiting already; try again in a moment",
            }),
            false => Ok(()),
        }
    }
}

async fn look(db: &Db, clock: &Clock) -> domain::Result<Vec<i64>> {
    let oldest = ledger::oldest_due(&mut *db.conn().await?, &queues::ALL.map(Queue::name)).await?;
    // What is due at once is so by the database's clock, which does not run ahead.
    let now = clock.now() - clock.ahead();
    let age = |due: time::OffsetDateTime| (now - due).whole_milliseconds() as i64;
    Ok(oldest.into_iter().map(|due| due.map_or(0, age).max(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feed_is_an_operation() {
        let document = crate::openapi::Document::get();
        assert!(FEEDS.iter().all(|(operation, _)| document.has_operation(operation)));
    }
}
