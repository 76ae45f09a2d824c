use domain::reviews;
use jobs::{RequestReview, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Nothing where both have spoken, or the session did not count in the end.
pub async fn run(job: RequestReview, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let silent = reviews::list_silent(&mut tx, job.of).await?;
    effects::reviews::requested(&mut tx, job.of, &silent).await?;
    run.done(tx).await
}
