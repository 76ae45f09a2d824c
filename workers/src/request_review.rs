use domain::{missions, reports};
use jobs::{RequestReview, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Whatever became of the report since: how the mission went can be said at once.
pub async fn run(job: RequestReview, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let report = reports::get(&mut tx, job.report_id).await?;
    let mission = missions::get(&mut tx, report.mission_id).await?;
    effects::hub::review_due(&mut tx, &report, &mission).await?;
    run.done(tx).await
}
