use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Learns what Stripe says of a talent's account, of a transfer to it, or of a payout from it to a bank.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncConnect {
    pub event_id: String,
}

impl Job for SyncConnect {
    const POLICY: Policy = Policy::new("sync-connect", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("sync-connect:{}", self.event_id))
    }
}
