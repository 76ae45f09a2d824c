//! The payment provider: a trait with what the product asks for, and Stripe behind it.
//!
//! Every call that moves something takes a key, which the caller derives from the business fact and stores before the call.
//! The same key with the same parameters has its effect once, however often it is asked, for at least 24 h; after that Stripe
//! forgets it, and who still does not know looks the object up by its metadata instead.

mod answers;
mod client;
mod fault;
mod settings;
pub mod signature;

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use time::OffsetDateTime;

pub use crate::client::Stripe;
pub use crate::fault::Fault;
pub use crate::settings::StripeSettings;

/// The version of Stripe's API that is spoken here. Webhook endpoints should be created with it.
pub const API_VERSION: &str = "2026-09-30.endive";

pub type Answer<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// Pairs that come back in the object and in its events.
pub type Metadata = Vec<(String, String)>;

/// Who moves money. All amounts are euro cents. No transaction may be open during a call.
pub trait Payments: Debug + Send + Sync {
    /// A payer; its id.
    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String>;

    /// A payment that the payer has to confirm with the client secret; captured at once.
    fn create_intent<'a>(&'a self, key: &'a str, new: &'a NewIntent) -> Answer<'a, Intent>;
    fn get_intent<'a>(&'a self, id: &'a str) -> Answer<'a, Intent>;
    /// Refused where it has been paid.
    fn cancel_intent<'a>(&'a self, key: &'a str, id: &'a str) -> Answer<'a, Intent>;

    /// An Express account in France for an individual, who may take cards and receive transfers once onboarded.
    fn create_account<'a>(&'a self, key: &'a str, new: &'a NewAccount) -> Answer<'a, Account>;
    fn get_account<'a>(&'a self, id: &'a str) -> Answer<'a, Account>;
    /// A page on which the account's owner identifies itself; good once and for minutes.
    fn create_account_link<'a>(
        &'a self,
        key: &'a str,
        account: &'a str,
        return_url: &'a str,
        refresh_url: &'a str,
    ) -> Answer<'a, AccountLink>;

    /// From the platform's balance to an account's.
    fn create_transfer<'a>(&'a self, key: &'a str, new: &'a NewTransfer) -> Answer<'a, Transfer>;
    fn get_transfer<'a>(&'a self, id: &'a str) -> Answer<'a, Transfer>;
    /// And back, in part or whole.
    fn reverse_transfer<'a>(
        &'a self,
        key: &'a str,
        transfer: &'a str,
        amount_cents: i64,
        metadata: &'a Metadata,
    ) -> Answer<'a, Reversal>;

    /// To the payer, in part or whole.
    fn create_refund<'a>(&'a self, key: &'a str, new: &'a NewRefund) -> Answer<'a, Refund>;
    fn get_refund<'a>(&'a self, id: &'a str) -> Answer<'a, Refund>;

    /// What happened since, newest first; the next page starts after the last id. Stripe keeps 30 days.
    fn list_events<'a>(
        &'a self,
        since: OffsetDateTime,
        starting_after: Option<&'a str>,
    ) -> Answer<'a, EventPage>;
    /// What moved on the platform's balance since, newest first.
    fn list_movements<'a>(
        &'a self,
        since: OffsetDateTime,
        starting_after: Option<&'a str>,
    ) -> Answer<'a, MovementPage>;
    /// The transfers of a group, newest first, a hundred at most: whether one was made although nobody heard the answer.
    fn list_transfers<'a>(&'a self, transfer_group: &'a str) -> Answer<'a, Vec<Transfer>>;
    /// What was taken back of a transfer, newest first, a hundred at most.
    fn list_reversals<'a>(&'a self, transfer: &'a str) -> Answer<'a, Vec<Reversal>>;
    /// The refunds of an intent, newest first, a hundred at most.
    fn list_refunds<'a>(&'a self, intent: &'a str) -> Answer<'a, Vec<Refund>>;
}

#[derive(Clone, Debug)]
pub struct NewCustomer {
    pub email: String,
    pub name: String,
    /// Ours, kept in its metadata as `userId`.
    pub user_id: String,
}

#[derive(Clone, Debug)]
pub struct NewIntent {
    pub amount_cents: i64,
    pub customer: String,
    pub transfer_group: String,
    pub description: String,
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    pub id: String,
    /// With this the payer's browser may confirm it.
    pub client_secret: Option<String>,
    pub status: IntentStatus,
    pub amount_cents: i64,
    pub amount_received_cents: i64,
    pub latest_charge: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    /// One that this version of ours does not know.
    Other(String),
}

#[derive(Clone, Debug)]
pub struct NewAccount {
    pub email: String,
    /// Ours, kept in its metadata as `userId`.
    pub user_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: String,
    pub charges_enabled: bool,
    pub payouts_enabled: bool,
    pub details_submitted: bool,
    /// What Stripe still wants to know, in its own words.
    pub currently_due: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLink {
    pub url: String,
    pub expires_at: OffsetDateTime,
}

#[derive(Clone, Debug)]
pub struct NewTransfer {
    pub amount_cents: i64,
    /// An account's id.
    pub destination: String,
    pub transfer_group: String,
    /// The charge whose money it is: the transfer may then be made before that is available.
    pub source_charge: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub id: String,
    pub amount_cents: i64,
    pub reversed_cents: i64,
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    pub id: String,
    pub amount_cents: i64,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub struct NewRefund {
    pub intent: String,
    pub amount_cents: i64,
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    pub amount_cents: i64,
    pub metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
    /// One that this version of ours does not know.
    Other(String),
}

#[derive(Clone, Debug)]
pub struct EventPage {
    /// As they are sent to webhooks.
    pub events: Vec<serde_json::Value>,
    pub more: bool,
}

/// One balance transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub id: String,
    /// Stripe's own: `charge`, `payment`, `refund`, `transfer`, `transfer_refund`, `adjustment`, `stripe_fee`, `payout` …
    pub kind: String,
    /// Gross; negative where it left.
    pub amount_cents: i64,
    /// What Stripe took.
    pub fee_cents: i64,
    /// The charge, refund, transfer … that it belongs to.
    pub source: Option<String>,
    pub created: OffsetDateTime,
}

#[derive(Clone, Debug)]
pub struct MovementPage {
    pub movements: Vec<Movement>,
    pub more: bool,
}
