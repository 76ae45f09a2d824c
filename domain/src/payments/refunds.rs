//! What goes back to a client: first what its talent already got of it, then the refund itself, each asked under a key of its
//! own. What goes from bank to bank is in [`super::bank_refunds`].

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::payouts::{self, PayoutStatus};
use super::{DisputeStatus, Payment, PaymentMethod, PaymentStatus, bank_transfers};
use crate::bookings;
use crate::error::{Error, Result};
use crate::ids::{PaymentId, RefundId, UserId};
use crate::ledger;

/// What was to be done will not be: the cause of a refund, once for each payment.
pub const CALLED_OFF: &str = "called-off";

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "refund_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "refund_way", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundWay {
    /// Asked for by us.
    Stripe,
    /// Made on Stripe's own pages.
    External,
    /// Taken back through the bank.
    Dispute,
    /// From bank to bank, by people: what a public body had paid, and what Stripe refused to give back.
    Bank,
}

impl RefundWay {
    /// What was paid goes back the way that it came.
    pub fn of(payment: &Payment) -> Self {
        match payment.method {
            PaymentMethod::Card => Self::Stripe,
            PaymentMethod::Chorus => Self::Bank,
        }
    }

    /// Promised here; what has gone back elsewhere is a fact.
    fn is_ours(self) -> bool {
        matches!(self, Self::Stripe | Self::Bank)
    }
}

#[derive(Clone, Debug)]
pub struct Refund {
    pub id: RefundId,
    pub payment_id: PaymentId,
    pub cause: String,
    pub way: RefundWay,
    pub amount_cents: i64,
    pub reason: String,
    pub status: RefundStatus,
    pub refund_id: Option<String>,
    pub reversal_cents: Option<i64>,
    pub reversal_id: Option<String>,
    pub asked_at: Option<OffsetDateTime>,
    /// Why Stripe refused it.
    pub failure: Option<String>,
    /// It goes from bank to bank, and counts: its transfer is due, or was made.
    pub owed: bool,
    pub created_at: OffsetDateTime,
}

impl Refund {
    pub fn key(&self) -> String {
        format!("refund:{}", self.id)
    }

    /// What was refused on the way to a refund by Stripe is asked anew on the way to one by bank.
    pub fn reversal_key(&self) -> String {
        match self.way {
            RefundWay::Bank => format!("reversal:{}:bank", self.id),
            _ => format!("reversal:{}", self.id),
        }
    }
}

macro_rules! select_refunds {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Refund,
            r#"select id as "id: _", payment_id as "payment_id: _", cause, way as "way: _", amount_cents, reason, status as "status: _",
                      refund_id, reversal_cents, reversal_id, asked_at, failure,
                      exists (select from bank_transfers t where t.refund_id = refunds.id) as "owed!", created_at
                 from refunds "# + $rest
            $(, $argument)*
        )
    };
}
pub(super) use select_refunds;

pub(super) const DISPUTED: Error =
    Error::Conflict { code: "PAYMENT_DISPUTED", message: "A bank holds this payment; it decides first" };
pub(super) const TOO_LARGE: Error =
    Error::Conflict { code: "REFUND_TOO_LARGE", message: "This is more than what is left of the payment" };

/// What is asked back.
#[derive(Debug)]
pub struct NewRefund<'a> {
    /// The business fact: a second request for it finds the first.
    pub cause: &'a str,
    pub way: RefundWay,
    pub amount_cents: i64,
    pub reason: &'a str,
    pub requested_by: Option<UserId>,
}

/// A refund was asked for. See `jobs::effects::payments::refund_requested`.
#[derive(Clone, Debug)]
#[must_use = "a refund has to be made"]
pub struct Requested {
    pub refund: Refund,
    /// It was asked for before.
    pub again: bool,
}

pub(super) async fn find_by_cause(
    conn: &mut PgConnection,
    payment: PaymentId,
    cause: &str,
) -> Result<Option<Refund>> {
    let refund = select_refunds!("where payment_id = $1 and cause = $2", payment.0, cause);
    Ok(refund.fetch_optional(conn).await?)
}

