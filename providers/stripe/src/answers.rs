//! What we read of Stripe's objects: only what is needed. async-stripe's own types refuse a whole body for one field that they do
//! not expect, and a payment that was made must not become unknown because Stripe added something to a card.

use std::collections::BTreeMap;

use miniserde::json::Value;
use miniserde::{Deserialize, json};
use time::OffsetDateTime;

use crate::{
    Account, AccountLink, EventPage, Fault, Intent, IntentStatus, Metadata, Movement, MovementPage, Refund,
    RefundStatus, Reversal, Transfer,
};

/// Its meaning here, or that it makes no sense.
pub(crate) trait Read<T> {
    fn read(self) -> Result<T, Fault>;
}

#[derive(Deserialize)]
pub(crate) struct Page<T> {
    data: Vec<T>,
    has_more: bool,
}

impl<T: Read<U>, U> Read<Vec<U>> for Page<T> {
    fn read(self) -> Result<Vec<U>, Fault> {
        self.data.into_iter().map(Read::read).collect()
    }
}

impl Read<EventPage> for Page<Value> {
    fn read(self) -> Result<EventPage, Fault> {
        let events = self.data.iter().map(|event| serde_json::from_str(&json::to_string(event)));
        Ok(EventPage { events: events.collect::<Result<_, _>>().map_err(senseless)?, more: self.has_more })
    }
}

impl Read<MovementPage> for Page<BalanceTransactionBody> {
    fn read(self) -> Result<MovementPage, Fault> {
        let more = self.has_more;
        Ok(MovementPage { movements: self.read()?, more })
    }
}

#[derive(Deserialize)]
pub(crate) struct CustomerBody {
    id: String,
}

impl Read<String> for CustomerBody {
    fn read(self) -> Result<String, Fault> {
        Ok(self.id)
    }
}

#[derive(Deserialize)]
pub(crate) struct IntentBody {
    id: String,
    client_secret: Option<String>,
    status: String,
    amount: i64,
    amount_received: Option<i64>,
    latest_charge: Option<Value>,
    metadata: Option<BTreeMap<String, String>>,
}

