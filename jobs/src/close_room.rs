use std::time::Duration;

use domain::ids::BookingId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Closes the video room of a booking, and sends away whoever is still in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseRoom {
    pub booking_id: BookingId,
}

impl Job for CloseRoom {
    /// Eight attempts span some minutes: an empty room ends by itself before long.
    const POLICY: Policy =
        Policy::new("close-room", queues::DEFAULT).attempts(8).timeout(Duration::from_secs(20));

    fn unique_key(&self) -> Option<String> {
        Some(format!("close-room:{}", self.booking_id))
    }
}
