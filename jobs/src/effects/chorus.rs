//! What a payment over Chorus Pro sets off.

use domain::chorus::{self, Deferred, HandIn, Rejected, Submission};
use domain::error::Result;
use domain::ids::JobId;
use domain::notifications::NotificationType;
use domain::payments::Payment;
use domain::{Tx, money};
use time::OffsetDateTime;

use super::{papers, payments};
use crate::alert_money::{AlertMoney, MoneyTrouble};
use crate::dun_invoice::{DunInvoice, Dunning};
use crate::ledger::{self, NewJob};
use crate::{PollChorus, SubmitChorus};

fn alert(what: MoneyTrouble, payment: &Payment, cause: &str, detail: &str) -> NewJob {
    let cents = money::in_words(payment.amount_cents, "fr");
    let detail = format!("Paiement {} de {cents} : {detail}", payment.id);
    NewJob::of(&AlertMoney { cause: format!("chorus:{}:{cause}", payment.id), what, detail })
}

/// A public body will pay later: its invoice is handed in when the work is done, and the talent learns that it is so.
pub async fn deferred(tx: &mut Tx, deferred: &Deferred) -> Result<()> {
    let Deferred { payment, due_at, again } = deferred;
    if *again {
        return Ok(());
    }
    let cause = format!("chorus:{}", payment.id);
    let submit = NewJob::of(&SubmitChorus { payment_id: payment.id }).at(*due_at);
    let told = payments::notice(payment, payment.talent_id, NotificationType::PaymentDeferred, &cause);
    ledger::enqueue(tx, [submit, told]).await
}

/// The invoice was issued: its file is made, and whoever owes it is reminded in time.
pub async fn issued(tx: &mut Tx, hand_in: &HandIn, now: OffsetDateTime) -> Result<()> {
    for invoice in &hand_in.issued {
        papers::issued(tx, invoice).await?;
    }
    if hand_in.issued.is_empty() {
        return Ok(());
    }
    let payment_id = hand_in.payment.id;
    let steps = [(Dunning::Reminder, chorus::REMINDED_AFTER), (Dunning::Overdue, chorus::OVERDUE_AFTER)];
    let jobs = steps.map(|(step, after)| NewJob::of(&DunInvoice { payment_id, step }).at(now + after));
    ledger::enqueue(tx, jobs).await
}

/// It is time to look at what Chorus has, once for each tick of the clock.
pub async fn looked_at(tx: &mut Tx, tick: JobId) -> Result<()> {
    let sent = chorus::list_sent(tx).await?;
    let look = |payment| {
        NewJob::of(&PollChorus { payment_id: Some(payment) }).once(format!("poll-chorus:{tick}:{payment}"))
    };
    ledger::enqueue(tx, sent.into_iter().map(look).collect::<Vec<_>>()).await
}

/// Somebody has to do something on Chorus's portal.
pub async fn stuck(tx: &mut Tx, payment: &Payment, state: &str, reason: Option<&str>) -> Result<()> {
    let detail = format!("{state} {}", reason.unwrap_or_default());
    ledger::enqueue(tx, [alert(MoneyTrouble::ChorusStuck, payment, state, detail.trim())]).await
}

/// An invoice is refused: credit notes take it back, the client is asked to pay in another way, and somebody should look why.
pub async fn rejected(tx: &mut Tx, rejected: &Rejected) -> Result<()> {
    let Rejected { payment, reason, .. } = rejected;
    taken_back(tx, rejected).await?;
    let cause = format!("chorus:{}", payment.id);
    let jobs = [
        payments::notice(payment, payment.payer_id, NotificationType::ChorusRejected, &cause),
        alert(MoneyTrouble::ChorusRejected, payment, "rejected", reason.as_deref().unwrap_or("sans motif")),
    ];
    ledger::enqueue(tx, jobs).await
}

/// What was issued for work that will not be done is taken back.
pub async fn taken_back(tx: &mut Tx, rejected: &Rejected) -> Result<()> {
    for note in &rejected.credited {
        papers::issued(tx, note).await?;
    }
    Ok(())
}

/// The work was called off, and Chorus has the invoice.
pub async fn called_off(tx: &mut Tx, payment: &Payment) -> Result<()> {
    let detail = "la prestation est annulée, et la facture est déposée chez Chorus Pro";
    ledger::enqueue(tx, [alert(MoneyTrouble::ChorusStuck, payment, "called-off", detail)]).await
}

/// An invoice is not paid although it is time.
pub async fn unpaid(tx: &mut Tx, payment: &Payment, submission: &Submission, step: Dunning) -> Result<()> {
    let kind = match step {
        Dunning::Reminder => NotificationType::InvoiceDue,
        Dunning::Overdue => NotificationType::InvoiceOverdue,
    };
    let cause = format!("chorus:{}", payment.id);
    let told = payments::notice(payment, payment.payer_id, kind, &cause);
    let state = submission.state.as_deref().unwrap_or("sans nouvelles");
    let overdue =
        (step == Dunning::Overdue).then(|| alert(MoneyTrouble::ChorusOverdue, payment, "overdue", state));
    ledger::enqueue(tx, [told].into_iter().chain(overdue).collect::<Vec<_>>()).await
}
