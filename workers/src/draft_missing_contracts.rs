use domain::contracts;
use jobs::{DraftMissingContracts, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Assignments of one look; the next goes on.
const MOST: i64 = 500;

/// Asks for each missing contract; one that is being drafted is not asked for twice.
pub async fn run(_: DraftMissingContracts, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let missing = contracts::list_undrafted(&mut tx, run.now(), MOST).await?;
    if missing.is_empty() {
        return run.done_without_effects();
    }
    effects::contracts::missing(&mut tx, &missing).await?;
    run.done(tx).await
}
