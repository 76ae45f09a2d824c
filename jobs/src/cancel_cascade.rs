use domain::ids::MissionId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Closes what a cancelled mission leaves open, and tells everybody whom it concerns.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelCascade {
    pub mission_id: MissionId,
}

impl Job for CancelCascade {
    const POLICY: Policy = Policy::new("cancel-cascade", queues::DEFAULT).high();

    fn unique_key(&self) -> Option<String> {
        Some(format!("cancel-cascade:{}", self.mission_id))
    }
}
