//! Addresses that are not written to, because they bounced or their owner called our mail spam.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::{Error, Result};
use crate::ids::{MailSuppressionId, UserId};
use crate::page::{Cursor, Page};
use crate::users::normalise_email;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "mail_suppression_reason", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The address does not exist, or takes no mail.
    Bounced,
    /// Its owner called a mail of ours spam.
    Complained,
}

#[derive(Clone, Debug)]
pub struct MailSuppression {
    pub id: MailSuppressionId,
    pub address: String,
    pub reason: Reason,
    pub detail: String,
    pub since: OffsetDateTime,
    pub lifted_at: Option<OffsetDateTime>,
}

/// Characters of what was said about it.
const LONGEST_DETAIL: usize = 500;

/// Suppressions as they are read; the rest of the statement says which.
macro_rules! select_suppressions {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            MailSuppression,
            r#"select id as "id: _", address, reason as "reason: _", detail, since, lifted_at from mail_suppressions "# + $rest,
            $($argument),*
        )
    };
}

/// Closes an address. What happened before it was last lifted, or while it is closed, changes nothing.
pub async fn insert(
    conn: &mut PgConnection,
    address: &str,
    reason: Reason,
    detail: &str,
    happened_at: OffsetDateTime,
) -> Result<()> {
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect();
    sqlx::query!(
        "insert into mail_suppressions as m (id, address, reason, detail, since) values ($1, $2, $3, $4, $5)
         on conflict on constraint mail_suppressions_address do update
            set reason = excluded.reason, detail = excluded.detail, since = excluded.since, lifted_at = null, lifted_by = null
          where m.lifted_at < excluded.since",
        MailSuppressionId::new().0,
        normalise_email(address),
        reason as Reason,
        detail,
        happened_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Why an address is closed, if it is.
pub async fn find(conn: &mut PgConnection, address: &str) -> Result<Option<Reason>> {
    let reason = sqlx::query_scalar!(
        r#"select reason as "reason: Reason" from mail_suppressions where address = $1 and lifted_at is null"#,
        normalise_email(address),
    );
    Ok(reason.fetch_optional(conn).await?)
}

/// The addresses that are closed, the latest first; only one where it is named.
pub async fn list(
    conn: &mut PgConnection,
    address: Option<&str>,
    page: Page,
) -> Result<(Vec<MailSuppression>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_suppressions!(
        "where lifted_at is null and ($1::text is null or address = $1)
           and ($2::timestamptz is null or (since, id) < ($2, $3))
         order by since desc, id desc limit $4",
        address.map(normalise_email),
        after,
        after_id,
        page.rows(),
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.since, id: row.id.0 }))
}

/// Opens an address again; twice is harmless.
pub async fn lift(
    conn: &mut PgConnection,
    id: MailSuppressionId,
    by: UserId,
    now: OffsetDateTime,
) -> Result<MailSuppression> {
    sqlx::query!(
        "update mail_suppressions set lifted_at = $3, lifted_by = $2 where id = $1 and lifted_at is null",
        id.0,
        by.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let lifted = select_suppressions!("where id = $1", id.0).fetch_optional(conn).await?;
    lifted.ok_or(Error::NotFound("suppression"))
}
