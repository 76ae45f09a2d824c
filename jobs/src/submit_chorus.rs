use std::time::Duration;

use domain::ids::PaymentId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Issues the invoice of a payment that a public body makes later, and hands it to Chorus Pro.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitChorus {
    pub payment_id: PaymentId,
}

impl Job for SubmitChorus {
    /// Three calls with a file, at most.
    const POLICY: Policy =
        Policy::new("submit-chorus", queues::DEFAULT).attempts(200).timeout(Duration::from_secs(120));

    fn unique_key(&self) -> Option<String> {
        Some(format!("submit-chorus:{}", self.payment_id))
    }
}
