//! Who somebody is at Stripe: a client's customer, a talent's Express account. Stripe decides what an account may do; here is
//! the last of it that was told.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::ids::UserId;

pub async fn find_customer(conn: &mut PgConnection, user: UserId) -> Result<Option<String>> {
    let id = sqlx::query_scalar!("select customer_id from stripe_customers where user_id = $1", user.0);
    Ok(id.fetch_optional(conn).await?)
}

/// Asked twice at once under one key, Stripe answers the same: the first to store it wins nothing.
pub async fn set_customer(conn: &mut PgConnection, user: UserId, customer: &str) -> Result<()> {
    sqlx::query!(
        "insert into stripe_customers (user_id, customer_id) values ($1, $2) on conflict (user_id) do nothing",
        user.0,
        customer,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A talent's account, as Stripe last told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectAccount {
    pub user_id: UserId,
    pub account_id: String,
    pub charges_enabled: bool,
    pub payouts_enabled: bool,
    pub details_submitted: bool,
    pub currently_due: Vec<String>,
}

pub async fn find(conn: &mut PgConnection, user: UserId) -> Result<Option<ConnectAccount>> {
    let account = sqlx::query_as!(
        ConnectAccount,
        r#"select user_id as "user_id: _", account_id, charges_enabled, payouts_enabled, details_submitted, currently_due
             from connect_accounts where user_id = $1"#,
        user.0,
    );
    Ok(account.fetch_optional(conn).await?)
}

/// Whose account it is.
pub async fn find_owner(conn: &mut PgConnection, account: &str) -> Result<Option<UserId>> {
    let owner = sqlx::query_scalar!(
        r#"select user_id as "user_id: UserId" from connect_accounts where account_id = $1"#,
        account
    );
    Ok(owner.fetch_optional(conn).await?)
}

pub async fn insert(conn: &mut PgConnection, user: UserId, account: &str, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "insert into connect_accounts (user_id, account_id, created_at, synced_at) values ($1, $2, $3, 'epoch')
         on conflict (user_id) do nothing",
        user.0,
        account,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What Stripe tells of an account.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    pub account_id: &'a str,
    pub charges_enabled: bool,
    pub payouts_enabled: bool,
    pub details_submitted: bool,
    pub currently_due: &'a [String],
    /// By Stripe's clock.
    pub at: OffsetDateTime,
}

/// An account may be paid now, or not any more. See `jobs::effects::payments::account_synced`.
#[derive(Clone, Copy, Debug)]
#[must_use = "payouts may have waited for it"]
pub struct Synced {
    pub user: UserId,
    pub payouts_enabled: bool,
}

/// Keeps what Stripe tells of an account, unless something newer is known.
pub async fn sync(conn: &mut PgConnection, told: Told<'_>) -> Result<Option<Synced>> {
    let synced = sqlx::query!(
        r#"update connect_accounts
              set charges_enabled = $2, payouts_enabled = $3, details_submitted = $4, currently_due = $5, synced_at = $6
            where account_id = $1 and synced_at <= $6
           returning user_id as "user: UserId""#,
        told.account_id,
        told.charges_enabled,
        told.payouts_enabled,
        told.details_submitted,
        told.currently_due,
        told.at,
    );
    let synced = synced.fetch_optional(conn).await?;
    let payouts_enabled = told.payouts_enabled;
    Ok(synced.map(|row| Synced { user: row.user, payouts_enabled }))
}
