//! The talent's side of a quote: written, changed, sent, revised.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::{
    Moved, NOT_A_DRAFT, NOT_OPEN, NOT_SENT, Parties, Quote, QuoteStatus, VALID_FOR, get, lock, side,
};
use crate::error::{Error, OnConstraint, Result};
use crate::establishments;
use crate::ids::{EstablishmentId, QuoteId, ServiceId, UserId};
use crate::parties::{self, Vat};
use crate::references::{self, Series};
use crate::sessions::Viewer;
use crate::standing::{NOT_A_PARTY, Side};
use crate::totals::{self, Line, Totals};

#[derive(Debug)]
pub struct NewQuote {
    pub client: UserId,
    /// The client's own site where none is named.
    pub site: Option<EstablishmentId>,
    pub service: Option<ServiceId>,
    pub title: String,
    pub notes: Option<String>,
    pub lines: Vec<Line>,
    pub discount_cents: i64,
}

/// What a talent changes of a draft; what is absent stays.
#[derive(Debug, Default)]
pub struct QuotePatch {
    pub title: Option<String>,
    pub notes: Option<String>,
    pub lines: Option<Vec<Line>>,
    pub discount_cents: Option<i64>,
}

const NOT_IN_CONTACT: Error = Error::Refused {
    code: "NOT_IN_CONTACT",
    message: "A quote goes to clients whose missions, bookings or messages have brought you together",
};

/// Writes a draft for a client with whom the talent is in contact: nobody mails offers to strangers from here.
pub async fn create(
    conn: &mut PgConnection,
    new: NewQuote,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Quote> {
    let totals = totals::total(&new.lines, new.discount_cents)?;
    let mention = mention(&mut *conn, talent, &totals).await?;
    let site = site_of(&mut *conn, &new, talent).await?;
    if let Some(service) = new.service {
        require_offered(&mut *conn, service, talent).await?;
    }
    let id = QuoteId::new();
    sqlx::query!(
        "insert into quotes (id, family_id, talent_id, client_id, establishment_id, service_id, title, notes, lines, subtotal_cents,
                             discount_cents, vat, vat_cents, total_cents, vat_mention, created_at)
         values ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        id.0,
        talent.0,
        new.client.0,
        site.map(|site| site.0),
        new.service.map(|service| service.0),
        new.title,
        new.notes,
        Json(&new.lines) as _,
        totals.subtotal_cents,
        totals.discount_cents,
        Json(&totals.vat) as _,
        totals.vat_cents,
        totals.total_cents,
        mention,
        now,
    )
    .execute(&mut *conn)
    .await?;
    get(conn, id).await
}

/// The site in whose name the client would order, once it is clear that the talent may write to this client at all.
async fn site_of(conn: &mut PgConnection, new: &NewQuote, talent: UserId) -> Result<Option<EstablishmentId>> {
    let site = match new.site {
        Some(site) => Some(site),
        None => establishments::find_own(&mut *conn, new.client).await?.map(|site| site.id),
    };
    let contact = sqlx::query!(
        r#"with missions_of_talent as (
               select mission_id from invitations where talent_id = $2 and status <> 'DECLINED'
               union select mission_id from applications where talent_id = $2 and status <> 'WITHDRAWN'
               union select mission_id from assignments where talent_id = $2
           )
           select $3::uuid is null
                  or exists (select from establishment_members where establishment_id = $3 and user_id = $1) as "is_member!",
                  (exists (select from conversations where client_id = $1 and talent_id = $2)
                   or exists (select from missions_of_talent join missions m on m.id = mission_id
                               where m.client_id = $1
                                  or exists (select from establishment_members e
                                              where e.establishment_id = m.establishment_id and e.user_id = $1)))
                  and exists (select from users where id = $1 and role = 'CLIENT' and status <> 'BANNED')
                  and not is_excluded($2, $1, $3) as "is_known!""#,
        new.client.0,
        talent.0,
        site.map(|site| site.0),
    )
    .fetch_one(conn)
    .await?;
    match (contact.is_known, contact.is_member) {
        (false, _) => Err(NOT_IN_CONTACT),
        (true, false) => Err(Error::Invalid {
            field: "establishmentId",
            message: "must be an establishment of this client",
        }),
        (true, true) => Ok(site),
    }
}

/// A quote about a service is about one of the talent's own, which it offers now.
async fn require_offered(conn: &mut PgConnection, service: ServiceId, talent: UserId) -> Result<()> {
    let offered = sqlx::query_scalar!(
        r#"select true as "offered!" from services where id = $1 and talent_id = $2 and is_active for share"#,
        service.0,
        talent.0,
    );
    offered.fetch_optional(conn).await?.map(|_| ()).ok_or(Error::Conflict {
        code: "SERVICE_NOT_OFFERED",
        message: "This is not one of the services that you offer now",
    })
}

