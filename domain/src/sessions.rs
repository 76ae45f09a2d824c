//! Sessions: one row per login. The refresh token of generation n is derived from (session, n) by the API's key, so a
//! row holds nothing secret and a lost answer can be computed again.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};
use crate::ids::{SessionId, UserId};
use crate::page::{Cursor, Page};
use crate::users::{Role, Status};
use crate::{Tx, live, network};

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

/// Signs in: the session, and its place as one where the account is known.
pub async fn insert(conn: &mut PgConnection, new: NewSession, now: OffsetDateTime) -> Result<SessionId> {
    let id = SessionId::new();
    sqlx::query!(
        "with place as (insert into known_networks (user_id, network, seen_at) select $2, $7, $3 where $7::text is not null
                        on conflict (user_id, network) do update set seen_at = excluded.seen_at)
         insert into sessions (id, user_id, rotated_at, created_at, expires_at, user_agent, ip) values ($1, $2, $3, $3, $4, $5, $6)",
        id.0,
        new.user.0,
        now,
        new.expires_at,
        new.user_agent,
        new.ip,
        new.ip.as_deref().and_then(network::neighbourhood),
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// True when the account never signed in with this user agent before, and has signed in at all.
pub async fn is_new_device(conn: &mut PgConnection, user: UserId, user_agent: Option<&str>) -> Result<bool> {
    let is_new = sqlx::query_scalar!(
        r#"select coalesce(bool_and(user_agent is distinct from $2), false) as "is_new!" from sessions where user_id = $1"#,
        user.0,
        user_agent,
    );
    Ok(is_new.fetch_one(conn).await?)
}

/// A proof from elsewhere than a sign-in, such as a password set through a mailed link, makes a place known too.
pub async fn know_network(
    conn: &mut PgConnection,
    user: UserId,
    address: Option<&str>,
    now: OffsetDateTime,
) -> Result<()> {
    if let Some(network) = address.and_then(network::neighbourhood) {
        sqlx::query!(
            "insert into known_networks (user_id, network, seen_at) values ($1, $2, $3)
             on conflict (user_id, network) do update set seen_at = excluded.seen_at",
            user.0,
            network,
            now,
        )
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// A session, as its owner sees it.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    pub created_at: OffsetDateTime,
    /// The last sign-in or refresh. A request writes nothing, so this is behind by an access token's life at most.
    pub last_used_at: OffsetDateTime,
}

pub async fn get(conn: &mut PgConnection, id: SessionId) -> Result<Session> {
    sqlx::query_as!(
        Session,
        r#"select id as "id: _", user_agent, ip, created_at, rotated_at as last_used_at from sessions where id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("session"))
}

/// The living sessions of a user, newest first.
pub async fn list(
    conn: &mut PgConnection,
    user: UserId,
    page: Page,
    now: OffsetDateTime,
) -> Result<(Vec<Session>, Option<Cursor>)> {
    let sessions = sqlx::query_as!(
        Session,
        r#"select id as "id: _", user_agent, ip, created_at, rotated_at as last_used_at from sessions
            where user_id = $1 and revoked_at is null and expires_at > $2
              and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
            order by created_at desc, id desc limit $5"#,
        user.0,
        now,
        page.after.map(|cursor| cursor.created_at),
        page.after.map(|cursor| cursor.id),
        page.rows(),
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(sessions, |session| Cursor { created_at: session.created_at, id: session.id.0 }))
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
    tx: &mut Tx,
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
    .fetch_optional(&mut **tx)
    .await?;
    Ok(match rotated {
        None => Rotation::Unknown,
        Some(row) if row.revoked_at.is_some() => {
            live::ring_sessions(tx, row.user);
            Rotation::Reused { user: row.user }
        }
        Some(row) => Rotation::Rotated { user: row.user, generation: row.generation },
    })
}

/// Ends one of the user's own living sessions, and its sockets.
pub async fn revoke(tx: &mut Tx, user: UserId, session: SessionId, now: OffsetDateTime) -> Result<()> {
    let revoked = sqlx::query!(
        "update sessions set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null and expires_at > $3",
        session.0,
        user.0,
        now,
    )
    .execute(&mut **tx)
    .await?;
    if revoked.rows_affected() == 0 {
        return Err(Error::NotFound("session"));
    }
    live::ring_sessions(tx, user);
    Ok(())
}

/// Ends every session of a user, and all sockets.
pub async fn revoke_all(tx: &mut Tx, user: UserId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update sessions set revoked_at = $2 where user_id = $1 and revoked_at is null",
        user.0,
        now
    )
    .execute(&mut **tx)
    .await?;
    live::ring_sessions(tx, user);
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

/// Dead sessions are kept this long: they tell a known device from a new one.
const KEPT: Duration = Duration::days(90);

/// Deletes sessions that ended long ago, at most `limit`; returns how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        "delete from sessions where id in
            (select id from sessions where expires_at < $1 order by expires_at limit $2 for update skip locked)",
        now - KEPT,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}

/// Deletes networks that nobody was seen in for as long, at most `limit`; returns how many.
pub async fn purge_networks(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        "delete from known_networks where (user_id, network) in
            (select user_id, network from known_networks where seen_at < $1 order by seen_at limit $2 for update skip locked)",
        now - KEPT,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}
