use std::time::Duration;

use domain::ids::MissionId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Mails the operations address that a CRITICAL mission was posted: somebody may have to telephone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertOperations {
    pub mission_id: MissionId,
}

impl Job for AlertOperations {
    const POLICY: Policy =
        Policy::new("alert-operations", queues::CRITICAL).high().timeout(Duration::from_secs(60));

    fn unique_key(&self) -> Option<String> {
        Some(format!("alert-operations:{}", self.mission_id))
    }
}
