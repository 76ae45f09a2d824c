use std::time::Duration;

use domain::payments::payouts::{self, Step, Transfer};
use jobs::{PayOut, effects};
use stripe_connect::{NewTransfer, Payments};

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::stripe;

/// What is refused today may be possible tomorrow: money that has not arrived, an account that Stripe looks at.
const AFTER_REFUSAL: Duration = Duration::from_secs(6 * 3600);

/// What is to be transferred, and under which key, is fixed and committed before Stripe is asked. Who dies in between finds it so
/// and asks the same again.
pub async fn run(job: PayOut, run: Run<App>) -> JobResult {
    let provider = stripe::provider(&run.app)?;
    let now = run.now();
    let mut tx = run.begin().await?;
    let transfer = match payouts::begin(&mut tx, job.payout_id, now).await? {
        Step::Send(transfer) => *transfer,
        Step::Blocked(reason) => {
            tracing::info!(payout = %job.payout_id, reason, "a payout waits");
            return run.done(tx).await;
        }
        Step::Nothing => return run.done(tx).await,
    };
    run.checkpoint(tx).await?;

    let answer = ask(&*provider, &transfer).await?;
    let mut tx = run.begin().await?;
    match answer {
        Ok(id) => {
            if payouts::mark_sent(&mut tx, &transfer, &id, now).await? {
                effects::payments::paid_out(&mut tx, &transfer.payment).await?;
            }
            run.done(tx).await
        }
        Err(refusal) => {
            payouts::mark_refused(&mut tx, &transfer, &refusal).await?;
            effects::payments::payout_refused(&mut tx, &transfer.payment, &transfer.key(), &refusal).await?;
            run.checkpoint(tx).await?;
            Err(JobError::RetryIn(AFTER_REFUSAL, refusal))
        }
    }
}

/// The transfer's id, or why there is none.
async fn ask(provider: &dyn Payments, transfer: &Transfer) -> Result<Result<String, String>, JobError> {
    let key = transfer.key();
    let group = transfer.payment.transfer_group();
    if stripe::may_be_forgotten(transfer.asked_before) {
        let made = stripe::decided(provider.list_transfers(&group).await)?;
        let ours = |made: &stripe_connect::Transfer| made.metadata.contains(&("key".to_owned(), key.clone()));
        if let Some(made) = made.map_err(JobError::Retry)?.into_iter().find(ours) {
            return Ok(Ok(made.id));
        }
    }
    let new = NewTransfer {
        amount_cents: transfer.cents,
        destination: transfer.account.clone(),
        transfer_group: group,
        source_charge: transfer.payment.charge_id.clone(),
        metadata: vec![
            ("payoutId".to_owned(), transfer.payout.id.to_string()),
            ("paymentId".to_owned(), transfer.payment.id.to_string()),
            ("key".to_owned(), key.clone()),
        ],
    };
    let answer = stripe::decided(provider.create_transfer(&key, &new).await)?;
    Ok(answer.map(|made| made.id))
}
