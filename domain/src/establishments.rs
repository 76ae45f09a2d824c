//! Establishments (sites) and their members: several people per site, several sites per person.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::chorus::References;
use crate::error::{Error, OnConstraint, Result};
use crate::geo::{self, Point};
use crate::ids::{EstablishmentId, UserId};
use crate::places::Address;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "structure_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StructureType {
    Mecs,
    Ehpad,
    Itep,
    Chrs,
    Ime,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "organization_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrganizationType {
    Public,
    Private,
    Association,
}

#[derive(Debug)]
pub struct Establishment {
    pub id: EstablishmentId,
    pub name: String,
    pub structure_type: StructureType,
    pub organization_type: Option<OrganizationType>,
    pub siret: Option<String>,
    pub contact_name: Option<String>,
    pub contact_phone: Option<String>,
    pub address: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub credit_limit_cents: i64,
    pub billing_name: Option<String>,
    pub billing_address: Option<String>,
    pub billing_email: Option<String>,
    pub vat_number: Option<String>,
    /// The service that Chorus Pro asks public bodies' invoices for.
    pub chorus_service_code: Option<String>,
    /// The order that they name (numéro d'engagement).
    pub chorus_order_reference: Option<String>,
    pub total_reviews: i32,
    /// Hundredths of a star.
    pub average_rating: i16,
}

/// What a member changes of a site; what is absent stays. The credit line is not theirs to set.
#[derive(Debug, Default)]
pub struct EstablishmentPatch {
    pub name: Option<String>,
    pub structure_type: Option<StructureType>,
    pub organization_type: Option<OrganizationType>,
    pub siret: Option<String>,
    pub contact_name: Option<String>,
    pub contact_phone: Option<String>,
    pub address: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub billing_name: Option<String>,
    pub billing_address: Option<String>,
    pub billing_email: Option<String>,
    pub vat_number: Option<String>,
    /// The service that Chorus Pro asks public bodies' invoices for.
    pub chorus_service_code: Option<String>,
    /// The order that they name (numéro d'engagement).
    pub chorus_order_reference: Option<String>,
}

impl EstablishmentPatch {
    /// Whether an address is named, and not where it is.
    pub fn names_address_alone(&self) -> bool {
        self.latitude.is_none()
            && (self.address.is_some() || self.city.is_some() || self.postal_code.is_some())
    }
}

