use domain::missions;
use jobs::{ExpireMission, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Cancelled when nobody was found, shrunk to those who were; harmless when the mission is not open or was moved.
pub async fn run(job: ExpireMission, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(expiry) = missions::expire(&mut tx, job.mission_id, now).await? else {
        return run.done_without_effects();
    };
    effects::missions::expired(&mut tx, &expiry, now).await?;
    run.done(tx).await
}
