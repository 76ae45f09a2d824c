//! Quotes (devis): what a talent offers a client, at which price, and until when. Writing and answering them have files of
//! their own.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};
use crate::ids::{ContractId, EstablishmentId, QuoteId, ServiceId, UserId};
use crate::page::{Cursor, Page};
use crate::parties::Party;
use crate::sessions::Viewer;
use crate::standing::{Between, Side, Standing};
use crate::totals::{Line, VatGroup};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "quote_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuoteStatus {
    Draft,
    Sent,
    /// The client has read it.
    Viewed,
    Accepted,
    Rejected,
    Expired,
    /// A newer version takes its place.
    Revised,
}

/// How long a quote can be accepted †.
pub const VALID_FOR: Duration = Duration::days(30);
/// The client is reminded this long before the end †.
pub const REMINDED_BEFORE: Duration = Duration::days(3);

/// Both sides as they were when the paper was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    pub client: Party,
    pub talent: Party,
}

#[derive(Clone, Debug)]
pub struct Quote {
    pub id: QuoteId,
    /// The first version's id.
    pub family_id: QuoteId,
    pub version: i16,
    /// From the first sending on.
    pub reference: Option<String>,
    pub status: QuoteStatus,
    pub talent_id: UserId,
    pub client_id: UserId,
    pub establishment_id: Option<EstablishmentId>,
    pub service_id: Option<ServiceId>,
    pub title: String,
    pub notes: Option<String>,
    /// Without VAT.
    pub lines: Json<Vec<Line>>,
    pub subtotal_cents: i64,
    pub discount_cents: i64,
    pub vat: Json<Vec<VatGroup>>,
    pub vat_cents: i64,
    pub total_cents: i64,
    /// Why some lines bear no VAT.
    pub vat_mention: Option<String>,
    /// Frozen when it was sent.
    pub parties: Option<Json<Parties>>,
    pub created_at: OffsetDateTime,
    pub sent_at: Option<OffsetDateTime>,
    pub expires_at: Option<OffsetDateTime>,
    pub viewed_at: Option<OffsetDateTime>,
    pub closed_at: Option<OffsetDateTime>,
    pub reject_reason: Option<String>,
    /// Issued when it was accepted.
    pub contract_id: Option<ContractId>,
}

impl Quote {
    pub fn between(&self) -> Between {
        Between { client: self.client_id, site: self.establishment_id, talent: self.talent_id }
    }

    /// Sent, and not answered.
    pub fn is_open(&self) -> bool {
        matches!(self.status, QuoteStatus::Sent | QuoteStatus::Viewed)
    }
}

/// A quote has another status. See `jobs::effects::quotes::moved` for what that sets off.
#[derive(Debug)]
#[must_use = "a quote that moved has effects"]
pub struct Moved {
    pub quote: Quote,
}

const NOT_A_DRAFT: Error =
    Error::Conflict { code: "QUOTE_NOT_DRAFT", message: "Only a draft can be changed; revise the quote" };
const NOT_SENT: Error = Error::Conflict { code: "QUOTE_NOT_SENT", message: "This quote is a draft" };
const NOT_OPEN: Error =
    Error::Conflict { code: "QUOTE_NOT_OPEN", message: "This quote cannot be answered any more" };
const EXPIRED: Error =
    Error::Expired { code: "QUOTE_EXPIRED", message: "This quote has expired; ask for another" };

/// Quotes as they are read, as `q`; the rest of the statement says which.
macro_rules! select_quotes {
    ($rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        select_quotes!(with "", "from quotes q " + $rest $(+ $more)*, $($argument),*)
    };
    (with $before:literal, $rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Quote,
            $before
                + r#" select q.id as "id!: _", q.family_id as "family_id!: _", q.version as "version!", q.reference as "reference?",
                             q.status as "status!: _", q.talent_id as "talent_id!: _", q.client_id as "client_id!: _",
                             q.establishment_id as "establishment_id?: _", q.service_id as "service_id?: _", q.title as "title!",
                             q.notes as "notes?", q.lines as "lines!: _", q.subtotal_cents as "subtotal_cents!",
                             q.discount_cents as "discount_cents!", q.vat as "vat!: _", q.vat_cents as "vat_cents!",
                             q.total_cents as "total_cents!", q.vat_mention as "vat_mention?", q.parties as "parties?: _",
                             q.created_at as "created_at!", q.sent_at as "sent_at?", q.expires_at as "expires_at?",
                             q.viewed_at as "viewed_at?", q.closed_at as "closed_at?", q.reject_reason as "reject_reason?",
                             (select c.id from contracts c where c.quote_id = q.id) as "contract_id?: _" "#
                + $rest $(+ $more)*,
            $($argument),*
        )
    };
}

