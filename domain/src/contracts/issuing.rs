//! How a contract comes to be: from an assignment, a booking or an accepted quote, issued at once with its text.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::{Contract, ContractEventKind, ContractKind, NewEvent, find_of_booking, get, insert_event, terms};
use crate::assignments::AssignmentStatus;
use crate::bookings::{self, BookingStatus};
use crate::error::{Error, Result};
use crate::ids::{AssignmentId, BookingId, ContractId, MissionId, QuoteId, UserId};
use crate::missions::{self, Mission};
use crate::parties::{self, Vat};
use crate::quotes::{Parties, Quote};
use crate::references::{self, Series};
use crate::services::ServiceType;
use crate::standing::Between;
use crate::totals::{Line, VatGroup};
use crate::{money, surcharges};

/// How long both have to sign †.
pub const SIGNED_WITHIN: Duration = Duration::days(7);

/// What a contract comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Assignment { mission: MissionId, assignment: AssignmentId },
    Booking(BookingId),
    Quote(QuoteId),
}

impl Source {
    pub fn kind(self) -> ContractKind {
        match self {
            Self::Assignment { .. } => ContractKind::MissionSos,
            Self::Booking(_) => ContractKind::ServiceBooking,
            Self::Quote(_) => ContractKind::Framework,
        }
    }
}

/// A contract before it is issued.
#[derive(Debug)]
pub struct Draft {
    pub source: Source,
    pub between: Between,
    pub parties: Parties,
    pub title: String,
    pub notes: Option<String>,
    pub place: Option<String>,
    pub period: Option<(OffsetDateTime, OffsetDateTime)>,
    pub lines: Vec<Line>,
    pub discount_cents: i64,
    pub vat: Vec<VatGroup>,
    pub vat_mention: Option<String>,
    /// With VAT.
    pub amount_cents: i64,
}

/// Both can sign. See `jobs::effects::contracts::issued` for what that sets off.
#[derive(Debug)]
#[must_use = "an issued contract has effects"]
pub struct Issued {
    pub contract: Contract,
}

pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signed before what it is about begins, or at least before that is over.
fn sign_by(period: Option<(OffsetDateTime, OffsetDateTime)>, now: OffsetDateTime) -> OffsetDateTime {
    let latest = now + SIGNED_WITHIN;
    let bound = period.and_then(|(start, end)| [start, end].into_iter().find(|at| *at > now));
    bound.map_or(latest, |bound| bound.min(latest))
}

/// Freezes the text and gives the contract its number. What it comes from must be locked by the caller: each has one contract.
pub async fn issue(conn: &mut PgConnection, draft: Draft, now: OffsetDateTime) -> Result<Issued> {
    let reference = references::next(&mut *conn, Series::Contract, now).await?;
    let text = terms::text(&draft, &reference, now);
    let (mission, assignment, booking, quote) = match draft.source {
        Source::Assignment { mission, assignment } => (Some(mission.0), Some(assignment.0), None, None),
        Source::Booking(booking) => (None, None, Some(booking.0), None),
        Source::Quote(quote) => (None, None, None, Some(quote.0)),
    };
    let (starts_at, ends_at) = draft.period.unzip();
    let id = ContractId::new();
    sqlx::query!(
        "insert into contracts (id, reference, kind, status, client_id, establishment_id, talent_id, mission_id, assignment_id,
                                booking_id, quote_id, title, amount_cents, lines, vat, vat_mention, parties, terms, terms_sha256,
                                starts_at, ends_at, issued_at, sign_by)
         values ($1, $2, $3, 'PENDING', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        id.0,
        reference,
        draft.source.kind() as ContractKind,
        draft.between.client.0,
        draft.between.site.map(|site| site.0),
        draft.between.talent.0,
        mission,
        assignment,
        booking,
        quote,
        draft.title,
        draft.amount_cents,
        Json(&draft.lines) as _,
        Json(&draft.vat) as _,
        draft.vat_mention,
        Json(&draft.parties) as _,
        text,
        sha256(&text),
        starts_at,
        ends_at,
        now,
        sign_by(draft.period, now),
    )
    .execute(&mut *conn)
    .await?;
    let contract = get(&mut *conn, id).await?;
    let event = NewEvent { detail: Some(&contract.terms_sha256), ..NewEvent::default() };
    insert_event(conn, id, ContractEventKind::Issued, event, now).await?;
    Ok(Issued { contract })
}

/// The contract of a talent's place in a mission; nothing when there is one, or when the place was left or its time is over.
///
/// Holds the mission, and then the assignment, as whoever ends them does: they see the contract, or this sees the end.
pub async fn draft_for_assignment(
    conn: &mut PgConnection,
    id: AssignmentId,
    now: OffsetDateTime,
) -> Result<Option<Issued>> {
    let mission = sqlx::query_scalar!(
        r#"select mission_id as "mission_id: MissionId" from assignments where id = $1"#,
        id.0
    );
    let mission = mission.fetch_optional(&mut *conn).await?.ok_or(Error::NotFound("assignment"))?;
    let mission = missions::lock(&mut *conn, mission).await?;
    let place = sqlx::query!(
        r#"select talent_id as "talent: UserId", hourly_rate_cents, status as "status: AssignmentStatus"
             from assignments where id = $1 for no key update"#,
        id.0,
    );
    let place = place.fetch_one(&mut *conn).await?;
    let drafted = sqlx::query_scalar!(
        r#"select exists (select from contracts where assignment_id = $1) as "drafted!""#,
        id.0
    );
    let living = matches!(place.status, AssignmentStatus::Assigned | AssignmentStatus::InProgress);
    if !living || drafted.fetch_one(&mut *conn).await? {
        return Ok(None);
    }
    if mission.end_date <= now {
        return Ok(None);
    }
    let rate = place.hourly_rate_cents.unwrap_or(mission.hourly_rate_cents);
    let source = Source::Assignment { mission: mission.id, assignment: id };
    let draft = of_mission(&mut *conn, mission, source, place.talent, rate).await?;
    Ok(Some(issue(conn, draft, now).await?))
}