/// Takes the amount of what is left of a payment that the caller has locked.
pub async fn request(
    conn: &mut PgConnection,
    payment: &Payment,
    new: NewRefund<'_>,
    now: OffsetDateTime,
) -> Result<Requested> {
    if let Some(refund) = find_by_cause(&mut *conn, payment.id, new.cause).await? {
        return Ok(Requested { refund, again: true });
    }
    if payment.status != PaymentStatus::Succeeded || payment.settled_at.is_none() {
        return Err(Error::Conflict {
            code: "PAYMENT_NOT_SETTLED",
            message: "Nothing was paid, or not what was asked",
        });
    }
    if new.requested_by.is_some() && payment.dispute == DisputeStatus::Open {
        return Err(DISPUTED);
    }
    if new.amount_cents <= 0 {
        return Err(TOO_LARGE);
    }
    let taken = sqlx::query!(
        "update payments set reserved_cents = reserved_cents + $2
          where id = $1 and (reserved_cents + $2 <= amount_cents or not $3)",
        payment.id.0,
        new.amount_cents,
        new.way.is_ours(),
    );
    if taken.execute(&mut *conn).await?.rows_affected() == 0 {
        return Err(TOO_LARGE);
    }
    let refund = sqlx::query_as!(
        Refund,
        r#"insert into refunds (id, payment_id, cause, way, amount_cents, reason, requested_by, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           returning id as "id: _", payment_id as "payment_id: _", cause, way as "way: _", amount_cents, reason, status as "status: _",
                     refund_id, reversal_cents, reversal_id, asked_at, failure, false as "owed!", created_at"#,
        RefundId::new().0,
        payment.id.0,
        new.cause,
        new.way as RefundWay,
        new.amount_cents,
        new.reason,
        new.requested_by.map(|user| user.0),
        now,
    );
    Ok(Requested { refund: refund.fetch_one(conn).await?, again: false })
}

/// A refund under way, as it was found or fixed.
#[derive(Debug)]
pub struct Underway {
    pub payment: Payment,
    pub refund: Refund,
    /// The transfer to take something back of.
    pub transfer: Option<String>,
    /// It was asked for before, and this long ago.
    pub asked_before: Option<Duration>,
}

