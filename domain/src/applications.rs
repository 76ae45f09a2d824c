//! Applications of talents to open missions: a client's choice beside the matching's invitations.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::assignments::{self, Accepted, Override, Way};
use crate::error::{Error, OnConstraint, Result};
use crate::ids::{ApplicationId, MissionId, UserId};
use crate::missions::{self, MissionStatus};
use crate::page::{Cursor, Page};
use crate::profiles;
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};
use crate::users::ComplianceStatus;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "application_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApplicationStatus {
    Pending,
    Accepted,
    Rejected,
    Withdrawn,
}

/// An application, with its talent as a client may see it.
#[derive(Clone, Debug)]
pub struct Application {
    pub id: ApplicationId,
    pub mission_id: MissionId,
    pub talent_id: UserId,
    pub cover_letter: String,
    pub proposed_rate_cents: i32,
    pub status: ApplicationStatus,
    pub created_at: OffsetDateTime,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub city: Option<String>,
    /// Hundredths of a star.
    pub average_rating: i16,
    pub total_missions: i32,
}

#[derive(Debug)]
pub struct NewApplication {
    pub mission_id: MissionId,
    pub talent: UserId,
    pub cover_letter: String,
    pub proposed_rate_cents: i32,
}

/// An application's state changed. See `jobs::effects` for what that sets off.
#[derive(Debug)]
#[must_use = "an application has effects"]
pub struct Filed {
    pub application: Application,
    pub client: UserId,
    /// False when it was so before.
    pub fresh: bool,
}

/// Applications as they are read, as `a`; the rest of the statement says which.
macro_rules! select_applications {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Application,
            r#"select a.id as "id: _", a.mission_id as "mission_id: _", a.talent_id as "talent_id: _", a.cover_letter,
                      a.proposed_rate_cents, a.status as "status: _", a.created_at, p.first_name, left(p.last_name, 1) as last_initial,
                      p.city, p.average_rating, p.total_missions
                 from applications a join profiles p on p.user_id = a.talent_id "# + $rest,
            $($argument),*
        )
    };
}

async fn get(conn: &mut PgConnection, id: ApplicationId) -> Result<Application> {
    let application = select_applications!("where a.id = $1", id.0).fetch_optional(conn).await?;
    application.ok_or(Error::NotFound("application"))
}

/// Applies to an open mission of one's own profession. Where the mission asks for approved documents, they must be approved here
/// too: an application is no way around them.
///
/// The mission's row is locked for sharing: it cannot be filled or cancelled beneath the new application.
pub async fn apply(conn: &mut PgConnection, new: NewApplication, now: OffsetDateTime) -> Result<Filed> {
    let id = ApplicationId::new();
    let client = sqlx::query_scalar!(
        r#"with wanted as (
               select m.id, m.client_id from missions m join profiles p on p.user_id = $3
                where m.id = $2 and m.status = 'OPEN' and m.start_date > $6 and p.profession_id = m.profession_id
                  and (p.compliance_status = 'VALIDATED' or not m.requires_diploma)
                  and not is_excluded($3, m.client_id, m.establishment_id)
                  for share of m
           ), filed as (
               insert into applications (id, mission_id, talent_id, cover_letter, proposed_rate_cents, created_at)
               select $1, id, $3, $4, $5, $6 from wanted
           )
           select client_id as "client_id: UserId" from wanted"#,
        id.0,
        new.mission_id.0,
        new.talent.0,
        new.cover_letter,
        new.proposed_rate_cents,
        now,
    )
    .fetch_optional(&mut *conn)
    .await
    .on_constraint("applications_once", || Error::Conflict {
        code: "ALREADY_APPLIED",
        message: "You have applied to this mission already",
    })?;
    match client {
        Some(client) => {
            let event = NewEvent::by(new.mission_id, EventKind::Applied, id.0, new.talent);
            timeline::record(&mut *conn, event, now).await?;
            Ok(Filed { application: get(conn, id).await?, client, fresh: true })
        }
        None => Err(why_refused(conn, &new, now).await?),
    }
}

async fn why_refused(conn: &mut PgConnection, new: &NewApplication, now: OffsetDateTime) -> Result<Error> {
    let mission = missions::get(&mut *conn, new.mission_id).await?;
    if !mission.takes_people(now) {
        return Ok(missions::NOT_OPEN);
    }
    let profile = profiles::get(conn, new.talent).await?;
    Ok(match () {
        () if profile.job_id != Some(mission.job_id) => Error::Conflict {
            code: "PROFESSION_MISMATCH",
            message: "This mission is for another profession than yours",
        },
        () if mission.requires_diploma && profile.compliance_status != ComplianceStatus::Validated => {
            Error::Conflict {
                code: "DOCUMENTS_NOT_APPROVED",
                message: "This mission asks for approved documents",
            }
        }
        // On a "never again" list, of which nobody learns.
        () => missions::NOT_OPEN,
    })
}

