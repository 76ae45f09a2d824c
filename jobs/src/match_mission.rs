use std::time::Duration;

use domain::ids::MissionId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Finds the three best talents of a mission, invites those of them who are not yet, and tells everybody.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchMission {
    pub mission_id: MissionId,
    /// It was matched before: several changes in a row are one search.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl Job for MatchMission {
    /// A client is looking at the screen: first in the first queue, and quick to try again.
    const POLICY: Policy =
        Policy::new("match-mission", queues::CRITICAL).high().timeout(Duration::from_secs(20));

    fn debounce_key(&self) -> Option<String> {
        self.again.then(|| format!("match-mission:{}", self.mission_id))
    }
}
