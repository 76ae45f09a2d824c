use domain::chorus::{self, ChorusStatus, credits};
use domain::ids::{InvoiceId, PaymentId};
use domain::payments;
use jobs::{PollChorus, effects};

use crate::App;
use crate::chorus::{Chorus, Stage};
use crate::engine::{JobResult, Run};
use crate::submit_chorus::undecided;

/// The tick makes a job for each invoice that Chorus has; each of these asks, and writes down what is news.
pub async fn run(job: PollChorus, run: Run<App>) -> JobResult {
    let Some(provider) = run.app.chorus.clone() else { return run.done_without_effects() };
    match (job.payment_id, job.credit_note_id) {
        (Some(payment), _) => look(&*provider, payment, run).await,
        (None, Some(note)) => look_back(&*provider, note, run).await,
        (None, None) => {
            let mut tx = run.begin().await?;
            effects::chorus::looked_at(&mut tx, run.id()).await?;
            run.done(tx).await
        }
    }
}

async fn look(provider: &dyn Chorus, id: PaymentId, run: Run<App>) -> JobResult {
    let submission = chorus::get(&mut *run.app.db.conn().await?, id).await?;
    let (ChorusStatus::Sent, Some(flow)) = (submission.status, submission.flow) else {
        return run.done_without_effects();
    };
    let progress = provider.follow(&flow).await.map_err(undecided)?;
    let now = run.now();
    let (state, reason) = (progress.state.as_str(), progress.reason.as_deref());
    let mut tx = run.begin().await?;
    match progress.stage {
        Stage::UnderWay => {
            chorus::note(&mut tx, id, state, reason).await?;
        }
        Stage::Stuck => {
            if chorus::note(&mut tx, id, state, reason).await? {
                let payment = payments::get(&mut tx, id).await?;
                effects::chorus::stuck(&mut tx, &payment, state, reason).await?;
            }
        }
        Stage::Paid => {
            if let Some(settled) = chorus::mark_paid(&mut tx, id, state, now).await? {
                effects::payments::settled(&mut tx, &settled, now).await?;
            }
        }
        Stage::Rejected => {
            if let Some(rejected) = chorus::mark_rejected(&mut tx, id, Some(state), reason, now).await? {
                effects::chorus::rejected(&mut tx, &rejected).await?;
            }
        }
    }
    run.done(tx).await
}

/// A credit note is followed until the public body has it: nobody pays it.
async fn look_back(provider: &dyn Chorus, id: InvoiceId, run: Run<App>) -> JobResult {
    let credit = credits::get(&mut *run.app.db.conn().await?, id).await?;
    let (ChorusStatus::Sent, Some(flow)) = (credit.status, &credit.flow) else {
        return run.done_without_effects();
    };
    let progress = provider.follow(flow).await.map_err(undecided)?;
    let now = run.now();
    let (state, reason) = (progress.state.as_str(), progress.reason.as_deref());
    let mut tx = run.begin().await?;
    match progress.stage {
        Stage::UnderWay if !progress.is_delivered() => {
            credits::note(&mut tx, id, state, reason).await?;
        }
        Stage::UnderWay | Stage::Paid => {
            credits::end(&mut tx, id, ChorusStatus::Paid, Some(state), reason, now).await?;
        }
        Stage::Stuck => {
            if credits::note(&mut tx, id, state, reason).await? {
                effects::chorus::credit_stuck(&mut tx, &credit, state, reason).await?;
            }
        }
        Stage::Rejected => {
            if credits::end(&mut tx, id, ChorusStatus::Rejected, Some(state), reason, now).await? {
                effects::chorus::credit_stuck(&mut tx, &credit, state, reason).await?;
            }
        }
    }
    run.done(tx).await
}
