use domain::ids::PaymentId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Learns what Stripe says of a payment, and draws every conclusion that is missing: ledger, booking, payout, invoices, notices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettlePayment {
    #[serde(flatten)]
    pub cause: SettleCause,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettleCause {
    /// An event of Stripe came, or was missing and is replayed.
    #[serde(rename = "eventId")]
    Event(String),
    /// Something else changed what follows from a payment.
    #[serde(rename = "paymentId")]
    Payment(PaymentId),
}

impl Job for SettlePayment {
    /// The client looks at the screen.
    const POLICY: Policy = Policy::new("settle-payment", queues::CRITICAL);

    /// An event once; it is stored once too.
    fn unique_key(&self) -> Option<String> {
        match &self.cause {
            SettleCause::Event(id) => Some(format!("settle-payment:{id}")),
            SettleCause::Payment(_) => None,
        }
    }
}
