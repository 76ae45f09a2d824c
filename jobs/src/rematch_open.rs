use domain::ids::UserId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// A talent has changed: matches the open missions again whose best three it would now belong to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RematchOpen {
    pub talent_id: UserId,
}

impl Job for RematchOpen {
    const POLICY: Policy = Policy::new("rematch-open", queues::DEFAULT).low();

    /// Somebody who fills in a profile saves it many times.
    fn debounce_key(&self) -> Option<String> {
        Some(format!("rematch-open:{}", self.talent_id))
    }
}
