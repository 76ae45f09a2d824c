//! What talents sell besides relief: workshops and coaching by video, each with its options.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::error::{Error, OnConstraint, Result};
use crate::ids::{ServiceId, UserId};
use crate::page::{Cursor, Page};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "service_type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceType {
    /// On site.
    Workshop,
    /// In a video room of the platform.
    CoachingVideo,
}

/// One way to buy a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOption {
    pub name: String,
    pub price_cents: i64,
    pub duration_minutes: i32,
}

#[derive(Clone, Debug)]
pub struct Service {
    pub id: ServiceId,
    pub talent_id: UserId,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub kind: ServiceType,
    pub options: Json<Vec<ServiceOption>>,
    /// Most people of one booking.
    pub participants: i16,
    pub is_active: bool,
    pub created_at: OffsetDateTime,
    /// Who sells it, as the public may know.
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub city: Option<String>,
    /// Hundredths of a star.
    pub average_rating: i16,
    pub total_reviews: i32,
}

impl Service {
    pub fn option(&self, name: &str) -> Option<&ServiceOption> {
        self.options.iter().find(|option| option.name == name)
    }
}

#[derive(Debug)]
pub struct NewService {
    pub name: String,
    /// From the name when absent.
    pub slug: Option<String>,
    pub description: String,
    pub kind: ServiceType,
    pub options: Vec<ServiceOption>,
    pub participants: i16,
}

/// What a talent changes of a service; what is absent stays.
#[derive(Debug, Default)]
pub struct ServicePatch {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub options: Option<Vec<ServiceOption>>,
    pub participants: Option<i16>,
    pub is_active: Option<bool>,
}

pub const SLUG_TAKEN: Error =
    Error::Conflict { code: "SLUG_TAKEN", message: "Another of your services has this slug" };

/// Services as they are read; the rest of the statement says which.
macro_rules! select_services {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Service,
            r#"select s.id as "id: _", s.talent_id as "talent_id: _", s.name, s.slug, s.description, s.type as "kind: _",
                      s.options as "options: _", s.participants, s.is_active, s.created_at, p.first_name,
                      left(p.last_name, 1) as last_initial, p.city, p.average_rating, p.total_reviews
                 from services s join profiles p on p.user_id = s.talent_id join users u on u.id = s.talent_id "# + $rest,
            $($argument),*
        )
    };
}

/// Longest part of a slug that comes from a name; a number may follow.
const FROM_NAME: usize = 70;

/// "Atelier mémoire & chant" becomes "atelier-memoire-chant".
pub fn slug_of(name: &str) -> String {
    let plain = name.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let mut slug = String::new();
    for c in plain.take(4 * FROM_NAME) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'œ' => slug.push_str("oe"),
            'æ' => slug.push_str("ae"),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
        if slug.len() >= FROM_NAME {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "service".into() } else { slug.into() }
}

fn check_options(options: &[ServiceOption]) -> Result<()> {
    let doubled = options.iter().enumerate().any(|(n, one)| options[..n].iter().any(|o| o.name == one.name));
    match doubled {
        true => Err(Error::Invalid { field: "options", message: "each name once" }),
        false => Ok(()),
    }
}

/// The first slug that is free of `slug`, `slug-2`, `slug-3` …; of two at once the constraint lets one pass.
async fn free_slug(conn: &mut PgConnection, talent: UserId, slug: String) -> Result<String> {
    let taken = sqlx::query_scalar!("select slug from services where talent_id = $1", talent.0);
    let taken = taken.fetch_all(conn).await?;
    let numbered = (2..).map(|n| format!("{slug}-{n}"));
    Ok(std::iter::once(slug.clone()).chain(numbered).find(|slug| !taken.contains(slug)).unwrap_or(slug))
}

