use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Compares everybody's points with their log, and tells operations where they differ. The database allows no difference; this is
/// for what was done behind its back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckPoints {}

impl Job for CheckPoints {
    const POLICY: Policy =
        Policy::new("check-points", queues::DEFAULT).low().timeout(Duration::from_secs(120)).at_most(1);
}
