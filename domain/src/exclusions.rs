//! "Never again": whom a client does not want to be offered any more. Private to the client; the talent never learns.
//!
//! A list is its client's own and holds for every mission of that client. Where a mission has a site, the lists of the
//! site's owners and managers hold too (`is_excluded`): a colleague should not be sent whom the house has refused.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::missions::Mission;
use crate::page::{Cursor, Page};

#[derive(Clone, Debug)]
pub struct Exclusion {
    pub talent_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub reason: Option<String>,
    pub created_at: OffsetDateTime,
}

pub async fn list(
    conn: &mut PgConnection,
    client: UserId,
    page: Page,
) -> Result<(Vec<Exclusion>, Option<Cursor>)> {
    let exclusions = sqlx::query_as!(
        Exclusion,
        r#"select e.talent_id as "talent_id: _", p.first_name, left(p.last_name, 1) as last_initial, e.reason, e.created_at
             from exclusions e join profiles p on p.user_id = e.talent_id
            where e.client_id = $1 and ($2::timestamptz is null or (e.created_at, e.talent_id) < ($2, $3))
            order by e.created_at desc, e.talent_id desc limit $4"#,
        client.0,
        page.after.map(|cursor| cursor.created_at),
        page.after.map(|cursor| cursor.id),
        page.rows(),
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(exclusions, |e| Cursor { created_at: e.created_at, id: e.talent_id.0 }))
}

/// Puts a talent on the list, or changes the reason, and takes back the invitations of missions that the list holds for.
/// An assignment stays: it is a promise, and is cancelled as one.
pub async fn put(
    conn: &mut PgConnection,
    client: UserId,
    talent: UserId,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Exclusion> {
    // Missions first: an acceptance locks its mission, and then either sees the list or is seen by it.
    sqlx::query!(
        "select m.id from missions m join invitations i on i.mission_id = m.id
          where i.talent_id = $1 and i.status = 'PENDING'
            and (m.client_id = $2 or exists (select from establishment_members e
                                              where e.establishment_id = m.establishment_id and e.user_id = $2
                                                and e.role in ('OWNER', 'MANAGER')))
          order by m.id for update of m",
        talent.0,
        client.0,
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into exclusions (client_id, talent_id, reason, created_at)
         select $1, id, $3, $4 from users where id = $2 and role = 'TALENT'
         on conflict (client_id, talent_id) do update set reason = excluded.reason",
        client.0,
        talent.0,
        reason,
        now,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update invitations i set status = 'EXPIRED', answered_at = $2
           from missions m
          where m.id = i.mission_id and i.talent_id = $1 and i.status = 'PENDING'
            and is_excluded($1, m.client_id, m.establishment_id)",
        talent.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query_as!(
        Exclusion,
        r#"select e.talent_id as "talent_id: _", p.first_name, left(p.last_name, 1) as last_initial, e.reason, e.created_at
             from exclusions e join profiles p on p.user_id = e.talent_id
            where e.client_id = $1 and e.talent_id = $2"#,
        client.0,
        talent.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("talent"))
}

/// True when the client, or a manager of the mission's site, does not want this talent.
pub async fn is_excluded(conn: &mut PgConnection, talent: UserId, mission: &Mission) -> Result<bool> {
    let excluded = sqlx::query_scalar!(
        r#"select is_excluded($1, $2, $3) as "excluded!""#,
        talent.0,
        mission.client_id.0,
        mission.establishment_id.map(|site| site.0),
    );
    Ok(excluded.fetch_one(conn).await?)
}

/// Takes a talent off the list; harmless when it is not there.
pub async fn delete(conn: &mut PgConnection, client: UserId, talent: UserId) -> Result<()> {
    sqlx::query!("delete from exclusions where client_id = $1 and talent_id = $2", client.0, talent.0)
        .execute(conn)
        .await?;
    Ok(())
}
