//! Stripe's events: stored once by their id, and what each says of a payment.
//!
//! They come late, early, shuffled and repeated. So a payment keeps only what no order can undo: the furthest status, the most
//! that has gone back, which of it came back, the last word of a bank.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DisputeStatus, Payment, PaymentStatus};
use crate::error::Result;
use crate::ids::PaymentId;

/// An event as Stripe sends it, in a webhook or a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StripeEvent {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds.
    pub created: i64,
    #[serde(default)]
    pub livemode: bool,
    /// Whose it is, where it is not the platform's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    data: Data,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Data {
    object: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_attributes: Option<Value>,
}

/// All that is read of an object, here and where accounts and transfers are.
const READ: [&str; 19] = [
    "id",
    "object",
    "status",
    "metadata",
    "currency",
    "amount",
    "amount_received",
    "amount_captured",
    "amount_refunded",
    "amount_reversed",
    "latest_charge",
    "last_payment_error",
    "payment_intent",
    "charge",
    "failure_reason",
    "charges_enabled",
    "payouts_enabled",
    "details_submitted",
    "requirements",
];

/// Who has to act on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    Payment,
    Account,
    /// Stored, so that it can be looked up.
    Nobody,
}

impl StripeEvent {
    pub fn concern(&self) -> Concern {
        match self.kind.as_str() {
            "payment_intent.succeeded"
            | "payment_intent.payment_failed"
            | "payment_intent.processing"
            | "payment_intent.canceled"
            | "charge.refunded"
            | "charge.refund.updated"
            | "refund.updated"
            | "refund.failed"
            | "charge.dispute.created"
            | "charge.dispute.closed" => Concern::Payment,
            "account.updated" | "transfer.created" | "transfer.reversed" | "payout.paid"
            | "payout.failed" => Concern::Account,
            _ => Concern::Nobody,
        }
    }

    pub fn object(&self) -> &Value {
        &self.data.object
    }

    /// What is kept of it. Who acts on an event reads a few fields of its object, and the rest is names, addresses and cards of
    /// people. One that concerns nobody is kept whole, since nobody knows what will be read of it.
    #[must_use]
    pub fn to_keep(mut self) -> Self {
        if self.concern() == Concern::Nobody {
            return self;
        }
        self.data.previous_attributes = None;
        if let Value::Object(fields) = &mut self.data.object {
            fields.retain(|name, _| READ.contains(&name.as_str()));
            if let Some(error) = fields.get_mut("last_payment_error") {
                *error = json!({ "code": error["code"] });
            }
        }
        self
    }

    pub fn created_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.created).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// Of these events, those that never came.
pub async fn list_unknown(conn: &mut PgConnection, ids: &[String]) -> Result<Vec<String>> {
    let unknown = sqlx::query_scalar!(
        r#"select id as "id!" from unnest($1::text[]) as listed (id)
            where not exists (select from stripe_events e where e.id = listed.id)"#,
        ids,
    );
    Ok(unknown.fetch_all(conn).await?)
}

pub async fn find(conn: &mut PgConnection, id: &str) -> Result<Option<StripeEvent>> {
    let payload = sqlx::query_scalar!("select payload from stripe_events where id = $1", id);
    let payload = payload.fetch_optional(conn).await?;
    Ok(payload.and_then(|payload| serde_json::from_value(payload).ok()))
}

/// What an event says of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Status {
        status: PaymentStatus,
        received: Option<i64>,
        charge: Option<String>,
        failure: Option<String>,
    },
    Refunded {
        charge: Option<String>,
        captured: i64,
        cents: i64,
    },
    RefundFailed {
        refund: String,
        own: Option<Uuid>,
        charge: Option<String>,
        cents: i64,
        reason: Option<String>,
    },
    Dispute {
        status: DisputeStatus,
        charge: Option<String>,
        cents: i64,
    },
}

/// A payment's id as it stands in an object's metadata, and its intent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    payment: Option<PaymentId>,
    intent: Option<String>,
}