impl Read<Intent> for IntentBody {
    fn read(self) -> Result<Intent, Fault> {
        let status = match self.status.as_str() {
            "requires_payment_method" => IntentStatus::RequiresPaymentMethod,
            "requires_confirmation" => IntentStatus::RequiresConfirmation,
            "requires_action" => IntentStatus::RequiresAction,
            "processing" => IntentStatus::Processing,
            "requires_capture" => IntentStatus::RequiresCapture,
            "canceled" => IntentStatus::Canceled,
            "succeeded" => IntentStatus::Succeeded,
            _ => IntentStatus::Other(self.status),
        };
        Ok(Intent {
            id: self.id,
            client_secret: self.client_secret,
            status,
            amount_cents: self.amount,
            amount_received_cents: self.amount_received.unwrap_or_default(),
            latest_charge: self.latest_charge.and_then(id),
            metadata: pairs(self.metadata),
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct AccountBody {
    id: String,
    charges_enabled: Option<bool>,
    payouts_enabled: Option<bool>,
    details_submitted: Option<bool>,
    requirements: Option<Requirements>,
}

#[derive(Deserialize)]
struct Requirements {
    currently_due: Option<Vec<String>>,
}

impl Read<Account> for AccountBody {
    fn read(self) -> Result<Account, Fault> {
        Ok(Account {
            id: self.id,
            charges_enabled: self.charges_enabled.unwrap_or_default(),
            payouts_enabled: self.payouts_enabled.unwrap_or_default(),
            details_submitted: self.details_submitted.unwrap_or_default(),
            currently_due: self.requirements.and_then(|wanted| wanted.currently_due).unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct AccountLinkBody {
    url: String,
    expires_at: i64,
}

impl Read<AccountLink> for AccountLinkBody {
    fn read(self) -> Result<AccountLink, Fault> {
        Ok(AccountLink { url: self.url, expires_at: moment(self.expires_at)? })
    }
}

#[derive(Deserialize)]
pub(crate) struct TransferBody {
    id: String,
    amount: i64,
    amount_reversed: i64,
    metadata: Option<BTreeMap<String, String>>,
}

impl Read<Transfer> for TransferBody {
    fn read(self) -> Result<Transfer, Fault> {
        Ok(Transfer {
            id: self.id,
            amount_cents: self.amount,
            reversed_cents: self.amount_reversed,
            metadata: pairs(self.metadata),
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct ReversalBody {
    id: String,
    amount: i64,
    metadata: Option<BTreeMap<String, String>>,
}

impl Read<Reversal> for ReversalBody {
    fn read(self) -> Result<Reversal, Fault> {
        Ok(Reversal { id: self.id, amount_cents: self.amount, metadata: pairs(self.metadata) })
    }
}

#[derive(Deserialize)]
pub(crate) struct RefundBody {
    id: String,
    amount: i64,
    status: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
}

impl Read<Refund> for RefundBody {
    fn read(self) -> Result<Refund, Fault> {
        let status = match self.status.unwrap_or_default().as_str() {
            "pending" => RefundStatus::Pending,
            "requires_action" => RefundStatus::RequiresAction,
            "succeeded" => RefundStatus::Succeeded,
            "failed" => RefundStatus::Failed,
            "canceled" => RefundStatus::Canceled,
            other => RefundStatus::Other(other.to_owned()),
        };
        Ok(Refund { id: self.id, status, amount_cents: self.amount, metadata: pairs(self.metadata) })
    }
}

#[derive(Deserialize)]
pub(crate) struct BalanceTransactionBody {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    amount: i64,
    fee: i64,
    source: Option<Value>,
    created: i64,
}

impl Read<Movement> for BalanceTransactionBody {
    fn read(self) -> Result<Movement, Fault> {
        Ok(Movement {
            id: self.id,
            kind: self.kind,
            amount_cents: self.amount,
            fee_cents: self.fee,
            source: self.source.and_then(id),
            created: moment(self.created)?,
        })
    }
}

fn pairs(metadata: Option<BTreeMap<String, String>>) -> Metadata {
    metadata.unwrap_or_default().into_iter().collect()
}

/// Another object, which comes as its id or, expanded, whole.
fn id(other: Value) -> Option<String> {
    match other {
        Value::String(id) => Some(id),
        Value::Object(whole) => match whole.get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn moment(seconds: i64) -> Result<OffsetDateTime, Fault> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(senseless)
}

fn senseless(what: impl std::fmt::Display) -> Fault {
    Fault::Unknown(format!("the answer makes no sense: {what}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Bodies of Stripe's own, with changes.
    fn fixture(name: &str, changes: Value) -> String {
        let all: Value = serde_json::from_str(include_str!("../fixtures/stripe-openapi.json")).unwrap();
        let mut body = all[name].clone();
        for (field, value) in changes.as_object().into_iter().flatten() {
            body[field.as_str()] = value.clone();
        }
        body.to_string()
    }

    fn read<B: Deserialize + Read<T>, T>(body: &str) -> T {
        json::from_str::<B>(body).unwrap().read().unwrap()
    }

    fn page(name: &str) -> String {
        format!(r#"{{"object":"list","url":"/v1/x","has_more":true,"data":[{}]}}"#, fixture(name, json!({})))
    }

    #[test]
    fn stripes_own_bodies_are_read() {
        assert_eq!(read::<CustomerBody, _>(&fixture("customer", json!({}))), "cus_QXg1o8vcGmoR32");
        let body =
            fixture("payment_intent", json!({ "metadata": { "paymentId": "p" }, "latest_charge": "ch_1" }));
        let intent = read::<IntentBody, Intent>(&body);
        assert_eq!((intent.amount_cents, intent.amount_received_cents), (1099, 0));
        assert_eq!(intent.status, IntentStatus::RequiresPaymentMethod);
        assert_eq!(intent.latest_charge.as_deref(), Some("ch_1"));
        assert_eq!(intent.metadata, [("paymentId".to_owned(), "p".to_owned())]);
        assert!(intent.client_secret.is_some());
        let account = read::<AccountBody, Account>(&fixture("account", json!({})));
        assert!(!account.charges_enabled && !account.payouts_enabled && !account.details_submitted);
        assert_eq!(account.currently_due.len(), 6);
        let link = read::<AccountLinkBody, AccountLink>(&fixture("account_link", json!({})));
        assert_eq!(link.expires_at.unix_timestamp(), 1_234_567_890);
        let transfer =
            read::<TransferBody, Transfer>(&fixture("transfer", json!({ "amount_reversed": 100 })));
        assert_eq!((transfer.amount_cents, transfer.reversed_cents), (1100, 100));
        let reversal = read::<ReversalBody, Reversal>(&fixture("transfer_reversal", json!({})));
        assert_eq!(reversal.amount_cents, 1100);
        let refund = read::<RefundBody, Refund>(&fixture("refund", json!({})));
        assert_eq!((refund.status, refund.amount_cents), (RefundStatus::Succeeded, 100));
    }

    #[test]
    fn stripes_own_lists_are_read() {
        let events = read::<Page<json::Value>, EventPage>(&page("event"));
        assert!(events.more);
        let original: Value = serde_json::from_str(&fixture("event", json!({}))).unwrap();
        assert_eq!(events.events, [original]);
        let moved = read::<Page<BalanceTransactionBody>, MovementPage>(&page("balance_transaction"));
        assert_eq!((moved.movements[0].kind.as_str(), moved.movements[0].amount_cents), ("charge", 100));
        assert_eq!(moved.movements[0].source.as_deref(), Some("ch_1PgafuB7WZ01zgkWXYmPNZs8"));
    }

    #[test]
    fn what_stripe_adds_is_no_reason_to_forget_a_payment() {
        let body = json!({ "status": "requires_luck", "payment_method_types": [{ "new": 1.5 }], "invented": null,
            "latest_charge": { "id": "ch_2", "object": "charge" } });
        let intent = read::<IntentBody, Intent>(&fixture("payment_intent", body));
        assert_eq!(intent.status, IntentStatus::Other("requires_luck".to_owned()));
        assert_eq!(intent.latest_charge.as_deref(), Some("ch_2"));
        let refund = read::<RefundBody, Refund>(&fixture("refund", json!({ "status": null })));
        assert_eq!(refund.status, RefundStatus::Other(String::new()));
        assert!(json::from_str::<IntentBody>(&fixture("payment_intent", json!({ "id": 5 }))).is_err());
        let never = fixture("account_link", json!({ "expires_at": i64::MAX }));
        let never: Result<AccountLink, _> = json::from_str::<AccountLinkBody>(&never).unwrap().read();
        assert!(matches!(never, Err(Fault::Unknown(_))));
    }
}
