use domain::contracts;
use jobs::{ExpireContract, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when both have signed, or it was cancelled.
pub async fn run(job: ExpireContract, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(cancelled) = contracts::expire(&mut tx, job.contract_id, now).await? else {
        return run.done_without_effects();
    };
    effects::contracts::cancelled(&mut tx, &cancelled).await?;
    run.done(tx).await
}
