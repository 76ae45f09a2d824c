use std::time::Duration;

use domain::ids::{InvoiceId, PaymentId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Asks Chorus Pro what became of an invoice or a credit note; without one, of each that it has, as a job of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PollChorus {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_note_id: Option<InvoiceId>,
}

impl Job for PollChorus {
    /// Not all at once: PISTE gives an application so many calls. Nor for ever: the next tick asks again.
    const POLICY: Policy =
        Policy::new("poll-chorus", queues::BULK).timeout(Duration::from_secs(120)).attempts(4).at_most(4);
}
