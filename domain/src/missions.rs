//! Relief missions: what a client posts, and who may see it.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::{Error, OnConstraint, Result};
use crate::geo::Point;
use crate::ids::{ConversationId, EstablishmentId, MissionId, UserId};
use crate::page::{Cursor, Page};
use crate::sessions::Viewer;
use crate::users::Role;
use crate::{clock, conversations, establishments, geo, professions, specialties};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "urgency_level", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UrgencyLevel {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "mission_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MissionStatus {
    Open,
    Assigned,
    InProgress,
    Completed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "matching_state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MatchingState {
    Pending,
    /// No coordinates, and nobody to ask for them.
    WaitingForLocation,
    Matched,
    None,
}

pub const LONGEST: Duration = Duration::hours(12);
const USUAL_LENGTH: Duration = Duration::hours(8);

#[derive(Clone, Debug)]
pub struct Mission {
    pub id: MissionId,
    pub client_id: UserId,
    pub establishment_id: Option<EstablishmentId>,
    pub conversation_id: ConversationId,
    pub profession_id: i16,
    /// Slug of the profession.
    pub job_id: String,
    pub title: String,
    pub description: Option<String>,
    pub hourly_rate_cents: i32,
    pub urgency_level: UrgencyLevel,
    pub start_date: OffsetDateTime,
    pub end_date: OffsetDateTime,
    pub is_night_shift: bool,
    pub requires_diploma: bool,
    pub requires_car: bool,
    pub specialties: Vec<String>,
    pub address: Option<String>,
    pub city: String,
    pub postal_code: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub radius_km: i32,
    pub slots: i16,
    pub filled: i16,
    pub status: MissionStatus,
    pub matching: MatchingState,
    pub created_at: OffsetDateTime,
}

impl Mission {
    pub fn point(&self) -> Option<Point> {
        Point::from_pair(self.latitude, self.longitude)
    }
}

#[derive(Debug)]
pub struct NewMission {
    pub client_id: UserId,
    pub establishment_id: Option<EstablishmentId>,
    pub job_id: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub hourly_rate_cents: i32,
    pub urgency_level: UrgencyLevel,
    pub start_date: OffsetDateTime,
    pub end_date: Option<OffsetDateTime>,
    pub is_night_shift: bool,
    pub requires_diploma: bool,
    pub requires_car: bool,
    pub specialties: Vec<String>,
    pub address: Option<String>,
    pub city: String,
    pub postal_code: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub radius_km: i32,
    pub slots: i16,
}

/// A mission was posted. See `jobs::effects::posted` for what that sets off.
#[derive(Debug)]
#[must_use = "a posted mission has effects"]
pub struct Posted {
    pub mission: Mission,
}

/// Posts a mission with its conversation.
pub async fn post(conn: &mut PgConnection, new: NewMission, now: OffsetDateTime) -> Result<Posted> {
    let start_date = clock::to_micros(new.start_date);
    check_start(start_date, now)?;
    let end_date = new.end_date.map_or(start_date + USUAL_LENGTH, clock::to_micros);
    check_end(start_date, end_date)?;
    let profession = professions::get(conn, &new.job_id).await?;
    let establishment_id = match new.establishment_id {
        Some(site) if establishments::may_manage(conn, site, new.client_id).await? => Some(site),
        Some(_) => {
            let message = "Only an owner or manager posts for an establishment";
            return Err(Error::Refused { code: "NOT_A_MANAGER", message });
        }
        None => establishments::find_own(conn, new.client_id).await?.map(|site| site.id),
    };
    let matching = match Point::from_pair(new.latitude, new.longitude) {
        Some(_) => MatchingState::Pending,
        None => MatchingState::WaitingForLocation,
    };
    let id = MissionId::new();
    sqlx::query!(
        "insert into missions (id, client_id, establishment_id, profession_id, title, description, hourly_rate_cents,
                               urgency_level, start_date, end_date, is_night_shift, requires_diploma, requires_car, specialties,
                               address, city, postal_code, latitude, longitude, radius_km, slots, matching, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)",
        id.0,
        new.client_id.0,
        establishment_id.map(|site| site.0),
        profession.id,
        new.title.unwrap_or_else(|| format!("Renfort – {}", profession.label)),
        new.description,
        new.hourly_rate_cents,
        new.urgency_level as UrgencyLevel,
        start_date,
        end_date,
        new.is_night_shift,
        new.requires_diploma,
        new.requires_car,
        &specialties::normalise_all(new.specialties),
        new.address,
        new.city,
        new.postal_code,
        new.latitude.map(geo::rounded),
        new.longitude.map(geo::rounded),
        new.radius_km,
        new.slots,
        matching as MatchingState,
        now,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("mission_coordinates_come_in_pairs", || Error::Invalid {
        field: "latitude",
        message: "latitude and longitude come together",
    })?;
    conversations::create_for_mission(conn, id, now).await?;
    Ok(Posted { mission: get(conn, id).await? })
}

