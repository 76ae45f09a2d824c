//! Accounts: registration, status, and what an account knows of itself.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, OnConstraint, Result};
use crate::ids::UserId;
use crate::{establishments, profiles};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "user_role", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Client,
    Talent,
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "user_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Pending,
    Verified,
    Suspended,
    Banned,
    PendingInvite,
    Invited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "client_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientType {
    Particular,
    Establishment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "compliance_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ComplianceStatus {
    Pending,
    Submitted,
    Validated,
    Rejected,
    Expired,
}

#[derive(Debug)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub password_hash: String,
    pub role: Role,
    pub status: Status,
    pub phone: Option<String>,
    pub locale: String,
    pub referral_code: String,
    pub points: i32,
    pub created_at: OffsetDateTime,
    /// When its owner has shown that the address is theirs.
    pub email_verified_at: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub struct NewUser {
    pub email: String,
    pub password_hash: String,
    pub role: Role,
    pub status: Status,
    pub client_type: Option<ClientType>,
    pub phone: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub establishment_name: Option<String>,
    pub referrer_code: Option<String>,
}

/// In place of a hash where no password opens the account yet: no hash looks like it.
const NO_PASSWORD: &str = "!";

impl User {
    /// The hash to verify against, if the account has a password.
    pub fn usable_hash(&self) -> Option<&str> {
        Some(self.password_hash.as_str()).filter(|hash| *hash != NO_PASSWORD)
    }
}

/// One spelling per address. Here and not in SQL, because PostgreSQL and Rust disagree on some letters, and a lock-out by
/// one spelling must not be passed by another.
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

pub const EMAIL_TAKEN: Error =
    Error::Conflict { code: "EMAIL_TAKEN", message: "An account with this e-mail address exists" };

/// Creates the account with what belongs to its role: a talent's profile, a client's first establishment.
pub async fn insert(conn: &mut PgConnection, new: NewUser, now: OffsetDateTime) -> Result<User> {
    let referrer = match &new.referrer_code {
        None => None,
        Some(code) => Some(
            find_by_referral_code(conn, code)
                .await?
                .ok_or(Error::Invalid { field: "referrerCode", message: "unknown referral code" })?,
        ),
    };
    let id = UserId::new();
    let user = sqlx::query_as!(
        User,
        r#"insert into users (id, email, password_hash, role, status, client_type, phone, referral_code, referred_by, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           returning id as "id: _", email, password_hash, role as "role: _", status as "status: _", phone, locale, referral_code,
                     points, created_at, email_verified_at"#,
        id.0,
        new.email.trim(),
        new.password_hash,
        new.role as Role,
        new.status as Status,
        new.client_type as Option<ClientType>,
        new.phone,
        referral_code(),
        referrer.map(|user| user.0),
        now,
    )
    .fetch_one(&mut *conn)
    .await
    .on_constraint("users_email", || EMAIL_TAKEN)?;

    profiles::insert(conn, id, new.first_name.as_deref(), new.last_name.as_deref()).await?;
    if let (Role::Client, Some(name)) = (new.role, &new.establishment_name) {
        establishments::insert(conn, id, name, now).await?;
    }
    Ok(user)
}

/// Eight characters of Crockford's base 32 (no I, L, O, U): 40 random bits.
fn referral_code() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = Uuid::new_v4().as_u128();
    (0..8).map(|i| char::from(ALPHABET[(bits >> (5 * i)) as usize & 31])).collect()
}

/// The admins who may act.
pub async fn list_admins(conn: &mut PgConnection) -> Result<Vec<UserId>> {
    let admins = sqlx::query_scalar!(
        r#"select id as "id: UserId" from users where role = 'ADMIN' and status = 'VERIFIED' order by id"#
    );
    Ok(admins.fetch_all(conn).await?)
}

async fn find_by_referral_code(conn: &mut PgConnection, code: &str) -> Result<Option<UserId>> {
    let code = code.trim().to_ascii_uppercase();
    let id = sqlx::query_scalar!(r#"select id as "id: UserId" from users where referral_code = $1"#, code);
    Ok(id.fetch_optional(conn).await?)
}

/// Accounts as they are read; the rest of the statement says which.
macro_rules! select_users {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            User,
            r#"select id as "id: _", email, password_hash, role as "role: _", status as "status: _", phone, locale, referral_code,
                      points, created_at, email_verified_at
                 from users "# + $rest,
            $($argument),*
        )
    };
}

pub async fn find_by_email(conn: &mut PgConnection, email: &str) -> Result<Option<User>> {
    Ok(select_users!("where lower(email) = $1", normalise_email(email)).fetch_optional(conn).await?)
}

/// True when somebody has proven to be this account from around there.
pub async fn is_known_at(conn: &mut PgConnection, id: Option<UserId>, network: Option<&str>) -> Result<bool> {
    let known = sqlx::query_scalar!(
        r#"select exists (select from known_networks where user_id = $1 and network = $2) as "known!""#,
        id.map(|id| id.0),
        network,
    );
    Ok(known.fetch_one(conn).await?)
}

