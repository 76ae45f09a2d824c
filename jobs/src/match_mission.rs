use std::time::Duration;

use domain::ids::MissionId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Finds the three best talents of a mission, invites them as wave 1 and tells everybody.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchMission {
    pub mission_id: MissionId,
}

impl Job for MatchMission {
    /// A client is looking at the screen: first in the first queue, and quick to try again.
    const POLICY: Policy =
        Policy::new("match-mission", queues::CRITICAL).high().timeout(Duration::from_secs(20));
}
