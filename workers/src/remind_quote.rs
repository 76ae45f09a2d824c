use domain::quotes;
use jobs::{RemindQuote, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the quote was answered or revised.
pub async fn run(job: RemindQuote, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let Some(quote) = quotes::find_open(&mut tx, job.quote_id, run.now()).await? else {
        return run.done_without_effects();
    };
    effects::quotes::expiring(&mut tx, &quote, run.id()).await?;
    run.done(tx).await
}
