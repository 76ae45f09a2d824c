use domain::ids::QuoteId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Reminds the client of a quote that will soon be over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindQuote {
    pub quote_id: QuoteId,
}

impl Job for RemindQuote {
    const POLICY: Policy = Policy::new("remind-quote", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("remind-quote:{}", self.quote_id))
    }
}
