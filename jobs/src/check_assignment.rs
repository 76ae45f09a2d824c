use domain::ids::AssignmentId;
use domain::missions::Look;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Looks whether a talent has started, and reported, when it was time to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckAssignment {
    pub assignment_id: AssignmentId,
    pub look: Look,
}

impl Job for CheckAssignment {
    const POLICY: Policy = Policy::new("check-assignment", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        let look = match self.look {
            Look::Start => "start",
            Look::Report => "report",
            Look::ReportAgain => "report-again",
            Look::GiveUp => "give-up",
        };
        Some(format!("check-assignment:{}:{look}", self.assignment_id))
    }
}
