use domain::ids::UserId;
use domain::notifications::{About, NotificationType};
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Tells one user of one event on the channels that the type has: in-app row, live event, mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notify {
    pub user_id: UserId,
    #[serde(rename = "type")]
    pub kind: NotificationType,
    #[serde(flatten)]
    pub about: About,
}

impl Job for Notify {
    const POLICY: Policy = Policy::new("notify", queues::DEFAULT);
}