/// Why some lines bear no VAT, as paper has to say it.
async fn mention(conn: &mut PgConnection, talent: UserId, totals: &Totals) -> Result<Option<&'static str>> {
    match totals.vat.iter().any(|group| group.rate_bps == 0) {
        true => Ok(Vat::mention(parties::vat_of(conn, talent).await?)),
        false => Ok(None),
    }
}

/// Locks a draft of the talent's own.
async fn lock_draft(conn: &mut PgConnection, id: QuoteId, viewer: Viewer) -> Result<Quote> {
    let quote = lock(&mut *conn, id).await?;
    match side(conn, &quote, viewer).await? {
        Side::Client => Err(NOT_A_PARTY),
        Side::Talent if quote.status != QuoteStatus::Draft => Err(NOT_A_DRAFT),
        Side::Talent => Ok(quote),
    }
}

/// Changes a draft; its totals follow.
pub async fn change(
    conn: &mut PgConnection,
    id: QuoteId,
    viewer: Viewer,
    patch: QuotePatch,
) -> Result<Quote> {
    let draft = lock_draft(&mut *conn, id, viewer).await?;
    let lines = patch.lines.unwrap_or(draft.lines.0);
    let totals = totals::total(&lines, patch.discount_cents.unwrap_or(draft.discount_cents))?;
    let mention = mention(&mut *conn, draft.talent_id, &totals).await?;
    sqlx::query!(
        "update quotes set title = coalesce($2, title), notes = coalesce($3, notes), lines = $4, subtotal_cents = $5,
                discount_cents = $6, vat = $7, vat_cents = $8, total_cents = $9, vat_mention = $10
          where id = $1",
        id.0,
        patch.title,
        patch.notes,
        Json(&lines) as _,
        totals.subtotal_cents,
        totals.discount_cents,
        Json(&totals.vat) as _,
        totals.vat_cents,
        totals.total_cents,
        mention,
    )
    .execute(&mut *conn)
    .await?;
    get(conn, id).await
}

/// Deletes a draft.
pub async fn delete(conn: &mut PgConnection, id: QuoteId, viewer: Viewer) -> Result<()> {
    lock_draft(&mut *conn, id, viewer).await?;
    sqlx::query!("delete from quotes where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// Sends a draft: from now on it is as it is, with both parties as they are now.
pub async fn send(
    conn: &mut PgConnection,
    id: QuoteId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Moved> {
    let draft = lock_draft(&mut *conn, id, viewer).await?;
    let client = parties::of_client(&mut *conn, draft.client_id, draft.establishment_id).await?;
    let talent = parties::of_person(&mut *conn, draft.talent_id).await?;
    let reference = match draft.reference {
        Some(reference) => reference,
        None => references::next(&mut *conn, Series::Quote, now).await?,
    };
    sqlx::query!(
        "update quotes set status = 'SENT', reference = $2, parties = $3, sent_at = $4, expires_at = $5
          where id = $1 and status = 'DRAFT'",
        id.0,
        reference,
        Json(Parties { client, talent }) as _,
        now,
        now + VALID_FOR,
    )
    .execute(&mut *conn)
    .await?;
    Ok(Moved { quote: get(conn, id).await? })
}

/// A quote was taken back for a newer version.
#[derive(Debug)]
pub struct Revised {
    pub draft: Quote,
    /// The version before, where the client could still have answered it.
    pub withdrawn: Option<Moved>,
}

/// Makes the next version, a draft, of the newest; one that was accepted stays.
pub async fn revise(
    conn: &mut PgConnection,
    id: QuoteId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Revised> {
    let before = lock(&mut *conn, id).await?;
    match (side(&mut *conn, &before, viewer).await?, before.status) {
        (Side::Client, _) => return Err(NOT_A_PARTY),
        (_, QuoteStatus::Draft) => return Err(NOT_SENT),
        (_, QuoteStatus::Accepted) => return Err(NOT_OPEN),
        _ => {}
    }
    let draft = QuoteId::new();
    sqlx::query!(
        "with revised as (
             update quotes set status = 'REVISED', closed_at = coalesce(closed_at, $3) where id = $1
         )
         insert into quotes (id, family_id, version, reference, talent_id, client_id, establishment_id, service_id, title, notes,
                             lines, subtotal_cents, discount_cents, vat, vat_cents, total_cents, vat_mention, created_at)
         select $2, family_id, version + 1, reference, talent_id, client_id, establishment_id, service_id, title, notes, lines,
                subtotal_cents, discount_cents, vat, vat_cents, total_cents, vat_mention, $3
           from quotes where id = $1",
        id.0,
        draft.0,
        now,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("quotes_version", || Error::Conflict {
        code: "QUOTE_REVISED",
        message: "There is a newer version of this quote",
    })?;
    let withdrawn = match before.is_open() {
        true => Some(Moved { quote: get(&mut *conn, id).await? }),
        false => None,
    };
    Ok(Revised { draft: get(conn, draft).await?, withdrawn })
}
