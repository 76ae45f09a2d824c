use std::sync::Arc;
use std::time::Duration;

use jobs::ledger::{self, Cron};

use super::Shared;

/// How late a tick may be noticed.
const LOOK: Duration = Duration::from_secs(1);

/// Offers each new tick once per process; of all processes one gets it into the ledger.
pub(super) async fn serve<C>(shared: Arc<Shared<C>>, lines: Vec<Cron>) {
    let mut offered = None;
    while !shared.stop.is_cancelled() {
        let now = shared.clock.now();
        let ticks: Vec<_> = lines.iter().map(|line| line.every.latest(now)).collect();
        if offered.as_ref() != Some(&ticks) {
            let offer = async {
                let mut tx = shared.db.begin().await?;
                ledger::offer(&mut tx, &lines, now).await?;
                tx.commit().await?;
                Ok::<_, domain::Error>(())
            };
            match offer.await {
                Ok(()) => offered = Some(ticks),
                Err(error) => tracing::warn!(%error, "cannot offer a tick; it will be tried again"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}
