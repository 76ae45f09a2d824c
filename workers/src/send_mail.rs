use domain::ids::{BookingId, ConversationId, UserId};
use domain::missions::Mission;
use domain::notifications::{self, About, NotificationType};
use domain::{bookings, conversations, invitations, missions, money, paris, profiles, unread_digests, users};
use jobs::{Mail, SendMail};
use minijinja::{Value, context};
use sqlx::PgConnection;

use crate::App;
use crate::account_mail::{self, Content};
use crate::calendar;
use crate::delivery;
use crate::engine::{JobError, JobResult, Run};
use crate::mailer::Letter;

/// Renders the mail from what is true now, and hands it to the mail server. What has become pointless is not sent late.
///
/// The `Message-ID` is the job's id: after a crash between the server's yes and ours, the second copy carries the same.
pub async fn run(job: SendMail, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let user = users::get(&mut tx, job.to).await?;
    let profile = profiles::get(&mut tx, job.to).await?;
    let (content, kind, session) = match job.mail.is_of_account() {
        true => (account_mail::content(&mut tx, &job.mail, &user, &run.app).await?, None, None),
        false => match facts(&mut tx, &job, &user.locale, &run.app).await? {
            None => (None, None, None),
            Some(Facts { kind, template, link, facts, session }) => {
                (Some(Content { to: user.email.clone(), template, link, facts }), Some(kind), session)
            }
        },
    };
    let Some(Content { to, template, link, facts }) = content else {
        return run.done_without_effects();
    };
    if let Some(objection) = delivery::find_objection(&mut tx, &job.mail, &to).await? {
        return Err(JobError::Cancel(objection.into()));
    }
    let unsubscribe = delivery::find_unsubscribe(&mut tx, job.to, kind, &run.app).await?;
    let calendar = match session {
        Some(id) => {
            let booking = bookings::get(&mut tx, id).await?;
            Some(calendar::entry(&booking, &link, run.now()))
        }
        None => None,
    };
    // No transaction is open during a call to the outside. What this one keeps is the hash of a token that nobody has yet.
    tx.commit().await?;

    let letter = Letter {
        id: run.id().to_string(),
        to,
        template,
        locale: user.locale,
        facts: context! { first_name => profile.first_name, link => link.clone(), ..facts },
        link,
        calendar,
        unsubscribe,
    };
    delivery::hand_over(&run.app, letter).await?;
    if !matches!(job.mail, Mail::SiteInvitation { .. }) {
        return run.done_without_effects();
    }
    let mut tx = run.begin().await?;
    users::mark_invited(&mut tx, job.to).await?;
    run.done(tx).await
}

/// The template's name, where it leads, and what fills it.
struct Facts {
    /// As which it is told, and can be declined.
    kind: NotificationType,
    template: &'static str,
    link: String,
    facts: Value,
    /// The session that goes with it, for a calendar.
    session: Option<BookingId>,
}

/// Nothing when the mail is over.
async fn facts(
    conn: &mut PgConnection,
    job: &SendMail,
    locale: &str,
    app: &App,
) -> Result<Option<Facts>, JobError> {
    let frontend = app.mailer.frontend_url();
    let (kind, about) = match job.mail {
        Mail::UnreadMessages { conversation_id } => {
            return Ok(unread(conn, conversation_id, job.to, frontend).await?);
        }
        Mail::Notification { notification_id, fallback } => {
            let found = notifications::find_sendable(conn, notification_id).await?;
            let Some(found) = found.filter(|found| found.user == job.to) else { return Ok(None) };
            // A newer version of this program wrote it, and will read it.
            let kind = found.kind().ok_or_else(|| JobError::Retry(format!("unknown type {}", found.code)))?;
            if (fallback && found.read) || !found.wants_mail(kind.manner()) {
                return Ok(None);
            }
            (kind, About::of(&found.data))
        }
        Mail::Notice { notice, about } => (notice, Some(about)),
        // Of the account: `account_mail` says what is in it.
        _ => return Ok(None),
    };
    let validity = notifications::find_validity(conn, kind, about, job.to, app.clock.now()).await?;
    let Some(validity) = validity else { return Ok(None) };
    let link = format!("{frontend}{}", about.map(About::path).unwrap_or_default());
    let mission = match about {
        Some(About::Mission(id)) => Some(id),
        Some(About::Invitation(id)) => Some(invitations::get(conn, id, job.to).await?.mission_id),
        _ => None,
    };
    if let Some((template, id)) = letter(kind).zip(mission) {
        let mission = missions::get(conn, id).await?;
        return Ok(Some(Facts { kind, template, link, facts: self::about(&mission, locale), session: None }));
    }
    let session = match (kind, about) {
        (NotificationType::BookingPaid, Some(About::Booking(id))) => Some(id),
        _ => None,
    };
    let facts = context! { title => kind.words(locale).title, body => validity.body(kind, locale) };
    Ok(Some(Facts { kind, template: "notice", link, facts, session }))
}

/// What has a letter of its own, with the facts of its mission; all else is mailed in the words of its type.
fn letter(kind: NotificationType) -> Option<&'static str> {
    use NotificationType as Type;
    Some(match kind {
        Type::MissionInvitation => "mission-invitation",
        Type::MissionAssigned => "mission-assigned",
        Type::AssignmentConfirmed => "assignment-confirmed",
        Type::AssignmentWithdrawn => "assignment-withdrawn",
        Type::ApplicationReceived => "application-received",
        Type::ApplicationRejected => "application-rejected",
        Type::MissionChanged => "mission-changed",
        Type::MissionCancelled => "mission-cancelled",
        Type::CancellationConfirmed => "cancellation-confirmed",
        Type::MissionExpired => "mission-expired",
        Type::MissionUnfilled | Type::MissionDeadline => "mission-unfilled",
        _ => return None,
    })
}

/// Nothing of what was written: it may be about somebody's health.
async fn unread(
    conn: &mut PgConnection,
    conversation: ConversationId,
    member: UserId,
    frontend: &str,
) -> domain::Result<Option<Facts>> {
    let kind = NotificationType::MessageReceived;
    // It may have been ended while it waited, by the link of the one before.
    if !notifications::preferences::get_mail(conn, member, kind).await? {
        return Ok(None);
    }
    let count = unread_digests::count(conn, conversation, member).await?;
    if count == 0 {
        return Ok(None);
    }
    let summary = conversations::get_summary(conn, conversation, member).await?;
    let link = format!("{frontend}/conversations/{conversation}");
    let facts = context! { count, title => one_line(&summary.title) };
    Ok(Some(Facts { kind, template: "unread-messages", link, facts, session: None }))
}

pub(crate) fn about(mission: &Mission, locale: &str) -> Value {
    context! {
        title => one_line(&mission.title),
        city => mission.city,
        start => paris::date_and_time(mission.start_date, locale),
        end => paris::time_of_day(mission.end_date, locale),
        hourly_rate => money::in_words(mission.hourly_rate_cents.into(), locale),
        price => money::in_words(mission.cancellation_cents.unwrap_or_default().into(), locale),
    }
}

/// Also where someone wrote several: it stands in a subject.
fn one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}
