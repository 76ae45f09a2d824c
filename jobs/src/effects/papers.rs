//! What paper sets off: its file, and word to those that it is for.

use domain::Tx;
use domain::contracts::Contract;
use domain::documents::{DocumentKind, DocumentOf};
use domain::error::Result;
use domain::invoices::{Invoice, InvoiceKind};
use domain::notifications::{About, NotificationType};
use domain::quotes::Quote;
use domain::reports::Report;

use super::notices;
use crate::RenderDocument;
use crate::ledger::{self, NewJob};

fn render(of: DocumentOf) -> NewJob {
    NewJob::of(&RenderDocument { of })
}

/// An invoice or credit note was issued: its file is made. Who it is for learns of it when it can be read.
pub async fn issued(tx: &mut Tx, invoice: &Invoice) -> Result<()> {
    ledger::enqueue(tx, [render(DocumentOf::invoice(invoice))]).await
}

/// The file of a quote that was sent.
pub fn quote(quote: &Quote) -> NewJob {
    render(DocumentOf::first(DocumentKind::Quote, quote.id.0))
}

/// The file of a contract: as issued and, once both have signed, with the evidence.
pub fn contract(contract: &Contract) -> NewJob {
    render(DocumentOf::contract(contract))
}

/// The file of a report: as handed in and, once it counts, with what was accepted.
pub fn report(report: &Report) -> NewJob {
    render(DocumentOf::report(report))
}

/// The file of an invoice is there: its recipient, and the talent in whose name it is, learn of it.
pub async fn readable(tx: &mut Tx, invoice: &Invoice) -> Result<()> {
    let (received, issued) = match invoice.kind {
        InvoiceKind::Invoice => (NotificationType::InvoiceReceived, NotificationType::InvoiceIssued),
        InvoiceKind::CreditNote => (NotificationType::CreditNoteReceived, NotificationType::CreditNoteIssued),
    };
    let people = [(Some(invoice.recipient_id), received), (invoice.issuer_id, issued)];
    let jobs = people
        .into_iter()
        .filter_map(|(user, kind)| Some(notices::notice(About::Invoice(invoice.id), kind, user?)));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}