#[derive(Debug)]
pub enum Step {
    Go(Box<Underway>),
    /// Its talent is just being paid, and nobody knows how much; or a bank holds the payment.
    Wait(&'static str),
    /// It has ended.
    Nothing,
}

/// Fixes what has to come back from the talent, before Stripe is asked for anything. What an earlier run fixed stays.
pub async fn begin(conn: &mut PgConnection, id: RefundId, now: OffsetDateTime) -> Result<Step> {
    let found = select_refunds!("where id = $1", id.0).fetch_optional(&mut *conn).await?;
    let Some(payment) = found.map(|refund| refund.payment_id) else { return Ok(Step::Nothing) };
    let payment = super::lock(&mut *conn, payment).await?;
    let mut refund = select_refunds!("where id = $1", id.0).fetch_one(&mut *conn).await?;
    if refund.status != RefundStatus::Pending || refund.owed {
        return Ok(Step::Nothing);
    }
    let payout = payouts::find(&mut *conn, payment.id).await?;
    if payout.as_ref().is_some_and(|payout| payout.status == PayoutStatus::Sending) {
        return Ok(Step::Wait("its talent is just being paid"));
    }
    if refund.way.is_ours() && payment.dispute == DisputeStatus::Open {
        return Ok(Step::Wait("a bank holds the payment"));
    }
    let asked_before = refund.asked_at.map(|asked| now - asked);
    if refund.reversal_cents.is_none() {
        // Counted as reversed from here on, so that of two refunds each takes its own part.
        let too_much = payout.as_ref().filter(|payout| payout.status == PayoutStatus::Sent).map(|payout| {
            let has = payout.amount_cents.unwrap_or_default() - payout.reversed_cents;
            (has - payment.entitled_cents()).max(0)
        });
        let cents = too_much.unwrap_or_default();
        sqlx::query!(
            "with payout as (update payouts set reversed_cents = reversed_cents + $2::bigint where payment_id = $3)
             update refunds set reversal_cents = $2::bigint, asked_at = $4 where id = $1",
            id.0,
            cents,
            payment.id.0,
            now,
        )
        .execute(&mut *conn)
        .await?;
        refund.reversal_cents = Some(cents);
    }
    let outstanding = refund.reversal_cents.is_some_and(|cents| cents > 0) && refund.reversal_id.is_none();
    let transfer = payout.and_then(|payout| payout.transfer_id).filter(|_| outstanding);
    Ok(Step::Go(Box::new(Underway { payment, refund, transfer, asked_before })))
}

/// Stripe took back what the talent had got.
pub async fn mark_reversed(
    conn: &mut PgConnection,
    underway: &Underway,
    reversal: &str,
    now: OffsetDateTime,
) -> Result<()> {
    let Underway { payment, refund, .. } = underway;
    let payment = super::lock(&mut *conn, payment.id).await?;
    let marked = sqlx::query!(
        "update refunds set reversal_id = $2 where id = $1 and reversal_id is null",
        refund.id.0,
        reversal,
    );
    if marked.execute(&mut *conn).await?.rows_affected() > 0 {
        let cents = refund.reversal_cents.unwrap_or_default();
        ledger::payout_reversed(conn, &payment, refund, cents, reversal, now).await?;
    }
    Ok(())
}

/// Stripe refused to take it back: the client gets the refund all the same, and the talent owes what it was.
pub async fn mark_not_reversed(conn: &mut PgConnection, underway: &Underway) -> Result<()> {
    let Underway { payment, refund, .. } = underway;
    super::lock(&mut *conn, payment.id).await?;
    sqlx::query!(
        "with refund as (
             update refunds set reversal_cents = 0 where id = $1 and reversal_id is null and reversal_cents > 0 returning id
         )
         update payouts set reversed_cents = reversed_cents - $3 from refund where payment_id = $2",
        refund.id.0,
        payment.id.0,
        refund.reversal_cents.unwrap_or_default(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A refund went through. See `jobs::effects::payments::refunded`.
#[derive(Debug)]
#[must_use = "a refund has effects"]
pub struct Refunded {
    pub payment: Payment,
    pub refund: Refund,
    /// What had gone back before it.
    pub returned_cents: i64,
}

impl Refunded {
    /// What of it the payment still had to give. More than that is no part of what was invoiced.
    pub fn share_cents(&self) -> i64 {
        self.refund.amount_cents.min((self.payment.amount_cents - self.returned_cents).max(0))
    }
}

/// The money has gone back: by Stripe's answer, or by what Stripe told.
pub async fn mark_succeeded(
    conn: &mut PgConnection,
    underway: &Underway,
    refund_id: Option<&str>,
    now: OffsetDateTime,
) -> Result<Option<Refunded>> {
    let payment = super::lock(&mut *conn, underway.payment.id).await?;
    let returned = returned(&mut *conn, &payment).await?;
    let marked = sqlx::query!(
        "update refunds set status = 'SUCCEEDED', refund_id = $2, ended_at = $3 where id = $1 and status = 'PENDING'",
        underway.refund.id.0,
        refund_id,
        now,
    );
    if marked.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(None);
    }
    let refund = Refund { status: RefundStatus::Succeeded, ..underway.refund.clone() };
    ledger::refunded(&mut *conn, &payment, &refund, returned, refund_id, now).await?;
    let refunded = Refunded { payment, refund, returned_cents: returned };
    if refunded.share_cents() < refunded.refund.amount_cents {
        bank_transfers::cover(&mut *conn, &refunded.payment, now).await?;
    }
    tell_booking(conn, &refunded.payment, &refunded.refund, now).await?;
    Ok(Some(refunded))
}

/// A booking whose payer has got back all of it, or what its end left, is refunded.
pub(super) async fn tell_booking(
    conn: &mut PgConnection,
    payment: &Payment,
    refund: &Refund,
    now: OffsetDateTime,
) -> Result<()> {
    let Some(booking) = payment.booking_id else { return Ok(()) };
    if refund.cause == CALLED_OFF || returned(&mut *conn, payment).await? >= payment.amount_cents {
        bookings::mark_refunded(conn, booking, now).await?;
    }
    Ok(())
}

/// What has gone back of a payment, or counts as if it had.
pub(super) async fn returned(conn: &mut PgConnection, payment: &Payment) -> Result<i64> {
    let cents = sqlx::query_scalar!(
        r#"select coalesce(sum(amount_cents), 0)::bigint as "cents!" from refunds
            where payment_id = $1 and (status = 'SUCCEEDED' or exists (select from bank_transfers t where t.refund_id = refunds.id))"#,
        payment.id.0,
    );
    Ok(cents.fetch_one(conn).await?)
}

pub async fn get(conn: &mut PgConnection, id: RefundId) -> Result<Refund> {
    select_refunds!("where id = $1", id.0).fetch_optional(conn).await?.ok_or(Error::NotFound("refund"))
}

/// Stripe refused the refund, and somebody has to look. What a person asked for is free again; what a rule gave the client stays
/// reserved, so that it is not paid out either.
pub async fn mark_failed(
    conn: &mut PgConnection,
    underway: &Underway,
    failure: &str,
    now: OffsetDateTime,
) -> Result<()> {
    let Underway { payment, refund, .. } = underway;
    super::lock(&mut *conn, payment.id).await?;
    sqlx::query!(
        "with failed as (
             update refunds set status = 'FAILED', failure = $3, ended_at = $4 where id = $1 and status = 'PENDING'
             returning amount_cents, requested_by
         )
         update payments set reserved_cents = reserved_cents - failed.amount_cents
           from failed where id = $2 and failed.requested_by is not null",
        refund.id.0,
        payment.id.0,
        failure,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stripe's names of the refunds of a payment that are known here.
pub async fn list_known(conn: &mut PgConnection, payment: PaymentId) -> Result<Vec<String>> {
    let known = sqlx::query_scalar!(
        r#"select refund_id as "refund_id!" from refunds where payment_id = $1 and refund_id is not null"#,
        payment.0
    );
    Ok(known.fetch_all(conn).await?)
}
