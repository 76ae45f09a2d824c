use domain::growth::points::Action;
use domain::ids::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ledger::{Job, Policy};
use crate::queues;

/// Takes back what an action gave, where it gave anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReversePoints {
    pub user_id: UserId,
    pub action: Action,
    pub reference: Uuid,
}

impl Job for ReversePoints {
    const POLICY: Policy = Policy::new("reverse-points", queues::DEFAULT).low();
}
