use domain::growth::points;
use jobs::{ReversePoints, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Once, by the log. What was not given yet is not given any more: whoever awards it looks again.
pub async fn run(job: ReversePoints, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let reversed = points::reverse(&mut tx, job.user_id, job.action, job.reference, now).await?;
    let Some(reversed) = reversed else { return run.done_without_effects() };
    effects::growth::changed(&mut tx, &[reversed], now).await?;
    run.done(tx).await
}
