use std::time::Duration;

use domain::payments::refunds::{self, Step, Underway};
use domain::payments::{RefundWay, bank_refunds, invoicing};
use jobs::alert_money::MoneyTrouble;
use jobs::{RefundPayment, effects};
use stripe_connect::{NewRefund, Payments, RefundStatus};
use time::OffsetDateTime;

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::stripe;

/// A transfer under way takes a call, unless Stripe is away; a bank takes weeks, and its word comes as an event.
const SOON: Duration = Duration::from_secs(300);

/// First what the talent got too much comes back, then the client gets it. Each step is fixed before Stripe is asked and written
/// down, with its entry in the ledger, before the next: who dies in between finds how far it came. What goes from bank to bank is
/// owed from then on.
pub async fn run(job: RefundPayment, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let underway = match refunds::begin(&mut tx, job.refund_id, now).await? {
        Step::Go(underway) => *underway,
        Step::Wait(why) => return Err(JobError::RetryIn(SOON, why.to_owned())),
        Step::Nothing => return run.done_without_effects(),
    };
    run.checkpoint(tx).await?;

    if let Some(transfer) = &underway.transfer {
        let provider = stripe::provider(&run.app)?;
        let reversed = reverse(&*provider, &underway, transfer).await?;
        let mut tx = run.begin().await?;
        match reversed {
            Ok(id) => refunds::mark_reversed(&mut tx, &underway, &id, now).await?,
            Err(refusal) => {
                refunds::mark_not_reversed(&mut tx, &underway).await?;
                let (what, cause) = (MoneyTrouble::ReversalRefused, underway.refund.reversal_key());
                effects::payments::refund_refused(&mut tx, &underway.payment, what, cause, &refusal).await?;
            }
        }
        run.checkpoint(tx).await?;
    }

    let made = match underway.refund.way {
        RefundWay::Stripe => refund(&*stripe::provider(&run.app)?, &underway).await?.map(Some),
        // The money has gone already.
        RefundWay::External => Ok(find_external(&run, &*stripe::provider(&run.app)?, &underway).await?),
        RefundWay::Dispute => Ok(None),
        RefundWay::Bank => return owe(&underway, run, now).await,
    };
    let mut tx = run.begin().await?;
    match made {
        Ok(id) => {
            if let Some(refunded) = refunds::mark_succeeded(&mut tx, &underway, id.as_deref(), now).await? {
                effects::payments::refunded(&mut tx, &refunded).await?;
                let credited = invoicing::credit(&mut tx, &refunded, now).await?;
                for note in &credited {
                    effects::papers::issued(&mut tx, note).await?;
                }
            }
        }
        Err(refusal) => {
            refunds::mark_failed(&mut tx, &underway, &refusal, now).await?;
            let (what, cause) = (MoneyTrouble::RefundRefused, underway.refund.key());
            effects::payments::refund_refused(&mut tx, &underway.payment, what, cause, &refusal).await?;
        }
    }
    run.done(tx).await
}

/// What goes from bank to bank is owed: on paper at once, at Chorus Pro soon, and in its payer's bank when a person has transferred it.
async fn owe(underway: &Underway, run: Run<App>, now: OffsetDateTime) -> JobResult {
    let mut tx = run.begin().await?;
    let Some(owed) = bank_refunds::mark_owed(&mut tx, underway, now).await? else {
        return run.done_without_effects();
    };
    let credited = invoicing::credit(&mut tx, &owed.refunded, now).await?;
    for note in &credited {
        effects::papers::issued(&mut tx, note).await?;
    }
    effects::payments::refund_owed(&mut tx, &owed, &credited, now).await?;
    run.done(tx).await
}

/// The reversal's id, or why there is none.
async fn reverse(
    provider: &dyn Payments,
    underway: &Underway,
    transfer: &str,
) -> Result<Result<String, String>, JobError> {
    let refund = &underway.refund;
    let cents = refund.reversal_cents.unwrap_or_default();
    if stripe::may_be_forgotten(underway.asked_before) {
        let known = stripe::decided(provider.list_reversals(transfer).await)?.map_err(JobError::Retry)?;
        let id = refund.id.to_string();
        let ours =
            |made: &stripe_connect::Reversal| made.metadata.contains(&("refundId".to_owned(), id.clone()));
        if let Some(made) = known.into_iter().find(ours) {
            return Ok(Ok(made.id));
        }
    }
    let metadata = vec![("refundId".to_owned(), refund.id.to_string())];
    let answer = provider.reverse_transfer(&refund.reversal_key(), transfer, cents, &metadata).await;
    Ok(stripe::decided(answer)?.map(|made| made.id))
}

/// The refund's id, or why there is none.
async fn refund(provider: &dyn Payments, underway: &Underway) -> Result<Result<String, String>, JobError> {
    let Underway { payment, refund, .. } = underway;
    let Some(intent) = payment.intent_id.clone() else {
        return Ok(Err("the payment was not made with Stripe".to_owned()));
    };
    let mine = ("refundId".to_owned(), refund.id.to_string());
    if stripe::may_be_forgotten(underway.asked_before) {
        let known = stripe::decided(provider.list_refunds(&intent).await)?.map_err(JobError::Retry)?;
        if let Some(made) = known.into_iter().find(|made| made.metadata.contains(&mine)) {
            return Ok(judged(made));
        }
    }
    let metadata = vec![mine, ("paymentId".to_owned(), payment.id.to_string())];
    let new = NewRefund { intent, amount_cents: refund.amount_cents, metadata };
    let answer = stripe::decided(provider.create_refund(&refund.key(), &new).await)?;
    Ok(answer.and_then(judged))
}

/// What Stripe calls a refund that was made on its own pages, for who compares.
async fn find_external(
    run: &Run<App>,
    provider: &dyn Payments,
    underway: &Underway,
) -> Result<Option<String>, JobError> {
    let Some(intent) = &underway.payment.intent_id else { return Ok(None) };
    let known = stripe::decided(provider.list_refunds(intent).await)?.map_err(JobError::Retry)?;
    let ours = |made: &stripe_connect::Refund| made.metadata.iter().any(|(name, _)| name == "refundId");
    let booked = refunds::list_known(&mut *run.app.db.conn().await?, underway.payment.id).await?;
    let mut others = known.into_iter().filter(|made| !ours(made) && !booked.contains(&made.id));
    Ok(others.find(|made| made.amount_cents == underway.refund.amount_cents).map(|made| made.id))
}

/// What is pending has left our balance, and so had what failed: an event of its own says that it came back.
fn judged(refund: stripe_connect::Refund) -> Result<String, String> {
    match refund.status {
        RefundStatus::Canceled => Err("Stripe : remboursement annulé".to_owned()),
        _ => Ok(refund.id),
    }
}