fn text(object: &Value, field: &str) -> Option<String> {
    object[field].as_str().map(str::to_owned)
}

/// None where it is not what we know of its type: another version of the API, or nothing that moves money.
fn read(event: &StripeEvent) -> Option<(Named, Word)> {
    let object = event.object();
    let payment = object["metadata"]["paymentId"].as_str().and_then(|id| id.parse().ok()).map(PaymentId);
    let euros = object["currency"] == "eur";
    let status = |status, received| Word::Status {
        status,
        received,
        charge: text(object, "latest_charge"),
        failure: object["last_payment_error"]["code"].as_str().map(str::to_owned),
    };
    let (intent, word) = match event.kind.as_str() {
        "payment_intent.succeeded" => {
            // Another currency is no amount that was asked for.
            let received = if euros { object["amount_received"].as_i64()? } else { 0 };
            ("id", status(PaymentStatus::Succeeded, Some(received)))
        }
        "payment_intent.payment_failed" => ("id", status(PaymentStatus::Failed, None)),
        "payment_intent.processing" => ("id", status(PaymentStatus::Processing, None)),
        "payment_intent.canceled" => ("id", status(PaymentStatus::Cancelled, None)),
        "charge.refunded" => {
            let captured = object["amount_captured"].as_i64().or_else(|| object["amount"].as_i64())?;
            let cents = object["amount_refunded"].as_i64()?;
            ("payment_intent", Word::Refunded { charge: text(object, "id"), captured, cents })
        }
        "refund.failed" | "refund.updated" | "charge.refund.updated" => {
            if object["status"] != "failed" {
                return None;
            }
            let failed = Word::RefundFailed {
                refund: text(object, "id")?,
                own: object["metadata"]["refundId"].as_str().and_then(|id| id.parse().ok()),
                charge: text(object, "charge"),
                cents: object["amount"].as_i64()?,
                reason: text(object, "failure_reason"),
            };
            ("payment_intent", failed)
        }
        "charge.dispute.created" | "charge.dispute.closed" => {
            let status = match (object["status"].as_str()?, event.kind.as_str()) {
                // An inquiry: no money has moved.
                (inquiry, _) if inquiry.starts_with("warning_") => return None,
                ("won", _) => DisputeStatus::Won,
                ("lost", _) => DisputeStatus::Lost,
                (_, "charge.dispute.created") => DisputeStatus::Open,
                _ => return None,
            };
            let charge = text(object, "charge");
            ("payment_intent", Word::Dispute { status, charge, cents: object["amount"].as_i64()? })
        }
        _ => return None,
    };
    let intent = text(object, intent);
    Some((Named { payment, intent }, word))
}

/// Adds what an event says to its payment and returns that, locked; none where it is about none of ours.
pub async fn learn(conn: &mut PgConnection, event: &StripeEvent) -> Result<Option<Payment>> {
    let Some((named, word)) = read(event) else { return Ok(None) };
    let Some(id) = find_named(&mut *conn, &named).await? else { return Ok(None) };
    super::lock(&mut *conn, id).await?;
    let at = event.created_at();
    match word {
        Word::Status { status, received, charge, failure } => {
            advance(&mut *conn, id, status, at, charge, failure).await?;
            if let Some(received) = received {
                note_received(&mut *conn, id, received).await?;
            }
        }
        Word::Refunded { charge, captured, cents } => {
            // What goes back had come.
            advance(&mut *conn, id, PaymentStatus::Succeeded, at, charge, None).await?;
            note_received(&mut *conn, id, captured).await?;
            sqlx::query!(
                "update payments set refunded_cents = greatest(refunded_cents, $2) where id = $1",
                id.0,
                cents,
            )
            .execute(&mut *conn)
            .await?;
        }
        Word::RefundFailed { refund, own, charge, cents, reason } => {
            // What comes back had gone.
            advance(&mut *conn, id, PaymentStatus::Succeeded, at, charge, None).await?;
            sqlx::query!(
                "with failed as (
                     insert into failed_refunds (refund_id, payment_id, own_id, amount_cents, reason, failed_at)
                     values ($1, $2, $3, $4, $5, $6) on conflict (refund_id) do nothing returning amount_cents
                 )
                 update payments set failed_refund_cents = failed_refund_cents + failed.amount_cents from failed where id = $2",
                refund,
                id.0,
                own,
                cents,
                reason,
                at,
            )
            .execute(&mut *conn)
            .await?;
        }
        Word::Dispute { status, charge, cents } => {
            advance(&mut *conn, id, PaymentStatus::Succeeded, at, charge, None).await?;
            sqlx::query!(
                "update payments set dispute = $2, disputed_cents = case when dispute = 'NONE' then $3 else disputed_cents end
                  where id = $1 and dispute < $2",
                id.0,
                status as DisputeStatus,
                cents,
            )
            .execute(&mut *conn)
            .await?;
        }
    }
    super::get(conn, id).await.map(Some)
}

