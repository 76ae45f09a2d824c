use domain::contracts;
use jobs::{RemindSignature, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when both have signed, or the contract is over.
pub async fn run(job: RemindSignature, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let contract = contracts::get(&mut tx, job.contract_id).await?;
    if !contract.is_pending() || contract.sign_by <= run.now() {
        return run.done_without_effects();
    }
    effects::contracts::unsigned(&mut tx, &contract, run.id()).await?;
    run.done(tx).await
}
