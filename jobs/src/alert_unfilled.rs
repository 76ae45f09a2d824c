use domain::ids::MissionId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ledger::{Job, Policy};
use crate::queues;

/// Tells the client of a mission that is still open that slots are free.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertUnfilled {
    pub mission_id: MissionId,
    pub occasion: Occasion,
}

/// Why now, and what must still be true then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Occasion {
    /// The last wave of this round was twelve hours ago.
    Unfilled { round: i16 },
    /// This start is 24 hours away.
    Deadline {
        #[serde(with = "time::serde::rfc3339")]
        start_date: OffsetDateTime,
    },
}

impl Job for AlertUnfilled {
    const POLICY: Policy = Policy::new("alert-unfilled", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        let occasion = match self.occasion {
            Occasion::Unfilled { round } => format!("round:{round}"),
            Occasion::Deadline { start_date } => {
                format!("start:{}", start_date.unix_timestamp_nanos() / 1000)
            }
        };
        Some(format!("alert-unfilled:{}:{occasion}", self.mission_id))
    }
}
