use domain::ids::ReportId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Accepts a report that its client has let pass, unless it was decided or is too far from the plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoValidateReport {
    pub report_id: ReportId,
}

impl Job for AutoValidateReport {
    const POLICY: Policy = Policy::new("auto-validate-report", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("auto-validate-report:{}", self.report_id))
    }
}
