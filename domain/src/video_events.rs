//! What the video server told, once by the id of its event.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;
use crate::ids::{BookingId, UserId};

/// An event as it came.
#[derive(Clone, Debug)]
pub struct NewVideoEvent {
    pub id: String,
    pub event: String,
    /// Of its room, if that is one of ours.
    pub booking_id: Option<BookingId>,
    pub participant: Option<String>,
    pub occurred_at: OffsetDateTime,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an event that matters is a job"]
pub enum Received {
    /// It says something of a booking: `jobs::effects::bookings::told` has it read.
    Told(String),
    /// It came before, or says nothing to us.
    Ignored,
}

/// What an event may say of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Arrived(UserId),
    Left(UserId),
    Ended,
}

impl Said {
    fn of(event: &str, participant: Option<&str>) -> Option<Self> {
        let user = || participant?.parse().ok().map(UserId);
        match event {
            "participant_joined" => user().map(Self::Arrived),
            "participant_left" => user().map(Self::Left),
            "room_finished" => Some(Self::Ended),
            _ => None,
        }
    }
}

/// Keeps an event; what came before is not kept again.
pub async fn insert(conn: &mut PgConnection, new: NewVideoEvent, now: OffsetDateTime) -> Result<Received> {
    let matters = Said::of(&new.event, new.participant.as_deref()).is_some();
    let kept = sqlx::query_scalar!(
        r#"insert into video_events (id, event, booking_id, participant, occurred_at, received_at)
           values ($1, $2, (select id from bookings where id = $3), $4, $5, $6)
           on conflict (id) do nothing returning booking_id is not null as "ours!""#,
        new.id,
        new.event,
        new.booking_id.map(|id| id.0),
        new.participant,
        new.occurred_at,
        now,
    );
    match kept.fetch_optional(conn).await? {
        Some(true) if matters => Ok(Received::Told(new.id)),
        _ => Ok(Received::Ignored),
    }
}

/// An event that was kept because it matters.
#[derive(Clone, Copy, Debug)]
pub struct VideoEvent {
    pub booking_id: BookingId,
    pub said: Said,
    pub occurred_at: OffsetDateTime,
}

/// Nothing when it was purged, or says nothing to this version.
pub async fn find(conn: &mut PgConnection, id: &str) -> Result<Option<VideoEvent>> {
    let row = sqlx::query!(
        r#"select event, booking_id as "booking_id: BookingId", participant, occurred_at from video_events where id = $1"#,
        id
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let said = Said::of(&row.event, row.participant.as_deref());
    Ok(said.zip(row.booking_id).map(|(said, booking_id)| VideoEvent {
        booking_id,
        said,
        occurred_at: row.occurred_at,
    }))
}

/// Deletes events received before a time, at most `limit`; returns how many.
pub async fn purge(conn: &mut PgConnection, before: OffsetDateTime, limit: i64) -> Result<u64> {
    let deleted = sqlx::query!(
        "delete from video_events where id in (select id from video_events where received_at < $1 limit $2)",
        before,
        limit,
    );
    Ok(deleted.execute(conn).await?.rows_affected())
}
