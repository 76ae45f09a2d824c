//! Tokens that travel by mail: 256 random bits, of which only the SHA-256 is kept. Using one voids its siblings.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::users;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "token_purpose", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    VerifyEmail,
    /// From the address that is to be left.
    EmailChangeOld,
    /// From the address that is to come.
    EmailChangeNew,
    PasswordReset,
    SiteInvitation,
}

/// Long enough for a weekend.
pub const VERIFY_LIFETIME: Duration = Duration::days(3);
pub const RESET_LIFETIME: Duration = Duration::hours(1);
/// Expired tokens are kept this long, so that their bearers still read "expired" rather than "unknown".
const KEPT: Duration = Duration::days(30);

const INVALID: Error =
    Error::Unusable { code: "TOKEN_INVALID", message: "This link is not valid, or was used" };
pub const EXPIRED: Error =
    Error::Expired { code: "TOKEN_EXPIRED", message: "This link has expired; ask for another" };

/// What a token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub user: UserId,
    pub purpose: Purpose,
    /// The change of address or the invitation that it answers.
    pub subject: Option<Uuid>,
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Makes a token and returns it in plain, for the one mail that carries it.
pub async fn issue(
    conn: &mut PgConnection,
    proof: Proof,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<String> {
    let token: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
    sqlx::query!(
        "insert into auth_tokens (hash, purpose, user_id, subject, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
        hash(&token),
        proof.purpose as Purpose,
        proof.user.0,
        proof.subject,
        now,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(token)
}

/// What a usable token proves, without using it: what is costly is done for nobody else.
pub async fn look(
    conn: &mut PgConnection,
    token: &str,
    purposes: &[Purpose],
    now: OffsetDateTime,
) -> Result<Proof> {
    let found = sqlx::query!(
        r#"select user_id as "user: UserId", purpose as "purpose: Purpose", subject, used_at is null as "open!", expires_at
             from auth_tokens where hash = $1 and purpose = any($2)"#,
        hash(token),
        purposes as &[Purpose],
    )
    .fetch_optional(conn)
    .await?;
    match found {
        Some(row) if row.open && row.expires_at > now => {
            Ok(Proof { user: row.user, purpose: row.purpose, subject: row.subject })
        }
        Some(row) if row.open => Err(EXPIRED),
        _ => Err(INVALID),
    }
}

/// Uses a token, once, and voids those of the same purpose and subject.
///
/// Holds the account's row: two siblings at once would otherwise each lock what the other is about to void.
pub async fn redeem(
    conn: &mut PgConnection,
    token: &str,
    purposes: &[Purpose],
    now: OffsetDateTime,
) -> Result<Proof> {
    let proof = look(conn, token, purposes, now).await?;
    users::lock(conn, proof.user).await?;
    let used = sqlx::query!(
        "update auth_tokens t set used_at = $2 from auth_tokens mine
          where mine.hash = $1 and mine.used_at is null and mine.expires_at > $2
            and t.user_id = mine.user_id and t.purpose = mine.purpose and t.subject is not distinct from mine.subject
            and t.used_at is null",
        hash(token),
        now,
    )
    .execute(conn)
    .await?;
    if used.rows_affected() == 0 { Err(INVALID) } else { Ok(proof) }
}

/// Voids an account's open tokens of these purposes.
pub async fn void(
    conn: &mut PgConnection,
    user: UserId,
    purposes: &[Purpose],
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "update auth_tokens set used_at = $3 where user_id = $1 and purpose = any($2) and used_at is null",
        user.0,
        purposes as &[Purpose],
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Voids whatever an account was sent.
pub async fn void_all(conn: &mut PgConnection, user: UserId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("update auth_tokens set used_at = $2 where user_id = $1 and used_at is null", user.0, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Voids every open token that answers this change of address or invitation.
pub async fn void_subject(
    conn: &mut PgConnection,
    user: UserId,
    subject: Uuid,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "update auth_tokens set used_at = $3 where user_id = $1 and subject = $2 and used_at is null",
        user.0,
        subject,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many tokens of this purpose an account was sent since then.
pub async fn count_since(
    conn: &mut PgConnection,
    user: UserId,
    purpose: Purpose,
    since: OffsetDateTime,
) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from auth_tokens where user_id = $1 and purpose = $2 and created_at > $3"#,
        user.0,
        purpose as Purpose,
        since,
    );
    Ok(count.fetch_one(conn).await?)
}

/// Deletes tokens that expired long ago, at most `limit`; returns how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        "delete from auth_tokens where hash in
            (select hash from auth_tokens where expires_at < $1 order by expires_at limit $2 for update skip locked)",
        now - KEPT,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}
