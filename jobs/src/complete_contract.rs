use domain::ids::ContractId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Counts the contract of a quote that is paid, or deferred, as completed when nobody has said anything for so long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompleteContract {
    pub contract_id: ContractId,
}

impl Job for CompleteContract {
    const POLICY: Policy = Policy::new("complete-contract", queues::DEFAULT);
}
