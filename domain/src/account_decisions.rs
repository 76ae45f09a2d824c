//! What admins decide on accounts: suspend, ban, unban. Each decision is one conditional update, kept with its reason.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::users::{self, Role, Status, User};
use crate::{Tx, live, profiles};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "account_decision", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    Suspend,
    Ban,
    /// Back to SUSPENDED; from there an admin validates.
    Unban,
}

impl Decision {
    fn leads(self) -> (&'static [Status], Status, Error) {
        match self {
            Self::Suspend => (
                &[Status::Verified],
                Status::Suspended,
                Error::Conflict {
                    code: "USER_NOT_SUSPENDABLE",
                    message: "Only a verified account can be suspended",
                },
            ),
            Self::Ban => (
                &[Status::Pending, Status::Verified, Status::Suspended],
                Status::Banned,
                Error::Conflict {
                    code: "USER_NOT_BANNABLE",
                    message: "Only a pending, verified or suspended account can be banned",
                },
            ),
            Self::Unban => (
                &[Status::Banned],
                Status::Suspended,
                Error::Conflict { code: "USER_NOT_BANNED", message: "Only a banned account can be unbanned" },
            ),
        }
    }
}

/// Decides on an account. Its requests are answered by the new status at once, its sockets end at once; the rest of the
/// consequences is the enforcing job's.
pub async fn decide(
    tx: &mut Tx,
    user: UserId,
    admin: UserId,
    decision: Decision,
    reason: &str,
    now: OffsetDateTime,
) -> Result<User> {
    // Two admins who suspend each other at once stand in line here; one of them stays.
    sqlx::query!("select id from users where role = 'ADMIN' and status = 'VERIFIED' order by id for update")
        .fetch_all(&mut **tx)
        .await?;
    let (from, to, impossible) = decision.leads();
    let changed = sqlx::query!(
        "update users set status = $3
          where id = $1 and status = any($2)
            and (role <> 'ADMIN' or status <> 'VERIFIED'
                 or exists (select from users where role = 'ADMIN' and status = 'VERIFIED' and id <> $1))",
        user.0,
        from as &[Status],
        to as Status,
    )
    .execute(&mut **tx)
    .await?;
    let account = users::get(tx, user).await?;
    if changed.rows_affected() == 0 {
        return Err(match account.role == Role::Admin && from.contains(&account.status) {
            true => Error::Conflict { code: "LAST_ADMIN", message: "The last admin stays" },
            false => impossible,
        });
    }
    sqlx::query!(
        "insert into account_decisions (id, user_id, admin_id, decision, reason, created_at) values ($1, $2, $3, $4, $5, $6)",
        Uuid::now_v7(),
        user.0,
        admin.0,
        decision as Decision,
        reason,
        now,
    )
    .execute(&mut **tx)
    .await?;
    profiles::refresh_search(tx, user).await?;
    live::ring_sessions(tx, user);
    Ok(account)
}

/// The newest decision on an account.
#[derive(Debug)]
pub struct Decided {
    pub decision: Decision,
    pub reason: String,
}

pub async fn find_last(conn: &mut PgConnection, user: UserId) -> Result<Option<Decided>> {
    let last = sqlx::query_as!(
        Decided,
        r#"select decision as "decision: _", reason from account_decisions where user_id = $1 order by id desc limit 1"#,
        user.0,
    );
    Ok(last.fetch_optional(conn).await?)
}

/// Takes the account's open decisions as enforced and returns the newest, if it was open: overtaken ones need no mail.
pub async fn enforce(conn: &mut PgConnection, user: UserId, now: OffsetDateTime) -> Result<Option<Decision>> {
    let newest = sqlx::query_scalar!(
        r#"with marked as (update account_decisions set enforced_at = $2
                            where user_id = $1 and enforced_at is null returning id, decision)
           select decision as "decision: Decision" from marked
            where id = (select max(id::text)::uuid from account_decisions where user_id = $1)"#,
        user.0,
        now,
    );
    Ok(newest.fetch_optional(conn).await?)
}
