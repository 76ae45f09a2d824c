//! Points and their log: an entry for each thing that earned some, once, and for each that was taken back. That a user's points
//! are the sum of its entries is the database's to know (0031).
//!
//! Whoever writes a user's entries holds its row: what is counted (the first service, the first three) is counted one after the
//! other.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::tags;
use crate::error::{Error, Result};
use crate::ids::{PointEntryId, UserId};
use crate::page::{Cursor, Page};
use crate::users::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "point_action", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    ProfilePhoto,
    TagsCompleted,
    FirstMission,
    MissionCompleted,
    ReviewGiven,
    ServicePublished,
    /// Somebody who came by one's code has shown who they are.
    Referral,
    /// By an admin.
    Adjustment,
}

/// How many services are worth points †.
const SERVICES: i64 = 3;

impl Action {
    /// What it is worth †; nothing that an admin decides.
    pub fn points(self) -> Option<i32> {
        match self {
            Self::ProfilePhoto => Some(50),
            Self::TagsCompleted | Self::ServicePublished => Some(20),
            Self::FirstMission => Some(100),
            Self::MissionCompleted => Some(50),
            Self::ReviewGiven => Some(25),
            Self::Referral => Some(200),
            Self::Adjustment => None,
        }
    }
}

/// A line of somebody's log.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: PointEntryId,
    pub user_id: UserId,
    pub action: Action,
    pub reference: Uuid,
    pub points: i32,
    pub reverses_id: Option<PointEntryId>,
    pub reason: Option<String>,
    pub created_at: OffsetDateTime,
}

/// Somebody's points have changed. See `jobs::effects::growth::changed`.
#[derive(Debug)]
#[must_use = "its user is told"]
pub struct Changed {
    pub entry: Entry,
    /// The sum after it.
    pub points: i32,
}

/// Gives what an action is worth, once for each reference, where it was earned: what the job says is looked at again.
pub async fn award(
    conn: &mut PgConnection,
    user: UserId,
    action: Action,
    reference: Uuid,
    now: OffsetDateTime,
) -> Result<Option<Changed>> {
    let Some(points) = action.points() else { return Ok(None) };
    if matches!(lock(&mut *conn, user).await?, None | Some(Status::Banned))
        || !is_earned(&mut *conn, user, action, reference).await?
    {
        return Ok(None);
    }
    let id = PointEntryId::new();
    let awarded = sqlx::query!(
        "insert into point_entries (id, user_id, action, reference, points, created_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (user_id, action, reference) where reverses_id is null do nothing",
        id.0,
        user.0,
        action as Action,
        reference,
        points,
        now,
    );
    match awarded.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => changed(conn, id).await.map(Some),
    }
}

/// Holds the user's row, and says what the account is by then. None: there is no such user.
async fn lock(conn: &mut PgConnection, user: UserId) -> Result<Option<Status>> {
    let status = sqlx::query_scalar!(
        r#"select status as "status: Status" from users where id = $1 for no key update"#,
        user.0
    );
    Ok(status.fetch_optional(conn).await?)
}

/// Whether it is so, and still so, that the user has done this. Asked behind the user's row, as taking back is.
async fn is_earned(conn: &mut PgConnection, user: UserId, action: Action, reference: Uuid) -> Result<bool> {
    let earned = match action {
        Action::ProfilePhoto => {
            sqlx::query_scalar!(
                r#"select exists (select from profiles where user_id = $1 and user_id = $2 and avatar_url is not null) as "is!""#,
                user.0,
                reference,
            )
            .fetch_one(conn)
            .await?
        }
        Action::TagsCompleted => {
            sqlx::query_scalar!(
                r#"select exists (select from users where id = $1 and id = $2 and cardinality(tags) >= $3) as "is!""#,
                user.0,
                reference,
                tags::COMPLETE as i32,
            )
            .fetch_one(conn)
            .await?
        }
        // Accepted, and not paid back as a whole since. The first is the first of those that stand.
        Action::MissionCompleted | Action::FirstMission => {
            sqlx::query_scalar!(
                r#"select exists (select from reports
                                   where assignment_id = $2 and talent_id = $1 and status = 'VALIDATED' and accepted_minutes > 0)
                      and not exists (select from payments p join contracts c on c.id = p.contract_id
                                       where c.assignment_id = $2 and p.kind = 'CHARGE' and p.settled_at is not null
                                         and p.amount_cents <= (select sum(r.amount_cents) from refunds r
                                                                 where r.payment_id = p.id
                                                                   and (r.status = 'SUCCEEDED'
                                                                        or exists (select from bank_transfers t where t.refund_id = r.id))))
                      and ($3 or not exists (select from point_entries e
                                              where e.user_id = $1 and e.action = 'FIRST_MISSION' and e.reverses_id is null
                                                and not exists (select from point_entries b where b.reverses_id = e.id)))
                      as "is!""#,
                user.0,
                reference,
                action == Action::MissionCompleted,
            )
            .fetch_one(conn)
            .await?
        }
        Action::ReviewGiven => {
            sqlx::query_scalar!(
                r#"select exists (select from reviews where id = $2 and author_id = $1) as "is!""#,
                user.0,
                reference,
            )
            .fetch_one(conn)
            .await?
        }
        Action::ServicePublished => {
            sqlx::query_scalar!(
                r#"select exists (select from services where id = $2 and talent_id = $1 and is_active)
                      and (select count(*) from point_entries
                            where user_id = $1 and action = 'SERVICE_PUBLISHED' and reverses_id is null) < $3 as "is!""#,
                user.0,
                reference,
                SERVICES,
            )
            .fetch_one(conn)
            .await?
        }
        Action::Referral => {
            sqlx::query_scalar!(
                r#"select exists (select from referrals r join users u on u.id = r.invitee_id
                                   where r.invitee_id = $2 and r.referrer_id = $1 and r.status = 'CONFIRMED'
                                     and u.status <> 'BANNED') as "is!""#,
                user.0,
                reference,
            )
            .fetch_one(conn)
            .await?
        }
        Action::Adjustment => false,
    };
    Ok(earned)
}

