//! One's own account with all that belongs to it, read together with the session that asks.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::error::Result;
use crate::establishments::{Establishment, OrganizationType, StructureType};
use crate::ids::{EstablishmentId, SessionId, UserId};
use crate::profiles::{Diploma, Profile};
use crate::sessions::Viewer;
use crate::users::{ComplianceStatus, Role, Status};

#[derive(Debug)]
pub struct Account {
    pub viewer: Viewer,
    pub email: String,
    pub email_verified: bool,
    /// The address that is to come, until both have confirmed.
    pub pending_email: Option<String>,
    pub phone: Option<String>,
    pub locale: String,
    pub points: i32,
    pub referral_code: String,
    pub tags: Vec<String>,
    pub created_at: OffsetDateTime,
    pub profile: Profile,
    pub establishment: Option<Establishment>,
}

/// The account behind a living session: what `sessions::find_viewer` admits, with everything else in the same row.
pub async fn find(
    conn: &mut PgConnection,
    session: SessionId,
    now: OffsetDateTime,
) -> Result<Option<Account>> {
    let row = sqlx::query!(
        r#"select u.id as "user: UserId", u.role as "role: Role", u.status as "status: Status", u.email, u.phone, u.locale,
                  u.points, u.referral_code, u.tags, u.created_at, u.email_verified_at is not null as "email_verified!",
                  (select new_email from email_changes where user_id = u.id and expires_at > $2) as pending_email,
                  p.first_name, p.last_name, p.avatar_url, p.bio, p.headline,
                  (select slug from professions where id = p.profession_id) as job_id, p.specialties,
                  p.diplomas as "diplomas: Json<Vec<Diploma>>", p.hourly_rate_cents, p.address, p.city, p.postal_code,
                  p.latitude, p.longitude, p.radius_km, p.has_driver_license, p.can_do_night_shift, p.is_video_enabled,
                  p.is_marketplace_visible, p.compliance_status as "compliance_status: ComplianceStatus",
                  p.total_missions, p.total_reviews, p.average_rating,
                  e.id as "site_id?: EstablishmentId", e.name as "site_name?",
                  e.structure_type as "structure_type?: StructureType",
                  e.organization_type as "organization_type?: OrganizationType", e.siret as "siret?",
                  e.contact_name as "contact_name?", e.contact_phone as "contact_phone?", e.address as "site_address?",
                  e.city as "site_city?", e.postal_code as "site_postal_code?", e.latitude as "site_latitude?",
                  e.longitude as "site_longitude?", e.credit_limit_cents as "credit_limit_cents?",
                  e.billing_name as "billing_name?", e.billing_address as "billing_address?",
                  e.billing_email as "billing_email?", e.vat_number as "vat_number?",
                  e.chorus_service_code as "chorus_service_code?", e.chorus_order_reference as "chorus_order_reference?",
                  e.total_reviews as "site_reviews?",
                  e.average_rating as "site_rating?"
             from sessions s
             join users u on u.id = s.user_id
             join profiles p on p.user_id = u.id
             left join establishments e on e.id = (select establishment_id from establishment_members
                                                    where user_id = u.id order by joined_at, establishment_id limit 1)
            where s.id = $1 and s.revoked_at is null and s.expires_at > $2 and u.status <> 'BANNED'"#,
        session.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Account {
        viewer: Viewer { user: row.user, session, role: row.role, status: row.status },
        email: row.email,
        email_verified: row.email_verified,
        pending_email: row.pending_email,
        phone: row.phone,
        locale: row.locale,
        points: row.points,
        referral_code: row.referral_code,
        tags: row.tags,
        created_at: row.created_at,
        profile: Profile {
            user_id: row.user,
            first_name: row.first_name,
            last_name: row.last_name,
            avatar_url: row.avatar_url,
            bio: row.bio,
            headline: row.headline,
            job_id: row.job_id,
            specialties: row.specialties,
            diplomas: row.diplomas,
            hourly_rate_cents: row.hourly_rate_cents,
            address: row.address,
            city: row.city,
            postal_code: row.postal_code,
            latitude: row.latitude,
            longitude: row.longitude,
            radius_km: row.radius_km,
            has_driver_license: row.has_driver_license,
            can_do_night_shift: row.can_do_night_shift,
            is_video_enabled: row.is_video_enabled,
            is_marketplace_visible: row.is_marketplace_visible,
            compliance_status: row.compliance_status,
            total_missions: row.total_missions,
            total_reviews: row.total_reviews,
            average_rating: row.average_rating,
        },
        establishment: row.site_id.zip(row.site_name).map(|(id, name)| Establishment {
            id,
            name,
            structure_type: row.structure_type.unwrap_or(StructureType::Other),
            organization_type: row.organization_type,
            siret: row.siret,
            contact_name: row.contact_name,
            contact_phone: row.contact_phone,
            address: row.site_address,
            city: row.site_city,
            postal_code: row.site_postal_code,
            latitude: row.site_latitude,
            longitude: row.site_longitude,
            credit_limit_cents: row.credit_limit_cents.unwrap_or_default(),
            billing_name: row.billing_name,
            billing_address: row.billing_address,
            billing_email: row.billing_email,
            vat_number: row.vat_number,
            chorus_service_code: row.chorus_service_code,
            chorus_order_reference: row.chorus_order_reference,
            total_reviews: row.site_reviews.unwrap_or_default(),
            average_rating: row.site_rating.unwrap_or_default(),
        }),
    }))
}
