//! What the database holds in the end, as plain rows.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use tests::stripe_sandbox::Sandbox;

use crate::Outcome;
use crate::books::{self, Entry, Movement};

#[derive(Clone, Debug, FromRow)]
pub struct Mission {
    pub id: Uuid,
    pub title: String,
    pub client_id: Uuid,
    pub slots: i16,
    pub filled: i16,
    pub status: String,
    pub matching: String,
}

#[derive(Clone, Debug, FromRow)]
pub struct Match {
    pub mission_id: Uuid,
    pub rank: i16,
    pub talent_id: Uuid,
}

#[derive(Clone, Debug, FromRow)]
pub struct Invitation {
    pub id: Uuid,
    pub mission_id: Uuid,
    pub talent_id: Uuid,
    pub wave: i16,
}

#[derive(Clone, Debug, FromRow)]
pub struct Assignment {
    pub mission_id: Uuid,
    pub talent_id: Uuid,
    pub starts: OffsetDateTime,
    pub ends: OffsetDateTime,
}

#[derive(Clone, Debug, FromRow)]
pub struct Notification {
    pub id: Uuid,
    pub user_id: Uuid,
    pub kind: String,
    pub data: Value,
}

impl Notification {
    /// Its type, what it is about, and to whom.
    pub fn key(&self) -> (&str, Uuid, Uuid) {
        let about = if self.kind == "MISSION_INVITATION" { "invitationId" } else { "missionId" };
        let about = self.data[about].as_str().and_then(|id| Uuid::try_parse(id).ok());
        (&self.kind, about.unwrap_or_default(), self.user_id)
    }
}

#[derive(Clone, Debug, FromRow)]
pub struct FeedEvent {
    pub user_id: Uuid,
    pub event_seq: i64,
    pub event: String,
    pub data: Value,
}

#[derive(Clone, Debug, FromRow)]
pub struct Message {
    pub mission_id: Uuid,
    pub seq: i64,
    pub id: Uuid,
    pub sender_id: Option<Uuid>,
    pub content: String,
    pub client_message_id: Option<String>,
}

#[derive(Clone, Debug, FromRow)]
pub struct Job {
    pub id: Uuid,
    pub kind: String,
    pub state: String,
    pub crashes: i32,
    pub setbacks: i32,
    pub body: Value,
}

impl Job {
    /// The notification that a mail is of.
    pub fn notice(&self) -> Option<Uuid> {
        self.body["job"]["mail"]["notificationId"].as_str().and_then(|id| Uuid::try_parse(id).ok())
    }
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub missions: Vec<Mission>,
    pub matches: Vec<Match>,
    pub invitations: Vec<Invitation>,
    pub assignments: Vec<Assignment>,
    pub notifications: Vec<Notification>,
    pub feed_events: Vec<FeedEvent>,
    pub feed_heads: BTreeMap<Uuid, i64>,
    pub messages: Vec<Message>,
    pub room_heads: BTreeMap<Uuid, i64>,
    pub jobs: Vec<Job>,
    pub addresses: BTreeMap<Uuid, String>,
    pub entries: Vec<Entry>,
    /// At the bank.
    pub movements: Vec<Movement>,
}

impl Snapshot {
    /// Notifications by their ids, to which mails refer.
    pub fn notices(&self) -> BTreeMap<Uuid, &Notification> {
        self.notifications.iter().map(|notice| (notice.id, notice)).collect()
    }

    pub async fn take(pool: &PgPool, bank: &Sandbox) -> Outcome<Self> {
        Ok(Self {
            missions: rows(pool, "select id, title, client_id, slots, filled, status::text, matching::text from missions").await?,
            matches: rows(pool, "select mission_id, rank, talent_id from mission_matches").await?,
            invitations: rows(pool, "select id, mission_id, talent_id, wave from invitations").await?,
            assignments: rows(
                pool,
                "select mission_id, talent_id, lower(period) as starts, upper(period) as ends from assignments
                  where status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')",
            )
            .await?,
            notifications: rows(pool, "select id, user_id, type as kind, data from notifications").await?,
            feed_events: rows(pool, "select user_id, event_seq, event, data from feed_events order by user_id, event_seq").await?,
            feed_heads: pairs(pool, "select user_id, head from feeds").await?,
            messages: rows(
                pool,
                "select mission_id, seq, id, sender_id, content, client_message_id from chat_messages where mission_id is not null order by conversation_id, seq",
            )
            .await?,
            room_heads: pairs(pool, "select mission_id, head from conversations where mission_id is not null").await?,
            jobs: rows(
                pool,
                "select id, kind, state::text, crashes, jsonb_array_length(causes) as setbacks, body from jobs",
            )
            .await?,
            addresses: sqlx::query_as("select id, email from users").fetch_all(pool).await?.into_iter().collect(),
            entries: books::entries(pool).await?,
            movements: books::movements(bank),
        })
    }
}

pub async fn rows<T: Send + Unpin + for<'r> FromRow<'r, PgRow>>(
    pool: &PgPool,
    sql: &'static str,
) -> Outcome<Vec<T>> {
    Ok(sqlx::query_as(sql).fetch_all(pool).await?)
}

async fn pairs(pool: &PgPool, sql: &'static str) -> Outcome<BTreeMap<Uuid, i64>> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(sql).fetch_all(pool).await?;
    Ok(rows.into_iter().collect())
}
