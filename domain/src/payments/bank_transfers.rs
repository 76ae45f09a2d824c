//! What goes back from bank to bank: due from the moment that it is owed, until a person has made the transfer. One list, whatever it
//! is owed for.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{DisputeStatus, Payment, PaymentMethod, refunds};
use crate::error::{Error, Result};
use crate::ids::{BankTransferId, PaymentId, RefundId, UserId};
use crate::page::{Cursor, Page};
use crate::{ledger, payments};

/// Why money goes from bank to bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It had come so.
    PublicBody,
    /// Stripe had given it back, and the payer's bank did not take it.
    RefundCameBack,
    /// Stripe refused to give it back.
    RefundRefused,
}

#[derive(Clone, Debug)]
pub struct BankTransfer {
    pub id: BankTransferId,
    pub payment_id: PaymentId,
    pub payer_id: UserId,
    method: PaymentMethod,
    pub dispute: DisputeStatus,
    pub refund_id: Option<RefundId>,
    /// Stripe's name of the refund that came back.
    failed_refund_id: Option<String>,
    amount_cents: i64,
    /// What of it the payer has got otherwise since.
    pub covered_cents: i64,
    pub due_since: OffsetDateTime,
    /// When it was made, or was not needed any more.
    pub made_at: Option<OffsetDateTime>,
    /// What the bank calls it.
    pub reference: Option<String>,
}

impl BankTransfer {
    /// What is to be transferred, or was.
    pub fn cents(&self) -> i64 {
        self.amount_cents - self.covered_cents
    }

    pub fn why(&self) -> Why {
        match (self.refund_id, self.method) {
            (None, _) => Why::RefundCameBack,
            (Some(_), PaymentMethod::Chorus) => Why::PublicBody,
            (Some(_), PaymentMethod::Card) => Why::RefundRefused,
        }
    }

    /// The refund that it makes good, for causes.
    pub fn refund(&self) -> String {
        match (self.refund_id, &self.failed_refund_id) {
            (Some(id), _) => id.to_string(),
            (None, failed) => failed.clone().unwrap_or_default(),
        }
    }
}

macro_rules! select_transfers {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            BankTransfer,
            r#"select t.id as "id: _", t.payment_id as "payment_id: _", p.payer_id as "payer_id: _", p.method as "method: _",
                      p.dispute as "dispute: _", t.refund_id as "refund_id: _", t.failed_refund_id, t.amount_cents, t.covered_cents, t.due_since,
                      t.made_at, t.reference
                 from bank_transfers t join payments p on p.id = t.payment_id "# + $rest,
            $($argument),*
        )
    };
}

pub async fn get(conn: &mut PgConnection, id: BankTransferId) -> Result<BankTransfer> {
    let transfer = select_transfers!("where t.id = $1", id.0).fetch_optional(conn).await?;
    transfer.ok_or(Error::NotFound("bank transfer"))
}

/// Those that are made, or are due, or both; newest first.
pub async fn list(
    conn: &mut PgConnection,
    made: Option<bool>,
    page: Page,
) -> Result<(Vec<BankTransfer>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let transfers = select_transfers!(
        "where ($1::boolean is null or (t.made_at is not null) = $1)
           and ($2::timestamptz is null or (t.due_since, t.id) < ($2, $3))
         order by t.due_since desc, t.id desc limit $4",
        made,
        after,
        after_id,
        page.rows(),
    );
    let transfers = transfers.fetch_all(conn).await?;
    Ok(page.cut(transfers, |transfer| Cursor { created_at: transfer.due_since, id: transfer.id.0 }))
}

/// A refund that is to go from bank to bank is owed; none where it was, or has ended.
pub(super) async fn insert_for_refund(
    conn: &mut PgConnection,
    refund: RefundId,
    now: OffsetDateTime,
) -> Result<Option<BankTransferId>> {
    let inserted = sqlx::query_scalar!(
        r#"insert into bank_transfers (id, payment_id, refund_id, amount_cents, due_since)
           select $1, payment_id, id, amount_cents, $3 from refunds where id = $2 and status = 'PENDING' and way = 'BANK'
           on conflict do nothing returning id as "id: BankTransferId""#,
        BankTransferId::new().0,
        refund.0,
        now,
    );
    Ok(inserted.fetch_optional(conn).await?)
}

