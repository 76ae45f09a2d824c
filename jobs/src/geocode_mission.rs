use domain::ids::MissionId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Asks the address service where an open mission without coordinates is, and has it matched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeocodeMission {
    pub mission_id: MissionId,
}

impl Job for GeocodeMission {
    /// Somebody waits, but not in the critical queue: a service that hangs would take its slots from the matching.
    const POLICY: Policy = Policy::new("geocode-mission", queues::DEFAULT).high();

    /// The address is read when the job runs: several changes in a row are one question.
    fn debounce_key(&self) -> Option<String> {
        Some(format!("geocode-mission:{}", self.mission_id))
    }
}
