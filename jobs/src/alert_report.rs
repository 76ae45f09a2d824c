use std::time::Duration;

use domain::ids::MessageReportId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Mails the operations address that a message was reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertReport {
    pub report_id: MessageReportId,
}

impl Job for AlertReport {
    const POLICY: Policy = Policy::new("alert-report", queues::DEFAULT).timeout(Duration::from_secs(60));

    fn unique_key(&self) -> Option<String> {
        Some(format!("alert-report:{}", self.report_id))
    }
}
