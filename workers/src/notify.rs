use domain::live;
use domain::notifications::{self, NewNotification};
use jobs::{Notify, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// The in-app row, its live event and the mail, together. The row's cause makes a second delivery silent.
pub async fn run(job: Notify, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    let notification = NewNotification {
        user: job.user_id,
        kind: job.kind,
        data: serde_json::json!(job.about),
        cause: format!("job:{}", run.id()),
    };
    let told = notifications::insert(&mut tx, &[notification], now).await?;
    if told.is_empty() {
        return run.done_without_effects();
    }
    effects::notified(&mut tx, &job).await?;
    live::tell(&mut tx, now, told).await?;
    run.done(tx).await
}
