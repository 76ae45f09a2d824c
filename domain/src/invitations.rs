//! Invitations of talents to missions, and the assignment that an acceptance makes.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::{Error, Result, violates};
use crate::ids::{AssignmentId, InvitationId, MissionId, UserId};
use crate::missions::MissionStatus;
use crate::page::{Cursor, Page};
use crate::working_time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "invitation_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvitationStatus {
    Pending,
    Accepted,
    Declined,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "assignment_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AssignmentStatus {
    Assigned,
    InProgress,
    Completed,
    Cancelled,
    Withdrawn,
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

/// Invites talents in one statement; whoever is invited already stays so and is not in the answer.
pub async fn insert(
    conn: &mut PgConnection,
    mission: MissionId,
    talents: &[UserId],
    wave: i16,
    now: OffsetDateTime,
) -> Result<Vec<Invitation>> {
    let ids: Vec<_> = talents.iter().map(|_| InvitationId::new().0).collect();
    let talents: Vec<_> = talents.iter().map(|talent| talent.0).collect();
    let invitations = sqlx::query_as!(
        Invitation,
        r#"insert into invitations (id, mission_id, talent_id, wave, created_at)
           select id, $1, talent_id, $4, $5 from unnest($2::uuid[], $3::uuid[]) as new (id, talent_id)
           on conflict on constraint invitations_once do nothing
           returning id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", wave, created_at"#,
        mission.0,
        &ids,
        &talents,
        wave,
        now,
    )
    .fetch_all(conn)
    .await?;
    Ok(invitations)
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

#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    pub id: AssignmentId,
    pub mission_id: MissionId,
    pub talent_id: UserId,
    pub status: AssignmentStatus,
    pub created_at: OffsetDateTime,
}

/// What became of an acceptance. See `jobs::effects::assigned` for what an assignment sets off.
#[derive(Debug)]
#[must_use = "an assignment has effects"]
pub enum Accepted {
    Assigned {
        assignment: Assignment,
        client: UserId,
        mission_status: MissionStatus,
    },
    /// The winner said yes again.
    Already(Assignment),
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
    let mission = sqlx::query!(
        r#"select id as "id: MissionId", client_id as "client_id: UserId", status as "status: MissionStatus", slots, filled,
                  start_date, end_date, is_excluded($2, client_id, establishment_id) as "excluded!"
             from missions where id = (select mission_id from invitations where id = $1 and talent_id = $2) for update"#,
        id.0,
        talent.0,
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or(Error::NotFound("invitation"))?;

    match get(conn, id, talent).await?.status {
        InvitationStatus::Accepted => {
            return Ok(Accepted::Already(get_assignment(conn, mission.id, talent).await?));
        }
        InvitationStatus::Declined => return Err(ALREADY_DECLINED),
        InvitationStatus::Pending
            if mission.status == MissionStatus::Open && mission.start_date > now && !mission.excluded => {}
        // Whoever was excluded hears the same as everybody who comes too late.
        InvitationStatus::Pending | InvitationStatus::Expired => {
            return Err(Error::Conflict {
                code: "MISSION_NOT_OPEN",
                message: "This mission is no longer open",
            });
        }
    }

    let assignment = sqlx::query_as!(
        Assignment,
        r#"insert into assignments (id, mission_id, talent_id, period, created_at)
           values ($1, $2, $3, tstzrange($4, $5), $6)
           returning id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", created_at"#,
        AssignmentId::new().0,
        mission.id.0,
        talent.0,
        mission.start_date,
        mission.end_date,
        now,
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(|error| match () {
        () if violates(&error, "assignments_no_double_booking") => ALREADY_BOOKED,
        () if violates(&error, working_time::CONSTRAINT) => working_time::BREACH,
        () => error.into(),
    })?;

    let full = mission.filled + 1 == mission.slots;
    let mission_status = if full { MissionStatus::Assigned } else { MissionStatus::Open };
    sqlx::query!(
        "update missions set filled = filled + 1, status = $2 where id = $1",
        mission.id.0,
        mission_status as MissionStatus,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update invitations
            set status = case when id = $2 then 'ACCEPTED' else 'EXPIRED' end::invitation_status, answered_at = $3
          where mission_id = $1 and status = 'PENDING' and (id = $2 or $4)",
        mission.id.0,
        id.0,
        now,
        full,
    )
    .execute(conn)
    .await?;
    Ok(Accepted::Assigned { assignment, client: mission.client_id, mission_status })
}

const ALREADY_BOOKED: Error =
    Error::Conflict { code: "TALENT_ALREADY_BOOKED", message: "You have another mission at that time" };

const ALREADY_DECLINED: Error =
    Error::Conflict { code: "INVITATION_DECLINED", message: "You have declined this invitation" };

async fn get_assignment(conn: &mut PgConnection, mission: MissionId, talent: UserId) -> Result<Assignment> {
    sqlx::query_as!(
        Assignment,
        r#"select id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", created_at
             from assignments where mission_id = $1 and talent_id = $2 order by created_at desc limit 1"#,
        mission.0,
        talent.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("assignment"))
}

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

/// Ends what a talent was still invited to.
pub async fn expire_of_talent(conn: &mut PgConnection, talent: UserId) -> Result<()> {
    sqlx::query!(
        "update invitations set status = 'EXPIRED' where talent_id = $1 and status = 'PENDING'",
        talent.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
