//! Changing an open mission, and what a change would do.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::posting::{check_end, check_start};
use super::{LONELY_COORDINATE, MatchingState, Mission, MissionStatus, UrgencyLevel, lock_managed};
use crate::error::{Error, Result};
use crate::geo::Point;
use crate::ids::{MissionId, UserId};
use crate::matching::{self, MatchedTalent, Ranking, Whom};
use crate::sessions::Viewer;
use crate::{assignments, clock, specialties};

/// What a client changes of an open mission; what is absent stays.
#[derive(Debug, Default)]
pub struct MissionPatch {
    pub title: Option<String>,
    pub description: Option<String>,
    pub hourly_rate_cents: Option<i32>,
    pub urgency_level: Option<UrgencyLevel>,
    pub start_date: Option<OffsetDateTime>,
    /// With a new start and no end, the mission keeps its length.
    pub end_date: Option<OffsetDateTime>,
    pub is_night_shift: Option<bool>,
    pub requires_diploma: Option<bool>,
    pub requires_car: Option<bool>,
    pub specialties: Option<Vec<String>>,
    pub address: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub radius_km: Option<i32>,
    pub slots: Option<i16>,
}

/// A mission was changed. See `jobs::effects::missions::changed` for what that sets off.
#[derive(Debug)]
#[must_use = "a changed mission has effects"]
pub struct Changed {
    pub mission: Mission,
    /// Anything differs at all.
    pub differs: bool,
    /// Applicants who still wait for an answer.
    pub applicants: Vec<UserId>,
    /// Applicants who were passed over because fewer slots made the mission full.
    pub passed_over: Vec<UserId>,
}

impl MissionPatch {
    fn over(self, before: &Mission, now: OffsetDateTime) -> Result<Mission> {
        let mut after = before.clone();
        if let Some(start) = self.start_date.map(clock::to_micros).filter(|start| *start != before.start_date)
        {
            check_start(start, now)?;
            after.end_date = start + (before.end_date - before.start_date);
            after.start_date = start;
        }
        if let Some(end) = self.end_date {
            after.end_date = clock::to_micros(end);
        }
        check_end(after.start_date, after.end_date)?;
        let named = Point::from_pair(self.latitude, self.longitude).map(Point::rounded);
        if named.is_none() && (self.latitude.is_some() || self.longitude.is_some()) {
            return Err(LONELY_COORDINATE);
        }

        after.title = self.title.unwrap_or(after.title);
        after.description = self.description.or(after.description);
        after.hourly_rate_cents = self.hourly_rate_cents.unwrap_or(after.hourly_rate_cents);
        after.urgency_level = self.urgency_level.unwrap_or(after.urgency_level);
        after.is_night_shift = self.is_night_shift.unwrap_or(after.is_night_shift);
        after.requires_diploma = self.requires_diploma.unwrap_or(after.requires_diploma);
        after.requires_car = self.requires_car.unwrap_or(after.requires_car);
        after.specialties = self.specialties.map_or(after.specialties, specialties::normalise_all);
        after.address = self.address.or(after.address);
        after.city = self.city.unwrap_or(after.city);
        after.postal_code = self.postal_code.unwrap_or(after.postal_code);
        after.radius_km = self.radius_km.unwrap_or(after.radius_km);
        after.slots = self.slots.unwrap_or(after.slots);
        // Another address is another place: where it is has to be said, or found out, anew.
        let moved = address(&after) != address(before);
        let point = named.or(before.point().filter(|_| !moved));
        (after.latitude, after.longitude) = point.map(|point| (point.latitude, point.longitude)).unzip();
        Ok(after)
    }
}

fn address(mission: &Mission) -> (Option<&str>, &str, &str) {
    (mission.address.as_deref(), &mission.city, &mission.postal_code)
}

/// What those who are assigned already have agreed to.
fn agreed(mission: &Mission) -> impl PartialEq {
    let place = (mission.address.clone(), mission.city.clone(), mission.postal_code.clone(), mission.point());
    (mission.start_date, mission.end_date, mission.hourly_rate_cents, place)
}

/// What the matching reads.
fn criteria(mission: &Mission) -> impl PartialEq {
    (
        (mission.start_date, mission.end_date, mission.point(), mission.radius_km),
        (mission.requires_diploma, mission.requires_car, mission.is_night_shift, mission.specialties.clone()),
    )
}

fn words(mission: &Mission) -> impl PartialEq {
    (mission.title.clone(), mission.description.clone(), mission.urgency_level, mission.slots)
}

