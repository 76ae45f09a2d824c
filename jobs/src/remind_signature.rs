use domain::ids::ContractId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Reminds those who have not signed a contract yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindSignature {
    pub contract_id: ContractId,
    /// Hours since it was issued: each reminder comes once.
    pub hours: u16,
}

impl Job for RemindSignature {
    const POLICY: Policy = Policy::new("remind-signature", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("remind-signature:{}:{}", self.contract_id, self.hours))
    }
}
