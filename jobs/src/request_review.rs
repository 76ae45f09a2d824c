use domain::reviews::Work;
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::ledger::{Job, Policy};
use crate::queues;

/// How long after a report or a session both sides are asked how it was †.
pub const ASKED_AFTER: Duration = Duration::HOUR;

/// Asks the two sides of finished work for their review, if they have not said it by themselves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestReview {
    pub of: Work,
}

impl Job for RequestReview {
    const POLICY: Policy = Policy::new("request-review", queues::DEFAULT).low();

    fn unique_key(&self) -> Option<String> {
        Some(match self.of {
            Work::Assignment { assignment, .. } => format!("request-review:{assignment}"),
            Work::Booking(booking) => format!("request-review:{booking}"),
        })
    }
}
