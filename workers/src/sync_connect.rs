use domain::payments::accounts::{self, Told};
use domain::payments::events;
use jobs::{SyncConnect, effects};
use serde::Deserialize;

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

pub async fn run(job: SyncConnect, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let event = events::find(&mut tx, &job.event_id).await?;
    let account = event.as_ref().and_then(|event| Account::deserialize(event.object()).ok());
    let (Some(event), Some(account)) = (event, account) else { return run.done_without_effects() };
    let told = Told {
        account_id: &account.id,
        charges_enabled: account.charges_enabled,
        payouts_enabled: account.payouts_enabled,
        details_submitted: account.details_submitted,
        currently_due: &account.requirements.currently_due,
        at: event.created_at(),
    };
    // An account that is none of ours, or about which something newer is known.
    let Some(synced) = accounts::sync(&mut tx, told).await? else { return run.done_without_effects() };
    effects::payments::account_synced(&mut tx, synced).await?;
    run.done(tx).await
}
