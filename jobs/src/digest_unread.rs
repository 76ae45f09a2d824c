use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Finds members who have left messages unread, and has a mail sent to each of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DigestUnread {}

impl Job for DigestUnread {
    /// One at a time: two would only wait for each other. The next tick goes on where this one stops.
    const POLICY: Policy = Policy::new("digest-unread", queues::DEFAULT)
        .attempts(3)
        .timeout(Duration::from_secs(300))
        .at_most(1);
}
