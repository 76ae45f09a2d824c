//! What money sets off.

use domain::contracts::COMPLETED_AFTER;
use domain::error::Result;
use domain::ids::UserId;
use domain::invoices::Invoice;
use domain::notifications::{NewNotification, NotificationType};
use domain::payments::accounts::Synced;
use domain::payments::bank_refunds::Owed;
use domain::payments::bank_transfers::Made;
use domain::payments::closing::Closed;
use domain::payments::events::{Concern, StripeEvent};
use domain::payments::payouts::Scheduled;
use domain::payments::refunds::{Refunded, Requested};
use domain::payments::settling::Settled;
use domain::payments::{DisputeStatus, Payment, RefundWay, payouts};
use domain::{Tx, missions, money};
use time::OffsetDateTime;

use super::notices;
use crate::alert_money::{AlertMoney, MoneyTrouble};
use crate::ledger::{self, NewJob};
use crate::settle_payment::SettleCause;
use crate::{CancelPayment, CompleteContract, PayOut, RefundPayment, SettlePayment, SyncConnect};

/// What acts on an event of Stripe; [`crate::stripe_events`] stores both at once.
pub(crate) fn event_taken_in(event: &StripeEvent) -> Option<NewJob> {
    match event.concern() {
        Concern::Payment => Some(NewJob::of(&SettlePayment { cause: SettleCause::Event(event.id.clone()) })),
        Concern::Account => Some(NewJob::of(&SyncConnect { event_id: event.id.clone() })),
        Concern::Nobody => None,
    }
}

fn refund(requested: &Requested) -> NewJob {
    NewJob::of(&RefundPayment { refund_id: requested.refund.id })
}

fn payout(scheduled: &Scheduled) -> NewJob {
    NewJob::of(&PayOut { payout_id: scheduled.payout }).at(scheduled.due_at)
}

/// Tells once, whatever the job that says so is called.
pub(super) fn notice(payment: &Payment, user_id: UserId, kind: NotificationType, cause: &str) -> NewJob {
    notices::notice(payment.about(), kind, user_id).once(format!("notify:{cause}:{}:{user_id}", kind.code()))
}

fn alert(what: MoneyTrouble, cause: String, detail: String) -> NewJob {
    NewJob::of(&AlertMoney { cause, what, detail })
}

/// A payment was looked at: what came of it is told, and what has to go back goes back. It ends with rooms and feeds: call it last.
pub async fn settled(tx: &mut Tx, settled: &Settled, now: OffsetDateTime) -> Result<()> {
    let Settled { payment, paid, booking, closed, failed_refunds, dispute, mismatch } = settled;
    self::closed(tx, closed).await?;
    let cause = format!("payment:{}", payment.id);
    let mut jobs = Vec::new();
    if *paid {
        jobs.push(notice(payment, payment.payer_id, NotificationType::PaymentConfirmed, &cause));
        jobs.push(notice(payment, payment.talent_id, NotificationType::PaymentReceived, &cause));
        if let Some(contract_id) = payment.of_quote() {
            let complete = NewJob::of(&CompleteContract { contract_id });
            jobs.push(complete.at(now + COMPLETED_AFTER));
        }
    }
    if *mismatch {
        let came = money::in_words(payment.mismatch_cents.unwrap_or_default(), "fr");
        let asked = money::in_words(payment.amount_cents, "fr");
        let detail = format!("Paiement {} : {came} au lieu de {asked}", payment.id);
        jobs.push(alert(MoneyTrouble::AmountDiffers, cause.clone(), detail));
    }
    for failed in failed_refunds {
        let cents = money::in_words(failed.amount_cents, "fr");
        let reason = failed.reason.as_deref().unwrap_or("sans motif");
        let detail = format!("Paiement {} : {cents} à rendre autrement ({reason})", payment.id);
        jobs.push(alert(MoneyTrouble::RefundFailed, format!("refund-failed:{}", failed.refund_id), detail));
    }
    if let Some(dispute @ (DisputeStatus::Open | DisputeStatus::Lost)) = dispute {
        let cents = money::in_words(payment.disputed_cents, "fr");
        let state = if *dispute == DisputeStatus::Open { "ouverte" } else { "perdue" };
        let detail = format!("Paiement {} : contestation {state}, {cents}", payment.id);
        jobs.push(alert(MoneyTrouble::Disputed, format!("{cause}:{dispute:?}"), detail));
    }
    if matches!(dispute, Some(DisputeStatus::Won | DisputeStatus::Lost)) {
        // What waited for it may go.
        if let Some(due) = payouts::find_scheduled(tx, payment.id).await? {
            jobs.push(payout(&due));
        }
    }
    ledger::enqueue(tx, jobs).await?;
    if let Some(booking) = booking {
        super::bookings::paid(tx, booking, now).await?;
    }
    if let Some(mission) = payment.mission_id.filter(|_| *paid) {
        let mission = missions::get(tx, mission).await?;
        super::told(tx, &mission, "Un paiement de la mission est enregistré.", vec![], vec![], now).await?;
    }
    Ok(())
}

