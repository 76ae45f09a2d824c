//! A client asks for a service at a time.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Booking, get};
use crate::error::{Error, OnConstraint, Result};
use crate::ids::{BookingId, ConversationId, EstablishmentId, ServiceId, UserId};
use crate::plans;
use crate::services::{self, Service, ServiceType};
use crate::users::{self, Status};

/// A talent has this long to answer †, and until [`LAST_ANSWER`] before the start at the latest.
pub const ANSWER: Duration = Duration::hours(48);
const LAST_ANSWER: Duration = Duration::hours(2);

/// No session can be asked for later than this before its start †: somebody has to answer, and then to pay.
pub const NOTICE: Duration = Duration::hours(3);
const FURTHEST: Duration = Duration::days(365);

#[derive(Debug)]
pub struct NewBooking {
    pub client_id: UserId,
    pub service_id: ServiceId,
    /// Name of one of the service's options.
    pub option: String,
    pub starts_at: OffsetDateTime,
    pub participants: i16,
    /// The first of the sites that the client manages when absent; a private person has none.
    pub establishment_id: Option<EstablishmentId>,
    pub message: Option<String>,
}

fn check(new: &NewBooking, service: &Service, now: OffsetDateTime) -> Result<()> {
    let invalid = |field, message| Err(Error::Invalid { field, message });
    match () {
        () if new.starts_at < now + NOTICE => invalid("startsAt", "must be at least 3 hours ahead"),
        () if new.starts_at > now + FURTHEST => invalid("startsAt", "must be within a year"),
        () if new.participants > service.participants => {
            invalid("participants", "are more than the service takes")
        }
        () => Ok(()),
    }
}

/// Asks for a service. Nobody's time is taken yet; that the talent seems to be free spares both a disappointment, and
/// whether it is so decides the acceptance.
pub async fn ask(conn: &mut PgConnection, new: NewBooking, now: OffsetDateTime) -> Result<Booking> {
    let service = services::get_active(&mut *conn, new.service_id).await?;
    check(&new, &service, now)?;
    let option = service
        .option(&new.option)
        .ok_or(Error::Invalid { field: "option", message: "the service has no such option" })?;
    let ends_at = new.starts_at + Duration::minutes(i64::from(option.duration_minutes));
    let site = find_site(&mut *conn, new.client_id, new.establishment_id).await?;
    let plan = plans::get(&mut *conn, new.client_id, site).await?;
    require_free(&mut *conn, service.talent_id, new.starts_at, ends_at).await?;

    let id = BookingId::new();
    // Both accounts are held while it is written: a suspension sees the booking, or the booking the suspension.
    let asked = sqlx::query_scalar!(
        r#"with two as (
               select id from users where id in ($3, $4) and status = 'VERIFIED' order by id for share
           ), asked as (
               insert into bookings (id, service_id, client_id, talent_id, establishment_id, title, option_name, type, price_cents,
                                     commission_bps, participants, message, starts_at, ends_at, created_at, answer_by)
               select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
                where (select count(*) from two) = 2
               returning id
           ), room as (
               insert into conversations (id, kind, client_id, talent_id, booking_id, created_at, active_at)
               select $17, 'BOOKING', $3, $4, id, $15, $15 from asked
           )
           select id as "id: BookingId" from asked"#,
        id.0,
        service.id.0,
        new.client_id.0,
        service.talent_id.0,
        site.map(|site| site.0),
        service.name,
        option.name,
        service.kind as ServiceType,
        option.price_cents,
        plan.commission_bps(),
        new.participants,
        new.message,
        new.starts_at,
        ends_at,
        now,
        (now + ANSWER).min(new.starts_at - LAST_ANSWER),
        ConversationId::new().0,
    );
    let asked = asked.fetch_optional(&mut *conn).await;
    // The service was deleted meanwhile.
    if asked.on_constraint("bookings_service_id_fkey", || Error::NotFound("service"))?.is_some() {
        return get(conn, id).await;
    }
    match users::get(conn, new.client_id).await?.status {
        Status::Verified => Err(Error::NotFound("service")),
        Status::Suspended => Err(users::SUSPENDED),
        _ => Err(Error::Refused { code: "ACCOUNT_NOT_VERIFIED", message: "Only a verified account books" }),
    }
}

/// The site that is named or, as where a mission is posted, the first that the client manages.
async fn find_site(
    conn: &mut PgConnection,
    client: UserId,
    named: Option<EstablishmentId>,
) -> Result<Option<EstablishmentId>> {
    let site = sqlx::query_scalar!(
        r#"select establishment_id as "id: EstablishmentId" from establishment_members
            where user_id = $1 and role in ('OWNER', 'MANAGER') and ($2::uuid is null or establishment_id = $2)
            order by joined_at, establishment_id limit 1"#,
        client.0,
        named.map(|site| site.0),
    );
    let site = site.fetch_optional(conn).await?;
    match named.is_some() && site.is_none() {
        true => Err(Error::Refused {
            code: "NOT_A_MANAGER",
            message: "Only an owner or manager books for an establishment",
        }),
        false => Ok(site),
    }
}

async fn require_free(
    conn: &mut PgConnection,
    talent: UserId,
    starts_at: OffsetDateTime,
    ends_at: OffsetDateTime,
) -> Result<()> {
    let seen = sqlx::query!(
        r#"select is_booked($1, $2, $3)
                      or exists (select from assignments a where a.talent_id = $1 and a.status in ('ASSIGNED', 'IN_PROGRESS')
                                    and a.period && tstzrange($2, $3)) as "taken!",
                  is_available($1, $2, $3) and working_time_breach($1, $2, $3) is null as "available!""#,
        talent.0,
        starts_at,
        ends_at,
    );
    let seen = seen.fetch_one(conn).await?;
    match () {
        () if seen.taken => Err(super::answering::ALREADY_BOOKED),
        // Which of the two is the talent's own affair.
        () if !seen.available => Err(Error::Conflict {
            code: "TALENT_NOT_AVAILABLE",
            message: "The talent does not work at that time",
        }),
        () => Ok(()),
    }
}
