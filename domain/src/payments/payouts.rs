//! What talents get: one transfer for each payment, once its time has come and nothing stands against it.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{DisputeStatus, Payment, PaymentStatus, accounts};
use crate::error::Result;
use crate::ids::{PaymentId, PayoutId, UserId};
use crate::ledger;

/// How long a payout waits after the work was accepted †.
pub const AFTER: Duration = Duration::hours(48);

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "payout_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutStatus {
    /// The work is not done, or not accepted.
    Held,
    /// Due at its time.
    Scheduled,
    /// Stripe was asked and has not answered.
    Sending,
    Sent,
    /// Nothing is left to pay out.
    Cancelled,
}

#[derive(Clone, Debug)]
pub struct Payout {
    pub id: PayoutId,
    pub payment_id: PaymentId,
    pub status: PayoutStatus,
    pub due_at: Option<OffsetDateTime>,
    pub amount_cents: Option<i64>,
    pub tries: i32,
    pub asked_at: Option<OffsetDateTime>,
    pub transfer_id: Option<String>,
    pub reversed_cents: i64,
}

/// A transfer to ask Stripe for, under its key.
#[derive(Debug)]
pub struct Transfer {
    pub payment: Payment,
    pub payout: Payout,
    pub account: String,
    pub cents: i64,
    /// It was asked for before, and this long ago.
    pub asked_before: Option<Duration>,
}

impl Transfer {
    /// Of the payout and the number of the try: a refusal is remembered by Stripe under the key it came for.
    pub fn key(&self) -> String {
        format!("payout:{}:{}", self.payout.id, self.payout.tries)
    }
}

macro_rules! select_payouts {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Payout,
            r#"select o.id as "id: _", o.payment_id as "payment_id: _", o.status as "status: _", o.due_at, o.amount_cents,
                      o.try as tries, o.asked_at, o.transfer_id, o.reversed_cents
                 from payouts o "# + $rest
            $(, $argument)*
        )
    };
}

