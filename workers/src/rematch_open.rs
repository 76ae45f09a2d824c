use domain::matching;
use jobs::{RematchOpen, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// A second run finds the missions waiting for their match, or matched with this talent in it.
pub async fn run(job: RematchOpen, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let reopened = matching::reopen(&mut tx, job.talent_id, run.now()).await?;
    if reopened.is_empty() {
        return run.done_without_effects();
    }
    effects::missions::reopened(&mut tx, &reopened).await?;
    run.done(tx).await
}