fn check_start(start: OffsetDateTime, now: OffsetDateTime) -> Result<()> {
    let invalid = |message| Err(Error::Invalid { field: "startDate", message });
    match () {
        () if start <= now => invalid("must be in the future"),
        () if start > now + Duration::days(730) => invalid("must be within two years"),
        () => Ok(()),
    }
}

/// After `check_start`: no date near the end of time can come in here.
fn check_end(start: OffsetDateTime, end: OffsetDateTime) -> Result<()> {
    let invalid = |message| Err(Error::Invalid { field: "endDate", message });
    match () {
        () if end <= start => invalid("must be after startDate"),
        () if end > start + LONGEST => invalid("must be at most 12 hours after startDate"),
        () => Ok(()),
    }
}

/// Missions as they are read; the rest of the statement says which.
macro_rules! select_missions {
    ($rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Mission,
            r#"select id as "id!: _", client_id as "client_id!: _", establishment_id as "establishment_id: _",
                      conversation_id as "conversation_id!: _", profession_id as "profession_id!", job_id as "job_id!",
                      title as "title!", description, hourly_rate_cents as "hourly_rate_cents!", urgency_level as "urgency_level!: _",
                      start_date as "start_date!", end_date as "end_date!", is_night_shift as "is_night_shift!",
                      requires_diploma as "requires_diploma!", requires_car as "requires_car!", specialties as "specialties!",
                      address, city as "city!", postal_code as "postal_code!", latitude, longitude, radius_km as "radius_km!",
                      slots as "slots!", filled as "filled!", status as "status!: _", matching as "matching!: _",
                      created_at as "created_at!"
                 from mission_rows "# + $rest $(+ $more)*,
            $($argument),*
        )
    };
}

pub async fn get(conn: &mut PgConnection, id: MissionId) -> Result<Mission> {
    find(conn, id).await?.ok_or(Error::NotFound("mission"))
}

pub async fn find(conn: &mut PgConnection, id: MissionId) -> Result<Option<Mission>> {
    Ok(select_missions!("where id = $1", id.0).fetch_optional(conn).await?)
}

/// The missions of these ids, in no order.
pub async fn list_by_id(conn: &mut PgConnection, ids: &[MissionId]) -> Result<Vec<Mission>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    Ok(select_missions!("where id = any($1)", &ids).fetch_all(conn).await?)
}

/// How much of a mission someone may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Its poster, members of its establishment, people assigned, admins.
    Whole,
    /// A talent who may still be interested: no address, no names.
    Public,
}

