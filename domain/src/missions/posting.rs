//! Posting a mission, and posting it again at other dates.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{MatchingState, Mission, UrgencyLevel};
use crate::error::{Error, OnConstraint, Result};
use crate::geo::{self, Point};
use crate::ids::{ConversationId, EstablishmentId, MissionId, UserId};
use crate::users::{self, Status};
use crate::{clock, professions, specialties};

pub const LONGEST: Duration = Duration::hours(12);
const USUAL_LENGTH: Duration = Duration::hours(8);

#[derive(Clone, Debug)]
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

/// A mission was posted. See `jobs::effects::missions::posted` for what that sets off.
#[derive(Debug)]
#[must_use = "a posted mission has effects"]
pub struct Posted {
    pub mission: Mission,
}

/// Posts a mission with its conversation, for the establishment that was named or else the poster's own, in one statement: who
/// does not manage the named one posts nothing.
///
/// The poster's account is locked: either its suspension sees the mission or the mission the suspension.
pub async fn post(conn: &mut PgConnection, new: NewMission, now: OffsetDateTime) -> Result<Posted> {
    let start_date = clock::to_micros(new.start_date);
    check_start(start_date, now)?;
    let end_date = new.end_date.map_or(start_date + USUAL_LENGTH, clock::to_micros);
    check_end(start_date, end_date)?;
    let profession = professions::get(conn, &new.job_id).await?;
    let matching = match Point::from_pair(new.latitude, new.longitude) {
        Some(_) => MatchingState::Pending,
        None => MatchingState::WaitingForLocation,
    };
    let mission = select_missions!(
        with
        "with site as (
             select establishment_id as id from establishment_members
              where user_id = $2 and role in ('OWNER', 'MANAGER') and ($3::uuid is null or establishment_id = $3)
              order by joined_at, establishment_id limit 1
         ), posted as (
             insert into missions (id, client_id, establishment_id, profession_id, title, description, hourly_rate_cents,
                                   urgency_level, start_date, end_date, is_night_shift, requires_diploma, requires_car,
                                   specialties, address, city, postal_code, latitude, longitude, radius_km, slots, matching,
                                   created_at)
             select $1, $2, (select id from site), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                    $21, $22, $23
               from users
              where users.id = $2 and users.status = 'VERIFIED' and ($3::uuid is null or exists (select from site))
                for share
             returning *
         ), room as (
             insert into conversations (id, kind, mission_id, created_at) select $24, 'MISSION', id, created_at from posted
             returning id
         )",
        "from posted m cross join room c cross join (select $25::text as slug) p",
        MissionId::new().0,
        new.client_id.0,
        new.establishment_id.map(|site| site.0),
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
        ConversationId::new().0,
        new.job_id,
    )
    .fetch_optional(&mut *conn)
    .await
    .on_constraint("mission_coordinates_come_in_pairs", || super::LONELY_COORDINATE)?;
    match mission {
        Some(mission) => Ok(Posted { mission }),
        None => match users::get(conn, new.client_id).await?.status {
            Status::Verified => Err(NOT_A_MANAGER),
            Status::Suspended => Err(users::SUSPENDED),
            _ => Err(NOT_VERIFIED),
        },
    }
}

const NOT_A_MANAGER: Error =
    Error::Refused { code: "NOT_A_MANAGER", message: "Only an owner or manager posts for an establishment" };

const NOT_VERIFIED: Error =
    Error::Refused { code: "ACCOUNT_NOT_VERIFIED", message: "Only a verified account posts missions" };

/// Posts the same mission at other dates, for the same establishment; without an end it lasts as long as the original.
pub async fn duplicate(
    conn: &mut PgConnection,
    original: &Mission,
    poster: UserId,
    dates: &[(OffsetDateTime, Option<OffsetDateTime>)],
    now: OffsetDateTime,
) -> Result<Vec<Posted>> {
    let length = original.end_date - original.start_date;
    let mut posted = Vec::with_capacity(dates.len());
    for (start, end) in dates {
        let new = NewMission {
            client_id: poster,
            establishment_id: original.establishment_id,
            job_id: original.job_id.clone(),
            title: Some(original.title.clone()),
            description: original.description.clone(),
            hourly_rate_cents: original.hourly_rate_cents,
            urgency_level: original.urgency_level,
            start_date: *start,
            end_date: end.or_else(|| start.checked_add(length)),
            is_night_shift: original.is_night_shift,
            requires_diploma: original.requires_diploma,
            requires_car: original.requires_car,
            specialties: original.specialties.clone(),
            address: original.address.clone(),
            city: original.city.clone(),
            postal_code: original.postal_code.clone(),
            latitude: original.latitude,
            longitude: original.longitude,
            radius_km: original.radius_km,
            slots: original.slots,
        };
        posted.push(post(conn, new, now).await?);
    }
    Ok(posted)
}

pub(super) fn check_start(start: OffsetDateTime, now: OffsetDateTime) -> Result<()> {
    let invalid = |message| Err(Error::Invalid { field: "startDate", message });
    match () {
        () if start <= now => invalid("must be in the future"),
        () if start > now + Duration::days(730) => invalid("must be within two years"),
        () => Ok(()),
    }
}

/// After `check_start`: no date near the end of time can come in here.
pub(super) fn check_end(start: OffsetDateTime, end: OffsetDateTime) -> Result<()> {
    let invalid = |message| Err(Error::Invalid { field: "endDate", message });
    match () {
        () if end <= start => invalid("must be after startDate"),
        () if end > start + LONGEST => invalid("must be at most 12 hours after startDate"),
        () => Ok(()),
    }
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
