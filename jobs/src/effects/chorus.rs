//! What a payment over Chorus Pro sets off.

use domain::chorus::credits::{self, Credit};
use domain::chorus::{self, Deferred, HandIn, Rejected, Submission};
use domain::contracts::COMPLETED_AFTER;
use domain::error::Result;
use domain::ids::{JobId, PaymentId};
use domain::invoices::Invoice;
use domain::notifications::NotificationType;
use domain::payments::Payment;
use domain::{Tx, money};
use time::OffsetDateTime;

use super::{papers, payments};
use crate::alert_money::{AlertMoney, MoneyTrouble};
use crate::dun_invoice::{DunInvoice, Dunning};
use crate::ledger::{self, NewJob};
use crate::{CompleteContract, PollChorus, SubmitChorus, SubmitCredit};

fn alert(what: MoneyTrouble, payment: &Payment, cause: &str, detail: &str) -> NewJob {
    let cents = money::in_words(payment.amount_cents, "fr");
    let detail = format!("Paiement {} de {cents} : {detail}", payment.id);
    NewJob::of(&AlertMoney { cause: format!("chorus:{}:{cause}", payment.id), what, detail })
}

/// What a public body owes is known: its invoice is issued and handed in. Once, however it came to be known.
pub(super) fn hand_in(payment_id: PaymentId) -> NewJob {
    NewJob::of(&SubmitChorus { payment_id }).once(format!("submit-chorus:{payment_id}:owed"))
}

/// A public body will pay later: its invoice is handed in when the work is accepted, and the talent learns that it is so. What a quote
/// had promised is accepted by time, where nobody says anything.
pub async fn deferred(tx: &mut Tx, deferred: &Deferred, now: OffsetDateTime) -> Result<()> {
    let Deferred { payment, ready, again } = deferred;
    if *again {
        return Ok(());
    }
    let cause = format!("chorus:{}", payment.id);
    let told = payments::notice(payment, payment.talent_id, NotificationType::PaymentDeferred, &cause);
    let complete = payment
        .of_quote()
        .filter(|_| !ready)
        .map(|contract_id| NewJob::of(&CompleteContract { contract_id }).at(now + COMPLETED_AFTER));
    let jobs = [told].into_iter().chain(ready.then(|| hand_in(payment.id))).chain(complete);
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
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
        let look = PollChorus { payment_id: Some(payment), credit_note_id: None };
        NewJob::of(&look).once(format!("poll-chorus:{tick}:{payment}"))
    };
    let look_back = |note| {
        let look = PollChorus { payment_id: None, credit_note_id: Some(note) };
        NewJob::of(&look).once(format!("poll-chorus:{tick}:{note}"))
    };
    let credits = credits::list_sent(tx).await?;
    let jobs = sent.into_iter().map(look).chain(credits.into_iter().map(look_back));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// Invoices were taken back in part or whole: Chorus gets the credit notes of those that it has.
pub async fn credited(tx: &mut Tx, notes: &[Invoice], now: OffsetDateTime) -> Result<()> {
    let due = credits::insert(tx, notes, now).await?;
    let jobs = due.into_iter().map(|credit_note_id| NewJob::of(&SubmitCredit { credit_note_id }));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// Chorus, or the public body, does not take a credit note: somebody has to look.
pub async fn credit_stuck(tx: &mut Tx, credit: &Credit, state: &str, reason: Option<&str>) -> Result<()> {
    let detail = format!("Avoir {} : {state} {}", credit.invoice_id, reason.unwrap_or_default());
    let cause = format!("chorus:{}:{state}", credit.invoice_id);
    let alert = AlertMoney { cause, what: MoneyTrouble::ChorusStuck, detail: detail.trim().to_owned() };
    ledger::enqueue(tx, [NewJob::of(&alert)]).await
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
