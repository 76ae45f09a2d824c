use domain::growth::points::Action;
use domain::ids::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ledger::{Job, Policy};
use crate::queues;

/// Gives somebody the points of an action, if what it refers to has earned them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwardPoints {
    pub user_id: UserId,
    pub action: Action,
    /// An assignment, a review, a service, whoever was invited; for what is earned once, the user.
    pub reference: Uuid,
}

impl Job for AwardPoints {
    const POLICY: Policy = Policy::new("award-points", queues::DEFAULT).low();
}