/// Changes an open mission for those who manage it. When something that the matching reads changed, or the urgency, or more
/// people are wanted, it is matched again and its waves begin anew. Fewer slots may fill it.
pub async fn change(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    patch: MissionPatch,
    now: OffsetDateTime,
) -> Result<Changed> {
    let before = lock_managed(&mut *conn, id, viewer).await?;
    if !before.takes_people(now) {
        return Err(super::NOT_OPEN);
    }
    let mut after = patch.over(&before, now)?;
    if after.slots < before.filled {
        return Err(Error::Conflict {
            code: "SLOTS_TAKEN",
            message: "More people than that are assigned already",
        });
    }
    if before.filled > 0 && agreed(&after) != agreed(&before) {
        return Err(Error::Conflict {
            code: "MISSION_PARTLY_FILLED",
            message: "Somebody is assigned already: dates, rate and place stay as they were agreed",
        });
    }
    let differs = words(&after) != words(&before)
        || agreed(&after) != agreed(&before)
        || criteria(&after) != criteria(&before);
    let full = after.slots == after.filled;
    let again = !full
        && (criteria(&after) != criteria(&before)
            || after.urgency_level != before.urgency_level
            || after.slots > before.slots);
    if again {
        (after.round, after.wave) = (before.round + 1, 0);
        after.matching = match after.point() {
            Some(_) => MatchingState::Pending,
            None => MatchingState::WaitingForLocation,
        };
    }
    after.status = if full { MissionStatus::Assigned } else { MissionStatus::Open };
    write(&mut *conn, &after).await?;
    let passed_over =
        if full { assignments::close_leftovers(&mut *conn, id, now).await?.applicants } else { Vec::new() };
    let applicants = sqlx::query_scalar!(
        r#"select talent_id as "talent_id: UserId" from applications where mission_id = $1 and status = 'PENDING'"#,
        id.0
    );
    let applicants = applicants.fetch_all(&mut *conn).await?;
    Ok(Changed { mission: after, differs, applicants, passed_over })
}

async fn write(conn: &mut PgConnection, after: &Mission) -> Result<()> {
    sqlx::query!(
        "update missions set title = $2, description = $3, hourly_rate_cents = $4, urgency_level = $5, start_date = $6,
                end_date = $7, is_night_shift = $8, requires_diploma = $9, requires_car = $10, specialties = $11, address = $12,
                city = $13, postal_code = $14, latitude = $15, longitude = $16, radius_km = $17, slots = $18, status = $19,
                matching = $20, round = $21, wave = $22
          where id = $1",
        after.id.0,
        after.title,
        after.description,
        after.hourly_rate_cents,
        after.urgency_level as UrgencyLevel,
        after.start_date,
        after.end_date,
        after.is_night_shift,
        after.requires_diploma,
        after.requires_car,
        &after.specialties,
        after.address,
        after.city,
        after.postal_code,
        after.latitude,
        after.longitude,
        after.radius_km,
        after.slots,
        after.status as MissionStatus,
        after.matching as MatchingState,
        after.round,
        after.wave,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Somebody whom a change concerns, as a client may see them.
#[derive(Clone, Debug)]
pub struct Affected {
    pub talent_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub city: Option<String>,
}

/// What a change would do.
#[derive(Debug)]
pub struct Preview {
    pub mission: Mission,
    /// The top 3 as they would be.
    pub matches: Vec<MatchedTalent>,
    /// Invited, and would fit no longer.
    pub dropped: Vec<Affected>,
    /// Would have to be told.
    pub applicants: Vec<Affected>,
    /// Stay as they are.
    pub assigned: Vec<Affected>,
}

/// Makes the change in order to see what it does: the transaction is the caller's to roll back.
pub async fn preview(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    patch: MissionPatch,
    now: OffsetDateTime,
) -> Result<Preview> {
    let changed = change(&mut *conn, id, viewer, patch, now).await?;
    let mission = changed.mission;
    let talents = matching::rank(&mut *conn, &mission, Whom::Everybody, matching::TOP).await?;
    let ranking = Ranking { mission: &mission, talents };
    let matches = matching::store(&mut *conn, &[ranking]).await?.pop().unwrap_or_default();
    let fitting: Vec<_> = match mission.point() {
        Some(_) => matching::rank(&mut *conn, &mission, Whom::Invited, i64::MAX).await?,
        None => Vec::new(),
    };
    let fitting: Vec<_> = fitting.iter().map(|talent| talent.talent_id.0).collect();
    let people = sqlx::query!(
        r#"select 'dropped' as "part!", p.user_id as "talent_id!: UserId", p.first_name, left(p.last_name, 1) as last_initial, p.city
             from invitations i join profiles p on p.user_id = i.talent_id
            where i.mission_id = $1 and i.status = 'PENDING' and i.talent_id <> all ($2)
           union all
           select 'applicants', p.user_id, p.first_name, left(p.last_name, 1), p.city
             from applications a join profiles p on p.user_id = a.talent_id where a.mission_id = $1 and a.status = 'PENDING'
           union all
           select 'assigned', p.user_id, p.first_name, left(p.last_name, 1), p.city
             from assignments a join profiles p on p.user_id = a.talent_id
            where a.mission_id = $1 and a.status in ('ASSIGNED', 'IN_PROGRESS')
           order by 1, 2"#,
        id.0,
        &fitting,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut preview = Preview { mission, matches, dropped: vec![], applicants: vec![], assigned: vec![] };
    for row in people {
        let part = match row.part.as_str() {
            "dropped" => &mut preview.dropped,
            "applicants" => &mut preview.applicants,
            _ => &mut preview.assigned,
        };
        part.push(Affected {
            talent_id: row.talent_id,
            first_name: row.first_name,
            last_initial: row.last_initial,
            city: row.city,
        });
    }
    Ok(preview)
}
