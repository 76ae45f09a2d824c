use std::time::Duration;

use domain::ids::PaymentId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Has Stripe forget a payment that nobody should make any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelPayment {
    pub payment_id: PaymentId,
}

impl Job for CancelPayment {
    const POLICY: Policy = Policy::new("cancel-payment", queues::DEFAULT).timeout(Duration::from_secs(60));

    fn unique_key(&self) -> Option<String> {
        Some(format!("cancel-payment:{}", self.payment_id))
    }
}
