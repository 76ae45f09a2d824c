use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Looks for assignments without a contract: those from before there were any, and those that a process of the version before
/// made while this one came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DraftMissingContracts {}

impl Job for DraftMissingContracts {
    const POLICY: Policy = Policy::new("draft-missing-contracts", queues::DEFAULT).low().attempts(3);
}
