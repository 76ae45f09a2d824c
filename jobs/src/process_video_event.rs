use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Draws from an event of the video server what it says of a booking.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessVideoEvent {
    /// The server's own id of it.
    pub event_id: String,
}

impl Job for ProcessVideoEvent {
    const POLICY: Policy = Policy::new("process-video-event", queues::CRITICAL);

    fn unique_key(&self) -> Option<String> {
        Some(format!("process-video-event:{}", self.event_id))
    }
}
