use domain::bookings::Look;
use domain::ids::BookingId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Judges a session whose time is over: it took place, or somebody did not come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConcludeBooking {
    pub booking_id: BookingId,
    pub look: Look,
}

impl Job for ConcludeBooking {
    const POLICY: Policy = Policy::new("conclude-booking", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        let look = match self.look {
            Look::First => "first",
            Look::Last => "last",
        };
        Some(format!("conclude-booking:{}:{look}", self.booking_id))
    }
}
