use bytes::Bytes;
use domain::documents::{self, DocumentKind, DocumentOf, StoredFile};
use domain::ids::{ContractId, InvoiceId, QuoteId, ReportId};
use domain::invoices::{self, Invoice};
use domain::paper::{self, Sheet};
use domain::{contracts, quotes, reports};
use jobs::{RenderDocument, effects};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::paper::{Unprintable, invoice_xml, render};

/// A document, and what its file says of itself to machines.
struct Paper {
    sheet: Sheet,
    invoice: Option<Invoice>,
}

/// The file is stored before its row: whoever finds the row finds the file. Made twice, it is the same bytes under the same key.
pub async fn run(job: RenderDocument, run: Run<App>) -> JobResult {
    let mut conn = run.app.db.conn().await?;
    if documents::exists(&mut conn, job.of).await? {
        return run.done_without_effects();
    }
    let Some(paper) = load(&mut conn, job.of).await? else { return run.done_without_effects() };
    drop(conn);
    let printing = tokio::task::spawn_blocking(move || print(&paper).map(|files| (paper, files)));
    let (paper, (pdf, xml)) = printing
        .await
        .map_err(|error| JobError::Retry(error.to_string()))?
        .map_err(|error| JobError::GiveUp(error.to_string()))?;

    let size = pdf.len();
    let pdf = store(&run, job.of, pdf, "pdf").await?;
    let xml = match xml {
        Some(xml) => Some(store(&run, job.of, xml.into_bytes(), "xml").await?),
        None => None,
    };
    let mut tx = run.begin().await?;
    if !documents::insert(&mut tx, job.of, &pdf, size, xml.as_ref(), run.now()).await? {
        return run.done_without_effects();
    }
    if let Some(invoice) = &paper.invoice {
        effects::papers::readable(&mut tx, invoice).await?;
    }
    run.done(tx).await
}

/// What there is to print; nothing, where it is not due.
async fn load(conn: &mut PgConnection, of: DocumentOf) -> Result<Option<Paper>, JobError> {
    let (mut invoice, id) = (None, of.subject_id);
    let sheet = match of.kind {
        DocumentKind::Quote => paper::quote::sheet(&quotes::get(conn, QuoteId(id)).await?),
        DocumentKind::Contract => {
            let contract = contracts::get(conn, ContractId(id)).await?;
            match of.version {
                1 => Some(paper::contract::sheet(&contract, None)),
                _ if contract.signed_at.is_none() => None,
                _ => {
                    let events = contracts::list_events(conn, contract.id).await?;
                    Some(paper::contract::sheet(&contract, Some(&events)))
                }
            }
        }
        DocumentKind::Report => {
            let report = reports::get(conn, ReportId(id)).await?;
            let accepted = of.version > 1;
            if accepted && report.validated_at.is_none() {
                return Ok(None);
            }
            let contract = reports::contract_of(conn, &report).await?;
            Some(paper::report::sheet(&report, &contract, accepted))
        }
        DocumentKind::Invoice | DocumentKind::CreditNote => {
            let issued = invoices::get(conn, InvoiceId(id)).await?;
            let sheet = paper::invoice::sheet(&issued);
            invoice = Some(issued);
            Some(sheet)
        }
    };
    Ok(sheet.map(|sheet| Paper { sheet, invoice }))
}

fn print(paper: &Paper) -> Result<(Vec<u8>, Option<String>), Unprintable> {
    let xml = paper.invoice.as_ref().and_then(invoice_xml);
    Ok((render(&paper.sheet, xml.as_deref())?, xml))
}

async fn store(
    run: &Run<App>,
    of: DocumentOf,
    bytes: Vec<u8>,
    extension: &str,
) -> Result<StoredFile, JobError> {
    let sha256 = Sha256::digest(&bytes).to_vec();
    let key = of.key(&sha256, extension);
    let stored = run.app.storage.put(&key, Bytes::from(bytes)).await;
    stored.map_err(|error| JobError::Retry(format!("storage: {error}")))?;
    Ok(StoredFile { key, sha256 })
}
