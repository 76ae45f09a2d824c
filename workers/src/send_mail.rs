use domain::ids::{ConversationId, UserId};
use domain::invitations::InvitationStatus;
use domain::missions::{Mission, MissionStatus};
use domain::notifications::{About, NotificationType};
use domain::{bookings, conversations, invitations, missions, money, paris, profiles, unread_digests, users};
use jobs::{Mail, SendMail};
use minijinja::{Value, context};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::App;
use crate::account_mail::{self, Content};
use crate::calendar;
use crate::delivery::{self, Consent};
use crate::engine::{JobError, JobResult, Run};
use crate::mailer::Letter;
use crate::notices;

/// Renders the mail from what is true now, and hands it to the mail server. What has become pointless is not sent late.
///
/// The `Message-ID` is the job's id: after a crash between the server's yes and ours, the second copy carries the same.
pub async fn run(job: SendMail, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let user = users::get(&mut tx, job.to).await?;
    let profile = profiles::get(&mut tx, job.to).await?;
    let content =
        match job.mail.is_of_account() {
            true => account_mail::content(&mut tx, &job.mail, &user, &run.app).await?,
            false => facts(&mut tx, &job, &user.locale, &run.app)
                .await?
                .map(|(template, link, facts)| Content { to: user.email.clone(), template, link, facts }),
        };
    let Some(Content { to, template, link, facts }) = content else {
        return run.done_without_effects();
    };
    let unsubscribe = match delivery::consent(&mut tx, &job, &to, &run.app).await? {
        Consent::Given(unsubscribe) => unsubscribe,
        Consent::Refused(why) => return Err(JobError::Cancel(why)),
    };
    let calendar = match job.mail {
        Mail::Notice { notice: NotificationType::BookingPaid, about: About::Booking(id) } => {
            let booking = bookings::get(&mut tx, id).await?;
            Some(calendar::entry(&booking, &link, run.app.clock.now()))
        }
        _ => None,
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

/// The template's name, where it leads, and what fills it; nothing when the mail is over.
async fn facts(
    conn: &mut PgConnection,
    job: &SendMail,
    locale: &str,
    app: &App,
) -> domain::Result<Option<(&'static str, String, Value)>> {
    let frontend = app.mailer.frontend_url();
    let page = |mission_id| format!("{frontend}/missions/{mission_id}");
    let (template, mission_id, link) = match job.mail {
        Mail::MissionInvitation { invitation_id } => {
            let invitation = invitations::get(conn, invitation_id, job.to).await?;
            let mission = missions::get(conn, invitation.mission_id).await?;
            if invitation.status != InvitationStatus::Pending || !mission.takes_people(app.clock.now()) {
                return Ok(None);
            }
            ("mission-invitation", mission.id, format!("{frontend}/invitations/{invitation_id}"))
        }
        Mail::MissionAssigned { mission_id } => ("mission-assigned", mission_id, page(mission_id)),
        Mail::AssignmentConfirmed { mission_id } => ("assignment-confirmed", mission_id, page(mission_id)),
        Mail::AssignmentWithdrawn { mission_id } => ("assignment-withdrawn", mission_id, page(mission_id)),
        Mail::ApplicationReceived { mission_id } => ("application-received", mission_id, page(mission_id)),
        Mail::ApplicationRejected { mission_id } => ("application-rejected", mission_id, page(mission_id)),
        Mail::MissionChanged { mission_id } => ("mission-changed", mission_id, page(mission_id)),
        Mail::MissionCancelled { mission_id } => ("mission-cancelled", mission_id, page(mission_id)),
        Mail::CancellationConfirmed { mission_id } => {
            ("cancellation-confirmed", mission_id, page(mission_id))
        }
        Mail::MissionExpired { mission_id } => ("mission-expired", mission_id, page(mission_id)),
        Mail::MissionUnfilled { mission_id } => ("mission-unfilled", mission_id, page(mission_id)),
        Mail::UnreadMessages { conversation_id } => {
            return unread(conn, conversation_id, job.to, frontend).await;
        }
        Mail::Notice { notice, about } => {
            if !notices::is_news(conn, notice, about, job.to, app.clock.now()).await? {
                return Ok(None);
            }
            let words = notice.words(locale);
            let link = format!("{frontend}{}", about.path());
            return Ok(Some(("notice", link, context! { title => words.title, body => words.body })));
        }
        // Of the account: `account_mail` says what is in it.
        _ => return Ok(None),
    };
    let mission = missions::get(&mut *conn, mission_id).await?;
    match is_news(conn, job, &mission, app.clock.now()).await? {
        true => Ok(Some((template, link, about(&mission, locale)))),
        false => Ok(None),
    }
}

/// Whether what a mail says of a mission is still so: whatever undid it has a mail of its own.
async fn is_news(
    conn: &mut PgConnection,
    job: &SendMail,
    mission: &Mission,
    now: OffsetDateTime,
) -> domain::Result<bool> {
    let cancelled = mission.status == MissionStatus::Cancelled;
    Ok(match job.mail {
        Mail::AssignmentConfirmed { .. } => missions::is_participant(conn, mission.id, job.to).await?,
        Mail::MissionAssigned { .. } => mission.filled > 0 && !cancelled,
        Mail::AssignmentWithdrawn { .. } => !cancelled,
        Mail::ApplicationReceived { .. } | Mail::MissionChanged { .. } | Mail::MissionUnfilled { .. } => {
            mission.takes_people(now)
        }
        _ => true,
    })
}

/// Nothing of what was written: it may be about somebody's health.
async fn unread(
    conn: &mut PgConnection,
    conversation: ConversationId,
    member: UserId,
    frontend: &str,
) -> domain::Result<Option<(&'static str, String, Value)>> {
    let count = unread_digests::count(conn, conversation, member).await?;
    if count == 0 {
        return Ok(None);
    }
    let summary = conversations::get_summary(conn, conversation, member).await?;
    let link = format!("{frontend}/conversations/{conversation}");
    Ok(Some(("unread-messages", link, context! { count, title => one_line(&summary.title) })))
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
