//! Whether a report counts: accepted by the client, by an admin or by time, or contested. What was worked is then owed.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Judge, Report, ReportStatus, get, list, select_reports};
use crate::contracts::{self, Contract, ContractStatus, Disputed, Origin, Source};
use crate::error::{Error, Result};
use crate::ids::{AssignmentId, MissionId, ReportId, UserId};
use crate::missions::{self, Mission};
use crate::payments::closing::{self, Closed};
use crate::profiles;
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};

/// Nobody objected for so long: a report is accepted †.
pub const VALIDATED_AFTER: Duration = Duration::hours(72);

/// A report was accepted. See `jobs::effects::hub::validated`.
#[derive(Debug)]
#[must_use = "accepted work is paid"]
pub struct Validated {
    pub report: Report,
    /// What follows for the money.
    pub closed: Closed,
}

/// Accepts these minutes of a report that the caller has locked and that was not accepted before.
async fn accept(
    conn: &mut PgConnection,
    report: &Report,
    judge: Judge,
    minutes: i32,
    now: OffsetDateTime,
) -> Result<Validated> {
    sqlx::query!(
        "update reports set status = 'VALIDATED', accepted_minutes = $2, validated_at = $3, validated_by = $4 where id = $1",
        report.id.0,
        minutes,
        now,
        judge as Judge,
    )
    .execute(&mut *conn)
    .await?;
    let event = NewEvent::by(report.mission_id, EventKind::ReportValidated, report.id.0, report.talent_id);
    timeline::record(&mut *conn, event, now).await?;
    let source = Source::Assignment { mission: report.mission_id, assignment: report.assignment_id };
    contracts::mark_completed(&mut *conn, source, now).await?;
    let contract = contract_of(&mut *conn, report).await?;
    let closed = closing::work_accepted(&mut *conn, contract.id, now).await?;
    profiles::count_mission(&mut *conn, report.talent_id).await?;
    Ok(Validated { report: get(conn, report.id).await?, closed })
}

/// The contract of the work that a report is about.
pub async fn contract_of(conn: &mut PgConnection, report: &Report) -> Result<Contract> {
    let contract = contracts::find_of_assignment(conn, report.assignment_id).await?;
    contract.ok_or(Error::NotFound("contract"))
}

/// Locks the report that is meant, of a mission that the caller has locked: the one of an assignment, or of the only talent.
async fn choose(conn: &mut PgConnection, mission: &Mission, of: Option<AssignmentId>) -> Result<Report> {
    if of.is_none() && mission.filled > 1 {
        return Err(WHOSE);
    }
    let report = select_reports!(
        "where r.mission_id = $1 and ($2::uuid is null or r.assignment_id = $2) for no key update of r",
        mission.id.0,
        of.map(|of| of.0),
    );
    report.fetch_optional(conn).await?.ok_or(Error::Conflict {
        code: "MISSION_NOT_REPORTED",
        message: "There is no report of this mission yet",
    })
}

/// The report that is meant, for those who take part in the mission: of an assignment, or the only one that the viewer reads.
pub async fn get_for(
    conn: &mut PgConnection,
    id: MissionId,
    of: Option<AssignmentId>,
    viewer: Viewer,
) -> Result<Report> {
    let reports = list(conn, id, viewer).await?;
    if of.is_none() && reports.len() > 1 {
        return Err(WHOSE);
    }
    let report = reports.into_iter().find(|report| of.is_none_or(|of| report.assignment_id == of));
    report.ok_or(Error::NotFound("report"))
}

const WHOSE: Error = Error::Invalid {
    field: "assignmentId",
    message: "several talents have this mission: say whose report is meant",
};

/// Refuses what was decided, or is being decided by an admin.
fn require_undecided(report: &Report) -> Result<()> {
    match report.status {
        ReportStatus::Submitted => Ok(()),
        ReportStatus::Contested => Err(Error::Conflict {
            code: "REPORT_CONTESTED",
            message: "This report is contested; SocioPulse decides",
        }),
        ReportStatus::Validated => {
            Err(Error::Conflict { code: "REPORT_VALIDATED", message: "This report is accepted already" })
        }
    }
}

