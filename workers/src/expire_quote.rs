use domain::quotes;
use jobs::{ExpireQuote, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the quote was answered or revised.
pub async fn run(job: ExpireQuote, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(expired) = quotes::expire(&mut tx, job.quote_id, now).await? else {
        return run.done_without_effects();
    };
    effects::quotes::moved(&mut tx, &expired, now).await?;
    run.done(tx).await
}
