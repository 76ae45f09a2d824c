use domain::reports;
use jobs::{AutoValidateReport, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the report was decided, or is being decided by an admin.
pub async fn run(job: AutoValidateReport, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(time_up) = reports::validate_by_time(&mut tx, job.report_id, now).await? else {
        return run.done_without_effects();
    };
    effects::hub::time_up(&mut tx, &time_up, now).await?;
    run.done(tx).await
}
