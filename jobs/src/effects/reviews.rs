//! What reviews set off.

use domain::Tx;
use domain::error::Result;
use domain::growth::points::Action;
use domain::ids::UserId;
use domain::notifications::{About, NotificationType};
use domain::reviews::{Review, Work};
use domain::standing::Side;
use time::OffsetDateTime;

use super::{growth, notices};
use crate::ledger::{self, NewJob};

/// A review was written: the other side hears of it, and its author has earned something.
pub async fn written(tx: &mut Tx, review: &Review, now: OffsetDateTime) -> Result<()> {
    let jobs = [
        notice(review, NotificationType::ReviewReceived, review.reviewed()),
        growth::award(review.author_id, Action::ReviewGiven, review.id.0),
    ];
    ledger::enqueue(tx, jobs).await?;
    match review.side {
        Side::Client => growth::judged(tx, review.talent_id, now).await,
        Side::Talent => Ok(()),
    }
}

/// A review was answered: its author hears of it.
pub async fn answered(tx: &mut Tx, review: &Review) -> Result<()> {
    ledger::enqueue(tx, [notice(review, NotificationType::ReviewAnswered, review.author_id)]).await
}

/// Who has not said how work was is asked, once however often the job is delivered.
pub async fn requested(tx: &mut Tx, of: Work, silent: &[UserId]) -> Result<()> {
    let (about, work) = match of {
        Work::Assignment { mission, assignment } => (About::Mission(mission), assignment.0),
        Work::Booking(booking) => (About::Booking(booking), booking.0),
    };
    let kind = NotificationType::ReviewRequested;
    let notices = silent.iter().map(|user| {
        notices::notice(about, kind, *user).once(format!("notify:{work}:{}:{user}", kind.code()))
    });
    ledger::enqueue(tx, notices.collect::<Vec<_>>()).await
}

fn notice(review: &Review, kind: NotificationType, user_id: UserId) -> NewJob {
    notices::notice(About::Review(review.id), kind, user_id)
}