pub async fn insert(
    conn: &mut PgConnection,
    talent: UserId,
    new: NewService,
    now: OffsetDateTime,
) -> Result<Service> {
    check_options(&new.options)?;
    let slug = match new.slug {
        Some(slug) => slug,
        None => free_slug(&mut *conn, talent, slug_of(&new.name)).await?,
    };
    let id = ServiceId::new();
    sqlx::query!(
        "insert into services (id, talent_id, name, slug, description, type, options, participants, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id.0,
        talent.0,
        new.name,
        slug,
        new.description,
        new.kind as ServiceType,
        Json(new.options) as _,
        new.participants,
        now,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("services_slug", || SLUG_TAKEN)?;
    get_own(conn, id, talent).await
}

/// One of the talent's own, active or not.
pub async fn get_own(conn: &mut PgConnection, id: ServiceId, talent: UserId) -> Result<Service> {
    let own = select_services!("where s.id = $1 and s.talent_id = $2", id.0, talent.0);
    own.fetch_optional(conn).await?.ok_or(Error::NotFound("service"))
}

/// A service that may be booked: active, of a verified talent who wants to be found.
pub async fn get_active(conn: &mut PgConnection, id: ServiceId) -> Result<Service> {
    let active = select_services!(
        "where s.id = $1 and s.is_active and u.status = 'VERIFIED' and p.is_marketplace_visible",
        id.0,
    );
    active.fetch_optional(conn).await?.ok_or(Error::NotFound("service"))
}

/// Services that may be booked, newest first.
pub async fn list_active(
    conn: &mut PgConnection,
    kind: Option<ServiceType>,
    talent: Option<UserId>,
    page: Page,
) -> Result<(Vec<Service>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_services!(
        "where s.is_active and u.status = 'VERIFIED' and p.is_marketplace_visible
           and ($1::service_type is null or s.type = $1) and ($2::uuid is null or s.talent_id = $2)
           and ($3::timestamptz is null or (s.created_at, s.id) < ($3, $4))
         order by s.created_at desc, s.id desc limit $5",
        kind as Option<ServiceType>,
        talent.map(|talent| talent.0),
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

/// The talent's own, newest first, active or not.
pub async fn list_own(
    conn: &mut PgConnection,
    talent: UserId,
    page: Page,
) -> Result<(Vec<Service>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_services!(
        "where s.talent_id = $1 and ($2::timestamptz is null or (s.created_at, s.id) < ($2, $3))
         order by s.created_at desc, s.id desc limit $4",
        talent.0,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

/// Changes one of the talent's own. What was booked stays as it was booked.
pub async fn update(
    conn: &mut PgConnection,
    id: ServiceId,
    talent: UserId,
    patch: ServicePatch,
) -> Result<Service> {
    if let Some(options) = &patch.options {
        check_options(options)?;
    }
    sqlx::query!(
        "update services set
             name = coalesce($3, name), slug = coalesce($4, slug), description = coalesce($5, description),
             options = coalesce($6, options), participants = coalesce($7, participants), is_active = coalesce($8, is_active)
          where id = $1 and talent_id = $2",
        id.0,
        talent.0,
        patch.name,
        patch.slug,
        patch.description,
        patch.options.map(Json) as _,
        patch.participants,
        patch.is_active,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("services_slug", || SLUG_TAKEN)?;
    get_own(conn, id, talent).await
}

/// Takes a service out of the market: deleted when nobody has ever booked it, else kept for its bookings and not active.
pub async fn remove(conn: &mut PgConnection, id: ServiceId, talent: UserId) -> Result<()> {
    // Locked first: a booking that comes meanwhile waits for this row's fate, or was here before.
    sqlx::query!("select id from services where id = $1 and talent_id = $2 for update", id.0, talent.0)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or(Error::NotFound("service"))?;
    sqlx::query!(
        "update services set is_active = false where id = $1 and exists (select from bookings where service_id = $1)",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "delete from services where id = $1 and not exists (select from bookings where service_id = $1)",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::slug_of;

    #[test]
    fn a_slug_is_a_name_without_what_an_address_cannot_hold() {
        assert_eq!(slug_of("Atelier mémoire & chant"), "atelier-memoire-chant");
        assert_eq!(slug_of("  Cœur — d’été ! "), "coeur-d-ete");
        assert_eq!(slug_of("日本"), "service");
        assert!(slug_of(&"long ".repeat(50)).len() <= 70);
    }
}
