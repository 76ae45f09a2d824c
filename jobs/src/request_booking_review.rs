use domain::ids::BookingId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Asks the two of a session how it was, if they have not said it by themselves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestBookingReview {
    pub booking_id: BookingId,
}

impl Job for RequestBookingReview {
    const POLICY: Policy = Policy::new("request-booking-review", queues::DEFAULT).low();

    fn unique_key(&self) -> Option<String> {
        Some(format!("request-booking-review:{}", self.booking_id))
    }
}
