use std::time::Duration;

use domain::documents::DocumentOf;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Makes the file of a quote, contract, invoice, credit note or report, and keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RenderDocument {
    pub of: DocumentOf,
}

impl Job for RenderDocument {
    const POLICY: Policy = Policy::new("render-document", queues::MEDIA).timeout(Duration::from_secs(60));

    fn unique_key(&self) -> Option<String> {
        let DocumentOf { subject_id, version, .. } = self.of;
        Some(format!("render-document:{subject_id}:{version}"))
    }
}
