use domain::bookings::Unmet;
use domain::ids::BookingId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Ends a booking that waited in vain for its answer or its payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpireBooking {
    pub booking_id: BookingId,
    pub unmet: Unmet,
}

impl Job for ExpireBooking {
    const POLICY: Policy = Policy::new("expire-booking", queues::DEFAULT).high();

    fn unique_key(&self) -> Option<String> {
        let unmet = match self.unmet {
            Unmet::Answer => "answer",
            Unmet::Payment => "payment",
        };
        Some(format!("expire-booking:{}:{unmet}", self.booking_id))
    }
}
