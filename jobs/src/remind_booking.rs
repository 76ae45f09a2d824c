use domain::ids::BookingId;
use domain::notifications::NotificationType;
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::ledger::{Job, Policy};
use crate::queues;

/// Reminds both of a session that is paid and ahead.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindBooking {
    pub booking_id: BookingId,
    pub reminder: Reminder,
}

/// How long before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reminder {
    Day,
    Hour,
    Soon,
}

impl Reminder {
    pub const ALL: [Self; 3] = [Self::Day, Self::Hour, Self::Soon];

    pub fn before(self) -> Duration {
        match self {
            Self::Day => Duration::DAY,
            Self::Hour => Duration::HOUR,
            Self::Soon => Duration::minutes(15),
        }
    }

    pub fn notice(self) -> NotificationType {
        match self {
            Self::Day => NotificationType::BookingTomorrow,
            Self::Hour => NotificationType::BookingInAnHour,
            Self::Soon => NotificationType::BookingSoon,
        }
    }
}

impl Job for RemindBooking {
    const POLICY: Policy = Policy::new("remind-booking", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        let minutes = self.reminder.before().whole_minutes();
        Some(format!("remind-booking:{}:{minutes}", self.booking_id))
    }
}
