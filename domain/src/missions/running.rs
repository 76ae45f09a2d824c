//! A mission while it takes place: its talents start it, and the clock notices who does not.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Cancelled, Mission, MissionStatus, ending, get, lock};
use crate::assignments::{self, AssignmentStatus, Leftovers};
use crate::contracts::{self, Source};
use crate::error::{Error, Result};
use crate::ids::{AssignmentId, MissionId, UserId};
use crate::instructions;
use crate::timeline::{self, EventKind, NewEvent};

/// How long before its planned start a mission can be started †.
pub const OPENS_BEFORE: Duration = Duration::minutes(60);
/// How long after its planned start whoever has not started it counts as not having come †.
pub(super) const LATE_AFTER: Duration = Duration::minutes(15);
/// How long after its planned end whoever forgot to start it still can †.
const CLOSES_AFTER: Duration = Duration::days(7);

/// A talent is at work. See `jobs::effects::hub::started`.
#[derive(Debug)]
#[must_use = "a start has effects"]
pub struct Started {
    /// As it is now.
    pub mission: Mission,
    /// Who was still asked: the search ends when the first begins.
    pub leftovers: Leftovers,
    /// It began before every place was taken, and goes on with who is there.
    pub shrunk: bool,
}

/// Starts an assigned talent's work, whose contract both have signed and who has read the instructions, if there are any. With the first of them the mission begins, and wants nobody
/// else.
pub async fn start(
    conn: &mut PgConnection,
    id: MissionId,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Started> {
    let mission = lock(&mut *conn, id).await?;
    let place = assignments::get_living(&mut *conn, id, talent).await?;
    if place.status != AssignmentStatus::Assigned {
        return Err(Error::Conflict {
            code: "ALREADY_STARTED",
            message: "You have started this mission already",
        });
    }
    if now < mission.start_date - OPENS_BEFORE {
        let message = "A mission can be started from 60 minutes before its start";
        return Err(Error::Conflict { code: "START_TOO_EARLY", message });
    }
    if now > mission.end_date + CLOSES_AFTER {
        let message = "This mission was never started, and its time is long over: tell SocioPulse";
        return Err(Error::Conflict { code: "MISSION_OVER", message });
    }
    contracts::require_signed(&mut *conn, id, talent).await?;
    instructions::require_read(&mut *conn, id, place.id).await?;
    sqlx::query!(
        "with started as (
             update assignments set status = 'IN_PROGRESS', started_at = $3 where id = $1
         )
         update missions set status = 'IN_PROGRESS', slots = filled where id = $2 and status in ('OPEN', 'ASSIGNED')",
        place.id.0,
        id.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    contracts::mark_started(&mut *conn, Source::Assignment { mission: id, assignment: place.id }, now)
        .await?;
    let event = NewEvent::by(id, EventKind::MissionStarted, place.id.0, talent);
    timeline::record(&mut *conn, event, now).await?;
    let shrunk = mission.status == MissionStatus::Open;
    let leftovers =
        if shrunk { assignments::close_leftovers(&mut *conn, id, now).await? } else { Leftovers::default() };
    Ok(Started { mission: get(conn, id).await?, leftovers, shrunk })
}

/// The mission is done once nobody is at work, and nobody can be expected any more. True when it is done by this.
pub(crate) async fn complete(conn: &mut PgConnection, id: MissionId, now: OffsetDateTime) -> Result<bool> {
    let completed = sqlx::query!(
        "update missions m set status = 'COMPLETED'
          where m.id = $1 and m.status = 'IN_PROGRESS'
            and not exists (select from assignments a
                             where a.mission_id = m.id
                               and (a.status = 'IN_PROGRESS' or a.status = 'ASSIGNED' and upper(a.period) > $2))",
        id.0,
        now,
    );
    Ok(completed.execute(conn).await?.rows_affected() == 1)
}

/// The mission that a talent is still expected at, with the talent: nothing where it was moved, called off, left or begun, or its
/// start is over.
pub async fn find_expected(
    conn: &mut PgConnection,
    place: AssignmentId,
    start: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Option<(Mission, UserId)>> {
    let expected = sqlx::query!(
        r#"select a.mission_id as "mission_id: MissionId", a.talent_id as "talent_id: UserId"
             from assignments a join missions m on m.id = a.mission_id
            where a.id = $1 and a.status = 'ASSIGNED' and m.start_date = $2 and m.start_date > $3"#,
        place.0,
        start,
        now,
    );
    match expected.fetch_optional(&mut *conn).await? {
        Some(row) => Ok(Some((get(conn, row.mission_id).await?, row.talent_id))),
        None => Ok(None),
    }
}

/// When the clock looks at what an assignment has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Look {
    /// Has it begun?
    Start,
    /// Was it reported? Two hours after the end †.
    Report,
    /// Still not? A day after the end †.
    ReportAgain,
    /// Nobody can start it any more.
    GiveUp,
}

impl Look {
    pub const ALL: [Self; 4] = [Self::Start, Self::Report, Self::ReportAgain, Self::GiveUp];

    pub fn at(self, mission: &Mission) -> OffsetDateTime {
        match self {
            Self::Start => mission.start_date + LATE_AFTER,
            Self::Report => mission.end_date + Duration::hours(2),
            Self::ReportAgain => mission.end_date + Duration::DAY,
            Self::GiveUp => mission.end_date + CLOSES_AFTER,
        }
    }
}

/// What should have happened and has not. See `jobs::effects::hub::overdue`.
#[derive(Debug)]
#[must_use = "somebody waits"]
pub enum Overdue {
    NotStarted {
        mission: Mission,
        talent: UserId,
    },
    NotReported {
        mission: Mission,
        talent: UserId,
    },
    /// Only who never came was still expected: the mission is done.
    Over {
        mission: Mission,
    },
    /// Nobody ever came.
    GivenUp(Cancelled),
}

/// Nothing where everything is as it should be.
pub async fn look(
    conn: &mut PgConnection,
    id: AssignmentId,
    look: Look,
    now: OffsetDateTime,
) -> Result<Option<Overdue>> {
    let place = sqlx::query!(
        r#"select mission_id as "mission_id: MissionId", talent_id as "talent_id: UserId" from assignments where id = $1"#,
        id.0,
    );
    let Some(place) = place.fetch_optional(&mut *conn).await? else { return Ok(None) };
    let mission = lock(&mut *conn, place.mission_id).await?;
    let status = sqlx::query_scalar!(
        r#"select status as "status: AssignmentStatus" from assignments where id = $1"#,
        id.0
    );
    let (status, talent) = (status.fetch_one(&mut *conn).await?, place.talent_id);
    Ok(match (look, status) {
        (Look::Start, AssignmentStatus::Assigned) => Some(Overdue::NotStarted { mission, talent }),
        (Look::Report | Look::ReportAgain, AssignmentStatus::InProgress) => {
            Some(Overdue::NotReported { mission, talent })
        }
        (Look::Report, AssignmentStatus::Assigned) if complete(&mut *conn, mission.id, now).await? => {
            Some(Overdue::Over { mission: get(conn, mission.id).await? })
        }
        (Look::GiveUp, AssignmentStatus::Assigned) => {
            ending::give_up(conn, mission.id, now).await?.map(Overdue::GivenUp)
        }
        _ => None,
    })
}
