use domain::ids::ReportId;
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::ledger::{Job, Policy};
use crate::queues;

/// How long after the report both are asked how it was †.
pub const ASKED_AFTER: Duration = Duration::HOUR;

/// Asks both sides of a mission that was reported for their review.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestReview {
    pub report_id: ReportId,
}

impl Job for RequestReview {
    const POLICY: Policy = Policy::new("request-review", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("request-review:{}", self.report_id))
    }
}