mod answering;
mod writing;

pub use answering::{Acceptance, accept, expire, find_open, reject};
pub use writing::{NewQuote, QuotePatch, Revised, change, create, delete, revise, send};

/// Whoever asks.
pub async fn get(conn: &mut PgConnection, id: QuoteId) -> Result<Quote> {
    select_quotes!("where q.id = $1", id.0).fetch_optional(conn).await?.ok_or(Error::NotFound("quote"))
}

async fn lock(conn: &mut PgConnection, id: QuoteId) -> Result<Quote> {
    let quote = select_quotes!("where q.id = $1 for no key update of q", id.0);
    quote.fetch_optional(conn).await?.ok_or(Error::NotFound("quote"))
}

/// The side that the viewer acts for. Of a draft the client learns nothing.
async fn side(conn: &mut PgConnection, quote: &Quote, viewer: Viewer) -> Result<Side> {
    match quote.between().side(conn, viewer).await? {
        Side::Client if quote.status == QuoteStatus::Draft => Err(Error::NotFound("quote")),
        side => Ok(side),
    }
}

/// The quote as far as the viewer may see it, and where the viewer stands: a draft is its talent's, and admins'.
async fn see(conn: &mut PgConnection, id: QuoteId, viewer: Viewer) -> Result<(Quote, Standing)> {
    let quote = get(&mut *conn, id).await?;
    let standing = quote.between().standing(conn, viewer).await?;
    let is_talents = standing == Standing::Party(Side::Talent) || viewer.is_admin();
    match quote.status == QuoteStatus::Draft && !is_talents {
        true => Err(Error::NotFound("quote")),
        false => Ok((quote, standing)),
    }
}

/// A quote that was sent, for whoever may see it: there is paper of it.
pub async fn get_sent(conn: &mut PgConnection, id: QuoteId, viewer: Viewer) -> Result<Quote> {
    let (quote, _) = see(conn, id, viewer).await?;
    if quote.status == QuoteStatus::Draft { Err(NOT_SENT) } else { Ok(quote) }
}

/// The quote, for its parties and admins. The client's first look at it counts as such.
pub async fn read(
    conn: &mut PgConnection,
    id: QuoteId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<(Quote, Option<Moved>)> {
    let (quote, standing) = see(&mut *conn, id, viewer).await?;
    if standing != Standing::Party(Side::Client) || quote.status != QuoteStatus::Sent {
        return Ok((quote, None));
    }
    let viewed = select_quotes!(
        with
        "with viewed as (
             update quotes set status = 'VIEWED', viewed_at = $2 where id = $1 and status = 'SENT' and expires_at > $2 returning *
         )",
        "from viewed q",
        id.0,
        now,
    );
    match viewed.fetch_optional(&mut *conn).await? {
        Some(quote) => Ok((quote.clone(), Some(Moved { quote }))),
        None => Ok((get(conn, id).await?, None)),
    }
}

/// The quotes that the viewer wrote or received, newest first; of an admin, all.
pub async fn list(
    conn: &mut PgConnection,
    viewer: Viewer,
    status: Option<QuoteStatus>,
    page: Page,
) -> Result<(Vec<Quote>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    macro_rules! select_page {
        ($scope:literal) => {
            select_quotes!(
                $scope
                    + "and ($2::quote_status is null or q.status = $2)
                       and ($3::timestamptz is null or (q.created_at, q.id) < ($3, $4))
                     order by q.created_at desc, q.id desc limit $5",
                viewer.user.0,
                status as Option<QuoteStatus>,
                after,
                after_id,
                page.rows(),
            )
            .fetch_all(conn)
            .await?
        };
    }
    let quotes = match viewer.is_admin() {
        true => select_page!("where $1::uuid is not null "),
        false => select_page!(
            "where q.id in (select id from quotes where talent_id = $1
                          union select id from quotes where client_id = $1 and status <> 'DRAFT'
                          union select d.id from establishment_members e join quotes d on d.establishment_id = e.establishment_id
                                 where e.user_id = $1 and d.status <> 'DRAFT') "
        ),
    };
    Ok(page.cut(quotes, |quote| Cursor { created_at: quote.created_at, id: quote.id.0 }))
}
