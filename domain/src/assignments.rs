//! A talent's place in a mission: taken through an invitation or an application, left by withdrawing.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::contracts::{self, CalledOff};
use crate::error::{Error, OnConstraint, Result, violates};
use crate::ids::{AssignmentId, MissionId, UserId};
use crate::missions::{self, Mission, MissionStatus, NOT_A_PARTICIPANT};
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};
use crate::users::Role;
use crate::{exclusions, working_time};

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
pub struct Assignment {
    pub id: AssignmentId,
    pub mission_id: MissionId,
    pub talent_id: UserId,
    pub status: AssignmentStatus,
    pub created_at: OffsetDateTime,
}

/// How a talent came to its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The talent accepted an invitation.
    Invitation,
    /// The client accepted an application at the rate that it proposed, perhaps against the working-time guard.
    Application { hourly_rate_cents: i32, working_time_override: Option<Override> },
}

/// Why, and by whom, the working-time guard was overridden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub reason: String,
    pub by: UserId,
}

/// A talent took a slot. See `jobs::effects::missions::assigned` for what that sets off.
#[derive(Debug)]
#[must_use = "an assignment has effects"]
pub struct Assigned {
    pub assignment: Assignment,
    pub way: Way,
    /// As it is now.
    pub mission: Mission,
    /// Applicants who were rejected because this was the last slot.
    pub passed_over: Vec<UserId>,
}

/// What became of an acceptance, of either kind.
#[derive(Debug)]
#[must_use = "an assignment has effects"]
pub enum Accepted {
    Assigned(Box<Assigned>),
    /// It was accepted before, and is again.
    Already(Assignment),
}

impl Accepted {
    pub fn assignment(&self) -> Assignment {
        match self {
            Self::Assigned(assigned) => assigned.assignment,
            Self::Already(assignment) => *assignment,
        }
    }
}

/// Gives the talent a slot of the mission, whose row the caller has locked: parallel acceptances of both kinds queue there, and
/// each sees what the one before did.
///
/// The account is locked as well, so that nobody is assigned while being suspended: either the suspension sees the assignment or
/// the assignment the suspension. Not for sharing: two rows that the exclusion constraint compares while both are being written
/// wait for each other, so acceptances by one talent queue here first.
pub async fn assign(
    conn: &mut PgConnection,
    mut mission: Mission,
    talent: UserId,
    way: Way,
    now: OffsetDateTime,
) -> Result<Accepted> {
    // Whoever is excluded hears the same as everybody who comes too late. A client who accepts an application has decided.
    let unwanted = way == Way::Invitation && exclusions::is_excluded(&mut *conn, talent, &mission).await?;
    if unwanted || !mission.takes_people(now) {
        return Err(missions::NOT_OPEN);
    }
    let (over, rate) = match &way {
        Way::Application { hourly_rate_cents, working_time_override } => {
            (working_time_override.as_ref(), Some(*hourly_rate_cents))
        }
        Way::Invitation => (None, None),
    };
    let assignment = sqlx::query_as!(
        Assignment,
        r#"insert into assignments (id, mission_id, talent_id, period, created_at, override_reason, override_by, hourly_rate_cents)
           select $1, $2, id, tstzrange($4, $5), $6, $7, $8, $9 from users where id = $3 and status = 'VERIFIED' for no key update
           returning id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", created_at"#,
        AssignmentId::new().0,
        mission.id.0,
        talent.0,
        mission.start_date,
        mission.end_date,
        now,
        over.map(|over| over.reason.as_str()),
        over.map(|over| over.by.0),
        rate,
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(refusal)?
    .ok_or(Error::Conflict { code: "TALENT_NOT_VERIFIED", message: "This talent's account is not verified" })?;

    mission.filled += 1;
    let full = mission.filled == mission.slots;
    mission.status = if full { MissionStatus::Assigned } else { MissionStatus::Open };
    let answered = sqlx::query_scalar!(
        r#"with taken as (
               update missions set filled = filled + 1, status = $2 where id = $1
           ), invited as (
               update invitations
                  set status = case when talent_id = $3 then 'ACCEPTED' else 'EXPIRED' end::invitation_status, answered_at = $4
                where mission_id = $1 and status = 'PENDING' and (talent_id = $3 or $5)
           )
           update applications
              set status = case when talent_id = $3 then 'ACCEPTED' else 'REJECTED' end::application_status, answered_at = $4
            where mission_id = $1 and status = 'PENDING' and (talent_id = $3 or $5)
           returning talent_id as "talent_id: UserId""#,
        mission.id.0,
        mission.status as MissionStatus,
        talent.0,
        now,
        full,
    )
    .fetch_all(&mut *conn)
    .await?;
    let event = NewEvent::by(mission.id, EventKind::Assigned, assignment.id.0, talent);
    timeline::record(conn, event, now).await?;
    let passed_over = answered.into_iter().filter(|applicant| *applicant != talent).collect();
    Ok(Accepted::Assigned(Box::new(Assigned { assignment, way, mission, passed_over })))
}

