use domain::conversations;
use jobs::{LockChat, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when it is locked already, or closes at another time.
pub async fn run(job: LockChat, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let locked = conversations::mark_locked(&mut tx, job.conversation_id, job.lock_at).await?;
    let Some(locked) = locked else {
        return run.done_without_effects();
    };
    effects::conversations::chat_locked(&mut tx, locked, run.now()).await?;
    run.done(tx).await
}
