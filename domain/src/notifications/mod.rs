//! Notifications: their types and how each is told, who wants what, their rows, and how many are unread.

pub mod preferences;

mod manner;
mod telling;
mod types;
mod unsubscribing;
mod validity;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Tx;
use crate::error::{Error, Result};
use crate::ids::{
    BookingId, ContractId, ConversationId, InvitationId, InvoiceId, MissionId, NotificationId, PaymentId,
    ProofId, QuoteId, ReviewId, UserId,
};
use crate::live::{self, Telling};
use crate::page::{Cursor, Page};

pub use manner::{FALLBACK, Group, Lasts, MailWay, Manner, Urgency};
pub use preferences::{Preference, Preferences, QuietHours};
pub use telling::{Channels, DueMail, DuePush, NewNotification, Told, insert};
pub use types::{NotificationType, Words};
pub use unsubscribing::{find_token, unsubscribe};
pub use validity::{Validity, find_validity};

/// What a notification or mail is about: `{"missionId": …}` for whoever links to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    #[serde(rename = "missionId")]
    Mission(MissionId),
    #[serde(rename = "bookingId")]
    Booking(BookingId),
    #[serde(rename = "quoteId")]
    Quote(QuoteId),
    #[serde(rename = "contractId")]
    Contract(ContractId),
    #[serde(rename = "paymentId")]
    Payment(PaymentId),
    #[serde(rename = "invoiceId")]
    Invoice(InvoiceId),
    #[serde(rename = "reviewId")]
    Review(ReviewId),
    #[serde(rename = "documentId")]
    Proof(ProofId),
    /// One's own points, level and referrals.
    #[serde(rename = "accountId")]
    Growth(UserId),
    #[serde(rename = "invitationId")]
    Invitation(InvitationId),
    #[serde(rename = "conversationId")]
    Conversation(ConversationId),
}

impl About {
    /// What the data of a notification is about: an invitation rather than its mission.
    pub fn of(data: &Value) -> Option<Self> {
        let links = data.as_object()?.iter();
        let about = |(name, id): (&String, &Value)| {
            serde_json::from_value::<Self>(serde_json::json!({ (name.as_str()): id })).ok()
        };
        let abouts: Vec<_> = links.filter_map(about).collect();
        let invitation = abouts.iter().find(|about| matches!(about, Self::Invitation(_)));
        invitation.or(abouts.first()).copied()
    }

    /// Where the front end shows it.
    pub fn path(self) -> String {
        match self {
            Self::Mission(id) => format!("/missions/{id}"),
            Self::Booking(id) => format!("/bookings/{id}"),
            Self::Quote(id) => format!("/quotes/{id}"),
            Self::Contract(id) => format!("/contracts/{id}"),
            Self::Payment(id) => format!("/payments/{id}"),
            Self::Invoice(id) => format!("/invoices/{id}"),
            Self::Review(id) => format!("/reviews/{id}"),
            Self::Proof(id) => format!("/documents/{id}"),
            Self::Growth(_) => "/growth".to_owned(),
            Self::Invitation(id) => format!("/invitations/{id}"),
            Self::Conversation(id) => format!("/conversations/{id}"),
        }
    }
}

#[derive(Debug)]
pub struct Notification {
    pub id: NotificationId,
    /// A type that this version knows no more is read as its code alone.
    pub code: String,
    pub data: Value,
    pub created_at: OffsetDateTime,
    pub read_at: Option<OffsetDateTime>,
    /// Of the reader.
    pub locale: String,
}

impl Notification {
    pub fn words(&self) -> Option<Words> {
        NotificationType::of(&self.code).map(|kind| kind.words(&self.locale))
    }
}

/// Notifications as they are read; the rest of the statement says which.
macro_rules! select_notifications {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Notification,
            r#"select n.id as "id: _", n.type as code, n.data, n.created_at, n.read_at, u.locale
                 from notifications n join users u on u.id = n.user_id "# + $rest,
            $($argument),*
        )
    };
}

