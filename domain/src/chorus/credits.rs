//! Credit notes of invoices that Chorus Pro has: handed in as they are issued, and followed until the public body has them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::ChorusStatus;
use crate::error::{Error, Result};
use crate::ids::{InvoiceId, PaymentId};
use crate::invoices::Invoice;

/// A credit note on its way.
#[derive(Clone, Debug)]
pub struct Credit {
    pub invoice_id: InvoiceId,
    pub payment_id: PaymentId,
    pub status: ChorusStatus,
    pub asked_at: Option<OffsetDateTime>,
    pub flow: Option<String>,
}

pub async fn get(conn: &mut PgConnection, id: InvoiceId) -> Result<Credit> {
    let credit = sqlx::query_as!(
        Credit,
        r#"select invoice_id as "invoice_id: _", payment_id as "payment_id: _", status as "status: _", asked_at, flow
             from chorus_credits where invoice_id = $1"#,
        id.0,
    );
    credit.fetch_optional(conn).await?.ok_or(Error::NotFound("credit note at Chorus Pro"))
}

/// Of credit notes that were just issued, those that take back an invoice which Chorus has: they are to be handed in.
pub async fn insert(
    conn: &mut PgConnection,
    notes: &[Invoice],
    now: OffsetDateTime,
) -> Result<Vec<InvoiceId>> {
    let ids: Vec<_> = notes.iter().map(|note| note.id.0).collect();
    let inserted = sqlx::query_scalar!(
        r#"insert into chorus_credits (invoice_id, payment_id, created_at)
           select n.id, s.payment_id, $2 from invoices n join chorus_submissions s on s.invoice_id = n.corrects_id
            where n.id = any ($1) and s.status in ('SENT', 'PAID')
           on conflict do nothing
           returning invoice_id as "id: InvoiceId""#,
        &ids,
        now,
    );
    Ok(inserted.fetch_all(conn).await?)
}

/// What Chorus has and has not answered for.
pub async fn list_sent(conn: &mut PgConnection) -> Result<Vec<InvoiceId>> {
    let sent = sqlx::query_scalar!(
        r#"select invoice_id as "id: InvoiceId" from chorus_credits where status = 'SENT' order by sent_at, invoice_id"#,
    );
    Ok(sent.fetch_all(conn).await?)
}

/// Chorus is about to be asked.
pub async fn mark_asked(conn: &mut PgConnection, id: InvoiceId, now: OffsetDateTime) -> Result<bool> {
    let asked = sqlx::query!(
        "update chorus_credits set asked_at = coalesce(asked_at, $2) where invoice_id = $1 and status = 'PENDING'",
        id.0,
        now,
    );
    Ok(asked.execute(conn).await?.rows_affected() > 0)
}

/// Chorus has it, under this number.
pub async fn mark_sent(
    conn: &mut PgConnection,
    id: InvoiceId,
    flow: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let sent = sqlx::query!(
        "update chorus_credits set status = 'SENT', flow = $2, sent_at = $3 where invoice_id = $1 and status = 'PENDING'",
        id.0,
        flow,
        now,
    );
    Ok(sent.execute(conn).await?.rows_affected() > 0)
}

/// Where Chorus says that it stands; true when that is news.
pub async fn note(conn: &mut PgConnection, id: InvoiceId, state: &str, reason: Option<&str>) -> Result<bool> {
    let noted = sqlx::query!(
        "update chorus_credits set state = $2, reason = $3
          where invoice_id = $1 and status = 'SENT' and (state is distinct from $2 or reason is distinct from $3)",
        id.0,
        state,
        reason,
    );
    Ok(noted.execute(conn).await?.rows_affected() > 0)
}

/// The public body has it, or it is refused; true when that is news.
pub async fn end(
    conn: &mut PgConnection,
    id: InvoiceId,
    to: ChorusStatus,
    state: Option<&str>,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool> {
    let ended = sqlx::query!(
        "update chorus_credits set status = $2, state = coalesce($3, state), reason = $4, ended_at = $5
          where invoice_id = $1 and status in ('PENDING', 'SENT')",
        id.0,
        to as ChorusStatus,
        state,
        reason,
        now,
    );
    Ok(ended.execute(conn).await?.rows_affected() > 0)
}
