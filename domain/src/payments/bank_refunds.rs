//! What a public body had paid goes back from bank to bank: owed from the moment that the refund counts, transferred by a person.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::refunds::{self, Refund, Refunded, Underway};
use crate::error::{Error, Result};
use crate::ids::{RefundId, UserId};
use crate::{ledger, payments};

/// A public body gets it back by a transfer that a person makes: from now on we owe it, and nobody else has it.
pub async fn mark_owed(
    conn: &mut PgConnection,
    underway: &Underway,
    now: OffsetDateTime,
) -> Result<Option<Refunded>> {
    let payment = payments::lock(&mut *conn, underway.payment.id).await?;
    let returned = refunds::returned(&mut *conn, &payment).await?;
    let marked = sqlx::query!(
        "update refunds set owed_at = $2 where id = $1 and status = 'PENDING' and owed_at is null",
        underway.refund.id.0,
        now,
    );
    if marked.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(None);
    }
    let refund = Refund { owed_at: Some(now), ..underway.refund.clone() };
    ledger::refunded(conn, &payment, &refund, returned, None, now).await?;
    Ok(Some(Refunded { payment, refund, returned_cents: returned }))
}

/// The transfer was made: by whom, and under which reference.
#[derive(Clone, Copy, Debug)]
pub struct Transferred<'a> {
    pub by: UserId,
    pub reference: &'a str,
}

/// A person has transferred what a public body was owed. Again is harmless, under the same reference.
pub async fn mark_transferred(
    conn: &mut PgConnection,
    id: RefundId,
    transferred: Transferred<'_>,
    now: OffsetDateTime,
) -> Result<Option<Refunded>> {
    let payment = refunds::get(&mut *conn, id).await?.payment_id;
    let payment = payments::lock(&mut *conn, payment).await?;
    let marked = sqlx::query!(
        "with made as (
             update refunds set status = 'SUCCEEDED', ended_at = $2, transferred_by = $3, transfer_reference = $4
              where id = $1 and status = 'PENDING' and owed_at is not null
             returning payment_id, amount_cents
         )
         update payments p set refunded_cents = p.refunded_cents + made.amount_cents from made where p.id = made.payment_id",
        id.0,
        now,
        transferred.by.0,
        transferred.reference,
    );
    let news = marked.execute(&mut *conn).await?.rows_affected() > 0;
    let refund = refunds::get(&mut *conn, id).await?;
    if !news {
        let same = sqlx::query_scalar!(
            r#"select coalesce(transfer_reference = $2, false) as "same!" from refunds where id = $1"#,
            id.0,
            transferred.reference,
        );
        return match same.fetch_one(conn).await? {
            true => Ok(None),
            false => Err(Error::Conflict {
                code: "NO_TRANSFER_DUE",
                message: "This refund waits for no transfer between banks",
            }),
        };
    }
    ledger::refund_transferred(&mut *conn, &payment, &refund, now).await?;
    let payment = payments::get(&mut *conn, payment.id).await?;
    let returned_cents = refunds::returned(conn, &payment).await?;
    Ok(Some(Refunded { payment, refund, returned_cents }))
}
