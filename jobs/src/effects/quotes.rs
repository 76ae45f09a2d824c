//! What a quote sets off.

use domain::Tx;
use domain::error::Result;
use domain::ids::{JobId, UserId};
use domain::notifications::{About, NewNotification, NotificationType};
use domain::quotes::{Acceptance, Moved, Quote, QuoteStatus, REMINDED_BEFORE, Revised};
use time::OffsetDateTime;

use super::{contracts, notices, papers};
use crate::ledger::{self, NewJob};
use crate::{ExpireQuote, RemindQuote};

fn notice(quote: &Quote, user_id: UserId, kind: NotificationType) -> NewJob {
    notices::notice(About::Quote(quote.id), kind, user_id)
}

/// A quote has another status: the other side learns of it. One that was sent is looked at again later.
pub async fn moved(tx: &mut Tx, moved: &Moved, now: OffsetDateTime) -> Result<()> {
    let quote = &moved.quote;
    let (client, talent) = (quote.client_id, quote.talent_id);
    let jobs = match quote.status {
        QuoteStatus::Sent => return sent(tx, quote, now).await,
        QuoteStatus::Viewed => return tell(tx, quote, talent, NotificationType::QuoteViewed, now).await,
        QuoteStatus::Revised => return tell(tx, quote, client, NotificationType::QuoteRevised, now).await,
        QuoteStatus::Accepted => vec![notice(quote, talent, NotificationType::QuoteAccepted)],
        QuoteStatus::Rejected => vec![notice(quote, talent, NotificationType::QuoteRejected)],
        QuoteStatus::Expired => {
            [client, talent].map(|user| notice(quote, user, NotificationType::QuoteExpired)).into()
        }
        QuoteStatus::Draft => return Ok(()),
    };
    ledger::enqueue(tx, jobs).await
}

async fn sent(tx: &mut Tx, quote: &Quote, now: OffsetDateTime) -> Result<()> {
    let quote_id = quote.id;
    let end = quote.expires_at.unwrap_or(now);
    let jobs = [
        notice(quote, quote.client_id, NotificationType::QuoteReceived),
        papers::quote(quote),
        NewJob::of(&RemindQuote { quote_id }).at(end - REMINDED_BEFORE),
        NewJob::of(&ExpireQuote { quote_id }).at(end),
    ];
    ledger::enqueue(tx, jobs).await
}

/// Once for each quote.
async fn tell(
    tx: &mut Tx,
    quote: &Quote,
    user: UserId,
    kind: NotificationType,
    now: OffsetDateTime,
) -> Result<()> {
    let new = NewNotification {
        user,
        kind,
        data: serde_json::json!(About::Quote(quote.id)),
        cause: format!("quote:{}:{}", quote.id, kind.code()),
    };
    notices::tell(tx, &[new], now).await
}

/// A quote was accepted: the talent learns of it, and both sign its contract.
pub async fn accepted(tx: &mut Tx, acceptance: &Acceptance, now: OffsetDateTime) -> Result<()> {
    let Acceptance::Accepted { moved, issued } = acceptance else { return Ok(()) };
    self::moved(tx, moved, now).await?;
    contracts::issued(tx, issued).await
}

/// A newer version is being written: a client who could still have answered learns of it.
pub async fn revised(tx: &mut Tx, revised: &Revised, now: OffsetDateTime) -> Result<()> {
    match &revised.withdrawn {
        Some(withdrawn) => moved(tx, withdrawn, now).await,
        None => Ok(()),
    }
}

/// The end of an open quote is near: its client learns of it, once.
pub async fn expiring(tx: &mut Tx, quote: &Quote, reminder: JobId) -> Result<()> {
    let notice = notice(quote, quote.client_id, NotificationType::QuoteExpiring);
    ledger::enqueue(tx, [notice.once(format!("notify:{reminder}"))]).await
}
