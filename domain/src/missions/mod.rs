//! Relief missions: what they are, and who may see and manage them. Posting, changing, running and
//! ending have files of their own.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::{Error, Result};
use crate::geo::Point;
use crate::ids::{ConversationId, EstablishmentId, InvitationId, MissionId, UserId};
use crate::matching::Ranking;
use crate::places::Address;
use crate::sessions::Viewer;
use crate::users::Role;

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
    /// No coordinates: they are being asked for, or nobody knows them.
    WaitingForLocation,
    Matched,
    None,
}

/// Who or what ended a mission before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "cancel_cause", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelCause {
    Client,
    Admin,
    /// Its start came and nobody had been found.
    Expired,
    /// It was never begun.
    NotStarted,
    /// Its client's account was suspended or banned.
    Account,
}

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
    /// Waves of invitations begin anew with each round.
    pub round: i16,
    /// The last wave of the round that was sent.
    pub wave: i16,
    /// The first answer of the matching.
    pub matched_at: Option<OffsetDateTime>,
    pub cancel_cause: Option<CancelCause>,
    pub cancel_reason: Option<String>,
    pub cancelled_at: Option<OffsetDateTime>,
    pub cancellation_cents: Option<i32>,
    pub created_at: OffsetDateTime,
}

impl Mission {
    pub fn point(&self) -> Option<Point> {
        Point::from_pair(self.latitude, self.longitude)
    }

    pub fn place(&self) -> Address {
        Address {
            street: self.address.clone(),
            postal_code: Some(self.postal_code.clone()),
            city: Some(self.city.clone()),
        }
    }

    /// Open, and not past its start.
    pub fn takes_people(&self, now: OffsetDateTime) -> bool {
        self.status == MissionStatus::Open && self.start_date > now
    }

    /// Not past its start, and nobody has begun before it: a place may still be given back.
    pub fn is_ahead(&self, now: OffsetDateTime) -> bool {
        matches!(self.status, MissionStatus::Open | MissionStatus::Assigned) && self.start_date > now
    }
}

pub const NOT_OPEN: Error =
    Error::Conflict { code: "MISSION_NOT_OPEN", message: "This mission is no longer open" };

pub const OVER: Error = Error::Conflict { code: "MISSION_OVER", message: "This mission is over" };

/// Missions as they are read, as `m` beside their profession `p` and their conversation `c`; the rest of the statement says
/// which. A statement that makes its mission itself gives what stands before and after the columns.
macro_rules! select_missions {
    ($rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        select_missions!(
            with "",
            "from missions m join professions p on p.id = m.profession_id join conversations c on c.mission_id = m.id "
                + $rest $(+ $more)*,
            $($argument),*
        )
    };
    (with $before:literal, $rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Mission,
            $before
                + r#"select m.id as "id!: _", m.client_id as "client_id!: _", m.establishment_id as "establishment_id?: _",
                            c.id as "conversation_id!: _", m.profession_id as "profession_id!", p.slug as "job_id!",
                            m.title as "title!", m.description as "description?", m.hourly_rate_cents as "hourly_rate_cents!",
                            m.urgency_level as "urgency_level!: _", m.start_date as "start_date!", m.end_date as "end_date!",
                            m.is_night_shift as "is_night_shift!", m.requires_diploma as "requires_diploma!",
                            m.requires_car as "requires_car!", m.specialties as "specialties!", m.address as "address?",
                            m.city as "city!", m.postal_code as "postal_code!", m.latitude as "latitude?",
                            m.longitude as "longitude?", m.radius_km as "radius_km!", m.slots as "slots!",
                            m.filled as "filled!", m.status as "status!: _", m.matching as "matching!: _", m.round as "round!",
                            m.wave as "wave!", m.matched_at as "matched_at?", m.cancel_cause as "cancel_cause?: _",
                            m.cancel_reason as "cancel_reason?", m.cancelled_at as "cancelled_at?",
                            m.cancellation_cents as "cancellation_cents?", m.created_at as "created_at!" "#
                + $rest $(+ $more)*,
            $($argument),*
        )
    };
}

