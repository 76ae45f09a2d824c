use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Looks an address up and mails the link, if there is an account. Enqueued for any address, so that the request that asks
/// does the same work for all of them; hence the address itself, which an unknown one leaves no id for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestPasswordReset {
    pub email: String,
}

impl Job for RequestPasswordReset {
    /// Somebody waits for the mail.
    const POLICY: Policy = Policy::new("request-password-reset", queues::CRITICAL);
}
