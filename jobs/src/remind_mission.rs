use domain::ids::AssignmentId;
use domain::missions::Mission;
use domain::notifications::NotificationType;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Reminds a talent who is assigned, and the client, of a mission that is ahead.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindMission {
    pub assignment_id: AssignmentId,
    pub ahead: Ahead,
    /// The start that this is for: of a mission that was moved it is no reminder.
    #[serde(with = "time::serde::rfc3339")]
    pub start_date: OffsetDateTime,
}

/// How long before the start. In hours that pass, whatever the clocks of Paris do meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Ahead {
    Day,
    TwoHours,
}

impl Ahead {
    pub const ALL: [Self; 2] = [Self::Day, Self::TwoHours];

    pub fn at(self, mission: &Mission) -> OffsetDateTime {
        mission.start_date
            - match self {
                Self::Day => Duration::DAY,
                Self::TwoHours => Duration::hours(2),
            }
    }

    pub fn notice(self) -> NotificationType {
        match self {
            Self::Day => NotificationType::MissionTomorrow,
            Self::TwoHours => NotificationType::MissionSoon,
        }
    }
}

impl Job for RemindMission {
    const POLICY: Policy = Policy::new("remind-mission", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        let (start, code) = (self.start_date.unix_timestamp(), self.ahead.notice().code());
        Some(format!("remind-mission:{}:{start}:{code}", self.assignment_id))
    }
}
