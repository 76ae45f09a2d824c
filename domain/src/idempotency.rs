//! Keys of requests that must not happen twice, and the answers they got.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::ids::UserId;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::hours(24);

/// A caller's key, for one operation.
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    pub user: UserId,
    pub operation: &'k str,
    pub key: &'k str,
}

/// An answer, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub enum Claim {
    /// The key is new, and ours until the transaction ends.
    New,
    /// The same request was answered.
    Answered(Answer),
    /// The key belongs to another request.
    Reused,
}

/// Takes the key. Waits while another transaction holds it: the unique index is the queue.
pub async fn claim(
    conn: &mut PgConnection,
    key: Key<'_>,
    fingerprint: &[u8],
    now: OffsetDateTime,
) -> Result<Claim> {
    // A key past its time is new again, whether the purge has come by or not.
    let taken = sqlx::query!(
        "insert into idempotency_keys as k (user_id, operation, key, fingerprint, created_at) values ($1, $2, $3, $4, $5)
             on conflict (user_id, operation, key) do update
                set fingerprint = excluded.fingerprint, created_at = excluded.created_at, status = null
              where k.created_at < $6",
        key.user.0,
        key.operation,
        key.key,
        fingerprint,
        now,
        now - KEPT,
    )
    .execute(&mut *conn)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    Ok(match find(conn, key).await? {
        Some((known, answer)) if known == fingerprint => Claim::Answered(answer),
        Some(_) => Claim::Reused,
        // Purged in between: the caller comes again.
        None => return Err(sqlx::Error::PoolTimedOut.into()),
    })
}

/// The answer under a key, with the fingerprint of its request.
pub async fn find(conn: &mut PgConnection, key: Key<'_>) -> Result<Option<(Vec<u8>, Answer)>> {
    let row = sqlx::query!(
        r#"select fingerprint, status as "status!", headers as "headers!: Json<Vec<(String, String)>>", body as "body!"
             from idempotency_keys where user_id = $1 and operation = $2 and key = $3 and status is not null"#,
        key.user.0,
        key.operation,
        key.key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let status = row.status.unsigned_abs();
        (row.fingerprint, Answer { status, headers: row.headers.0, body: row.body })
    }))
}

/// Keeps the answer beside its effect.
pub async fn store(conn: &mut PgConnection, key: Key<'_>, answer: &Answer) -> Result<()> {
    sqlx::query!(
        "update idempotency_keys set status = $4, headers = $5, body = $6
          where user_id = $1 and operation = $2 and key = $3",
        key.user.0,
        key.operation,
        key.key,
        answer.status.cast_signed(),
        Json(&answer.headers) as _,
        answer.body,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes answers past their time, at most `limit`; returns how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        "delete from idempotency_keys where ctid = any(array(
             select ctid from idempotency_keys where created_at < $1 order by created_at limit $2 for update skip locked))",
        now - KEPT,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(purged.rows_affected())
}