/// A new site with its first OWNER.
pub async fn insert(
    conn: &mut PgConnection,
    owner: UserId,
    name: &str,
    now: OffsetDateTime,
) -> Result<EstablishmentId> {
    let id = EstablishmentId::new();
    sqlx::query!(
        "with site as (insert into establishments (id, name, created_at) values ($1, $2, $3))
         insert into establishment_members (establishment_id, user_id, role, joined_at) values ($1, $4, 'OWNER', $3)",
        id.0,
        name,
        now,
        owner.0,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// The caller's own site: the first that it joined.
pub async fn find_own(conn: &mut PgConnection, user: UserId) -> Result<Option<Establishment>> {
    let own = sqlx::query_as!(
        Establishment,
        r#"select e.id as "id: _", e.name, e.structure_type as "structure_type: _", e.organization_type as "organization_type: _",
                  e.siret, e.contact_name, e.contact_phone, e.address, e.city, e.postal_code, e.latitude, e.longitude,
                  e.credit_limit_cents, e.billing_name, e.billing_address, e.billing_email, e.vat_number,
                  e.chorus_service_code, e.chorus_order_reference, e.total_reviews, e.average_rating
             from establishment_members m join establishments e on e.id = m.establishment_id
            where m.user_id = $1 order by m.joined_at, e.id limit 1"#,
        user.0,
    );
    Ok(own.fetch_optional(conn).await?)
}

/// Changes a site for one of its managers.
pub async fn update(
    conn: &mut PgConnection,
    site: EstablishmentId,
    user: UserId,
    patch: EstablishmentPatch,
) -> Result<()> {
    let changed = sqlx::query!(
        "update establishments set
             name = coalesce($3, name), structure_type = coalesce($4, structure_type),
             organization_type = coalesce($5, organization_type), siret = coalesce($6, siret),
             contact_name = coalesce($7, contact_name), contact_phone = coalesce($8, contact_phone),
             address = coalesce($9, address), city = coalesce($10, city), postal_code = coalesce($11, postal_code),
             latitude = coalesce($12, latitude), longitude = coalesce($13, longitude),
             billing_name = coalesce($14, billing_name), billing_address = coalesce($15, billing_address),
             billing_email = coalesce($16, billing_email), vat_number = coalesce($17, vat_number),
             chorus_service_code = coalesce($18, chorus_service_code),
             chorus_order_reference = coalesce($19, chorus_order_reference),
             location_stale = $12::float8 is null
                 and (location_stale or (latitude is null and coalesce($9, $10, $11) is not null)
                      or (coalesce($9, address), coalesce($10, city), coalesce($11, postal_code))
                             is distinct from (address, city, postal_code))
         where id = $1
           and exists (select from establishment_members
                        where establishment_id = $1 and user_id = $2 and role in ('OWNER', 'MANAGER'))",
        site.0,
        user.0,
        patch.name,
        patch.structure_type as Option<StructureType>,
        patch.organization_type as Option<OrganizationType>,
        patch.siret,
        patch.contact_name,
        patch.contact_phone,
        patch.address,
        patch.city,
        patch.postal_code,
        patch.latitude.map(geo::rounded),
        patch.longitude.map(geo::rounded),
        patch.billing_name,
        patch.billing_address,
        patch.billing_email,
        patch.vat_number,
        patch.chorus_service_code,
        patch.chorus_order_reference,
    )
    .execute(conn)
    .await
    .on_constraint("site_coordinates_come_in_pairs", || Error::Invalid {
        field: "latitude",
        message: "latitude and longitude come together",
    })?;
    match changed.rows_affected() {
        0 => Err(Error::Refused {
            code: "NOT_A_MANAGER",
            message: "Only an owner or manager changes an establishment",
        }),
        _ => Ok(()),
    }
}

/// What a public body's invoices are usually filed under.
pub async fn chorus_references(conn: &mut PgConnection, site: EstablishmentId) -> Result<References> {
    let usual = sqlx::query_as!(
        References,
        "select chorus_service_code as service_code, chorus_order_reference as order_reference
           from establishments where id = $1 and organization_type = 'PUBLIC'",
        site.0,
    );
    Ok(usual.fetch_optional(conn).await?.unwrap_or_default())
}

/// The address of a site whose coordinates are older than it, or none.
pub async fn find_unplaced(conn: &mut PgConnection, site: EstablishmentId) -> Result<Option<Address>> {
    let address = sqlx::query_as!(
        Address,
        "select address as street, postal_code, city from establishments where id = $1 and location_stale",
        site.0,
    );
    Ok(address.fetch_optional(conn).await?)
}

/// Sets where an address was found to be, if it is still the one and nobody has said better.
pub async fn set_point(
    conn: &mut PgConnection,
    site: EstablishmentId,
    address: &Address,
    point: Point,
) -> Result<()> {
    let point = point.rounded();
    sqlx::query!(
        "update establishments set latitude = $5, longitude = $6, location_stale = false
          where id = $1 and location_stale and (address, postal_code, city) is not distinct from ($2, $3, $4)",
        site.0,
        address.street,
        address.postal_code,
        address.city,
        point.latitude,
        point.longitude,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A SIRET is 14 digits that satisfy Luhn's sum (INSEE; La Poste's own sites are the documented exception: SIREN 356000000,
/// digits summing to a multiple of 5).
pub fn is_siret(text: &str) -> bool {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let digits = || text.bytes().map(|byte| u32::from(byte - b'0'));
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let luhn: u32 =
        digits().enumerate().map(|(i, digit)| if i % 2 == 0 { doubled(digit) } else { digit }).sum();
    luhn.is_multiple_of(10) || (text.starts_with("356000000") && digits().sum::<u32>().is_multiple_of(5))
}

#[cfg(test)]
mod tests {
    use super::is_siret;

    #[test]
    fn siret_is_luhn() {
        assert!(is_siret("73282932000074"));
        assert!(!is_siret("73282932000075"));
        assert!(!is_siret("7328293200007"));
        assert!(!is_siret("7328293200007A"));
        assert!(is_siret("35600000000048"), "La Poste, head office");
        assert!(is_siret("35600000049837"), "a post office: digits sum to 45");
    }
}
