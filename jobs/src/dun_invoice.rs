use domain::ids::PaymentId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Reminds who owes an invoice, when its time has come and it is not paid.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DunInvoice {
    pub payment_id: PaymentId,
    pub step: Dunning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dunning {
    /// It is due.
    Reminder,
    /// It is overdue; somebody of the platform should call.
    Overdue,
}

impl Job for DunInvoice {
    const POLICY: Policy = Policy::new("dun-invoice", queues::BULK);

    fn unique_key(&self) -> Option<String> {
        Some(format!("dun-invoice:{:?}:{}", self.step, self.payment_id))
    }
}
