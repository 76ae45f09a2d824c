use domain::growth::points;
use jobs::{AwardPoints, effects};

use crate::App;
use crate::engine::{JobResult, Part, Run};

/// The log knows what was given before; a second delivery finds it there. Awards that wait together share a transaction, in the
/// order of their users, whose rows it holds.
pub async fn run(mut jobs: Vec<Part<AwardPoints>>, run: Run<App>) -> JobResult {
    let now = run.now();
    jobs.sort_by_key(|part| part.job.user_id);
    let mut tx = run.begin().await?;
    let mut awarded = Vec::new();
    for AwardPoints { user_id, action, reference } in jobs.into_iter().map(|part| part.job) {
        awarded.extend(points::award(&mut tx, user_id, action, reference, now).await?);
    }
    if awarded.is_empty() {
        return run.done_without_effects();
    }
    effects::growth::changed(&mut tx, &awarded, now).await?;
    run.done(tx).await
}
