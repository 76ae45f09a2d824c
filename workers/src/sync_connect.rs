use domain::payments::accounts::{self, Told};
use domain::payments::events::{self, StripeEvent};
use domain::payments::payouts;
use jobs::{SyncConnect, effects};
use serde::Deserialize;
use uuid::Uuid;

use crate::App;
use crate::engine::{JobResult, Run};

/// What we read of an account of Stripe's.
#[derive(Debug, Deserialize)]
struct Account {
    id: String,
    #[serde(default)]
    charges_enabled: bool,
    #[serde(default)]
    payouts_enabled: bool,
    #[serde(default)]
    details_submitted: bool,
    #[serde(default)]
    requirements: Requirements,
}

#[derive(Debug, Default, Deserialize)]
struct Requirements {
    #[serde(default)]
    currently_due: Vec<String>,
}

/// Of a transfer.
#[derive(Debug, Deserialize)]
struct Transfer {
    id: String,
    amount: i64,
    #[serde(default)]
    amount_reversed: i64,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    payout_id: Option<Uuid>,
}

pub async fn run(job: SyncConnect, run: Run<App>) -> JobResult {
    let event = events::find(&mut *run.app.db.conn().await?, &job.event_id).await?;
    let Some(event) = event else { return run.done_without_effects() };
    match event.kind.as_str() {
        "account.updated" => account(&event, &run).await,
        "transfer.created" | "transfer.reversed" => transfer(&event, &run).await,
        _ => bank(&event, &run).await,
    }
}

async fn account(event: &StripeEvent, run: &Run<App>) -> JobResult {
    let Ok(account) = Account::deserialize(event.object()) else { return run.done_without_effects() };
    let told = Told {
        account_id: &account.id,
        charges_enabled: account.charges_enabled,
        payouts_enabled: account.payouts_enabled,
        details_submitted: account.details_submitted,
        currently_due: &account.requirements.currently_due,
        at: event.created_at(),
    };
    let mut tx = run.begin().await?;
    // An account that is none of ours, or about which something newer is known.
    let Some(synced) = accounts::sync(&mut tx, told).await? else { return run.done_without_effects() };
    effects::payments::account_synced(&mut tx, synced).await?;
    run.done(tx).await
}

/// The answer to our own call usually came before: then nothing is new.
async fn transfer(event: &StripeEvent, run: &Run<App>) -> JobResult {
    let Ok(transfer) = Transfer::deserialize(event.object()) else { return run.done_without_effects() };
    let now = run.now();
    let mut tx = run.begin().await?;
    if event.kind == "transfer.reversed" {
        payouts::learn_reversed(&mut tx, &transfer.id, transfer.amount_reversed, now).await?;
    } else if let Some(payout) = transfer.metadata.payout_id {
        let sent = payouts::learn_sent(&mut tx, payout.into(), &transfer.id, transfer.amount, now).await?;
        if let Some(payment) = sent {
            effects::payments::paid_out(&mut tx, &payment).await?;
        }
    }
    run.done(tx).await
}

/// From a talent's account to the talent's bank: no money of ours, and good to know.
async fn bank(event: &StripeEvent, run: &Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let owner = match &event.account {
        Some(account) => accounts::find_owner(&mut tx, account).await?,
        None => None,
    };
    let Some(owner) = owner else { return run.done_without_effects() };
    effects::payments::bank_answered(&mut tx, owner, event.kind == "payout.paid", &event.id, run.now())
        .await?;
    run.done(tx).await
}
