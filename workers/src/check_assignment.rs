use domain::missions;
use jobs::{CheckAssignment, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when everything is as it should be.
pub async fn run(job: CheckAssignment, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(overdue) = missions::look(&mut tx, job.assignment_id, job.look, now).await? else {
        return run.done_without_effects();
    };
    effects::hub::overdue(&mut tx, &overdue, &job, now).await?;
    run.done(tx).await
}