/// The work of payments ended: what is owed is paid out, what is not goes back, what was not paid is asked for no more.
pub async fn closed(tx: &mut Tx, closed: &Closed) -> Result<()> {
    let Closed { refunds, payouts, unwanted, supplement, hand_in, indemnity_due: _ } = closed;
    let jobs = refunds.iter().filter(|requested| !requested.again).map(refund);
    let jobs = jobs.chain(payouts.iter().map(payout));
    let jobs =
        jobs.chain(unwanted.iter().map(|payment_id| NewJob::of(&CancelPayment { payment_id: *payment_id })));
    let jobs = jobs.chain(supplement.iter().map(|payment| {
        notice(payment, payment.payer_id, NotificationType::SupplementDue, &format!("payment:{}", payment.id))
    }));
    let jobs = jobs.chain(hand_in.iter().map(|payment| super::chorus::hand_in(*payment)));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// A refund was asked for by a person, or is to go another way.
pub async fn refund_requested(tx: &mut Tx, requested: &Requested) -> Result<()> {
    ledger::enqueue(tx, (!requested.again).then(|| refund(requested))).await
}

/// Money has gone back: its payer hears of it, and its talent, whose share has shrunk.
pub async fn refunded(tx: &mut Tx, refunded: &Refunded) -> Result<()> {
    let Refunded { payment, refund, .. } = refunded;
    let cause = format!("refund:{}", refund.id);
    let payer = (refund.way != RefundWay::Dispute)
        .then(|| notice(payment, payment.payer_id, NotificationType::RefundMade, &cause));
    let talent = notice(payment, payment.talent_id, NotificationType::PaymentReduced, &cause);
    // That it failed may have been told before.
    let failed = (payment.failed_refund_cents > 0)
        .then(|| NewJob::of(&SettlePayment { cause: SettleCause::Payment(payment.id) }));
    ledger::enqueue(tx, payer.into_iter().chain([talent]).chain(failed)).await?;
    super::growth::refunded(tx, refunded).await?;
    unblocked(tx, payment.talent_id).await
}

/// A refund is owed from bank to bank: a person makes the transfer and says so, the talent learns that its share has shrunk, and Chorus
/// Pro gets the credit note of an invoice that it has.
pub async fn refund_owed(tx: &mut Tx, owed: &Owed, credited: &[Invoice], now: OffsetDateTime) -> Result<()> {
    let Owed { refunded, transfer } = owed;
    let Refunded { payment, refund, .. } = refunded;
    let reduced = notice(
        payment,
        payment.talent_id,
        NotificationType::PaymentReduced,
        &format!("refund:{}", refund.id),
    );
    let due = (transfer.made_at.is_none()).then(|| {
        let cents = money::in_words(transfer.cents(), "fr");
        let detail = format!("Remboursement {} du paiement {} : {cents}", refund.id, payment.id);
        alert(MoneyTrouble::TransferDue, format!("transfer:{}", transfer.id), detail)
    });
    ledger::enqueue(tx, [reduced].into_iter().chain(due).collect::<Vec<_>>()).await?;
    super::chorus::credited(tx, credited, now).await?;
    super::growth::refunded(tx, refunded).await?;
    unblocked(tx, payment.talent_id).await
}

/// A person has made a transfer: its payer hears of it.
pub async fn transferred(tx: &mut Tx, made: &Made) -> Result<()> {
    let Made { payment, transfer } = made;
    let cause = format!("refund:{}", transfer.refund());
    ledger::enqueue(tx, [notice(payment, payment.payer_id, NotificationType::RefundMade, &cause)]).await
}

/// Stripe refused a refund, or to take back what a talent had got.
pub async fn refund_refused(
    tx: &mut Tx,
    payment: &Payment,
    what: MoneyTrouble,
    cause: String,
    refusal: &str,
) -> Result<()> {
    let detail = format!("Paiement {} : {refusal}", payment.id);
    let jobs = [
        alert(what, cause, detail),
        // What Stripe tells may mean something else now.
        NewJob::of(&SettlePayment { cause: SettleCause::Payment(payment.id) }),
    ];
    ledger::enqueue(tx, jobs).await?;
    unblocked(tx, payment.talent_id).await
}

/// A talent's share is on its way.
pub async fn paid_out(tx: &mut Tx, payment: &Payment) -> Result<()> {
    let cause = format!("paid-out:{}", payment.id);
    ledger::enqueue(tx, [notice(payment, payment.talent_id, NotificationType::PayoutSent, &cause)]).await
}

/// Stripe refused a transfer; it is tried anew, and somebody should look.
pub async fn payout_refused(tx: &mut Tx, payment: &Payment, key: &str, refusal: &str) -> Result<()> {
    let detail = format!("Paiement {} : {refusal}", payment.id);
    ledger::enqueue(tx, [alert(MoneyTrouble::PayoutRefused, key.to_owned(), detail)]).await
}

/// A talent's bank has taken what Stripe sent it, or has not.
pub async fn bank_answered(
    tx: &mut Tx,
    talent: UserId,
    arrived: bool,
    event: &str,
    now: OffsetDateTime,
) -> Result<()> {
    let kind = match arrived {
        true => NotificationType::BankPayoutArrived,
        false => NotificationType::BankPayoutFailed,
    };
    let notice =
        NewNotification { user: talent, kind, data: serde_json::json!({}), cause: format!("stripe:{event}") };
    notices::tell(tx, &[notice], now).await
}

/// Stripe and the ledger do not say the same.
pub async fn drifted(tx: &mut Tx, drift: &[String], now: OffsetDateTime) -> Result<()> {
    const SHOWN: usize = 10;
    let mut detail = drift.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(" ; ");
    if drift.len() > SHOWN {
        detail.push_str(&format!(" ; en tout {} écarts", drift.len()));
    }
    ledger::enqueue(tx, [alert(MoneyTrouble::Drift, format!("drift:{}", now.date()), detail)]).await
}

/// A talent's account may be paid now: what waited for that goes.
pub async fn account_synced(tx: &mut Tx, synced: Synced) -> Result<()> {
    match synced.payouts_enabled {
        true => unblocked(tx, synced.user).await,
        false => Ok(()),
    }
}

/// Something that stood against paying a talent may be gone: what waits is looked at.
pub async fn unblocked(tx: &mut Tx, talent: UserId) -> Result<()> {
    let waiting = payouts::list_scheduled(tx, talent).await?;
    ledger::enqueue(tx, waiting.iter().map(payout)).await
}
