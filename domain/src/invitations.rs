//! Invitations of talents to missions.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::assignments::{self, Accepted, Way};
use crate::error::{Error, Result};
use crate::ids::{InvitationId, MissionId, UserId};
use crate::matching::Ranking;
use crate::missions;
use crate::page::{Cursor, Page};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "invitation_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvitationStatus {
    Pending,
    Accepted,
    Declined,
    Expired,
}

#[derive(Clone, Copy, Debug)]
pub struct Invitation {
    pub id: InvitationId,
    pub mission_id: MissionId,
    pub talent_id: UserId,
    pub status: InvitationStatus,
    pub wave: i16,
    pub created_at: OffsetDateTime,
}

/// Invites the talents of rankings in one statement, and returns the invitations of each. Whoever is invited already, or has
/// answered, stays so and is not in the answer; an invitation that had expired, because the mission was full for a while or the
/// talent did not fit, is made anew.
pub async fn insert(
    conn: &mut PgConnection,
    rankings: &[Ranking<'_>],
    wave: i16,
    now: OffsetDateTime,
) -> Result<Vec<Vec<Invitation>>> {
    let (mut ids, mut missions, mut talents) = (vec![], vec![], vec![]);
    for Ranking { mission, talents: ranked } in rankings {
        for talent in ranked {
            ids.push(InvitationId::new().0);
            missions.push(mission.id.0);
            talents.push(talent.talent_id.0);
        }
    }
    let invitations = sqlx::query_as!(
        Invitation,
        r#"insert into invitations as i (id, mission_id, talent_id, wave, created_at)
           select id, mission_id, talent_id, $4, $5
             from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as new (id, mission_id, talent_id)
           on conflict on constraint invitations_once do update
              set status = 'PENDING', wave = excluded.wave, created_at = excluded.created_at, answered_at = null
            where i.status = 'EXPIRED'
           returning id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", wave, created_at"#,
        &ids,
        &missions,
        &talents,
        wave,
        now,
    )
    .fetch_all(conn)
    .await?;
    let of = |mission| invitations.iter().filter(move |invitation| invitation.mission_id == mission).copied();
    Ok(rankings.iter().map(|ranking| of(ranking.mission.id).collect()).collect())
}

/// Expires the pending invitations of those who fit a changed mission no longer, and says whose they were.
pub async fn expire_others(
    conn: &mut PgConnection,
    mission: MissionId,
    fitting: &[UserId],
    now: OffsetDateTime,
) -> Result<Vec<UserId>> {
    let fitting: Vec<_> = fitting.iter().map(|talent| talent.0).collect();
    let expired = sqlx::query_scalar!(
        r#"update invitations set status = 'EXPIRED', answered_at = $3
            where mission_id = $1 and status = 'PENDING' and talent_id <> all ($2)
           returning talent_id as "talent_id: UserId""#,
        mission.0,
        &fitting,
        now,
    );
    Ok(expired.fetch_all(conn).await?)
}

/// Invitations as they are read; the rest of the statement says which.
macro_rules! select_invitations {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Invitation,
            r#"select id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", wave,
                      created_at
                 from invitations "# + $rest,
            $($argument),*
        )
    };
}

pub async fn list_for(
    conn: &mut PgConnection,
    talent: UserId,
    page: Page,
) -> Result<(Vec<Invitation>, Option<Cursor>)> {
    let invitations = select_invitations!("where talent_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3)) order by created_at desc, id desc limit $4", talent.0, page.after.map(|cursor| cursor.created_at), page.after.map(|cursor| cursor.id), page.rows())
    .fetch_all(conn)
    .await?;
    Ok(page.cut(invitations, |invitation| Cursor { created_at: invitation.created_at, id: invitation.id.0 }))
}

pub async fn get(conn: &mut PgConnection, id: InvitationId, talent: UserId) -> Result<Invitation> {
    select_invitations!("where id = $1 and talent_id = $2", id.0, talent.0)
        .fetch_optional(conn)
        .await?
        .ok_or(Error::NotFound("invitation"))
}

/// Takes a slot of the mission for the invited talent: first come, first served.
///
/// The mission's row is locked first, so that parallel acceptances queue there and each sees what the one before did.
pub async fn accept(
    conn: &mut PgConnection,
    id: InvitationId,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Accepted> {
    let mission = missions::lock_invited(&mut *conn, id, talent).await?;
    // The invitation is locked as well: whoever declines does not hold the mission.
    let status = sqlx::query_scalar!(
        r#"select status as "status: InvitationStatus" from invitations where id = $1 for update"#,
        id.0
    );
    match status.fetch_one(&mut *conn).await? {
        InvitationStatus::Pending => assignments::assign(conn, mission, talent, Way::Invitation, now).await,
        InvitationStatus::Accepted => {
            Ok(Accepted::Already(assignments::get(conn, mission.id, talent).await?))
        }
        InvitationStatus::Declined => Err(ALREADY_DECLINED),
        InvitationStatus::Expired => Err(missions::NOT_OPEN),
    }
}

const ALREADY_DECLINED: Error =
    Error::Conflict { code: "INVITATION_DECLINED", message: "You have declined this invitation" };

/// PENDING becomes DECLINED; declining again is harmless.
pub async fn decline(
    conn: &mut PgConnection,
    id: InvitationId,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Invitation> {
    sqlx::query!(
        "update invitations set status = 'DECLINED', answered_at = $3 where id = $1 and talent_id = $2 and status = 'PENDING'",
        id.0,
        talent.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let invitation = get(conn, id, talent).await?;
    match invitation.status {
        InvitationStatus::Accepted => Err(Error::Conflict {
            code: "INVITATION_ACCEPTED",
            message: "You have accepted this invitation; withdraw instead",
        }),
        InvitationStatus::Expired => {
            Err(Error::Conflict { code: "INVITATION_EXPIRED", message: "This invitation has expired" })
        }
        InvitationStatus::Pending | InvitationStatus::Declined => Ok(invitation),
    }
}