/// What the database noticed, in the words of the domain.
fn refusal(error: sqlx::Error) -> Error {
    let result = Err::<(), _>(error).on_constraint("assignments_no_double_booking", || Error::Conflict {
        code: "TALENT_ALREADY_BOOKED",
        message: "The talent has other work at that time",
    });
    match result {
        Err(Error::Database(error)) if violates(&error, working_time::CONSTRAINT) => working_time::BREACH,
        Err(error) => error,
        Ok(()) => Error::NotFound("assignment"),
    }
}

/// The talent's living place in a mission.
pub async fn get(conn: &mut PgConnection, mission: MissionId, talent: UserId) -> Result<Assignment> {
    sqlx::query_as!(
        Assignment,
        r#"select id as "id: _", mission_id as "mission_id: _", talent_id as "talent_id: _", status as "status: _", created_at
             from assignments where mission_id = $1 and talent_id = $2 order by created_at desc, id desc limit 1"#,
        mission.0,
        talent.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("assignment"))
}

/// As [`get`], for who takes part: whoever left, or never came in, is refused.
pub async fn get_living(conn: &mut PgConnection, mission: MissionId, talent: UserId) -> Result<Assignment> {
    match get(conn, mission, talent).await {
        Ok(Assignment { status: AssignmentStatus::Cancelled | AssignmentStatus::Withdrawn, .. })
        | Err(Error::NotFound(_)) => Err(NOT_A_PARTICIPANT),
        place => place,
    }
}

/// Whether a mission has a place that stands so: this talent's, or any.
pub(crate) async fn has_any(
    conn: &mut PgConnection,
    mission: MissionId,
    talent: Option<UserId>,
    status: AssignmentStatus,
) -> Result<bool> {
    let any = sqlx::query_scalar!(
        r#"select exists (select from assignments
                           where mission_id = $1 and ($2::uuid is null or talent_id = $2) and status = $3) as "any!""#,
        mission.0,
        talent.map(|talent| talent.0),
        status as AssignmentStatus,
    );
    Ok(any.fetch_one(conn).await?)
}

/// Whose requests a mission left unanswered when it wanted nobody any more.
#[derive(Debug, Default)]
pub struct Leftovers {
    pub invited: Vec<UserId>,
    pub applicants: Vec<UserId>,
}

/// Closes pending invitations (EXPIRED) and applications (REJECTED) of a mission that wants nobody any more.
pub async fn close_leftovers(
    conn: &mut PgConnection,
    mission: MissionId,
    now: OffsetDateTime,
) -> Result<Leftovers> {
    let closed = sqlx::query!(
        r#"with invited as (
               update invitations set status = 'EXPIRED', answered_at = $2 where mission_id = $1 and status = 'PENDING'
               returning talent_id
           ), applied as (
               update applications set status = 'REJECTED', answered_at = $2 where mission_id = $1 and status = 'PENDING'
               returning talent_id
           )
           select talent_id as "talent_id!: UserId", true as "applied!" from applied
           union all
           select talent_id, false from invited"#,
        mission.0,
        now,
    )
    .fetch_all(conn)
    .await?;
    let mut leftovers = Leftovers::default();
    for row in closed {
        if row.applied { &mut leftovers.applicants } else { &mut leftovers.invited }.push(row.talent_id);
    }
    Ok(leftovers)
}

/// A talent left a mission before its start. See `jobs::effects::missions::released` for what that sets off.
#[derive(Debug)]
#[must_use = "a freed slot has effects"]
pub struct Released {
    pub mission: Mission,
    pub talent: UserId,
}

