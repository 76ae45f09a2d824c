use std::time::Duration;

use domain::ids::PayoutId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Transfers a talent's share, once its time has come and nothing stands against it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayOut {
    pub payout_id: PayoutId,
}

impl Job for PayOut {
    /// Stripe may be away for a day: with the cap of an hour, three of them.
    const POLICY: Policy =
        Policy::new("pay-out", queues::DEFAULT).attempts(80).timeout(Duration::from_secs(60));

    fn debounce_key(&self) -> Option<String> {
        Some(format!("pay-out:{}", self.payout_id))
    }
}
