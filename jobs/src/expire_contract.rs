use domain::ids::ContractId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Cancels a contract that was not signed by both in time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpireContract {
    pub contract_id: ContractId,
}

impl Job for ExpireContract {
    const POLICY: Policy = Policy::new("expire-contract", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("expire-contract:{}", self.contract_id))
    }
}
