use domain::missions;
use jobs::{CancelCascade, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// One transaction, and the mission's row remembers that it was done.
pub async fn run(job: CancelCascade, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(cascade) = missions::mark_cascaded(&mut tx, job.mission_id, now).await? else {
        return run.done_without_effects();
    };
    effects::missions::cascaded(&mut tx, &cascade, now).await?;
    run.done(tx).await
}
