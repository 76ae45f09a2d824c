//! A new address for an account: both the old and the new one confirm before it counts.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::auth_tokens::{self, Purpose};
use crate::error::{Error, OnConstraint, Result};
use crate::ids::{EmailChangeId, UserId};
use crate::users;

pub const LIFETIME: Duration = Duration::hours(24);

#[derive(Debug)]
pub struct EmailChange {
    pub id: EmailChangeId,
    pub user_id: UserId,
    pub new_email: String,
    pub expires_at: OffsetDateTime,
}

/// Asks for a new address, in place of an earlier wish. Whether it is free is decided when both have confirmed: an answer
/// now would tell who has an account.
pub async fn request(
    conn: &mut PgConnection,
    user: UserId,
    new_email: &str,
    now: OffsetDateTime,
) -> Result<EmailChangeId> {
    let id = EmailChangeId::new();
    auth_tokens::void(conn, user, &[Purpose::EmailChangeOld, Purpose::EmailChangeNew], now).await?;
    sqlx::query!(
        "insert into email_changes (id, user_id, new_email, created_at, expires_at) values ($1, $2, $3, $4, $5)
         on conflict (user_id) do update set
             id = excluded.id, new_email = excluded.new_email, created_at = excluded.created_at,
             expires_at = excluded.expires_at, old_confirmed_at = null, new_confirmed_at = null",
        id.0,
        user.0,
        new_email.trim(),
        now,
        now + LIFETIME,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// The change, while it is still wanted.
pub async fn find_open(
    conn: &mut PgConnection,
    id: EmailChangeId,
    now: OffsetDateTime,
) -> Result<Option<EmailChange>> {
    let change = sqlx::query_as!(
        EmailChange,
        r#"select id as "id: _", user_id as "user_id: _", new_email, expires_at
             from email_changes where id = $1 and expires_at > $2"#,
        id.0,
        now,
    );
    Ok(change.fetch_optional(conn).await?)
}

/// What a confirmation led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The other address has still to confirm.
    Half,
    /// The account has its new address.
    Whole,
}

/// One of the two addresses confirms. The caller holds the account's row.
pub async fn confirm(
    conn: &mut PgConnection,
    id: EmailChangeId,
    by: Purpose,
    now: OffsetDateTime,
) -> Result<Confirmed> {
    let change = sqlx::query!(
        r#"update email_changes
              set old_confirmed_at = case when $2 then coalesce(old_confirmed_at, $3) else old_confirmed_at end,
                  new_confirmed_at = case when $2 then new_confirmed_at else coalesce(new_confirmed_at, $3) end
            where id = $1 and expires_at > $3
           returning user_id as "user: UserId", new_email,
                     old_confirmed_at is not null and new_confirmed_at is not null as "both!""#,
        id.0,
        by == Purpose::EmailChangeOld,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or(Error::Expired { code: "TOKEN_EXPIRED", message: "This change of address is over; ask again" })?;
    if !change.both {
        return Ok(Confirmed::Half);
    }
    sqlx::query!(
        "update users set email = $2, email_verified_at = $3 where id = $1",
        change.user.0,
        change.new_email,
        now
    )
    .execute(&mut *conn)
    .await
    .on_constraint("users_email", || users::EMAIL_TAKEN)?;
    withdraw(conn, change.user, now).await?;
    // What lies in the old mailbox opens nothing any more.
    auth_tokens::void(conn, change.user, &[Purpose::VerifyEmail, Purpose::PasswordReset], now).await?;
    Ok(Confirmed::Whole)
}

/// Ends a pending change, if there is one.
pub async fn withdraw(conn: &mut PgConnection, user: UserId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("delete from email_changes where user_id = $1", user.0).execute(&mut *conn).await?;
    auth_tokens::void(conn, user, &[Purpose::EmailChangeOld, Purpose::EmailChangeNew], now).await
}