mod active;
mod changing;
mod ending;
mod listing;
mod posting;
mod running;

pub use active::{count_active, list_active};
pub use changing::{Affected, Changed, MissionPatch, Preview, change, preview};
pub use ending::{
    Cancelled, Cascade, Expiry, Price, cancel, cancel_all, cancellation_share_bps, expire, get_price,
    mark_cascaded, price,
};
pub use listing::{Filter, Scope, list};
pub use posting::{LONGEST, NewMission, Posted, duplicate, post};
pub(crate) use running::complete;
pub use running::{Look, OPENS_BEFORE, Overdue, Started, find_expected, look, start};

pub async fn get(conn: &mut PgConnection, id: MissionId) -> Result<Mission> {
    find(conn, id).await?.ok_or(Error::NotFound("mission"))
}

pub async fn find(conn: &mut PgConnection, id: MissionId) -> Result<Option<Mission>> {
    Ok(select_missions!("where m.id = $1", id.0).fetch_optional(conn).await?)
}

/// The missions of these ids, in no order.
pub async fn list_by_id(conn: &mut PgConnection, ids: &[MissionId]) -> Result<Vec<Mission>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    Ok(select_missions!("where m.id = any($1)", &ids).fetch_all(conn).await?)
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
    let asked = sqlx::query_scalar!(
        r#"select exists (select from invitations where mission_id = $1 and talent_id = $2)
               or exists (select from applications where mission_id = $1 and talent_id = $2) as "asked!""#,
        id.0,
        viewer.user.0,
    );
    if viewer.role == Role::Talent && (mission.status == MissionStatus::Open || asked.fetch_one(conn).await?)
    {
        return Ok((mission, Sight::Public));
    }
    Err(NOT_A_PARTICIPANT)
}

/// The mission, for those who take part in it, and admins.
pub async fn get_whole(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Mission> {
    match get_for(conn, id, viewer).await? {
        (mission, Sight::Whole) => Ok(mission),
        (_, Sight::Public) => Err(NOT_A_PARTICIPANT),
    }
}

const LONELY_COORDINATE: Error =
    Error::Invalid { field: "latitude", message: "latitude and longitude come together" };

pub const NOT_A_PARTICIPANT: Error =
    Error::Refused { code: "NOT_A_PARTICIPANT", message: "You are not a participant of this mission" };

pub async fn is_participant(conn: &mut PgConnection, id: MissionId, user: UserId) -> Result<bool> {
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

/// Locks those of the missions that wait for their matching, in the order of their ids. Matching happens once, whoever asks.
pub async fn lock_for_matching(conn: &mut PgConnection, ids: &[MissionId]) -> Result<Vec<Mission>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let waiting = select_missions!(
        "where m.id = any ($1) and m.matching = 'PENDING' and m.status = 'OPEN' order by m.id for update of m",
        &ids
    );
    Ok(waiting.fetch_all(conn).await?)
}

/// An open mission that nobody knows where it is.
pub async fn find_unplaced(conn: &mut PgConnection, id: MissionId) -> Result<Option<Mission>> {
    let unplaced = select_missions!(
        "where m.id = $1 and m.status = 'OPEN' and m.matching = 'WAITING_FOR_LOCATION' and m.latitude is null",
        id.0
    );
    Ok(unplaced.fetch_optional(conn).await?)
}

/// Sets where a mission's address was found to be: nothing when it has moved, is over, or somebody has said where it is.
pub async fn set_point(
    conn: &mut PgConnection,
    id: MissionId,
    address: &Address,
    point: Point,
) -> Result<Option<Mission>> {
    let point = point.rounded();
    let placed = select_missions!(
        with
        "with placed as (
             update missions set latitude = $5, longitude = $6, matching = 'PENDING'
              where id = $1 and status = 'OPEN' and matching = 'WAITING_FOR_LOCATION' and latitude is null
                and (address, postal_code, city) is not distinct from ($2, $3, $4)
             returning *
         )",
        "from placed m join professions p on p.id = m.profession_id join conversations c on c.mission_id = m.id",
        id.0,
        address.street,
        address.postal_code,
        address.city,
        point.latitude,
        point.longitude,
    );
    Ok(placed.fetch_optional(conn).await?)
}

