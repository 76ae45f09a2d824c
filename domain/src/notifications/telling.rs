//! Telling people: in one statement for any number of them, by what each of them prefers.

use std::collections::HashSet;

use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::manner::{FALLBACK, Group, MailWay};
use super::{About, NotificationType, QuietHours};
use crate::Tx;
use crate::error::Result;
use crate::ids::{NotificationId, PushSubscriptionId, UserId};
use crate::live::{NotificationCreated, Telling};

#[derive(Debug)]
pub struct NewNotification {
    pub user: UserId,
    pub kind: NotificationType,
    /// Ids for the front end to link to.
    pub data: Value,
    /// What set it off; one notification per user and cause.
    pub cause: String,
}

/// How far something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Wherever its type and its reader want it.
    All,
    /// In the app alone: of many, for whom it matters little.
    InApp,
}

/// What became of new notifications, and what is to be sent.
#[derive(Debug, Default)]
#[must_use = "who is to be told is told"]
pub struct Told {
    pub tellings: Vec<Telling>,
    pub pushes: Vec<DuePush>,
    pub mails: Vec<DueMail>,
}

/// A push to one device.
#[derive(Debug)]
pub struct DuePush {
    /// Which of the new notifications it is of.
    pub nth: usize,
    pub notification: NotificationId,
    pub subscription: PushSubscriptionId,
    /// At once, or when quiet hours have ended.
    pub at: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub struct DueMail {
    pub nth: usize,
    pub notification: NotificationId,
    pub user: UserId,
    /// At once, or as a fallback when this has come.
    pub fallback_at: Option<OffsetDateTime>,
}

impl NewNotification {
    /// What several have in common of which the newest counts.
    fn collapse(&self) -> Option<String> {
        collapse(self.kind, About::of(&self.data))
    }
}

pub(super) fn collapse(kind: NotificationType, about: Option<About>) -> Option<String> {
    let group = match kind.manner().group? {
        Group::Type => kind.code(),
        Group::Named(name) => name,
    };
    Some(format!("{group}:{}", about?.path()))
}

impl NotificationType {
    /// What a device knows it by: the same for those of which the newest counts, else its own. At most 32 characters of base64url,
    /// which say nothing to a push service.
    pub fn tag(self, about: Option<About>, own: Uuid) -> String {
        match collapse(self, about) {
            None => own.simple().to_string(),
            Some(key) => {
                let hash = Sha256::digest(key);
                hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

/// Stores notifications and says what is to be told, pushed and mailed: each cause once, however often delivered. Of those that
/// replace others, the others count as read.
///
/// Who wants none of a type in the app has a row that is read from the start, for its mail and pushes.
pub async fn insert(
    tx: &mut Tx,
    new: &[NewNotification],
    channels: Channels,
    now: OffsetDateTime,
) -> Result<Told> {
    let mut told = Told::default();
    if new.is_empty() {
        return Ok(told);
    }
    let ids: Vec<_> = new.iter().map(|_| NotificationId::new().0).collect();
    let users: Vec<_> = new.iter().map(|n| n.user.0).collect();
    let kinds: Vec<_> = new.iter().map(|n| n.kind.code().to_owned()).collect();
    let datas: Vec<_> = new.iter().map(|n| n.data.clone()).collect();
    let causes: Vec<_> = new.iter().map(|n| n.cause.clone()).collect();
    let collapses: Vec<_> = new.iter().map(NewNotification::collapse).collect();
    let manners: Vec<_> = new.iter().map(|n| n.kind.manner()).collect();
    let rows = sqlx::query!(
        r#"with wished as (
               select n.id, n.user_id, n.type, n.data, n.cause, n.collapse, coalesce(p.in_app, n.in_app) as in_app,
                      coalesce(p.push, n.push) as push, coalesce(p.mail, n.mail) as mail
                 from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::text[], $6::text[], $7::bool[], $8::bool[],
                             $9::bool[]) as n (id, user_id, type, data, cause, collapse, in_app, push, mail)
                 left join notification_preferences p on p.user_id = n.user_id and p.type = n.type
           ), stored as (
               insert into notifications (id, user_id, type, data, cause, collapse, in_app, created_at, read_at)
               select id, user_id, type, data, cause, collapse, in_app, $10::timestamptz, case when not in_app then $10 end from wished
               on conflict on constraint notifications_cause do nothing
               returning id, user_id, collapse
           ), replaced as (
               update notifications o set read_at = $10 from stored s
                where o.user_id = s.user_id and o.collapse = s.collapse and o.read_at is null
               returning o.user_id
           )
           select w.id, w.in_app as "in_app!", w.push as "push!", w.mail as "mail!",
                  (select count(*) from replaced r where r.user_id = w.user_id) as "replaced!",
                  q.enabled as "enabled?", q.from_hour as "from_hour?", q.to_hour as "to_hour?",
                  coalesce(m.urgency_level = 'CRITICAL', false) as "critical!",
                  array(select p.id from push_subscriptions p join sessions s on s.id = p.session_id
                         where p.user_id = w.user_id and w.push and $11 and s.revoked_at is null and s.expires_at > $10
                       ) as "devices!: Vec<PushSubscriptionId>"
             from stored join wished w using (id)
             left join quiet_hours q on q.user_id = w.user_id
             left join missions m on m.id = (w.data->>'missionId')::uuid"#,
        &ids,
        &users,
        &kinds,
        &datas,
        &causes,
        &collapses as &[Option<String>],
        &manners.iter().map(|manner| manner.in_app).collect::<Vec<_>>(),
        &manners.iter().map(|manner| manner.push).collect::<Vec<_>>(),
        &manners.iter().map(|manner| manner.mails()).collect::<Vec<_>>(),
        now,
        channels == Channels::All,
    )
    .fetch_all(&mut **tx)
    .await?;

    let mut counted = HashSet::new();
    for (nth, (id, notification)) in ids.into_iter().zip(new).enumerate() {
        let Some(row) = rows.iter().find(|row| row.id == Some(id)) else { continue };
        let (id, NewNotification { user, kind, data, .. }) = (NotificationId(id), notification);
        let replaced = if counted.insert(*user) { row.replaced as i32 } else { 0 };
        if row.in_app {
            let created = NotificationCreated { id, kind: *kind, data: data.clone(), created_at: now };
            told.tellings.push(Telling::new(*user, &created).unread(1 - replaced));
        } else if replaced > 0 {
            told.tellings.push(Telling::count(*user, -replaced));
        }
        if channels == Channels::InApp {
            continue;
        }
        let quiet = QuietHours::of(row.enabled, row.from_hour, row.to_hour);
        let at = quiet.end(now).filter(|_| !manners[nth].breaks_quiet(row.critical));
        let push = |device: &PushSubscriptionId| DuePush { nth, notification: id, subscription: *device, at };
        told.pushes.extend(row.devices.iter().map(push));
        // A fallback for nothing else would only be late.
        let heard = row.in_app || !row.devices.is_empty();
        let fallback_at = match manners[nth].mail {
            MailWay::Required => None,
            _ if !row.mail => continue,
            MailWay::AtOnce => None,
            MailWay::Unread | MailWay::Off => heard.then_some(now + FALLBACK),
        };
        told.mails.push(DueMail { nth, notification: id, user: *user, fallback_at });
    }
    Ok(told)
}