/// A payment was settled: its talent's share waits until the work is done.
pub(super) async fn insert(conn: &mut PgConnection, payment: &Payment) -> Result<()> {
    sqlx::query!(
        "insert into payouts (id, payment_id, talent_id) values ($1, $2, $3) on conflict (payment_id) do nothing",
        PayoutId::new().0,
        payment.id.0,
        payment.talent_id.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn find(conn: &mut PgConnection, payment: PaymentId) -> Result<Option<Payout>> {
    Ok(select_payouts!("where o.payment_id = $1", payment.0).fetch_optional(conn).await?)
}

/// A payout got its time. See `jobs::effects::payments::scheduled`.
#[derive(Clone, Copy, Debug)]
#[must_use = "a scheduled payout has to be sent"]
pub struct Scheduled {
    pub payout: PayoutId,
    pub due_at: OffsetDateTime,
}

/// The work that a payment is for was accepted: its payout is due. Again is harmless.
pub async fn schedule(
    conn: &mut PgConnection,
    payment: PaymentId,
    due_at: OffsetDateTime,
) -> Result<Option<Scheduled>> {
    let scheduled = sqlx::query_scalar!(
        r#"update payouts set status = 'SCHEDULED', due_at = $2 where payment_id = $1 and status = 'HELD'
           returning id as "id: PayoutId""#,
        payment.0,
        due_at,
    );
    Ok(scheduled.fetch_optional(conn).await?.map(|payout| Scheduled { payout, due_at }))
}

/// A payment's payout that waits for its time, or for what stood against it.
pub async fn find_scheduled(conn: &mut PgConnection, payment: PaymentId) -> Result<Option<Scheduled>> {
    let payout = find(conn, payment).await?.filter(|payout| payout.status == PayoutStatus::Scheduled);
    Ok(payout.and_then(|payout| Some(Scheduled { payout: payout.id, due_at: payout.due_at? })))
}

/// A talent's payouts that wait for their time, or for what stood against them.
pub async fn list_scheduled(conn: &mut PgConnection, talent: UserId) -> Result<Vec<Scheduled>> {
    let waiting = sqlx::query!(
        r#"select id as "id: PayoutId", due_at as "due_at!" from payouts
            where talent_id = $1 and status = 'SCHEDULED' order by id"#,
        talent.0,
    );
    let waiting = waiting.fetch_all(conn).await?.into_iter();
    Ok(waiting.map(|row| Scheduled { payout: row.id, due_at: row.due_at }).collect())
}

/// What is to be done about a payout now.
#[derive(Debug)]
pub enum Step {
    Send(Box<Transfer>),
    /// Nothing, until what stands against it is gone; whoever removes that asks again.
    Blocked(&'static str),
    /// Not yet, or not any more.
    Nothing,
}

/// Fixes what is to be transferred, before Stripe is asked: what an earlier run fixed is asked again, never decided anew.
pub async fn begin(conn: &mut PgConnection, id: PayoutId, now: OffsetDateTime) -> Result<Step> {
    let found = select_payouts!("where o.id = $1", id.0).fetch_optional(&mut *conn).await?;
    let Some(payment) = found.map(|payout| payout.payment_id) else { return Ok(Step::Nothing) };
    let payment = super::lock(&mut *conn, payment).await?;
    let Some(mut payout) = find(&mut *conn, payment.id).await? else { return Ok(Step::Nothing) };
    match payout.status {
        PayoutStatus::Sending => {}
        PayoutStatus::Scheduled if payout.due_at.is_some_and(|due| due <= now) => {}
        _ => return Ok(Step::Nothing),
    }
    let Some(account) = accounts::find(&mut *conn, payment.talent_id).await? else {
        return Ok(Step::Blocked("the talent has no account"));
    };
    if payout.status == PayoutStatus::Sending {
        let asked_before = payout.asked_at.map(|asked| now - asked);
        let cents = payout.amount_cents.unwrap_or_default();
        let transfer = Transfer { payment, payout, account: account.account_id, cents, asked_before };
        return Ok(Step::Send(Box::new(transfer)));
    }
    if !account.payouts_enabled {
        return Ok(Step::Blocked("the talent's account is not complete"));
    }
    if let Some(reason) = obstacle(&mut *conn, &payment).await? {
        return Ok(Step::Blocked(reason));
    }
    let cents = payment.entitled_cents();
    if cents == 0 {
        sqlx::query!("update payouts set status = 'CANCELLED' where id = $1", id.0).execute(conn).await?;
        return Ok(Step::Nothing);
    }
    payout.tries += 1;
    sqlx::query!(
        "update payouts set status = 'SENDING', amount_cents = $2, try = $3, asked_at = $4 where id = $1",
        id.0,
        cents,
        payout.tries,
        now,
    )
    .execute(conn)
    .await?;
    let transfer = Transfer { payment, payout, account: account.account_id, cents, asked_before: None };
    Ok(Step::Send(Box::new(transfer)))
}

/// What stands against paying a talent.
async fn obstacle(conn: &mut PgConnection, payment: &Payment) -> Result<Option<&'static str>> {
    if payment.status != PaymentStatus::Succeeded || payment.settled_at.is_none() {
        return Ok(Some("the payment is not settled"));
    }
    if payment.dispute == DisputeStatus::Open {
        return Ok(Some("a bank disputes the payment"));
    }
    let row = sqlx::query!(
        r#"select u.status = 'VERIFIED' as "in_good_standing!",
                  exists (select from contracts c where (c.id = $2 or c.booking_id = $3) and c.status = 'DISPUTED') as "contested!",
                  exists (select from bookings b where b.id = $3 and b.status = 'DISPUTED') as "booking_contested!",
                  exists (select from refunds r where r.payment_id = $4 and r.status = 'PENDING'
                             and not exists (select from bank_transfers t where t.refund_id = r.id)) as "shrinking!"
             from users u where u.id = $1"#,
        payment.talent_id.0,
        payment.contract_id.map(|id| id.0),
        payment.booking_id.map(|id| id.0),
        payment.id.0,
    )
    .fetch_one(conn)
    .await?;
    if row.shrinking {
        return Ok(Some("a part of the payment goes back"));
    }
    Ok(match (row.in_good_standing, row.contested || row.booking_contested) {
        (false, _) => Some("the talent's account is not in good standing"),
        (true, true) => Some("the work is contested"),
        (true, false) => None,
    })
}

/// Stripe made the transfer.
pub async fn mark_sent(
    conn: &mut PgConnection,
    transfer: &Transfer,
    transfer_id: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let Transfer { payment, payout, cents, .. } = transfer;
    let payment = super::lock(&mut *conn, payment.id).await?;
    let sent = sqlx::query!(
        "update payouts set status = 'SENT', transfer_id = $2, sent_at = $3, refusal = null where id = $1 and status = 'SENDING' and try = $4",
        payout.id.0,
        transfer_id,
        now,
        payout.tries,
    );
    if sent.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(false);
    }
    ledger::paid_out(conn, &payment, payout, *cents, transfer_id, now).await
}

/// Stripe tells of a transfer whose answer was lost.
pub async fn learn_sent(
    conn: &mut PgConnection,
    id: PayoutId,
    transfer_id: &str,
    cents: i64,
    now: OffsetDateTime,
) -> Result<Option<Payment>> {
    let found =
        select_payouts!("where o.id = $1 and o.status = 'SENDING' and o.amount_cents = $2", id.0, cents);
    let Some(payout) = found.fetch_optional(&mut *conn).await? else { return Ok(None) };
    let payment = super::get(&mut *conn, payout.payment_id).await?;
    let transfer = Transfer { payment, payout, account: String::new(), cents, asked_before: None };
    let sent = mark_sent(conn, &transfer, transfer_id, now).await?;
    Ok(sent.then_some(transfer.payment))
}

/// Stripe tells how much of a transfer was taken back in all. What nobody here asked for was taken back on Stripe's own pages.
pub async fn learn_reversed(
    conn: &mut PgConnection,
    transfer_id: &str,
    reversed_cents: i64,
    now: OffsetDateTime,
) -> Result<bool> {
    let found = select_payouts!("where o.transfer_id = $1", transfer_id).fetch_optional(&mut *conn).await?;
    let Some(payment) = found.map(|payout| payout.payment_id) else { return Ok(false) };
    let payment = super::lock(&mut *conn, payment).await?;
    let Some(payout) = find(&mut *conn, payment.id).await? else { return Ok(false) };
    let more = reversed_cents - payout.reversed_cents;
    if more <= 0 {
        return Ok(false);
    }
    sqlx::query!("update payouts set reversed_cents = $2 where id = $1", payout.id.0, reversed_cents)
        .execute(&mut *conn)
        .await?;
    ledger::payout_reversed_elsewhere(conn, &payment, &payout, more, reversed_cents, now).await
}

/// Stripe refused: nothing moved, and the next try is another one.
pub async fn mark_refused(conn: &mut PgConnection, transfer: &Transfer, refusal: &str) -> Result<()> {
    sqlx::query!(
        "update payouts set status = 'SCHEDULED', amount_cents = null, refusal = $2 where id = $1 and status = 'SENDING' and try = $3",
        transfer.payout.id.0,
        refusal,
        transfer.payout.tries,
    )
    .execute(conn)
    .await?;
    Ok(())
}
