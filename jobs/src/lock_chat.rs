use domain::ids::ConversationId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ledger::{Job, Policy};
use crate::queues;

/// Says that a chat is closed. Writing is refused from `lock_at` on in any case; this is how its members learn of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockChat {
    pub conversation_id: ConversationId,
    /// The time that this is for: a chat that closes at another one has another job.
    #[serde(with = "time::serde::rfc3339")]
    pub lock_at: OffsetDateTime,
}

impl Job for LockChat {
    const POLICY: Policy = Policy::new("lock-chat", queues::DEFAULT).high();

    fn unique_key(&self) -> Option<String> {
        Some(format!("lock-chat:{}:{}", self.conversation_id, self.lock_at.unix_timestamp_nanos() / 1000))
    }
}