/// Takes back what an action gave, if it gave anything and was not taken back before.
pub async fn reverse(
    conn: &mut PgConnection,
    user: UserId,
    action: Action,
    reference: Uuid,
    now: OffsetDateTime,
) -> Result<Option<Changed>> {
    lock(&mut *conn, user).await?;
    let id = PointEntryId::new();
    let reversed = sqlx::query!(
        "insert into point_entries (id, user_id, action, reference, points, reverses_id, created_at)
         select $1, user_id, action, reference, -points, id, $5
           from point_entries where user_id = $2 and action = $3 and reference = $4 and reverses_id is null
         on conflict (reverses_id) where reverses_id is not null do nothing",
        id.0,
        user.0,
        action as Action,
        reference,
        now,
    );
    match reversed.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => changed(conn, id).await.map(Some),
    }
}

/// Takes back everything that still stands of somebody who is banned. Nobody is told: there is no session to read it.
pub async fn reverse_all(conn: &mut PgConnection, user: UserId, now: OffsetDateTime) -> Result<()> {
    lock(&mut *conn, user).await?;
    let standing = sqlx::query_scalar!(
        r#"select e.id as "id: PointEntryId" from point_entries e
            where e.user_id = $1 and e.reverses_id is null
              and not exists (select from point_entries b where b.reverses_id = e.id)"#,
        user.0,
    );
    let standing: Vec<_> = standing.fetch_all(&mut *conn).await?.into_iter().map(|id| id.0).collect();
    let ids: Vec<_> = standing.iter().map(|_| PointEntryId::new().0).collect();
    sqlx::query!(
        "insert into point_entries (id, user_id, action, reference, points, reverses_id, created_at)
         select new_id, user_id, action, reference, -points, id, $3
           from unnest($1::uuid[], $2::uuid[]) as reversal (new_id, entry_id) join point_entries on id = entry_id",
        &ids,
        &standing,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives or takes what an admin says.
pub async fn adjust(
    conn: &mut PgConnection,
    user: UserId,
    points: i32,
    reason: &str,
    admin: UserId,
    now: OffsetDateTime,
) -> Result<Changed> {
    lock(&mut *conn, user).await?.ok_or(Error::NotFound("user"))?;
    let id = PointEntryId::new();
    sqlx::query!(
        "insert into point_entries (id, user_id, action, reference, points, reason, made_by, created_at)
         values ($1, $2, 'ADJUSTMENT', $1, $3, $4, $5, $6)",
        id.0,
        user.0,
        points,
        reason,
        admin.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    changed(conn, id).await
}

async fn changed(conn: &mut PgConnection, id: PointEntryId) -> Result<Changed> {
    let row = sqlx::query!(
        r#"select e.user_id as "user_id: UserId", e.action as "action: Action", e.reference, e.points,
                  e.reverses_id as "reverses_id: PointEntryId", e.reason, e.created_at, u.points as sum
             from point_entries e join users u on u.id = e.user_id where e.id = $1"#,
        id.0,
    );
    let row = row.fetch_one(conn).await?;
    let entry = Entry {
        id,
        user_id: row.user_id,
        action: row.action,
        reference: row.reference,
        points: row.points,
        reverses_id: row.reverses_id,
        reason: row.reason,
        created_at: row.created_at,
    };
    Ok(Changed { entry, points: row.sum })
}

/// Somebody's log, newest first.
pub async fn list(conn: &mut PgConnection, user: UserId, page: Page) -> Result<(Vec<Entry>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = sqlx::query_as!(
        Entry,
        r#"select id as "id: _", user_id as "user_id: _", action as "action: _", reference, points,
                  reverses_id as "reverses_id: _", reason, created_at
             from point_entries
            where user_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
            order by created_at desc, id desc limit $4"#,
        user.0,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

/// Whose points are not the sum of their log, which nothing here can bring about.
#[derive(Debug)]
pub struct Drift {
    pub user: UserId,
    pub points: i32,
    pub logged: i64,
}

/// At most `limit` of them.
pub async fn list_drift(conn: &mut PgConnection, limit: i64) -> Result<Vec<Drift>> {
    let drift = sqlx::query_as!(
        Drift,
        r#"select u.id as "user: _", u.points, coalesce(l.points, 0) as "logged!"
             from users u
             left join (select user_id, sum(points) as points from point_entries group by user_id) as l on l.user_id = u.id
            where u.points <> coalesce(l.points, 0) order by u.id limit $1"#,
        limit,
    );
    Ok(drift.fetch_all(conn).await?)
}
