use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Compares what Stripe lists with what is known: events that never came are replayed, movements of money that the ledger does not
/// have, or has otherwise, are told to operations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconcileStripe {}

impl Job for ReconcileStripe {
    const POLICY: Policy =
        Policy::new("reconcile-stripe", queues::DEFAULT).low().timeout(Duration::from_secs(300)).at_most(1);
}
