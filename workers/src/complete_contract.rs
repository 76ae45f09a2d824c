use domain::contracts;
use jobs::{CompleteContract, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when it was completed, or somebody disputes it.
pub async fn run(job: CompleteContract, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(completed) = contracts::complete_by_time(&mut tx, job.contract_id, now).await? else {
        return run.done_without_effects();
    };
    effects::contracts::completed(&mut tx, &completed).await?;
    run.done(tx).await
}
