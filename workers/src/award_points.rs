use domain::growth::points;
use jobs::{AwardPoints, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// The log knows what was given before; a second delivery finds it there.
pub async fn run(job: AwardPoints, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    let awarded = points::award(&mut tx, job.user_id, job.action, job.reference, now).await?;
    let Some(awarded) = awarded else { return run.done_without_effects() };
    effects::growth::changed(&mut tx, &awarded, now).await?;
    run.done(tx).await
}
