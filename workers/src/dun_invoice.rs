use domain::chorus::{self, ChorusStatus};
use domain::payments;
use jobs::{DunInvoice, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Whoever has paid meanwhile hears nothing.
pub async fn run(job: DunInvoice, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let submission = chorus::get(&mut tx, job.payment_id).await?;
    if !matches!(submission.status, ChorusStatus::Pending | ChorusStatus::Sent) {
        return run.done_without_effects();
    }
    let payment = payments::get(&mut tx, job.payment_id).await?;
    effects::chorus::unpaid(&mut tx, &payment, &submission, job.step).await?;
    run.done(tx).await
}
