use domain::Tx;
use domain::ids::{ConversationId, NotificationId};
use domain::notifications::{self, About, NotificationType, Urgency};
use domain::push_subscriptions::{self, Device};
use jobs::{PushNotification, Pushed, effects};
use push::{Fault, Keys, Message, Target};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::retry_after;

/// What could not be said in this time, because its service would not take it, is left to the app and the mail.
const STALE: Duration = Duration::days(2);

/// What is to be said now.
enum Due {
    Now(Message),
    /// When quiet hours have ended.
    Later(OffsetDateTime),
    /// It was read, undone, or is not wanted any more.
    Over,
}

/// Says it from what is true now. Sent twice, after a crash, the second takes the place of the first: the tag is the same.
pub async fn run(job: PushNotification, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut conn = run.app.db.conn().await?;
    let Some(device) = push_subscriptions::find_living(&mut conn, job.subscription_id, now).await? else {
        return run.done_without_effects();
    };
    let due = match job.of {
        Pushed::Notification(id) => notification(&mut conn, id, &device, &run.app, now).await?,
        Pushed::Conversation(id) => messages(&mut conn, id, &device, &run.app, now).await?,
    };
    // No transaction and no connection is held during a call to the outside.
    drop(conn);
    let message = match due {
        Due::Now(message) => message,
        Due::Later(end) => return put_off(&run, &job, run.begin().await?, end).await,
        Due::Over => return run.done_without_effects(),
    };
    let target = target(&device).map_err(|error| JobError::GiveUp(error.to_string()))?;
    let Some(service) = run.app.push.of(&target) else { return run.done_without_effects() };
    if let Some(until) = device.paused_until {
        return put_off(&run, &job, run.begin().await?, until).await;
    }
    let outcome = service.send(&target, &message).await;
    metrics::counter!("pushes_total", "outcome" => outcome_name(&outcome)).increment(1);

    let mut tx = run.begin().await?;
    match outcome {
        Ok(()) => push_subscriptions::mark_reached(&mut tx, device.id).await?,
        Err(Fault::Gone(_)) => push_subscriptions::remove(&mut tx, device.id).await?,
        Err(Fault::Later { retry_after: asked, why }) if !run.is_last_start() => {
            let asked = asked.and_then(|asked| retry_after::read(&asked, domain::Clock::default().now()));
            let Some(pause) = asked else { return Err(JobError::Retry(why)) };
            push_subscriptions::pause(&mut tx, &device.service, now + pause, now).await?;
            return put_off(&run, &job, tx, now + pause).await;
        }
        Err(fault) => {
            tracing::info!(%fault, "a push did not arrive");
            push_subscriptions::mark_missed(&mut tx, device.id).await?;
        }
    }
    run.done(tx).await
}

/// Another job says it then: to wait is no failure, and costs no start.
async fn put_off(run: &Run<App>, job: &PushNotification, mut tx: Tx, until: OffsetDateTime) -> JobResult {
    effects::notices::put_off(&mut tx, job, until).await?;
    run.done(tx).await
}

fn outcome_name(outcome: &Result<(), Fault>) -> &'static str {
    match outcome {
        Ok(()) => "taken",
        Err(Fault::Gone(_)) => "gone",
        Err(Fault::Refused(_)) => "refused",
        Err(Fault::Later { .. }) => "later",
    }
}

fn target(device: &Device) -> Result<Target, push::BadKey> {
    let address = device.address.clone();
    Ok(match &device.keys {
        Some(keys) => Target::Browser { endpoint: address, keys: Keys::of(&keys.p256dh, &keys.auth)? },
        None => Target::App { token: address },
    })
}

async fn notification(
    conn: &mut PgConnection,
    id: NotificationId,
    device: &Device,
    app: &App,
    now: OffsetDateTime,
) -> Result<Due, JobError> {
    // Of somebody else, should the device have changed hands.
    let found = notifications::find_sendable(conn, id).await?.filter(|found| found.user == device.user);
    let Some(found) = found else { return Ok(Due::Over) };
    // A newer version of this program wrote it, and will read it.
    let kind = found.kind().ok_or_else(|| JobError::Retry(format!("unknown type {}", found.code)))?;
    if found.read || found.created_at + STALE < now || !found.wants_push(kind.manner()) {
        return Ok(Due::Over);
    }
    let about = About::of(&found.data);
    if let Some(end) = found.quiet.end(now).filter(|_| !kind.manner().breaks_quiet(found.critical)) {
        return Ok(Due::Later(end));
    }
    say(conn, kind, about, Some(id), device, app, now).await
}

async fn messages(
    conn: &mut PgConnection,
    id: ConversationId,
    device: &Device,
    app: &App,
    now: OffsetDateTime,
) -> Result<Due, JobError> {
    let kind = NotificationType::MessageReceived;
    let (wants, quiet) = notifications::preferences::get_push(conn, device.user, kind).await?;
    if !wants {
        return Ok(Due::Over);
    }
    if let Some(end) = quiet.end(now) {
        return Ok(Due::Later(end));
    }
    say(conn, kind, Some(About::Conversation(id)), None, device, app, now).await
}

/// In the words of its type, and in the language of its reader; nothing when it is over.
async fn say(
    conn: &mut PgConnection,
    kind: NotificationType,
    about: Option<About>,
    id: Option<NotificationId>,
    device: &Device,
    app: &App,
    now: OffsetDateTime,
) -> Result<Due, JobError> {
    let Some(validity) = notifications::find_validity(conn, kind, about, device.user, now).await? else {
        return Ok(Due::Over);
    };
    let (manner, words) = (kind.manner(), kind.words(&device.locale));
    let worth = manner.urgency.worth();
    let left = validity.until.map_or(worth, |until| worth.min(until - now));
    let own = id.map_or(device.id.0, |id| id.0);
    Ok(Due::Now(Message {
        title: words.title.into(),
        body: validity.body(kind, &device.locale),
        url: format!("{}{}", app.mailer.frontend_url(), about.map(About::path).unwrap_or_default()),
        kind: kind.code().into(),
        notification_id: id.map(|id| id.to_string()),
        tag: kind.tag(about, own),
        collapses: manner.group.is_some(),
        ttl: left.try_into().unwrap_or_default(),
        urgency: match manner.urgency {
            Urgency::Low => push::Urgency::Low,
            Urgency::Normal => push::Urgency::Normal,
            Urgency::High => push::Urgency::High,
        },
    }))
}
