use domain::contracts;
use jobs::{ContractOf, DraftContract, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when there is a contract already, or nothing left to agree on.
pub async fn run(job: DraftContract, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let issued = match job.of {
        ContractOf::Assignment(id) => contracts::draft_for_assignment(&mut tx, id, now).await?,
        ContractOf::Booking(id) => contracts::draft_for_booking(&mut tx, id, now).await?,
    };
    let Some(issued) = issued else {
        return run.done_without_effects();
    };
    effects::contracts::issued(&mut tx, &issued).await?;
    run.done(tx).await
}
