use std::time::Duration;

use domain::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Draws the consequences of the newest decision on an account: everywhere, whatever dies on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnforceAccount {
    pub user_id: UserId,
}

impl Job for EnforceAccount {
    const POLICY: Policy =
        Policy::new("enforce-account", queues::CRITICAL).high().timeout(Duration::from_secs(20));
}