/// The mission as far as this viewer may see it.
pub async fn get_for(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<(Mission, Sight)> {
    let mission = get(conn, id).await?;
    if viewer.is_admin() || is_participant(conn, id, viewer.user).await? {
        return Ok((mission, Sight::Whole));
    }
    let invited = sqlx::query_scalar!(
        r#"select exists (select from invitations where mission_id = $1 and talent_id = $2) as "invited!""#,
        id.0,
        viewer.user.0,
    );
    if viewer.role == Role::Talent
        && (mission.status == MissionStatus::Open || invited.fetch_one(conn).await?)
    {
        return Ok((mission, Sight::Public));
    }
    Err(NOT_A_PARTICIPANT)
}

pub const NOT_A_PARTICIPANT: Error =
    Error::Refused { code: "NOT_A_PARTICIPANT", message: "You are not a participant of this mission" };

async fn is_participant(conn: &mut PgConnection, id: MissionId, user: UserId) -> Result<bool> {
    let participates = sqlx::query_scalar!(r#"select is_mission_participant($1, $2) as "is!""#, id.0, user.0);
    Ok(participates.fetch_one(conn).await?)
}

/// The mission, for those who own it: its poster, the members of its establishment, admins.
pub async fn get_owned(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Mission> {
    let mission = get(conn, id).await?;
    let owned = sqlx::query_scalar!(
        r#"select exists (select from establishment_members where establishment_id = $1 and user_id = $2) as "owned!""#,
        mission.establishment_id.map(|site| site.0),
        viewer.user.0,
    );
    if viewer.is_admin() || mission.client_id == viewer.user || owned.fetch_one(conn).await? {
        return Ok(mission);
    }
    Err(NOT_A_PARTICIPANT)
}

/// Which missions a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Posted by the viewer or for its establishments, or assigned to it.
    Mine,
    /// Open to everybody.
    Open,
}

#[derive(Debug)]
pub struct Filter {
    pub scope: Scope,
    pub status: Option<MissionStatus>,
    pub job_id: Option<String>,
    pub urgency_level: Option<UrgencyLevel>,
    /// Only missions with coordinates within this many kilometres of the point.
    pub near: Option<(Point, f64)>,
}

pub async fn list(
    conn: &mut PgConnection,
    viewer: Viewer,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Mission>, Option<Cursor>)> {
    let (near, radius) = filter.near.unzip();
    let (latitude, longitude) = near.map(|point| (point.latitude, point.longitude)).unzip();
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    macro_rules! select_page {
        ($scope:literal) => {
            select_missions!(
                $scope
                    + "and ($2::mission_status is null or status = $2)
                       and ($3::text is null or job_id = $3)
                       and ($4::urgency_level is null or urgency_level = $4)
                       and ($5::float8 is null or haversine_km($5, $6, latitude, longitude) <= $7)
                       and ($8::timestamptz is null or (created_at, id) < ($8, $9))
                     order by created_at desc, id desc limit $10",
                viewer.user.0,
                filter.status as Option<MissionStatus>,
                filter.job_id,
                filter.urgency_level as Option<UrgencyLevel>,
                latitude,
                longitude,
                radius,
                after,
                after_id,
                page.rows(),
            )
            .fetch_all(conn)
            .await?
        };
    }
    // One statement per scope: each has an index of its own.
    let missions = match filter.scope {
        // The viewer plays no part; a statement must use its parameters.
        Scope::Open => select_page!("where status = 'OPEN' and $1::uuid is not null "),
        Scope::Mine => select_page!(
            "where id in (select id from missions where client_id = $1
                          union select m.id from establishment_members e
                                  join missions m on m.establishment_id = e.establishment_id where e.user_id = $1
                          union select mission_id from assignments
                                 where talent_id = $1 and status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')) "
        ),
    };
    Ok(page.cut(missions, |mission| Cursor { created_at: mission.created_at, id: mission.id.0 }))
}

/// Locks a mission that waits for its match; false when there is none to do. Matching happens once, whoever asks.
pub async fn lock_for_matching(conn: &mut PgConnection, id: MissionId) -> Result<bool> {
    let pending = sqlx::query_scalar!(
        "select true from missions where id = $1 and matching = 'PENDING' for update",
        id.0
    );
    Ok(pending.fetch_optional(conn).await?.is_some())
}

pub async fn set_matching(conn: &mut PgConnection, id: MissionId, state: MatchingState) -> Result<()> {
    sqlx::query!("update missions set matching = $2 where id = $1", id.0, state as MatchingState)
        .execute(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn impossible_dates_name_their_field() {
        let now = datetime!(2026-06-01 12:00 UTC);
        let check = |start, end| check_start(start, now).and_then(|()| check_end(start, end));
        let field = |start: OffsetDateTime, end: OffsetDateTime| match check(start, end) {
            Err(Error::Invalid { field, .. }) => Some(field),
            _ => None,
        };
        let start = now + Duration::hours(1);
        assert_eq!(field(start, start + LONGEST), None);
        assert_eq!(field(now, now + LONGEST), Some("startDate"));
        assert_eq!(field(start, start), Some("endDate"));
        assert_eq!(field(start, start + LONGEST + Duration::SECOND), Some("endDate"));
        assert_eq!(field(now + Duration::days(731), now + Duration::days(732)), Some("startDate"));
    }
}