async fn find_named(conn: &mut PgConnection, named: &Named) -> Result<Option<PaymentId>> {
    // The answer that would have told us the intent may have been lost.
    let found = sqlx::query_scalar!(
        r#"select id as "id: PaymentId" from payments
            where intent_id = $1 or (id = $2 and (intent_id is null or $1::text is null))"#,
        named.intent,
        named.payment.map(|id| id.0),
    );
    Ok(found.fetch_optional(conn).await?)
}

/// Forwards only: success is final, so is a cancellation but for it, and before them the newest counts.
async fn advance(
    conn: &mut PgConnection,
    id: PaymentId,
    status: PaymentStatus,
    at: OffsetDateTime,
    charge: Option<String>,
    failure: Option<String>,
) -> Result<()> {
    sqlx::query!(
        "update payments set status = $2::payment_status, status_at = $3, failure_code = $5, charge_id = coalesce($4, charge_id)
          where id = $1
            and case when $2::payment_status in ('CANCELLED', 'SUCCEEDED') then status < $2::payment_status
                     else status < 'CANCELLED' and (status_at is null or (status_at, status) < ($3, $2::payment_status)) end",
        id.0,
        status as PaymentStatus,
        at,
        charge,
        failure,
    )
    .execute(&mut *conn)
    .await?;
    // The charge of a success is the one that was paid; those of failed attempts are not.
    if charge.is_some() && status == PaymentStatus::Succeeded {
        sqlx::query!("update payments set charge_id = $2 where id = $1", id.0, charge).execute(conn).await?;
    }
    Ok(())
}

/// What came is not what was asked for: such a payment waits for a person.
async fn note_received(conn: &mut PgConnection, id: PaymentId, received: i64) -> Result<()> {
    sqlx::query!(
        "update payments set mismatch_cents = $2 where id = $1 and amount_cents <> $2 and settled_at is null",
        id.0,
        received,
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, object: Value) -> StripeEvent {
        let data = json!({ "object": object, "previous_attributes": {} });
        serde_json::from_value(json!({ "id": "evt_1", "type": kind, "created": 1, "data": data })).unwrap()
    }

    #[test]
    fn of_what_is_acted_on_only_what_is_read_is_kept() {
        let object = json!({ "id": "ch_1", "amount_refunded": 5, "billing_details": { "name": "Zoé" },
                             "last_payment_error": { "code": "card_declined", "payment_method": { "card": {} } } });
        let kept = event("charge.refunded", object.clone()).to_keep();
        let expected =
            json!({ "id": "ch_1", "amount_refunded": 5, "last_payment_error": { "code": "card_declined" } });
        assert_eq!((kept.object(), kept.data.previous_attributes.is_none()), (&expected, true));
        let whole = event("invoice.created", object.clone()).to_keep();
        assert_eq!((whole.object(), whole.data.previous_attributes.is_some()), (&object, true));
    }
}