/// Places in missions still to come that have no contract, at most `limit`.
pub async fn list_undrafted(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<AssignmentId>> {
    let undrafted = sqlx::query_scalar!(
        r#"select a.id as "id: AssignmentId" from assignments a
            where a.status in ('ASSIGNED', 'IN_PROGRESS') and upper(a.period) > $1
              and not exists (select from contracts c where c.assignment_id = a.id)
            order by lower(a.period) limit $2"#,
        now,
        limit,
    );
    Ok(undrafted.fetch_all(conn).await?)
}

/// The contract of a booking that its talent has accepted; nothing when there is one, or when the booking is over.
///
/// Holds the booking: whoever ends it sees the contract, or this sees the end.
pub async fn draft_for_booking(
    conn: &mut PgConnection,
    id: BookingId,
    now: OffsetDateTime,
) -> Result<Option<Issued>> {
    let booking = bookings::lock(&mut *conn, id).await?;
    let living = matches!(booking.status, BookingStatus::Confirmed | BookingStatus::Paid);
    if !living || booking.ends_at <= now || find_of_booking(&mut *conn, id).await?.is_some() {
        return Ok(None);
    }
    let between =
        Between { client: booking.client_id, site: booking.establishment_id, talent: booking.talent_id };
    let parties = Parties {
        client: parties::of_client(&mut *conn, between.client, between.site).await?,
        talent: parties::of_person(&mut *conn, between.talent).await?,
    };
    let vat = parties::vat_of(&mut *conn, between.talent).await?;
    let line = Line::new(booking.option_name, 1_000, "forfait".to_owned(), booking.price_cents, vat.bps());
    let draft = Draft {
        source: Source::Booking(id),
        between,
        parties,
        title: booking.title,
        notes: booking.message,
        place: (booking.kind == ServiceType::CoachingVideo).then(|| "en visioconférence".to_owned()),
        period: Some((booking.starts_at, booking.ends_at)),
        lines: vec![line],
        discount_cents: 0,
        vat: vec![included(booking.price_cents, vat)],
        vat_mention: vat.mention().map(str::to_owned),
        amount_cents: booking.price_cents,
    };
    Ok(Some(issue(conn, draft, now).await?))
}

async fn of_mission(
    conn: &mut PgConnection,
    mission: Mission,
    source: Source,
    talent: UserId,
    hourly_rate_cents: i32,
) -> Result<Draft> {
    let between = Between { client: mission.client_id, site: mission.establishment_id, talent };
    let parties = Parties {
        client: parties::of_client(&mut *conn, between.client, between.site).await?,
        talent: parties::of_person(&mut *conn, talent).await?,
    };
    let vat = parties::vat_of(conn, talent).await?;
    let price = surcharges::price(mission.start_date, mission.end_date, hourly_rate_cents.into());
    let lines = price.lines.iter().map(|line| Line {
        description: line.rate.label().to_owned(),
        quantity_milli: money::rounded(i128::from(line.minutes) * 1_000, 60),
        unit: "h".to_owned(),
        unit_price_cents: money::share(price.hourly_rate_cents, line.bps),
        vat_bps: vat.bps(),
        amount_cents: line.amount_cents,
    });
    let street = mission.address.map(|street| format!("{street}, ")).unwrap_or_default();
    Ok(Draft {
        source,
        between,
        parties,
        title: mission.title,
        notes: mission.description,
        place: Some(format!("{street}{} {}", mission.postal_code, mission.city)),
        period: Some((mission.start_date, mission.end_date)),
        lines: lines.collect(),
        discount_cents: 0,
        vat: vec![included(price.total_cents, vat)],
        vat_mention: vat.mention().map(str::to_owned),
        amount_cents: price.total_cents,
    })
}

/// What of a price with VAT is the VAT.
pub fn included(amount_cents: i64, vat: Vat) -> VatGroup {
    let (base_cents, vat_cents) = money::included_vat(amount_cents, vat.bps());
    VatGroup { rate_bps: vat.bps(), base_cents, vat_cents }
}

/// The contract of a quote that was accepted in this transaction.
pub async fn issue_for_quote(conn: &mut PgConnection, quote: &Quote, now: OffsetDateTime) -> Result<Issued> {
    let parties = quote.parties.as_ref().ok_or(Error::NotFound("parties"))?;
    let draft = Draft {
        source: Source::Quote(quote.id),
        between: quote.between(),
        parties: parties.0.clone(),
        title: quote.title.clone(),
        notes: quote.notes.clone(),
        place: None,
        period: None,
        lines: quote.lines.0.clone(),
        discount_cents: quote.discount_cents,
        vat: quote.vat.0.clone(),
        vat_mention: quote.vat_mention.clone(),
        amount_cents: quote.total_cents,
    };
    issue(conn, draft, now).await
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_contract_is_signed_within_a_week_and_before_the_start() {
        let now = datetime!(2026-03-02 12:00 UTC);
        let day = Duration::DAY;
        assert_eq!(sign_by(None, now), now + SIGNED_WITHIN);
        assert_eq!(sign_by(Some((now + 8 * day, now + 9 * day)), now), now + SIGNED_WITHIN);
        assert_eq!(sign_by(Some((now + day, now + 2 * day)), now), now + day);
        assert_eq!(sign_by(Some((now - day, now + day)), now), now + day, "late, but not over");
    }

    #[test]
    fn the_hash_is_hexadecimal() {
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
