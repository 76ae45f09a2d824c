use std::time::Duration;

use domain::ids::InvoiceId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Hands the credit note of an invoice that Chorus Pro has to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitCredit {
    pub credit_note_id: InvoiceId,
}

impl Job for SubmitCredit {
    /// As [`crate::SubmitChorus`].
    const POLICY: Policy =
        Policy::new("submit-credit", queues::DEFAULT).attempts(200).timeout(Duration::from_secs(120));

    fn unique_key(&self) -> Option<String> {
        Some(format!("submit-credit:{}", self.credit_note_id))
    }
}
