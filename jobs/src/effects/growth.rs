//! What earns points, and what follows from having them.

use domain::error::Result;
use domain::growth::points::{Action, Changed};
use domain::growth::{levels, referrals, tags};
use domain::ids::UserId;
use domain::live::{self, PointsUpdate, Telling};
use domain::notifications::{self, About, Channels, NewNotification, NotificationType};
use domain::payments::PaymentKind;
use domain::payments::refunds::Refunded;
use domain::reports::Report;
use domain::services::Service;
use domain::{Tx, contracts};
use time::OffsetDateTime;
use uuid::Uuid;

use super::notices;
use crate::ledger::{self, NewJob};
use crate::{AwardPoints, ReversePoints};

/// Of each mission.
const OF_A_MISSION: [Action; 2] = [Action::MissionCompleted, Action::FirstMission];

pub(super) fn award(user_id: UserId, action: Action, reference: Uuid) -> NewJob {
    NewJob::of(&AwardPoints { user_id, action, reference })
}

/// The work of a mission was accepted.
pub(super) async fn worked(tx: &mut Tx, report: &Report) -> Result<()> {
    let earned = OF_A_MISSION.map(|action| award(report.talent_id, action, report.assignment_id.0));
    ledger::enqueue(tx, earned).await?;
    judged(tx, report.talent_id, report.validated_at.unwrap_or(report.submitted_at)).await
}

/// What a talent has done, or how it was judged, is another now: a level may be reached. It is told once.
pub(super) async fn judged(tx: &mut Tx, talent: UserId, now: OffsetDateTime) -> Result<()> {
    let reached = levels::note(tx, talent, now).await?;
    ledger::enqueue(tx, reached.map(|_| notice(talent, NotificationType::LevelReached))).await
}

/// Money has gone back: what was earned with work that is paid back as a whole goes too.
pub(super) async fn refunded(tx: &mut Tx, refunded: &Refunded) -> Result<()> {
    let Refunded { payment, refund, returned_cents } = refunded;
    let whole = returned_cents + refund.amount_cents >= payment.amount_cents;
    let Some(contract) = payment.contract_id.filter(|_| whole && payment.kind == PaymentKind::Charge) else {
        return Ok(());
    };
    let assignment = contracts::get(tx, contract).await?.assignment_id;
    let reversals = assignment.into_iter().flat_map(|assignment| {
        OF_A_MISSION.map(|action| {
            NewJob::of(&ReversePoints { user_id: payment.talent_id, action, reference: assignment.0 })
        })
    });
    ledger::enqueue(tx, reversals).await
}

/// Somebody shows a face.
pub async fn photo_set(tx: &mut Tx, user: UserId) -> Result<()> {
    ledger::enqueue(tx, [award(user, Action::ProfilePhoto, user.0)]).await
}

/// Somebody has chosen tags: enough of them to say something, or not.
pub async fn tags_set(tx: &mut Tx, user: UserId, tags: &[String]) -> Result<()> {
    let complete = tags.len() >= tags::COMPLETE;
    ledger::enqueue(tx, complete.then(|| award(user, Action::TagsCompleted, user.0))).await
}

/// A service can be booked.
pub async fn service_published(tx: &mut Tx, service: &Service) -> Result<()> {
    ledger::enqueue(tx, [award(service.talent_id, Action::ServicePublished, service.id.0)]).await
}

/// Somebody has registered: whoever recommended the platform hears of it.
pub async fn registered(tx: &mut Tx, user: UserId) -> Result<()> {
    let referrer = referrals::find_referrer(tx, user).await?;
    ledger::enqueue(tx, referrer.map(|referrer| notice(referrer, NotificationType::ReferralRegistered))).await
}

/// Points were given or taken back: their owners read it, in the app and live.
pub async fn changed(tx: &mut Tx, changed: &[Changed], now: OffsetDateTime) -> Result<()> {
    let new: Vec<_> = changed
        .iter()
        .map(|Changed { entry, .. }| NewNotification {
            user: entry.user_id,
            kind: match entry.points > 0 {
                true => NotificationType::PointsEarned,
                false => NotificationType::PointsTakenBack,
            },
            data: serde_json::json!(About::Growth(entry.user_id)),
            cause: format!("points:{}", entry.id),
        })
        .collect();
    let mut told = notifications::insert(tx, &new, Channels::InApp, now).await?.tellings;
    told.extend(changed.iter().map(|Changed { entry, points }| {
        let update = PointsUpdate { points: *points, delta: entry.points, action: entry.action };
        Telling::new(entry.user_id, &update)
    }));
    live::tell(tx, now, told).await
}

fn notice(user_id: UserId, kind: NotificationType) -> NewJob {
    notices::notice(About::Growth(user_id), kind, user_id)
}