/// Accepts a report as it is, for those who manage the mission.
pub async fn validate(
    conn: &mut PgConnection,
    id: MissionId,
    of: Option<AssignmentId>,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Validated> {
    let mission = missions::lock_managed(&mut *conn, id, viewer).await?;
    let report = choose(&mut *conn, &mission, of).await?;
    require_undecided(&report)?;
    accept(conn, &report, Judge::Client, report.minutes_worked, now).await
}

/// What became of a report that nobody has answered in time.
#[derive(Debug)]
#[must_use = "somebody is to be told"]
pub enum TimeUp {
    Validated(Box<Validated>),
    /// It differs too much from the plan: the client has to look.
    Waits {
        report: ReportId,
        mission: MissionId,
        client: UserId,
    },
}

/// Accepts a report whose time has come; nothing when it was decided, or somebody disputes the contract.
pub async fn validate_by_time(
    conn: &mut PgConnection,
    id: ReportId,
    now: OffsetDateTime,
) -> Result<Option<TimeUp>> {
    let mission = get(&mut *conn, id).await?.mission_id;
    let mission = missions::lock(&mut *conn, mission).await?;
    let report =
        select_reports!("where r.id = $1 for no key update of r", id.0).fetch_one(&mut *conn).await?;
    if report.status != ReportStatus::Submitted || report.submitted_at + VALIDATED_AFTER > now {
        return Ok(None);
    }
    // Held, so that nobody disputes what is being accepted.
    let contract = contract_of(&mut *conn, &report).await?.id;
    if contracts::lock(&mut *conn, contract).await?.status == ContractStatus::Disputed {
        return Ok(None);
    }
    if report.needs_client() {
        return Ok(Some(TimeUp::Waits { report: id, mission: mission.id, client: mission.client_id }));
    }
    let validated = accept(conn, &report, Judge::Time, report.minutes_worked, now).await?;
    Ok(Some(TimeUp::Validated(Box::new(validated))))
}

/// A report is contested. See `jobs::effects::hub::contested`.
#[derive(Debug)]
#[must_use = "a contested report has effects"]
pub struct Contested {
    pub report: Report,
    /// Of its contract; none where that was in dispute before.
    pub disputed: Option<Disputed>,
}

/// Contests a report, for those who manage the mission: its contract is in dispute until an admin has decided.
pub async fn contest(
    conn: &mut PgConnection,
    id: MissionId,
    of: Option<AssignmentId>,
    viewer: Viewer,
    reason: &str,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<Contested> {
    let mission = missions::lock_managed(&mut *conn, id, viewer).await?;
    let report = choose(&mut *conn, &mission, of).await?;
    require_undecided(&report)?;
    sqlx::query!(
        "update reports set status = 'CONTESTED', contested_at = $2, contested_by = $3, contest_reason = $4 where id = $1",
        report.id.0,
        now,
        viewer.user.0,
        reason,
    )
    .execute(&mut *conn)
    .await?;
    let event = NewEvent::by(id, EventKind::ReportContested, report.id.0, report.talent_id);
    timeline::record(&mut *conn, event, now).await?;
    let contract = contract_of(&mut *conn, &report).await?;
    let disputed = match contracts::lock(&mut *conn, contract.id).await?.status {
        ContractStatus::Disputed => None,
        _ => Some(contracts::dispute(&mut *conn, contract.id, viewer, reason, origin, now).await?),
    };
    Ok(Contested { report: get(conn, report.id).await?, disputed })
}

/// Accepts a report because an admin has decided the dispute about its contract: as reported, or with other minutes. Nothing
/// where nothing was to be accepted any more.
pub async fn decide(
    conn: &mut PgConnection,
    report: Option<Report>,
    minutes: Option<i32>,
    now: OffsetDateTime,
) -> Result<Option<Validated>> {
    match (report, minutes) {
        (Some(report), minutes) if report.status != ReportStatus::Validated => {
            let minutes = minutes.unwrap_or(report.minutes_worked);
            accept(conn, &report, Judge::Admin, minutes, now).await.map(Some)
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(Error::Invalid {
            field: "minutesWorked",
            message: "there is no report that could be accepted",
        }),
    }
}
