use domain::chorus::{ChorusStatus, credits};
use domain::documents::DocumentKind;
use domain::invoices;
use jobs::{SubmitCredit, effects};

use crate::App;
use crate::chorus::Fault;
use crate::engine::{JobResult, Run};
use crate::submit_chorus::{Paper, configured, file, hand_in, undecided};

/// As an invoice is: that Chorus is asked is written down before it is.
pub async fn run(job: SubmitCredit, run: Run<App>) -> JobResult {
    let provider = configured(&run)?;
    let (id, now) = (job.credit_note_id, run.now());
    let mut conn = run.app.db.conn().await?;
    let credit = credits::get(&mut conn, id).await?;
    if credit.status != ChorusStatus::Pending {
        drop(conn);
        return run.done_without_effects();
    }
    let note = invoices::get(&mut conn, id).await?;
    drop(conn);
    let paper = Paper { pdf: file(&run, DocumentKind::CreditNote, &note).await?, invoice: note };

    let mut tx = run.begin().await?;
    if !credits::mark_asked(&mut tx, id, now).await? {
        return run.done_without_effects();
    }
    run.checkpoint(tx).await?;

    let taken = hand_in(&*provider, paper, credit.asked_at, now).await?;
    let mut tx = run.begin().await?;
    match taken {
        Ok(flow) => {
            credits::mark_sent(&mut tx, id, &flow, now).await?;
        }
        Err(Fault::Refused(why)) => {
            if credits::end(&mut tx, id, ChorusStatus::Rejected, None, Some(&why), now).await? {
                effects::chorus::credit_stuck(&mut tx, &credit, "refusé", Some(&why)).await?;
            }
        }
        Err(unknown) => return Err(undecided(unknown)),
    }
    run.done(tx).await
}
