//! The one way by which people are told: a row and its live event, pushes to their devices, a mail; each as its type and its reader
//! want it.

use domain::error::Result;
use domain::ids::UserId;
use domain::message_pushes::Unseen;
use domain::missions::Mission;
use domain::notifications::{self, About, Channels, NewNotification, NotificationType, Told};
use domain::{Tx, live, trace};
use time::OffsetDateTime;

use crate::ledger::{self, Job, NewJob};
use crate::{Mail, Notify, PushNotification, Pushed, SendMail};

/// Somebody is to be told, by a job of its own.
pub(super) fn notice(about: About, kind: NotificationType, user_id: UserId) -> NewJob {
    NewJob::of(&Notify { user_id, kind, about })
}

/// People are to be told of a mission, each by a job.
pub(super) fn of_mission(
    mission: &Mission,
    kind: NotificationType,
    users: impl IntoIterator<Item = UserId>,
) -> impl Iterator<Item = NewJob> {
    let about = About::Mission(mission.id);
    users.into_iter().map(move |user| notice(about, kind, user))
}

/// People are told now. It ends with their feeds: call it last.
pub async fn tell(tx: &mut Tx, new: &[NewNotification], now: OffsetDateTime) -> Result<()> {
    let told = notifications::insert(tx, new, Channels::All, now).await?;
    ledger::enqueue(tx, jobs(&told, None).collect::<Vec<_>>()).await?;
    live::tell(tx, now, told.tellings).await
}

/// What goes out for those who were told; where several were told at once, each job carries on the cause of its own.
pub(super) fn jobs<'t>(
    told: &'t Told,
    causes: Option<&'t [trace::Context]>,
) -> impl Iterator<Item = NewJob> + use<'t> {
    let caused = move |job: NewJob, nth: usize| match causes.and_then(|causes| causes.get(nth)) {
        Some(cause) => job.caused_by(cause.clone()),
        None => job,
    };
    let pushes = told.pushes.iter().map(move |push| {
        let of = Pushed::Notification(push.notification);
        caused(later(&PushNotification { subscription_id: push.subscription, of }, push.at), push.nth)
    });
    let mails = told.mails.iter().map(move |mail| {
        let fallback = mail.fallback_at.is_some();
        let letter = Mail::Notification { notification_id: mail.notification, fallback };
        caused(later(&SendMail { to: mail.user, mail: letter }, mail.fallback_at), mail.nth)
    });
    pushes.chain(mails)
}

/// Members have not seen messages: their devices say so.
pub async fn unseen(tx: &mut Tx, unseen: &[Unseen]) -> Result<()> {
    let pushes = unseen.iter().map(|one| {
        let of = Pushed::Conversation(one.conversation);
        later(&PushNotification { subscription_id: one.subscription, of }, one.at)
    });
    ledger::enqueue(tx, pushes.collect::<Vec<_>>()).await
}

/// A push cannot go out now: it is looked at again then.
pub async fn put_off(tx: &mut Tx, push: &PushNotification, until: OffsetDateTime) -> Result<()> {
    ledger::enqueue(tx, [later(push, Some(until))]).await
}

fn later(job: &impl Job, at: Option<OffsetDateTime>) -> NewJob {
    let job = NewJob::of(job);
    match at {
        Some(at) => job.at(at),
        None => job,
    }
}