/// Locks the mission as it is: the row that everything about its slots queues on.
pub async fn lock(conn: &mut PgConnection, id: MissionId) -> Result<Mission> {
    let mission = select_missions!("where m.id = $1 for update of m", id.0);
    mission.fetch_optional(conn).await?.ok_or(Error::NotFound("mission"))
}

/// Locks the mission that a talent is invited to.
pub async fn lock_invited(conn: &mut PgConnection, id: InvitationId, talent: UserId) -> Result<Mission> {
    let mission = select_missions!(
        "where m.id = (select mission_id from invitations where id = $1 and talent_id = $2) for update of m",
        id.0,
        talent.0,
    );
    mission.fetch_optional(conn).await?.ok_or(Error::NotFound("invitation"))
}

/// Locks the mission for those who manage it: its poster, owners and managers of its establishment, admins. A VIEWER of the
/// establishment reads only.
pub async fn lock_managed(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Mission> {
    let mission = lock(conn, id).await?;
    let managed = sqlx::query_scalar!(
        r#"select exists (select from establishment_members
                           where establishment_id = $1 and user_id = $2 and role in ('OWNER', 'MANAGER')) as "managed!""#,
        mission.establishment_id.map(|site| site.0),
        viewer.user.0,
    );
    if viewer.is_admin() || mission.client_id == viewer.user || managed.fetch_one(conn).await? {
        return Ok(mission);
    }
    Err(NOT_A_PARTICIPANT)
}

/// Its poster, the members of its establishment and those who are assigned: who is told of each step.
pub async fn list_participants(conn: &mut PgConnection, id: MissionId) -> Result<Vec<UserId>> {
    let participants = sqlx::query_scalar!(
        r#"select client_id as "user_id!: UserId" from missions where id = $1
           union
           select e.user_id from missions m join establishment_members e on e.establishment_id = m.establishment_id
            where m.id = $1
           union
           select talent_id from assignments where mission_id = $1 and status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')"#,
        id.0,
    );
    Ok(participants.fetch_all(conn).await?)
}

/// The matching's answers are stored: MATCHED, or NONE where nobody was found. The first one opens the first wave.
pub async fn mark_matched(
    conn: &mut PgConnection,
    rankings: &[Ranking<'_>],
    now: OffsetDateTime,
) -> Result<()> {
    let (ids, found): (Vec<_>, Vec<_>) =
        rankings.iter().map(|ranking| (ranking.mission.id.0, !ranking.talents.is_empty())).unzip();
    sqlx::query!(
        "update missions
            set matching = case when found then 'MATCHED' else 'NONE' end::matching_state,
                matched_at = coalesce(matched_at, $3), wave = greatest(wave, 1)
           from unnest($1::uuid[], $2::bool[]) as ranked (ranked_id, found)
          where id = ranked_id",
        &ids,
        &found,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks a mission whose next wave is this one; nothing when it is filled, over, in another round, or further already.
pub async fn lock_for_wave(
    conn: &mut PgConnection,
    id: MissionId,
    round: i16,
    wave: i16,
    now: OffsetDateTime,
) -> Result<Option<Mission>> {
    let due = select_missions!(
        "where m.id = $1 and m.status = 'OPEN' and m.start_date > $4 and m.round = $2 and m.wave < $3 for update of m",
        id.0,
        round,
        wave,
        now,
    );
    Ok(due.fetch_optional(conn).await?)
}

pub async fn set_wave(conn: &mut PgConnection, id: MissionId, wave: i16) -> Result<()> {
    sqlx::query!("update missions set wave = $2 where id = $1", id.0, wave).execute(conn).await?;
    Ok(())
}