/// Gives a slot back before the start: the mission is open again, in a new round that passes this talent over.
pub async fn withdraw(
    conn: &mut PgConnection,
    id: MissionId,
    talent: UserId,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Released> {
    let mission = missions::lock(&mut *conn, id).await?;
    let current = get_living(&mut *conn, id, talent).await?;
    if current.status != AssignmentStatus::Assigned || !mission.is_ahead(now) {
        let message = "The mission has started; talk to the client";
        return Err(Error::Conflict { code: "MISSION_STARTED", message });
    }
    release(conn, current, reason, now).await
}

/// The missions that a talent has not yet started.
pub async fn list_ahead(
    conn: &mut PgConnection,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Vec<MissionId>> {
    let ahead = sqlx::query_scalar!(
        r#"select m.id as "id: MissionId" from assignments a join missions m on m.id = a.mission_id
            where a.talent_id = $1 and a.status = 'ASSIGNED' and m.start_date > $2 order by m.id"#,
        talent.0,
        now,
    );
    Ok(ahead.fetch_all(conn).await?)
}

/// As [`withdraw`], for a talent who is suspended or banned: nothing where there is nothing to leave any more.
pub async fn take_out(
    conn: &mut PgConnection,
    id: MissionId,
    talent: UserId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Option<Released>> {
    let mission = missions::lock(&mut *conn, id).await?;
    let current = get(&mut *conn, id, talent).await?;
    match current.status == AssignmentStatus::Assigned && mission.is_ahead(now) {
        true => Ok(Some(release(conn, current, Some(reason), now).await?)),
        false => Ok(None),
    }
}

/// Closes a talent's own open requests: pending invitations (EXPIRED) and applications (WITHDRAWN).
pub async fn close_requests(conn: &mut PgConnection, talent: UserId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "with invited as (
             update invitations set status = 'EXPIRED', answered_at = $2 where talent_id = $1 and status = 'PENDING'
         )
         update applications set status = 'WITHDRAWN', answered_at = $2 where talent_id = $1 and status = 'PENDING'",
        talent.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn release(
    conn: &mut PgConnection,
    assignment: Assignment,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Released> {
    let (id, talent) = (assignment.mission_id, assignment.talent_id);
    sqlx::query!(
        "with freed as (
             update assignments set status = 'WITHDRAWN', ended_at = $4, end_reason = $5 where id = $1
         ), declined as (
             update invitations set status = 'DECLINED', answered_at = $4 where mission_id = $2 and talent_id = $3
         ), recalled as (
             update applications set status = 'WITHDRAWN', answered_at = $4
              where mission_id = $2 and talent_id = $3 and status = 'ACCEPTED'
         )
         update missions
            set status = 'OPEN', filled = filled - 1, round = round + 1, wave = 0,
                matching = case when latitude is null then 'WAITING_FOR_LOCATION' else 'PENDING' end::matching_state
          where id = $2",
        assignment.id.0,
        id.0,
        talent.0,
        now,
        reason,
    )
    .execute(&mut *conn)
    .await?;
    contracts::call_off(&mut *conn, CalledOff::Assignment(assignment.id), now).await?;
    Ok(Released { mission: missions::get(conn, id).await?, talent })
}

/// A participant, with what only the others of the mission may know.
#[derive(Debug)]
pub struct Contact {
    pub user_id: UserId,
    pub role: Role,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: String,
}

/// Who takes part in a mission, for those who do: not before somebody is assigned.
pub async fn list_contacts(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
) -> Result<(Mission, Vec<Contact>)> {
    let mission = missions::get_whole(&mut *conn, id, viewer).await?;
    let contacts = sqlx::query_as!(
        Contact,
        r#"with assigned as (
               select talent_id from assignments where mission_id = $1 and status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
           ), taking_part as (
               select client_id as user_id from missions where id = $1
               union select e.user_id from missions m join establishment_members e on e.establishment_id = m.establishment_id
                      where m.id = $1
               union select talent_id from assigned
           )
           select u.id as "user_id: _", u.role as "role: _", p.first_name as "first_name?", p.last_name as "last_name?", u.phone,
                  u.email
             from taking_part t join users u on u.id = t.user_id left join profiles p on p.user_id = u.id
            where exists (select from assigned)
            order by u.role, u.id"#,
        id.0,
    )
    .fetch_all(conn)
    .await?;
    if contacts.is_empty() {
        let message = "Contacts are exchanged once somebody is assigned";
        return Err(Error::Conflict { code: "MISSION_NOT_ASSIGNED", message });
    }
    Ok((mission, contacts))
}
