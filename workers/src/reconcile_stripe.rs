use std::collections::BTreeMap;

use domain::payments::events::{self, StripeEvent};
use domain::{ledger, money};
use jobs::stripe_events::{self, Arrival};
use jobs::{ReconcileStripe, effects};
use serde_json::Value;
use stripe_connect::{Movement, Payments};
use time::{Duration, OffsetDateTime};

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::stripe;

/// Looked at each night: what was missed in three of them is found in the fourth.
const BACK: Duration = Duration::days(3);
/// What is younger may still be under way.
const SETTLED: Duration = Duration::hours(1);

/// Asks Stripe what happened and what moved. What was missed comes in through the same door as a webhook; what the ledger does not
/// have is told to people, since nobody here knows why.
pub async fn run(_: ReconcileStripe, run: Run<App>) -> JobResult {
    let Some(provider) = run.app.payments.clone() else { return run.done_without_effects() };
    let now = run.now();
    replay(&run, &*provider, now - BACK, now).await?;
    let drift = compare(&run, &*provider, now - BACK, now).await?;
    if drift.is_empty() {
        return run.done_without_effects();
    }
    let mut tx = run.begin().await?;
    effects::payments::drifted(&mut tx, &drift, now).await?;
    run.done(tx).await
}

/// Stores and has handled what never came.
async fn replay(
    run: &Run<App>,
    provider: &dyn Payments,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), JobError> {
    let mut last: Option<String> = None;
    loop {
        let page = stripe::decided(provider.list_events(since, last.as_deref()).await)?;
        let page = page.map_err(JobError::Retry)?;
        let id = |event: &Value| event["id"].as_str().map(str::to_owned);
        last = page.events.last().and_then(id);
        let mut listed: BTreeMap<String, Value> =
            page.events.into_iter().filter_map(|event| Some((id(&event)?, event))).collect();
        let ids: Vec<_> = listed.keys().cloned().collect();
        let unknown = events::list_unknown(&mut *run.app.db.conn().await?, &ids).await?;
        let missed = unknown.iter().filter_map(|id| {
            let event: StripeEvent = serde_json::from_value(listed.remove(id)?).ok()?;
            tracing::warn!(id = event.id, kind = event.kind, "an event of Stripe had not come");
            Some(Arrival::of(event))
        });
        let missed: Vec<_> = missed.collect();
        stripe_events::take_in(&run.app.db, &missed.iter().collect::<Vec<_>>(), true, now).await?;
        if !page.more || last.is_none() {
            return Ok(());
        }
    }
}

/// What moved at Stripe and stands otherwise, or not at all, in the ledger: a line each.
async fn compare(
    run: &Run<App>,
    provider: &dyn Payments,
    since: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Vec<String>, JobError> {
    let mut drift = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let page = stripe::decided(provider.list_movements(since, last.as_deref()).await)?;
        let page = page.map_err(JobError::Retry)?;
        last = page.movements.last().map(|movement| movement.id.clone());
        for movement in page.movements.iter().filter(|movement| movement.created <= now - SETTLED) {
            if movement.fee_cents > 0 {
                let mut tx = run.begin().await?;
                ledger::fee(&mut tx, &movement.id, movement.fee_cents, now).await?;
                tx.commit().await?;
            }
            drift.extend(differs(run, movement).await?);
        }
        if !page.more || last.is_none() {
            return Ok(drift);
        }
    }
}

/// Payouts from Stripe to our bank and the like are none of the ledger's payments.
const OURS: [&str; 9] = [
    "charge",
    "payment",
    "refund",
    "payment_refund",
    "refund_failure",
    "payment_failure_refund",
    "transfer",
    "transfer_refund",
    "transfer_cancel",
];

/// Under the name of the refund that it undoes.
const CAME_BACK: [&str; 2] = ["refund_failure", "payment_failure_refund"];

async fn differs(run: &Run<App>, movement: &Movement) -> Result<Option<String>, JobError> {
    let Some(source) = movement.source.as_deref().filter(|_| OURS.contains(&movement.kind.as_str())) else {
        return Ok(None);
    };
    let came_back = CAME_BACK.contains(&movement.kind.as_str());
    let booked = ledger::of_source(&mut *run.app.db.conn().await?, source, came_back).await?;
    Ok(match booked {
        Some(cents) if cents == movement.amount_cents => None,
        booked => {
            let there = money::in_words(movement.amount_cents, "fr");
            let here = booked.map_or("rien".to_owned(), |cents| money::in_words(cents, "fr"));
            Some(format!("{} {source} : {there} chez Stripe, {here} au grand livre", movement.kind))
        }
    })
}
