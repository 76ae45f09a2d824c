use std::time::Duration;

use domain::ids::RefundId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Takes back what the talent already got, gives the client back what is due, and writes both down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundPayment {
    pub refund_id: RefundId,
}

impl Job for RefundPayment {
    /// Stripe may be away for a day: with the cap of an hour, three of them.
    const POLICY: Policy =
        Policy::new("refund-payment", queues::DEFAULT).high().attempts(80).timeout(Duration::from_secs(60));

    fn debounce_key(&self) -> Option<String> {
        Some(format!("refund-payment:{}", self.refund_id))
    }
}
