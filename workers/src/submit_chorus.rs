use std::time::Duration;

use domain::chorus::{self, HandIn};
use domain::documents::{self, DocumentKind};
use jobs::{SubmitChorus, effects};

use crate::App;
use crate::chorus::{Deposit, Fault};
use crate::engine::{JobError, JobResult, Run};

/// Without anybody to ask a job waits for somebody to configure it.
const UNCONFIGURED: Duration = Duration::from_secs(3600);
/// An invoice that was handed in is found within this; and how long to wait for that.
const TAKEN_IN: time::Duration = time::Duration::hours(6);
const LATER: Duration = Duration::from_secs(1800);
/// The file is made by another job.
const SOON: Duration = Duration::from_secs(5);

/// The invoice is issued once, and that Chorus is asked is written down before it is. Who comes again after a lost answer looks for
/// the invoice first: Chorus knows no keys, and refuses a number that it has.
pub async fn run(job: SubmitChorus, run: Run<App>) -> JobResult {
    let away = || JobError::RetryIn(UNCONFIGURED, "Chorus Pro is not configured".to_owned());
    let provider = run.app.chorus.clone().ok_or_else(away)?;
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    let prepared = chorus::prepare(&mut tx, job.payment_id, &run.app.platform, now).await?;
    let Some(hand_in) = prepared else { return run.done_without_effects() };
    effects::chorus::issued(&mut tx, &hand_in, now).await?;
    run.checkpoint(tx).await?;

    let deposit = Deposit { reference: hand_in.invoice.reference(), pdf: file(&run, &hand_in).await? };
    let mut tx = run.begin().await?;
    if !chorus::mark_asked(&mut tx, job.payment_id, now).await? {
        return run.done_without_effects();
    }
    run.checkpoint(tx).await?;

    let supplier = hand_in.invoice.content.issuer.siret.as_deref();
    let known = match hand_in.asked_at.is_some() {
        true => provider.find(&deposit.reference, supplier).await.map_err(undecided)?,
        false => None,
    };
    let taken = match known {
        Some(flow) => Ok(flow),
        // What was handed in a moment ago may not be found yet, and a second one would be refused as its double.
        None if hand_in.asked_at.is_some_and(|asked| now - asked < TAKEN_IN) => {
            return Err(JobError::RetryIn(LATER, "an earlier hand-in may still be taken in".to_owned()));
        }
        None => provider.submit(&deposit).await,
    };
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

/// The invoice as a PDF with its XML.
async fn file(run: &Run<App>, hand_in: &HandIn) -> Result<Vec<u8>, JobError> {
    let mut conn = run.app.db.conn().await?;
    let made = documents::newest(&mut conn, DocumentKind::Invoice, hand_in.invoice.id.0).await;
    drop(conn);
    let document = match made {
        Ok(document) => document,
        Err(domain::Error::Conflict { .. }) => {
            return Err(JobError::RetryIn(SOON, "the invoice's file is being made".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    let pdf = run.app.storage.get(&document.pdf.key).await;
    pdf.map(|pdf| pdf.to_vec()).map_err(|error| JobError::Retry(format!("storage: {error}")))
}

pub(crate) fn undecided(fault: Fault) -> JobError {
    JobError::Retry(fault.to_string())
}