/// A user's notifications, newest first.
pub async fn list(
    conn: &mut PgConnection,
    user: UserId,
    unread_only: bool,
    page: Page,
) -> Result<(Vec<Notification>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_notifications!(
        "where n.user_id = $1 and n.in_app and (n.read_at is null or not $2)
           and ($3::timestamptz is null or (n.created_at, n.id) < ($3, $4))
         order by n.created_at desc, n.id desc limit $5",
        user.0,
        unread_only,
        after,
        after_id,
        page.rows(),
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

/// A notification at the moment when a mail or a push of it is about to go out.
#[derive(Debug)]
pub struct Sendable {
    pub user: UserId,
    /// A type that this version knows no more is read as its code alone.
    pub code: String,
    pub data: Value,
    /// Of an urgent mission, for which nobody waits.
    pub critical: bool,
    pub read: bool,
    pub created_at: OffsetDateTime,
    pub quiet: QuietHours,
    own_push: Option<bool>,
    own_mail: Option<bool>,
}

impl Sendable {
    pub fn kind(&self) -> Option<NotificationType> {
        NotificationType::of(&self.code)
    }

    /// Whether its reader has not switched it off meanwhile.
    pub fn wants_push(&self, manner: Manner) -> bool {
        self.own_push.unwrap_or(manner.push)
    }

    pub fn wants_mail(&self, manner: Manner) -> bool {
        manner.must_mail() || self.own_mail.unwrap_or(manner.mails())
    }
}

pub async fn find_sendable(conn: &mut PgConnection, id: NotificationId) -> Result<Option<Sendable>> {
    let row = sqlx::query!(
        r#"select n.user_id as "user: UserId", n.type as code, n.data, n.created_at, n.in_app and n.read_at is not null as "read!",
                  p.push as "own_push?", p.mail as "own_mail?", q.enabled as "enabled?", q.from_hour as "from_hour?",
                  q.to_hour as "to_hour?", coalesce(m.urgency_level = 'CRITICAL', false) as "critical!"
             from notifications n
             left join notification_preferences p on p.user_id = n.user_id and p.type = n.type
             left join quiet_hours q on q.user_id = n.user_id
             left join missions m on m.id = (n.data->>'missionId')::uuid
            where n.id = $1"#,
        id.0,
    );
    Ok(row.fetch_optional(conn).await?.map(|row| Sendable {
        user: row.user,
        code: row.code,
        data: row.data,
        critical: row.critical,
        read: row.read,
        created_at: row.created_at,
        quiet: QuietHours::of(row.enabled, row.from_hour, row.to_hour),
        own_push: row.own_push,
        own_mail: row.own_mail,
    }))
}

/// How many of a user's notifications are unread.
pub async fn count_unread(conn: &mut PgConnection, user: UserId) -> Result<i32> {
    let unread = sqlx::query_scalar!("select unread from feeds where user_id = $1", user.0);
    Ok(unread.fetch_optional(conn).await?.unwrap_or(0))
}

/// Marks one as read; again is harmless.
pub async fn mark_read(
    tx: &mut Tx,
    user: UserId,
    id: NotificationId,
    now: OffsetDateTime,
) -> Result<Notification> {
    let marked = sqlx::query!(
        "update notifications set read_at = $3 where id = $1 and user_id = $2 and read_at is null",
        id.0,
        user.0,
        now,
    );
    let marked = marked.execute(&mut **tx).await?.rows_affected();
    let row = select_notifications!("where n.id = $1 and n.user_id = $2", id.0, user.0)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(Error::NotFound("notification"))?;
    tell_read(tx, user, marked, now).await?;
    Ok(row)
}

/// Marks all as read that the caller could have seen; one that comes meanwhile stays unread. Returns what is unread then.
pub async fn mark_all_read(tx: &mut Tx, user: UserId, now: OffsetDateTime) -> Result<i32> {
    let marked = sqlx::query!(
        "update notifications set read_at = $2 where user_id = $1 and read_at is null",
        user.0,
        now
    );
    let marked = marked.execute(&mut **tx).await?.rows_affected();
    tell_read(tx, user, marked, now).await?;
    count_unread(tx, user).await
}

async fn tell_read(tx: &mut Tx, user: UserId, marked: u64, now: OffsetDateTime) -> Result<()> {
    match i32::try_from(marked).unwrap_or(i32::MAX) {
        0 => Ok(()),
        marked => live::tell(tx, now, vec![Telling::count(user, -marked)]).await,
    }
}

/// Deletes notifications read before a time, at most `limit`; returns how many.
pub async fn prune(conn: &mut PgConnection, before: OffsetDateTime, limit: i64) -> Result<u64> {
    let deleted = sqlx::query!(
        "delete from notifications where id in (select id from notifications where read_at < $1 limit $2)",
        before,
        limit,
    );
    Ok(deleted.execute(conn).await?.rows_affected())
}