/// What came back is owed.
pub(super) async fn insert_for_failed(
    conn: &mut PgConnection,
    failed_refund: &str,
    now: OffsetDateTime,
) -> Result<BankTransferId> {
    let inserted = sqlx::query_scalar!(
        r#"insert into bank_transfers (id, payment_id, failed_refund_id, amount_cents, due_since)
           select $1, payment_id, refund_id, amount_cents, $3 from failed_refunds where refund_id = $2
           returning id as "id: BankTransferId""#,
        BankTransferId::new().0,
        failed_refund,
        now,
    );
    Ok(inserted.fetch_one(conn).await?)
}

/// A transfer that somebody has made.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    pub by: UserId,
    pub reference: &'a str,
}

/// What was owed has left our bank. See `jobs::effects::payments::transferred`.
#[derive(Debug)]
#[must_use = "its payer hears of it"]
pub struct Made {
    pub payment: Payment,
    pub transfer: BankTransfer,
}

/// A person has made it. Again is harmless, under the same reference.
pub async fn mark_made(
    conn: &mut PgConnection,
    id: BankTransferId,
    transfer: Transfer<'_>,
    now: OffsetDateTime,
) -> Result<Option<Made>> {
    let payment = get(&mut *conn, id).await?.payment_id;
    let payment = payments::lock(&mut *conn, payment).await?;
    let made = sqlx::query!(
        "with made as (
             update bank_transfers set made_at = $2, made_by = $3, reference = $4 where id = $1 and made_at is null
             returning payment_id, amount_cents - covered_cents as cents
         )
         update payments p set transferred_cents = p.transferred_cents + made.cents from made where p.id = made.payment_id",
        id.0,
        now,
        transfer.by.0,
        transfer.reference,
    );
    let news = made.execute(&mut *conn).await?.rows_affected() > 0;
    let made = get(&mut *conn, id).await?;
    match news {
        true => {
            ledger::refund_transferred(&mut *conn, &payment, &made, now).await?;
            end_refund(conn, &payment, &made, now).await?;
            Ok(Some(Made { payment, transfer: made }))
        }
        false if made.reference.as_deref() == Some(transfer.reference) => Ok(None),
        false => Err(Error::Conflict {
            code: "NO_TRANSFER_DUE",
            message: "This transfer was made under another reference, or is not due any more",
        }),
    }
}

/// What a payer got beyond what a payment had to give, through a bank or on Stripe's own pages, counts for what is still to be
/// transferred: so nothing is given back twice, in whatever order that came. Of a payment that the caller has locked.
pub(super) async fn cover(conn: &mut PgConnection, payment: &Payment, now: OffsetDateTime) -> Result<()> {
    let mut beyond = ledger::lost(&mut *conn, payment.id).await?;
    let due = select_transfers!("where t.payment_id = $1 and t.made_at is null order by t.id", payment.id.0);
    for transfer in due.fetch_all(&mut *conn).await? {
        let cents = transfer.cents().min(beyond);
        if cents <= 0 {
            break;
        }
        beyond -= cents;
        sqlx::query!(
            "update bank_transfers
                set covered_cents = covered_cents + $2, made_at = case when covered_cents + $2 = amount_cents then $3::timestamptz end
              where id = $1",
            transfer.id.0,
            cents,
            now,
        )
        .execute(&mut *conn)
        .await?;
        ledger::transfer_covered(&mut *conn, payment, &transfer, cents, now).await?;
        if cents == transfer.cents() {
            end_refund(&mut *conn, payment, &transfer, now).await?;
        }
    }
    Ok(())
}

/// The payer has got what was owed.
async fn end_refund(
    conn: &mut PgConnection,
    payment: &Payment,
    transfer: &BankTransfer,
    now: OffsetDateTime,
) -> Result<()> {
    let Some(id) = transfer.refund_id else { return Ok(()) };
    sqlx::query!(
        "update refunds set status = 'SUCCEEDED', ended_at = $2 where id = $1 and status = 'PENDING'",
        id.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let refund = refunds::get(&mut *conn, id).await?;
    refunds::tell_booking(conn, payment, &refund, now).await
}