/// The account of an address; one that nobody has registered yet is made, to be filled in by whoever accepts the
/// invitation. Of two inviters at once, one makes it and both get it.
pub async fn find_or_invite(conn: &mut PgConnection, email: &str, now: OffsetDateTime) -> Result<User> {
    let made = sqlx::query_scalar!(
        r#"insert into users (id, email, password_hash, role, status, client_type, referral_code, created_at)
           values ($1, $2, $3, 'CLIENT', 'PENDING_INVITE', 'ESTABLISHMENT', $4, $5)
           on conflict (lower(email)) do nothing returning id as "id: UserId""#,
        UserId::new().0,
        email.trim(),
        NO_PASSWORD,
        referral_code(),
        now,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(id) = made {
        profiles::insert(conn, id, None, None).await?;
    }
    find_by_email(conn, email).await?.ok_or(Error::NotFound("user"))
}

/// The invitation's mail is on its way.
pub async fn mark_invited(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!("update users set status = 'INVITED' where id = $1 and status = 'PENDING_INVITE'", id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whoever holds the mailbox sets the password. An invited account becomes one to be validated.
pub async fn set_proven_password(
    conn: &mut PgConnection,
    id: UserId,
    hash: &str,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "update users set password_hash = $2, email_verified_at = coalesce(email_verified_at, $3),
                          status = case when status in ('PENDING_INVITE', 'INVITED') then 'PENDING' else status end
          where id = $1",
        id.0,
        hash,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn mark_email_verified(conn: &mut PgConnection, id: UserId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update users set email_verified_at = $2 where id = $1 and email_verified_at is null",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets what a user changes of its account at once; what is absent stays.
pub async fn update_contact(
    conn: &mut PgConnection,
    id: UserId,
    phone: Option<&str>,
    locale: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "update users set phone = coalesce($2, phone), locale = coalesce($3, locale) where id = $1",
        id.0,
        phone,
        locale
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn get(conn: &mut PgConnection, id: UserId) -> Result<User> {
    select_users!("where id = $1", id.0).fetch_optional(conn).await?.ok_or(Error::NotFound("user"))
}

/// Holds the account's row until the transaction ends: what is counted per account happens one after the other.
pub async fn lock(conn: &mut PgConnection, id: UserId) -> Result<()> {
    sqlx::query!("select id from users where id = $1 for update", id.0).fetch_one(conn).await?;
    Ok(())
}

pub async fn set_password_hash(conn: &mut PgConnection, id: UserId, hash: &str) -> Result<()> {
    sqlx::query!("update users set password_hash = $2 where id = $1", id.0, hash).execute(conn).await?;
    Ok(())
}

/// Sets a new hash if the old one is still there; false when another change was first.
pub async fn replace_password_hash(
    conn: &mut PgConnection,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<bool> {
    let replaced = sqlx::query!(
        "update users set password_hash = $3 where id = $1 and password_hash = $2",
        id.0,
        old,
        new
    );
    Ok(replaced.execute(conn).await?.rows_affected() > 0)
}

pub(crate) const SUSPENDED: Error =
    Error::Refused { code: "ACCOUNT_SUSPENDED", message: "This account is suspended" };

/// PENDING or SUSPENDED becomes VERIFIED; VERIFIED stays so.
pub async fn validate(conn: &mut PgConnection, id: UserId) -> Result<User> {
    let changed = sqlx::query!(
        "update users set status = 'VERIFIED' where id = $1 and status in ('PENDING', 'SUSPENDED', 'VERIFIED')",
        id.0,
    )
    .execute(&mut *conn)
    .await?;
    let user = get(conn, id).await?;
    if changed.rows_affected() == 0 {
        return Err(Error::Conflict {
            code: "USER_NOT_VALIDATABLE",
            message: "Only a pending or suspended account can be validated",
        });
    }
    profiles::refresh_search(conn, id).await?;
    Ok(user)
}

/// Sets a talent's compliance by hand.
pub async fn set_compliance(conn: &mut PgConnection, id: UserId, status: ComplianceStatus) -> Result<User> {
    let user = get(conn, id).await?;
    if user.role != Role::Talent {
        return Err(Error::Conflict {
            code: "NOT_A_TALENT",
            message: "Only a talent has a compliance status",
        });
    }
    sqlx::query!(
        "update profiles set compliance_status = $2 where user_id = $1",
        id.0,
        status as ComplianceStatus
    )
    .execute(&mut *conn)
    .await?;
    profiles::refresh_search(conn, id).await?;
    Ok(user)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_referral_code_is_eight_characters_of_crockford() {
        for _ in 0..200 {
            let code = super::referral_code();
            assert!(
                code.len() == 8 && !code.contains(['I', 'L', 'O', 'U']) && code == code.to_ascii_uppercase()
            );
        }
    }
}
