//! The client's side of a quote, and its end.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{EXPIRED, Moved, NOT_OPEN, Quote, QuoteStatus, get, side};
use crate::contracts::{self, Issued};
use crate::error::{Error, Result};
use crate::ids::QuoteId;
use crate::sessions::Viewer;
use crate::standing::{NOT_A_PARTY, Side};

/// What became of an acceptance.
#[derive(Debug)]
pub enum Acceptance {
    Accepted {
        moved: Moved,
        issued: Box<Issued>,
    },
    /// It was accepted before, and is again.
    Already(Quote),
}

impl Acceptance {
    pub fn into_quote(self) -> Quote {
        match self {
            Self::Accepted { moved, .. } => moved.quote,
            Self::Already(quote) => quote,
        }
    }
}

/// Accepts an open quote for the client: the contract is issued by the same transaction. Of many acceptances at once one is the
/// first, and the others find what it made.
pub async fn accept(
    conn: &mut PgConnection,
    id: QuoteId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Acceptance> {
    let quote = get(&mut *conn, id).await?;
    if side(&mut *conn, &quote, viewer).await? != Side::Client {
        return Err(NOT_A_PARTY);
    }
    let accepted = select_quotes!(
        with
        "with accepted as (
             update quotes set status = 'ACCEPTED', closed_at = $2, accepted_by = $3
              where id = $1 and status in ('SENT', 'VIEWED') and expires_at > $2
                and exists (select from users where users.id = talent_id and users.status = 'VERIFIED')
             returning *
         ), closed as (
             update quotes o set status = 'REVISED', closed_at = $2 from accepted a
              where o.family_id = a.family_id and o.id <> a.id and o.status in ('DRAFT', 'SENT', 'VIEWED')
         )",
        "from accepted q",
        id.0,
        now,
        viewer.user.0,
    );
    let Some(mut quote) = accepted.fetch_optional(&mut *conn).await? else {
        let quote = get(&mut *conn, id).await?;
        return match quote.status {
            QuoteStatus::Accepted => Ok(Acceptance::Already(quote)),
            _ => Err(why_refused(&quote, now)),
        };
    };
    let issued = contracts::issue_for_quote(conn, &quote, now).await?;
    quote.contract_id = Some(issued.contract.id);
    Ok(Acceptance::Accepted { moved: Moved { quote }, issued: Box::new(issued) })
}

fn why_refused(quote: &Quote, now: OffsetDateTime) -> Error {
    let is_over = quote.expires_at.is_some_and(|end| end <= now);
    match quote.status {
        QuoteStatus::Expired => EXPIRED,
        _ if quote.is_open() && is_over => EXPIRED,
        _ if quote.is_open() => {
            Error::Conflict { code: "TALENT_NOT_VERIFIED", message: "This talent's account is not verified" }
        }
        _ => NOT_OPEN,
    }
}

/// Rejects an open quote for the client.
pub async fn reject(
    conn: &mut PgConnection,
    id: QuoteId,
    viewer: Viewer,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Moved> {
    let quote = get(&mut *conn, id).await?;
    if side(&mut *conn, &quote, viewer).await? != Side::Client {
        return Err(NOT_A_PARTY);
    }
    let rejected = sqlx::query!(
        "update quotes set status = 'REJECTED', closed_at = $2, reject_reason = $3
          where id = $1 and status in ('SENT', 'VIEWED') and expires_at > $2",
        id.0,
        now,
        reason,
    );
    let rejected = rejected.execute(&mut *conn).await?.rows_affected() == 1;
    let quote = get(conn, id).await?;
    if rejected { Ok(Moved { quote }) } else { Err(why_refused(&quote, now)) }
}

/// Ends an open quote whose time is over; nothing when it was answered or is still good.
pub async fn expire(conn: &mut PgConnection, id: QuoteId, now: OffsetDateTime) -> Result<Option<Moved>> {
    let expired = select_quotes!(
        with
        "with expired as (
             update quotes set status = 'EXPIRED', closed_at = $2
              where id = $1 and status in ('SENT', 'VIEWED') and expires_at <= $2 returning *
         )",
        "from expired q",
        id.0,
        now,
    );
    Ok(expired.fetch_optional(conn).await?.map(|quote| Moved { quote }))
}

/// The quote, while the client can still answer it.
pub async fn find_open(conn: &mut PgConnection, id: QuoteId, now: OffsetDateTime) -> Result<Option<Quote>> {
    let open =
        select_quotes!("where q.id = $1 and q.status in ('SENT', 'VIEWED') and q.expires_at > $2", id.0, now);
    Ok(open.fetch_optional(conn).await?)
}
