//! In-app notifications: rows, the live event that goes with each, and how many are unread.

mod types;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Tx;
use crate::error::{Error, Result};
use crate::ids::{
    BookingId, ContractId, InvoiceId, MissionId, NotificationId, PaymentId, ProofId, QuoteId, ReviewId,
    UserId,
};
use crate::live::{self, NotificationCreated, Telling};
use crate::page::{Cursor, Page};

pub use types::{NotificationType, Words};

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
}

impl About {
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
        }
    }
}

#[derive(Debug)]
pub struct NewNotification {
    pub user: UserId,
    pub kind: NotificationType,
    /// Ids for the front end to link to.
    pub data: Value,
    /// What set it off; one notification per user and cause.
    pub cause: String,
}

/// Stores notifications in one statement and returns what to tell their users: each cause once, however often delivered.
pub async fn insert(tx: &mut Tx, new: &[NewNotification], now: OffsetDateTime) -> Result<Vec<Telling>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = new.iter().map(|_| NotificationId::new().0).collect();
    let users: Vec<_> = new.iter().map(|n| n.user.0).collect();
    let kinds: Vec<_> = new.iter().map(|n| n.kind.code().to_owned()).collect();
    let datas: Vec<_> = new.iter().map(|n| n.data.clone()).collect();
    let causes: Vec<_> = new.iter().map(|n| n.cause.clone()).collect();
    let stored = sqlx::query_scalar!(
        r#"insert into notifications (id, user_id, type, data, cause, created_at)
           select id, user_id, type, data, cause, $6
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::text[]) as new (id, user_id, type, data, cause)
           on conflict on constraint notifications_cause do nothing
           returning id as "id: NotificationId""#,
        &ids,
        &users,
        &kinds,
        &datas,
        &causes,
        now,
    )
    .fetch_all(&mut **tx)
    .await?;
    let told = ids.into_iter().map(NotificationId).zip(new).filter(|(id, _)| stored.contains(id));
    Ok(told
        .map(|(id, n)| {
            let created = NotificationCreated { id, kind: n.kind, data: n.data.clone(), created_at: now };
            Telling::new(n.user, &created).unread(1)
        })
        .collect())
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
        let kind = NotificationType::ALL.iter().find(|kind| kind.code() == self.code);
        kind.map(|kind| kind.words(&self.locale))
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
        "where n.user_id = $1 and (n.read_at is null or not $2)
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
