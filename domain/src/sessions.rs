//! Sessions: one row per login. The refresh token of generation n is derived from (session, n) by the API's key, so a
//! row holds nothing secret and a lost answer can be computed again.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::ids::{SessionId, UserId};
use crate::users::{Role, Status};

/// A re-used token within this time of its rotation is a lost response or a second tab, not a theft.
pub const REUSE_GRACE: Duration = Duration::seconds(10);

/// Who is asking, as the database knows at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub user: UserId,
    pub session: SessionId,
    pub role: Role,
    pub status: Status,
}

impl Viewer {
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }
}

#[derive(Debug)]
pub struct NewSession {
    pub user: UserId,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    pub expires_at: OffsetDateTime,
}

pub async fn insert(conn: &mut PgConnection, new: NewSession, now: OffsetDateTime) -> Result<SessionId> {
    let id = SessionId::new();
    sqlx::query!(
        "insert into sessions (id, user_id, rotated_at, created_at, expires_at, user_agent, ip) values ($1, $2, $3, $3, $4, $5, $6)",
        id.0,
        new.user.0,
        now,
        new.expires_at,
        new.user_agent,
        new.ip,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// The living session behind an access token. Read at each request, so that a revocation acts at once.
pub async fn find_viewer(
    conn: &mut PgConnection,
    session: SessionId,
    now: OffsetDateTime,
) -> Result<Option<Viewer>> {
    let viewer = sqlx::query_as!(
        Viewer,
        r#"select s.id as "session: _", u.id as "user: _", u.role as "role: _", u.status as "status: _"
             from sessions s join users u on u.id = s.user_id
            where s.id = $1 and s.revoked_at is null and s.expires_at > $2 and u.status <> 'BANNED'"#,
        session.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(viewer)
}

/// What became of a refresh.
#[derive(Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The generation to derive the answer's token from: the next one, or, within the grace, the same one again.
    Rotated { user: UserId, generation: i32 },
    /// A spent token came back: the whole session is revoked now.
    Reused { user: UserId },
    /// No such living session.
    Unknown,
}

/// Exchanges a generation for its one successor.
pub async fn rotate(
    conn: &mut PgConnection,
    session: SessionId,
    generation: i32,
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<Rotation> {
    let rotated = sqlx::query!(
        r#"update sessions s
              set generation = case when s.generation = $2 then s.generation + 1 else s.generation end,
                  rotated_at = case when s.generation = $2 then $3 else s.rotated_at end,
                  expires_at = case when s.generation = $2 then $4 else s.expires_at end,
                  revoked_at = case when s.generation = $2 or (s.generation = $2 + 1 and s.rotated_at > $5) then null else $3 end
             from users u
            where s.id = $1 and s.revoked_at is null and s.expires_at > $3 and s.generation >= $2
              and u.id = s.user_id and u.status <> 'BANNED'
           returning u.id as "user: UserId", s.generation, s.revoked_at"#,
        session.0,
        generation,
        now,
        expires_at,
        now - REUSE_GRACE,
    )
    .fetch_optional(conn)
    .await?;
    Ok(match rotated {
        None => Rotation::Unknown,
        Some(row) if row.revoked_at.is_some() => Rotation::Reused { user: row.user },
        Some(row) => Rotation::Rotated { user: row.user, generation: row.generation },
    })
}

pub async fn revoke(conn: &mut PgConnection, session: SessionId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("update sessions set revoked_at = $2 where id = $1 and revoked_at is null", session.0, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// A session that may not hold a socket any more.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub session: SessionId,
    /// The session itself lives, its account is suspended.
    pub suspended: bool,
}

/// Which of these sessions may not hold a socket any more.
pub async fn list_ended(conn: &mut PgConnection, sessions: &[SessionId]) -> Result<Vec<Ended>> {
    let sessions: Vec<_> = sessions.iter().map(|session| session.0).collect();
    let ended = sqlx::query_as!(
        Ended,
        r#"select s.id as "session: _", s.revoked_at is null and u.status = 'SUSPENDED' as "suspended!" from sessions s join users u on u.id = s.user_id
            where s.id = any($1) and (s.revoked_at is not null or u.status in ('BANNED', 'SUSPENDED'))"#,
        &sessions,
    )
    .fetch_all(conn)
    .await?;
    Ok(ended)
}
