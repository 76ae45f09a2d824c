use std::time::Duration;

use domain::ids::SignatureCodeId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Mails the code that a signer has asked for, and waits for. The code is made when it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendSignatureCode {
    pub code_id: SignatureCodeId,
}

impl Job for SendSignatureCode {
    /// A code that has expired meanwhile is not sent any more, so its attempts end by themselves.
    const POLICY: Policy =
        Policy::new("send-signature-code", queues::CRITICAL).timeout(Duration::from_secs(60));

    fn unique_key(&self) -> Option<String> {
        Some(format!("send-signature-code:{}", self.code_id))
    }
}
