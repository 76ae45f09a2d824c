use domain::missions;
use jobs::{RemindMission, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the talent left, or the mission was cancelled, moved or has begun: a reminder that comes too late is none.
pub async fn run(job: RemindMission, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let expected = missions::find_expected(&mut tx, job.assignment_id, job.start_date, now).await?;
    let Some((mission, talent)) = expected else {
        return run.done_without_effects();
    };
    effects::hub::near(&mut tx, &mission, talent, job.ahead).await?;
    run.done(tx).await
}
