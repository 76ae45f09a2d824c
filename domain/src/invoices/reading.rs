//! Who reads invoices: those in whose name they are, and those they are for.

use sqlx::PgConnection;
use sqlx::types::Json;

use super::{Content, Invoice};
use crate::error::{Error, Result};
use crate::ids::{InvoiceId, PaymentId, UserId};
use crate::page::{Cursor, Page};

macro_rules! invoices {
    ($condition:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            Invoice,
            r#"select i.id as "id: _", i.kind as "kind: _", i.issuer_id as "issuer_id: _", i.recipient_id as "recipient_id: _",
                      i.establishment_id as "establishment_id: _", i.year, i.number, i.cause, i.corrects_id as "corrects_id: _",
                      i.payment_id as "payment_id: _", i.issued_at, i.due_on, i.paid_at, i.net_cents, i.vat_cents, i.total_cents,
                      i.content as "content: Json<Content>"
                 from invoices i where "# + $condition,
            $($argument),+
        )
    };
}

pub async fn find(conn: &mut PgConnection, id: InvoiceId) -> Result<Option<Invoice>> {
    Ok(invoices!("i.id = $1", id.0).fetch_optional(conn).await?)
}

pub async fn get(conn: &mut PgConnection, id: InvoiceId) -> Result<Invoice> {
    find(conn, id).await?.ok_or(Error::NotFound("invoice"))
}

pub async fn find_by_cause(conn: &mut PgConnection, cause: &str) -> Result<Option<Invoice>> {
    Ok(invoices!("i.cause = $1", cause).fetch_optional(conn).await?)
}

/// Invoices and credit notes of a payment, in the order of their issue.
pub async fn find_of(conn: &mut PgConnection, payment: PaymentId) -> Result<Vec<Invoice>> {
    Ok(invoices!("i.payment_id = $1 order by i.issued_at, i.id", payment.0).fetch_all(conn).await?)
}

/// An invoice of somebody's: issued in their name, or to them, or to a site that they belong to.
pub async fn find_for(conn: &mut PgConnection, user: UserId, id: InvoiceId) -> Result<Option<Invoice>> {
    let own = invoices!(
        "i.id = $1 and (i.recipient_id = $2 or i.issuer_id = $2
             or exists (select from establishment_members m where m.establishment_id = i.establishment_id and m.user_id = $2))",
        id.0,
        user.0
    );
    Ok(own.fetch_optional(conn).await?)
}

/// All of somebody's, the newest first.
pub async fn list(
    conn: &mut PgConnection,
    user: UserId,
    page: Page,
) -> Result<(Vec<Invoice>, Option<Cursor>)> {
    let after = page.after;
    let rows = invoices!(
        "i.id in (
             (select id from invoices where recipient_id = $1 and ($2::timestamptz is null or (issued_at, id) < ($2, $3))
               order by issued_at desc, id desc limit $4)
             union all
             (select id from invoices where issuer_id = $1 and ($2::timestamptz is null or (issued_at, id) < ($2, $3))
               order by issued_at desc, id desc limit $4)
             union all
             (select n.id from establishment_members m join invoices n using (establishment_id)
               where m.user_id = $1 and ($2::timestamptz is null or (n.issued_at, n.id) < ($2, $3))
               order by n.issued_at desc, n.id desc limit $4))
         order by i.issued_at desc, i.id desc limit $4",
        user.0,
        after.map(|cursor| cursor.created_at),
        after.map(|cursor| cursor.id),
        page.rows()
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(rows, |invoice| Cursor { created_at: invoice.issued_at, id: invoice.id.0 }))
}
