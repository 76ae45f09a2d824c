use std::sync::Arc;
use std::time::Duration;

use domain::chorus;
use domain::documents::{self, DocumentKind};
use domain::invoices::Invoice;
use jobs::{SubmitChorus, effects};
use time::OffsetDateTime;

use crate::App;
use crate::chorus::{Chorus, Deposit, Fault};
use crate::engine::{JobError, JobResult, Run};

/// Without anybody to ask a job waits for somebody to configure it.
const UNCONFIGURED: Duration = Duration::from_secs(3600);
/// What was handed in is found within this; and how long to wait for that.
const TAKEN_IN: time::Duration = time::Duration::hours(6);
const LATER: Duration = Duration::from_secs(1800);
/// The file is made by another job.
const SOON: Duration = Duration::from_secs(5);

/// The invoice is issued once, and that Chorus is asked is written down before it is. Who comes again after a lost answer looks for
/// the invoice first: Chorus knows no keys, and refuses a number that it has.
pub async fn run(job: SubmitChorus, run: Run<App>) -> JobResult {
    let provider = configured(&run)?;
    let now = run.now();
    let mut tx = run.begin().await?;
    let prepared = chorus::prepare(&mut tx, job.payment_id, &run.app.platform, now).await?;
    let Some(prepared) = prepared else { return run.done_without_effects() };
    effects::chorus::issued(&mut tx, &prepared, now).await?;
    run.checkpoint(tx).await?;

    let pdf = file(&run, DocumentKind::Invoice, &prepared.invoice).await?;
    let mut tx = run.begin().await?;
    if !chorus::mark_asked(&mut tx, job.payment_id, now).await? {
        return run.done_without_effects();
    }
    run.checkpoint(tx).await?;

    let paper = Paper { invoice: prepared.invoice, pdf };
    let taken = hand_in(&*provider, paper, prepared.asked_at, now).await?;
    let mut tx = run.begin().await?;
    match taken {
        Ok(flow) => {
            chorus::mark_sent(&mut tx, job.payment_id, &flow, now).await?;
        }
        Err(Fault::Refused(why)) => {
            if let Some(rejected) =
                chorus::mark_rejected(&mut tx, job.payment_id, None, Some(&why), now).await?
            {
                effects::chorus::rejected(&mut tx, &rejected).await?;
            }
        }
        Err(unknown) => return Err(undecided(unknown)),
    }
    run.done(tx).await
}

/// Who takes invoices to public bodies.
pub(crate) fn configured(run: &Run<App>) -> Result<Arc<dyn Chorus>, JobError> {
    let away = || JobError::RetryIn(UNCONFIGURED, "Chorus Pro is not configured".to_owned());
    run.app.chorus.clone().ok_or_else(away)
}

/// What is handed in.
pub(crate) struct Paper {
    pub invoice: Invoice,
    pub pdf: Vec<u8>,
}

/// The number of its flow, or what Chorus said instead. What was asked for before may be there already.
pub(crate) async fn hand_in(
    provider: &dyn Chorus,
    paper: Paper,
    asked_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<Result<String, Fault>, JobError> {
    let deposit = Deposit { reference: paper.invoice.reference(), pdf: paper.pdf };
    let supplier = paper.invoice.content.issuer.siret.as_deref();
    let known = match asked_at.is_some() {
        true => provider.find(&deposit.reference, supplier).await.map_err(undecided)?,
        false => None,
    };
    match known {
        Some(flow) => Ok(Ok(flow)),
        // What was handed in a moment ago may not be found yet, and a second one would be refused as its double.
        None if asked_at.is_some_and(|asked| now - asked < TAKEN_IN) => {
            Err(JobError::RetryIn(LATER, "an earlier hand-in may still be taken in".to_owned()))
        }
        None => Ok(provider.submit(&deposit).await),
    }
}

/// An invoice or credit note as a PDF with its XML.
pub(crate) async fn file(run: &Run<App>, kind: DocumentKind, invoice: &Invoice) -> Result<Vec<u8>, JobError> {
    let mut conn = run.app.db.conn().await?;
    let made = documents::newest(&mut conn, kind, invoice.id.0).await;
    drop(conn);
    let document = match made {
        Ok(document) => document,
        Err(domain::Error::Conflict { .. }) => {
            return Err(JobError::RetryIn(SOON, "the file is being made".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    let pdf = run.app.storage.get(&document.pdf.key).await;
    pdf.map(|pdf| pdf.to_vec()).map_err(|error| JobError::Retry(format!("storage: {error}")))
}

pub(crate) fn undecided(fault: Fault) -> JobError {
    JobError::Retry(fault.to_string())
}
