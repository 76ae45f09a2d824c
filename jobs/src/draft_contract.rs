use domain::ids::{AssignmentId, BookingId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Issues the contract of an assignment or a booking, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftContract {
    pub of: ContractOf,
}

/// What the contract is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContractOf {
    Assignment(AssignmentId),
    Booking(BookingId),
}

impl Job for DraftContract {
    const POLICY: Policy = Policy::new("draft-contract", queues::DEFAULT);

    fn unique_key(&self) -> Option<String> {
        Some(match self.of {
            ContractOf::Assignment(id) => format!("draft-contract:{id}"),
            ContractOf::Booking(id) => format!("draft-contract:{id}"),
        })
    }
}
