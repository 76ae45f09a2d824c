use domain::chorus;
use domain::payments::{self, Payment, PaymentMethod, PaymentStatus, asking};
use jobs::{CancelPayment, effects};
use stripe_connect::IntentStatus;

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::stripe;

/// A payment that was made meanwhile is refused to be cancelled: its settlement gives it back.
pub async fn run(job: CancelPayment, run: Run<App>) -> JobResult {
    let payment = payments::get(&mut *run.app.db.conn().await?, job.payment_id).await?;
    let over = matches!(payment.status, PaymentStatus::Cancelled | PaymentStatus::Succeeded);
    if over {
        return run.done_without_effects();
    }
    if payment.method == PaymentMethod::Chorus {
        return withdraw(&payment, run).await;
    }
    if let Some(intent) = &payment.intent_id {
        let provider = stripe::provider(&run.app)?;
        match stripe::decided(provider.cancel_intent(&payment.cancel_key(), intent).await)? {
            Ok(intent) if intent.status == IntentStatus::Canceled => {}
            Ok(_) => return run.done_without_effects(),
            Err(refusal) => {
                tracing::info!(payment = %payment.id, refusal, "not cancelled");
                return run.done_without_effects();
            }
        }
    }
    let mut tx = run.begin().await?;
    if !asking::mark_cancelled(&mut tx, &payment, run.now()).await? {
        return Err(JobError::Retry("Stripe was asked for it meanwhile".to_owned()));
    }
    run.done(tx).await
}

/// What Chorus has cannot be taken back from here.
async fn withdraw(payment: &Payment, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    match chorus::withdraw(&mut tx, payment.id, run.now()).await? {
        Some(withdrawn) => effects::chorus::taken_back(&mut tx, &withdrawn).await?,
        None => effects::chorus::called_off(&mut tx, payment).await?,
    }
    run.done(tx).await
}
