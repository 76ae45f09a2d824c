//! Profiles of talents, and the narrow search table that matching reads.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::error::{Error, OnConstraint, Result};
use crate::geo::Point;
use crate::ids::UserId;
use crate::places::Address;
use crate::users::ComplianceStatus;
use crate::{geo, specialties};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diploma {
    pub name: String,
    pub year: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<uuid::Uuid>,
}

#[derive(Debug)]
pub struct Profile {
    pub user_id: UserId,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub avatar_url: Option<String>,
    pub bio: Option<String>,
    pub headline: Option<String>,
    /// Slug of the profession.
    pub job_id: Option<String>,
    pub specialties: Vec<String>,
    pub diplomas: Json<Vec<Diploma>>,
    pub hourly_rate_cents: Option<i32>,
    pub address: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub radius_km: i32,
    pub has_driver_license: bool,
    pub can_do_night_shift: bool,
    pub is_video_enabled: bool,
    pub is_marketplace_visible: bool,
    pub compliance_status: ComplianceStatus,
    pub total_missions: i32,
    pub total_reviews: i32,
    /// Hundredths of a star.
    pub average_rating: i16,
}

/// What a talent changes of its profile; what is absent stays.
#[derive(Debug, Default)]
pub struct ProfilePatch {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub avatar_url: Option<String>,
    pub bio: Option<String>,
    pub headline: Option<String>,
    pub profession_id: Option<i16>,
    pub specialties: Option<Vec<String>>,
    pub diplomas: Option<Vec<Diploma>>,
    pub hourly_rate_cents: Option<i32>,
    pub address: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub radius_km: Option<i32>,
    pub has_driver_license: Option<bool>,
    pub can_do_night_shift: Option<bool>,
    pub is_video_enabled: Option<bool>,
    pub is_marketplace_visible: Option<bool>,
}

impl ProfilePatch {
    /// Whether a match could turn out otherwise.
    pub fn concerns_matching(&self) -> bool {
        self.profession_id.is_some()
            || self.specialties.is_some()
            || self.latitude.is_some()
            || self.has_driver_license.is_some()
            || self.can_do_night_shift.is_some()
            || self.is_marketplace_visible.is_some()
    }

    /// Whether an address is named, and not where it is.
    pub fn names_address_alone(&self) -> bool {
        self.latitude.is_none()
            && (self.address.is_some() || self.city.is_some() || self.postal_code.is_some())
    }
}

