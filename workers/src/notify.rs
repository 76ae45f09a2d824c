use domain::notifications::NewNotification;
use jobs::{Notify, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// The row, its live event, and what goes out by push and mail, together. The row's cause makes a second delivery silent.
pub async fn run(job: Notify, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let notification = NewNotification {
        user: job.user_id,
        kind: job.kind,
        data: serde_json::json!(job.about),
        cause: format!("job:{}", run.id()),
    };
    effects::notices::tell(&mut tx, &[notification], now).await?;
    run.done(tx).await
}
