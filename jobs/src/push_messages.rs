use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Looks for messages that somebody who should read them cannot see come in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PushMessages {}

impl Job for PushMessages {
    /// The next tick goes on where this one stops.
    const POLICY: Policy = Policy::new("push-messages", queues::DEFAULT).attempts(2).at_most(1);
}
