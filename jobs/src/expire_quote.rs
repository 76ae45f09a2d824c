use domain::ids::QuoteId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Ends a quote that nobody answered in time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpireQuote {
    pub quote_id: QuoteId,
}

impl Job for ExpireQuote {
    const POLICY: Policy = Policy::new("expire-quote", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(format!("expire-quote:{}", self.quote_id))
    }
}