/// The applications to a mission, newest first.
pub async fn list_of(
    conn: &mut PgConnection,
    mission: MissionId,
    page: Page,
) -> Result<(Vec<Application>, Option<Cursor>)> {
    let applications = select_applications!(
        "where a.mission_id = $1 and ($2::timestamptz is null or (a.created_at, a.id) < ($2, $3)) order by a.created_at desc, a.id desc limit $4",
        mission.0,
        page.after.map(|cursor| cursor.created_at),
        page.after.map(|cursor| cursor.id),
        page.rows(),
    );
    Ok(cut(page, applications.fetch_all(conn).await?))
}

/// Whether an application to a mission waits for its answer: this talent's, or any.
pub(crate) async fn has_pending(
    conn: &mut PgConnection,
    mission: MissionId,
    talent: Option<UserId>,
) -> Result<bool> {
    let pending = sqlx::query_scalar!(
        r#"select exists (select from applications
                           where mission_id = $1 and ($2::uuid is null or talent_id = $2) and status = 'PENDING') as "pending!""#,
        mission.0,
        talent.map(|talent| talent.0),
    );
    Ok(pending.fetch_one(conn).await?)
}

/// A talent's own applications, newest first.
pub async fn list_by(
    conn: &mut PgConnection,
    talent: UserId,
    page: Page,
) -> Result<(Vec<Application>, Option<Cursor>)> {
    let applications = select_applications!(
        "where a.talent_id = $1 and ($2::timestamptz is null or (a.created_at, a.id) < ($2, $3)) order by a.created_at desc, a.id desc limit $4",
        talent.0,
        page.after.map(|cursor| cursor.created_at),
        page.after.map(|cursor| cursor.id),
        page.rows(),
    );
    Ok(cut(page, applications.fetch_all(conn).await?))
}

fn cut(page: Page, applications: Vec<Application>) -> (Vec<Application>, Option<Cursor>) {
    page.cut(applications, |application| Cursor { created_at: application.created_at, id: application.id.0 })
}

const NOT_PENDING: Error = Error::Conflict {
    code: "APPLICATION_NOT_PENDING",
    message: "This application has been answered already",
};

/// Gives the applicant a slot, for those who manage the mission; repeating it is harmless.
pub async fn accept(
    conn: &mut PgConnection,
    id: ApplicationId,
    viewer: Viewer,
    override_reason: Option<String>,
    now: OffsetDateTime,
) -> Result<Accepted> {
    let application = get(&mut *conn, id).await?;
    let mission = missions::lock_managed(&mut *conn, application.mission_id, viewer).await?;
    // Read again under the mission's lock: whoever answers an application for good holds it, but for its own talent.
    let status = sqlx::query_scalar!(
        r#"select status as "status: ApplicationStatus" from applications where id = $1 for update"#,
        id.0
    );
    match status.fetch_one(&mut *conn).await? {
        ApplicationStatus::Pending => {}
        ApplicationStatus::Accepted => {
            let assignment = assignments::get(conn, mission.id, application.talent_id).await?;
            return Ok(Accepted::Already(assignment));
        }
        ApplicationStatus::Rejected if mission.status != MissionStatus::Open => {
            return Err(missions::NOT_OPEN);
        }
        ApplicationStatus::Rejected | ApplicationStatus::Withdrawn => return Err(NOT_PENDING),
    }
    let working_time_override = override_reason.map(|reason| Override { reason, by: viewer.user });
    let hourly_rate_cents = application.proposed_rate_cents;
    let way = Way::Application { hourly_rate_cents, working_time_override };
    assignments::assign(conn, mission, application.talent_id, way, now).await
}

/// PENDING becomes REJECTED, for those who manage the mission; rejecting again is harmless.
pub async fn reject(
    conn: &mut PgConnection,
    id: ApplicationId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Filed> {
    let application = get(&mut *conn, id).await?;
    let mission = missions::lock_managed(&mut *conn, application.mission_id, viewer).await?;
    answer(conn, id, mission.client_id, ApplicationStatus::Rejected, now).await
}

/// PENDING becomes WITHDRAWN, for its talent; withdrawing again is harmless.
pub async fn withdraw(
    conn: &mut PgConnection,
    id: ApplicationId,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Filed> {
    let application = get(&mut *conn, id).await?;
    if application.talent_id != talent {
        return Err(Error::NotFound("application"));
    }
    let mission = missions::get(&mut *conn, application.mission_id).await?;
    answer(conn, id, mission.client_id, ApplicationStatus::Withdrawn, now).await
}

async fn answer(
    conn: &mut PgConnection,
    id: ApplicationId,
    client: UserId,
    status: ApplicationStatus,
    now: OffsetDateTime,
) -> Result<Filed> {
    let answered = sqlx::query!(
        "update applications set status = $2, answered_at = $3 where id = $1 and status = 'PENDING'",
        id.0,
        status as ApplicationStatus,
        now,
    );
    let fresh = answered.execute(&mut *conn).await?.rows_affected() == 1;
    let application = get(conn, id).await?;
    match application.status == status {
        true => Ok(Filed { application, client, fresh }),
        false => Err(NOT_PENDING),
    }
}
