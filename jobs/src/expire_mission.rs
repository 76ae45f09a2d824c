use domain::ids::MissionId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ledger::{Job, Policy};
use crate::queues;

/// Ends a mission that is still open when it should start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpireMission {
    pub mission_id: MissionId,
    /// The start that this is for: a mission that was moved has another job.
    #[serde(with = "time::serde::rfc3339")]
    pub start_date: OffsetDateTime,
}

impl Job for ExpireMission {
    const POLICY: Policy = Policy::new("expire-mission", queues::DEFAULT).high();

    fn unique_key(&self) -> Option<String> {
        Some(format!("expire-mission:{}:{}", self.mission_id, self.start_date.unix_timestamp_nanos() / 1000))
    }
}
