use domain::{auth_tokens, idempotency, live, notifications, places, sessions, signatures, video_events};
use jobs::purge::{Purge, Stale};
use jobs::{ledger, stripe_events};
use time::Duration;

use crate::App;
use crate::engine::{JobResult, Run};

/// Rows of one transaction: short enough that nobody waits for it.
const BATCH: i64 = 5_000;
/// Jobs that have ended are kept this long, and with them their unique keys.
const ENDED: Duration = Duration::WEEK;
/// Jobs that nobody has given a second chance in this time stay dead.
const DEAD: Duration = Duration::days(90);
/// Notifications that were read are kept this long.
const READ: Duration = Duration::days(90);
/// What the video server told is kept this long, should somebody ask who was there.
const TOLD: Duration = Duration::days(90);

/// What Stripe told is kept this long, should somebody ask; what it made true is kept elsewhere, for good.
const TOLD_BY_STRIPE: Duration = Duration::days(90);

/// Deletes batch by batch, each in its own transaction: a deletion needs no fence, it is the same whoever does it.
pub async fn run(job: Purge, run: Run<App>) -> JobResult {
    let now = run.now();
    loop {
        let mut tx = run.begin().await?;
        let deleted = match job.stale {
            Stale::Jobs => ledger::prune(&mut tx, now - ENDED, now - DEAD, BATCH).await?,
            Stale::Notifications => notifications::prune(&mut tx, now - READ, BATCH).await?,
            Stale::Feeds => live::prune(&mut tx, now - live::KEPT, BATCH).await?,
            Stale::Places => places::purge(&mut tx, now, BATCH).await?,
            Stale::Answers => idempotency::purge(&mut tx, now, BATCH).await?,
            Stale::Links => auth_tokens::purge(&mut tx, now, BATCH).await?,
            Stale::Codes => signatures::purge(&mut tx, now, BATCH).await?,
            Stale::Sessions => sessions::purge(&mut tx, now, BATCH).await?,
            Stale::VideoEvents => video_events::purge(&mut tx, now - TOLD, BATCH).await?,
            Stale::StripeEvents => stripe_events::purge(&mut tx, now - TOLD_BY_STRIPE, BATCH).await?,
            Stale::Networks => sessions::purge_networks(&mut tx, now, BATCH).await?,
        };
        tx.commit().await?;
        if deleted < BATCH.unsigned_abs() {
            return run.done_without_effects();
        }
    }
}
