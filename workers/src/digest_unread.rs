use domain::unread_digests::{self, UNREAD_FOR};
use jobs::{DigestUnread, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Messages of one transaction: short enough that nobody waits for it.
const BATCH: i64 = 2_000;

/// Batch by batch, each marked and its mails enqueued in one transaction, whose first statement keeps a second run out.
pub async fn run(_: DigestUnread, run: Run<App>) -> JobResult {
    let until = run.now() - UNREAD_FOR;
    loop {
        let mut tx = run.begin().await?;
        let Some(unread) = unread_digests::mark_next(&mut tx, until, BATCH).await? else {
            return run.done_without_effects();
        };
        effects::conversations::left_unread(&mut tx, &unread).await?;
        tx.commit().await?;
    }
}