pub async fn insert(
    conn: &mut PgConnection,
    user: UserId,
    first_name: Option<&str>,
    last_name: Option<&str>,
) -> Result<()> {
    sqlx::query!(
        "insert into profiles (user_id, first_name, last_name) values ($1, $2, $3)",
        user.0,
        first_name,
        last_name
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn get(conn: &mut PgConnection, user: UserId) -> Result<Profile> {
    sqlx::query_as!(
        Profile,
        r#"select p.user_id as "user_id: _", p.first_name, p.last_name, p.avatar_url, p.bio, p.headline,
                  (select slug from professions where id = p.profession_id) as job_id,
                  p.specialties, p.diplomas as "diplomas: _", p.hourly_rate_cents, p.address, p.city, p.postal_code, p.latitude,
                  p.longitude, p.radius_km, p.has_driver_license, p.can_do_night_shift, p.is_video_enabled,
                  p.is_marketplace_visible, p.compliance_status as "compliance_status: _", p.total_missions, p.total_reviews,
                  p.average_rating
             from profiles p where p.user_id = $1"#,
        user.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("profile"))
}

/// First name and initial: how somebody is called in a room.
pub async fn get_short_name(conn: &mut PgConnection, user: UserId) -> Result<String> {
    let name = sqlx::query_scalar!(
        r#"select coalesce(nullif(trim(concat(first_name, ' ', left(last_name, 1) || '.')), ''), 'SocioPulse') as "name!"
             from profiles where user_id = $1"#,
        user.0,
    );
    name.fetch_optional(conn).await?.ok_or(Error::NotFound("profile"))
}

/// A talent's profile as others may ask for it: only of verified, visible talents.
pub async fn get_public(conn: &mut PgConnection, user: UserId) -> Result<Profile> {
    let visible = sqlx::query_scalar!(
        r#"select true as "visible!" from users u join profiles p on p.user_id = u.id
            where u.id = $1 and u.role = 'TALENT' and u.status = 'VERIFIED' and p.is_marketplace_visible"#,
        user.0,
    );
    visible.fetch_optional(&mut *conn).await?.ok_or(Error::NotFound("talent"))?;
    get(conn, user).await
}

pub async fn update(conn: &mut PgConnection, user: UserId, patch: ProfilePatch) -> Result<Profile> {
    let tags = patch.specialties.map(specialties::normalise_all);
    sqlx::query!(
        "update profiles set
             first_name = coalesce($2, first_name), last_name = coalesce($3, last_name),
             avatar_url = coalesce($4, avatar_url), bio = coalesce($5, bio), headline = coalesce($6, headline),
             profession_id = coalesce($7, profession_id), specialties = coalesce($8, specialties),
             diplomas = coalesce($9, diplomas), hourly_rate_cents = coalesce($10, hourly_rate_cents),
             address = coalesce($11, address), city = coalesce($12, city), postal_code = coalesce($13, postal_code),
             latitude = coalesce($14, latitude), longitude = coalesce($15, longitude), radius_km = coalesce($16, radius_km),
             has_driver_license = coalesce($17, has_driver_license), can_do_night_shift = coalesce($18, can_do_night_shift),
             is_video_enabled = coalesce($19, is_video_enabled), is_marketplace_visible = coalesce($20, is_marketplace_visible),
             location_stale = $14::float8 is null
                 and (location_stale or (latitude is null and coalesce($11, $12, $13) is not null)
                      or (coalesce($11, address), coalesce($12, city), coalesce($13, postal_code))
                             is distinct from (address, city, postal_code))
         where user_id = $1",
        user.0,
        patch.first_name,
        patch.last_name,
        patch.avatar_url,
        patch.bio,
        patch.headline,
        patch.profession_id,
        tags.as_deref(),
        patch.diplomas.map(Json) as Option<Json<Vec<Diploma>>>,
        patch.hourly_rate_cents,
        patch.address,
        patch.city,
        patch.postal_code,
        patch.latitude.map(geo::rounded),
        patch.longitude.map(geo::rounded),
        patch.radius_km,
        patch.has_driver_license,
        patch.can_do_night_shift,
        patch.is_video_enabled,
        patch.is_marketplace_visible,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("coordinates_come_in_pairs", || Error::Invalid {
        field: "latitude",
        message: "latitude and longitude come together",
    })?;
    refresh_search(conn, user).await?;
    get(conn, user).await
}

/// The address of a profile whose coordinates are older than it, or none.
pub async fn find_unplaced(conn: &mut PgConnection, user: UserId) -> Result<Option<Address>> {
    let address = sqlx::query_as!(
        Address,
        "select address as street, postal_code, city from profiles where user_id = $1 and location_stale",
        user.0,
    );
    Ok(address.fetch_optional(conn).await?)
}

/// Sets where an address was found to be, if it is still the one and nobody has said better. False: it is not, or somebody has.
pub async fn set_point(
    conn: &mut PgConnection,
    user: UserId,
    address: &Address,
    point: Point,
) -> Result<bool> {
    let point = point.rounded();
    let placed = sqlx::query!(
        "update profiles set latitude = $5, longitude = $6, location_stale = false
          where user_id = $1 and location_stale and (address, postal_code, city) is not distinct from ($2, $3, $4)",
        user.0,
        address.street,
        address.postal_code,
        address.city,
        point.latitude,
        point.longitude,
    )
    .execute(&mut *conn)
    .await?;
    if placed.rows_affected() == 0 {
        return Ok(false);
    }
    refresh_search(conn, user).await?;
    Ok(true)
}

/// One more mission whose work was accepted.
pub async fn count_mission(conn: &mut PgConnection, talent: UserId) -> Result<()> {
    sqlx::query!("update profiles set total_missions = total_missions + 1 where user_id = $1", talent.0)
        .execute(&mut *conn)
        .await?;
    refresh_search(conn, talent).await
}

/// Brings the search table in line with a talent's profile and status. Every transaction that changes either calls it.
pub async fn refresh_search(conn: &mut PgConnection, user: UserId) -> Result<()> {
    let placed = sqlx::query!(
        r#"select p.profession_id as "profession_id!", p.latitude as "latitude!", p.longitude as "longitude!", p.specialties,
                  p.average_rating, p.total_missions, p.compliance_status = 'VALIDATED' as "compliant!", p.can_do_night_shift,
                  p.has_driver_license, p.is_marketplace_visible
             from profiles p join users u on u.id = p.user_id
            where p.user_id = $1 and u.role = 'TALENT' and u.status = 'VERIFIED'
              and p.profession_id is not null and p.latitude is not null
              for share"#,
        user.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(talent) = placed else {
        sqlx::query!("delete from talent_search where talent_id = $1", user.0).execute(conn).await?;
        return Ok(());
    };
    let (bits, _) = specialties::encode(&talent.specialties);
    sqlx::query!(
        "insert into talent_search (talent_id, profession_id, latitude, longitude, specialties, average_rating, total_missions,
                                    compliant, can_do_night_shift, has_driver_license, marketplace_visible)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (talent_id) do update set
             profession_id = excluded.profession_id, latitude = excluded.latitude, longitude = excluded.longitude,
             specialties = excluded.specialties, average_rating = excluded.average_rating,
             total_missions = excluded.total_missions, compliant = excluded.compliant,
             can_do_night_shift = excluded.can_do_night_shift, has_driver_license = excluded.has_driver_license,
             marketplace_visible = excluded.marketplace_visible",
        user.0,
        talent.profession_id,
        talent.latitude,
        talent.longitude,
        bits,
        talent.average_rating,
        talent.total_missions,
        talent.compliant,
        talent.can_do_night_shift,
        talent.has_driver_license,
        talent.is_marketplace_visible,
    )
    .execute(conn)
    .await?;
    Ok(())
}
