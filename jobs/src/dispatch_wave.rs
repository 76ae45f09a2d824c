use domain::ids::MissionId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Invites the next people to a mission that is still open, and schedules the wave behind this one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchWave {
    pub mission_id: MissionId,
    /// The mission's round; a wave of an earlier one is pointless.
    pub round: i16,
    /// 2 or later: the first is the matching's.
    pub wave: i16,
}

impl Job for DispatchWave {
    const POLICY: Policy = Policy::new("dispatch-wave", queues::DEFAULT).high();

    fn unique_key(&self) -> Option<String> {
        Some(format!("dispatch-wave:{}:{}:{}", self.mission_id, self.round, self.wave))
    }
}
