//! Payments: what is asked of a client, what Stripe says became of it, and what that makes true here.
//!
//! A payment pays one talent for one thing: a contract of a mission or of a quote, or a booking. Stripe's word comes in any order and any
//! number of times; [`events`] keeps what only ever grows of it, and [`settling`] draws the rest from that.

pub mod accounts;
pub mod asking;
pub mod bank_refunds;
pub mod bank_transfers;
pub mod closing;
pub mod events;
pub mod failed_refunds;
pub mod invoicing;
pub mod payouts;
pub mod reading;
pub mod refunds;
pub mod settling;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::bookings;
use crate::error::{Error, Result};
use crate::ids::{BookingId, ContractId, MissionId, PaymentId, UserId};
use crate::money;
use crate::notifications::About;

pub use bank_transfers::BankTransfer;
pub use failed_refunds::FailedRefund;
pub use payouts::{Payout, PayoutStatus};
pub use refunds::{Refund, RefundStatus, RefundWay};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "payment_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentKind {
    Charge,
    /// For minutes beyond what was planned.
    Supplement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "payment_method", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMethod {
    Card,
    /// Later, by a public body.
    Chorus,
}

/// In the order in which one may follow another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "payment_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    RequiresPayment,
    Processing,
    /// This attempt; the payer may try again.
    Failed,
    Cancelled,
    Succeeded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "dispute_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeStatus {
    None,
    Open,
    Won,
    Lost,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub id: PaymentId,
    pub kind: PaymentKind,
    pub method: PaymentMethod,
    pub payer_id: UserId,
    pub talent_id: UserId,
    pub mission_id: Option<MissionId>,
    pub contract_id: Option<ContractId>,
    pub booking_id: Option<BookingId>,
    pub amount_cents: i64,
    pub commission_bps: i32,
    pub intent_id: Option<String>,
    pub status: PaymentStatus,
    pub failure_code: Option<String>,
    pub charge_id: Option<String>,
    /// What came, where it is not what was asked for.
    pub mismatch_cents: Option<i64>,
    /// What Stripe says has gone back.
    pub refunded_cents: i64,
    /// What of it came back, because the payer's bank would not have it.
    pub failed_refund_cents: i64,
    /// What went back from bank to bank.
    pub transferred_cents: i64,
    /// What refunds here have taken of it, whether they have gone through or not.
    pub reserved_cents: i64,
    pub dispute: DisputeStatus,
    pub disputed_cents: i64,
    pub created_at: OffsetDateTime,
    pub settled_at: Option<OffsetDateTime>,
}

impl Payment {
    /// Of the whole amount: the commission, and what is its talent's.
    pub fn split(&self) -> (i64, i64) {
        money::split(self.amount_cents, self.commission_bps)
    }

    /// What is the talent's when everything that is asked back has gone back.
    pub fn entitled_cents(&self) -> i64 {
        money::split((self.amount_cents - self.reserved_cents).max(0), self.commission_bps).1
    }

    /// What the payer has got back. That a refund failed may be told before that it was made.
    pub fn returned_cents(&self) -> i64 {
        (self.refunded_cents - self.failed_refund_cents).max(0) + self.transferred_cents
    }

    /// The contract of a quote, where it pays for that.
    pub fn of_quote(&self) -> Option<ContractId> {
        self.contract_id.filter(|_| self.mission_id.is_none())
    }

    /// Under this Stripe keeps its charge and transfers together.
    pub fn transfer_group(&self) -> String {
        format!("payment_{}", self.id)
    }

    /// Under this Stripe is asked to forget it.
    pub fn cancel_key(&self) -> String {
        format!("cancel:{}", self.id)
    }

    /// What the people concerned look at.
    pub fn about(&self) -> About {
        match (self.booking_id, self.mission_id, self.contract_id) {
            (Some(booking), ..) => About::Booking(booking),
            (None, Some(mission), _) => About::Mission(mission),
            (None, None, Some(contract)) => About::Contract(contract),
            (None, None, None) => About::Payment(self.id),
        }
    }
}

/// Payments as they are; the rest of the statement says which.
macro_rules! select_payments {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::payments::Payment,
            r#"select id as "id: _", kind as "kind: _", method as "method: _", payer_id as "payer_id: _", talent_id as "talent_id: _",
                      mission_id as "mission_id: _", contract_id as "contract_id: _", booking_id as "booking_id: _", amount_cents,
                      commission_bps, intent_id, status as "status: _", failure_code, charge_id, mismatch_cents, refunded_cents,
                      failed_refund_cents, transferred_cents, reserved_cents, dispute as "dispute: _", disputed_cents, created_at,
                      settled_at
                 from payments "# + $rest
            $(, $argument)*
        )
    };
}
pub(crate) use select_payments;

pub async fn get(conn: &mut PgConnection, id: PaymentId) -> Result<Payment> {
    let payment = select_payments!("where id = $1", id.0).fetch_optional(conn).await?;
    payment.ok_or(Error::NotFound("payment"))
}

/// A payment, until the transaction ends: whoever changes what belongs to it queues here. Its booking before it, as whoever ends a
/// booking holds them.
pub async fn lock(conn: &mut PgConnection, id: PaymentId) -> Result<Payment> {
    if let Some(booking) = get(&mut *conn, id).await?.booking_id {
        bookings::lock(&mut *conn, booking).await?;
    }
    let payment = select_payments!("where id = $1 for update", id.0).fetch_optional(conn).await?;
    payment.ok_or(Error::NotFound("payment"))
}
