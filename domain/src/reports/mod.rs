//! Reports: what a talent hands in after a mission, and what becomes of it. Accepting and contesting have a file of their own.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::assignments::{self, AssignmentStatus};
use crate::error::{Error, OnConstraint, Result};
use crate::ids::{AssignmentId, ContractId, MissionId, ReportId, UserId};
use crate::missions::{self, Mission, OPENS_BEFORE};
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};
use crate::users::Role;

mod deciding;

pub use deciding::{
    Contested, TimeUp, VALIDATED_AFTER, Validated, contest, contract_of, decide, get_for, validate,
    validate_by_time,
};

/// A client looks itself at minutes that differ by more than this from the plan †.
const TOLERANCE_PERCENT: i32 = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "report_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportStatus {
    /// Waits for the client, or for time to pass.
    Submitted,
    /// Waits for an admin.
    Contested,
    Validated,
}

/// Who accepted a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "report_judge", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Judge {
    /// Whoever manages the mission, or an admin in the client's name.
    Client,
    /// Nobody objected in time.
    Time,
    /// An admin who decided a dispute.
    Admin,
}

#[derive(Clone, Debug)]
pub struct Report {
    pub id: ReportId,
    pub assignment_id: AssignmentId,
    pub mission_id: MissionId,
    pub talent_id: UserId,
    pub status: ReportStatus,
    pub content: String,
    pub incidents: Option<String>,
    pub minutes_worked: i32,
    pub planned_minutes: i32,
    pub started_at: Option<OffsetDateTime>,
    pub submitted_at: OffsetDateTime,
    pub contested_at: Option<OffsetDateTime>,
    pub contest_reason: Option<String>,
    pub accepted_minutes: Option<i32>,
    pub validated_at: Option<OffsetDateTime>,
    pub validated_by: Option<Judge>,
}

impl Report {
    /// Too far from the plan to be accepted by the mere passing of time.
    pub fn needs_client(&self) -> bool {
        let deviation = (self.minutes_worked - self.planned_minutes).abs();
        deviation * 100 > self.planned_minutes * TOLERANCE_PERCENT
    }
}

/// Reports as they are read, as `r`; the rest of the statement says which.
macro_rules! select_reports {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Report,
            r#"select r.id as "id: _", r.assignment_id as "assignment_id: _", r.mission_id as "mission_id: _",
                      r.talent_id as "talent_id: _", r.status as "status: _", r.content, r.incidents, r.minutes_worked,
                      r.planned_minutes, (select started_at from assignments where id = r.assignment_id), r.submitted_at, r.contested_at, r.contest_reason, r.accepted_minutes, r.validated_at,
                      r.validated_by as "validated_by: _"
                 from reports r "# + $rest,
            $($argument),*
        )
    };
}

use select_reports;

pub async fn get(conn: &mut PgConnection, id: ReportId) -> Result<Report> {
    let report = select_reports!("where r.id = $1", id.0);
    report.fetch_optional(conn).await?.ok_or(Error::NotFound("report"))
}

/// Locks the report of the work that a contract is about, where there is one: before the contract, as whoever accepts it does.
pub async fn lock_of_contract(conn: &mut PgConnection, contract: ContractId) -> Result<Option<Report>> {
    let report = select_reports!(
        "where r.assignment_id = (select assignment_id from contracts where id = $1) for no key update of r",
        contract.0,
    );
    Ok(report.fetch_optional(conn).await?)
}

/// What a talent says of its work.
#[derive(Debug)]
pub struct NewReport {
    pub content: String,
    pub incidents: Option<String>,
    pub minutes_worked: i32,
}

/// A report was handed in. See `jobs::effects::hub::reported`.
#[derive(Debug)]
#[must_use = "a report has effects"]
pub struct Submitted {
    pub report: Report,
    /// As it is now.
    pub mission: Mission,
    /// It was the last that was missing.
    pub completed: bool,
}

/// Ends a talent's work with its report; the mission is done when it was the last one.
pub async fn submit(
    conn: &mut PgConnection,
    id: MissionId,
    talent: UserId,
    new: &NewReport,
    now: OffsetDateTime,
) -> Result<Submitted> {
    let mission = missions::lock(&mut *conn, id).await?;
    let place = assignments::get_living(&mut *conn, id, talent).await?;
    match place.status {
        AssignmentStatus::InProgress => {}
        AssignmentStatus::Completed => return Err(ALREADY_REPORTED),
        _ => {
            let message = "Start the mission before you report on it";
            return Err(Error::Conflict { code: "MISSION_NOT_STARTED", message });
        }
    }
    if Duration::minutes(new.minutes_worked.into()) > now - (mission.start_date - OPENS_BEFORE) {
        let message = "must not be more than have passed since the mission could be started";
        return Err(Error::Invalid { field: "minutesWorked", message });
    }
    let report = ReportId::new();
    sqlx::query!(
        "with done as (update assignments set status = 'COMPLETED' where id = $2)
         insert into reports (id, assignment_id, mission_id, talent_id, content, incidents, minutes_worked, planned_minutes,
                              submitted_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        report.0,
        place.id.0,
        id.0,
        talent.0,
        new.content,
        new.incidents,
        new.minutes_worked,
        (mission.end_date - mission.start_date).whole_minutes() as i32,
        now,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("reports_once", || ALREADY_REPORTED)?;
    let incident = new.incidents.as_ref().map(|_| EventKind::Incident);
    for kind in [Some(EventKind::ReportSubmitted), incident].into_iter().flatten() {
        timeline::record(&mut *conn, NewEvent::by(id, kind, report.0, talent), now).await?;
    }
    let completed = missions::complete(&mut *conn, id, now).await?;
    let report = get(&mut *conn, report).await?;
    Ok(Submitted { report, mission: missions::get(conn, id).await?, completed })
}

pub(crate) const ALREADY_REPORTED: Error =
    Error::Conflict { code: "ALREADY_REPORTED", message: "You have reported on this mission already" };

/// The reports of a mission, for those who take part in it, the first one first; a talent reads its own.
pub async fn list(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Vec<Report>> {
    missions::get_whole(&mut *conn, id, viewer).await?;
    read(conn, id, viewer).await
}

/// Whether a report of a mission waits for its client.
pub(crate) async fn has_unjudged(conn: &mut PgConnection, mission: MissionId) -> Result<bool> {
    let unjudged = sqlx::query_scalar!(
        r#"select exists (select from reports where mission_id = $1 and status = 'SUBMITTED') as "unjudged!""#,
        mission.0,
    );
    Ok(unjudged.fetch_one(conn).await?)
}

/// As [`list`], for a viewer who was admitted before.
pub(crate) async fn read(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Vec<Report>> {
    let own = (viewer.role == Role::Talent).then_some(viewer.user.0);
    let reports = select_reports!(
        "where r.mission_id = $1 and ($2::uuid is null or r.talent_id = $2) order by r.submitted_at, r.id",
        id.0,
        own,
    );
    Ok(reports.fetch_all(conn).await?)
}
