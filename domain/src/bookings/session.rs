//! The session: who came, and what follows from it.
//!
//! What the video server tells is kept as facts, earliest and latest, and the booking's state is drawn from them: events that
//! come twice, late or in another order leave the same facts and so the same state.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::ending::Cancelled;
use super::{Booking, BookingStatus, CLOSES, EndCause, get, lock, select_bookings};
use crate::error::Result;
use crate::ids::{BookingId, UserId};
use crate::page::{Cursor, Page};
use crate::services::ServiceType;
use crate::sessions::Viewer;

/// How long before its start a session may be joined.
pub const OPENS: Duration = Duration::minutes(10);

/// A room that empties this shortly before the end was not left by accident †: the session is over.
const NEARLY: Duration = Duration::minutes(5);

/// Who of the two was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    pub client: bool,
    pub talent: bool,
}

impl Attendance {
    fn both(self) -> bool {
        self.client && self.talent
    }
}

/// One of the two came into the room. Whoever else was there is nobody's business here.
pub async fn note_arrival(
    conn: &mut PgConnection,
    id: BookingId,
    user: UserId,
    at: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "insert into attendances as a (booking_id, user_id, joined_at, last_joined_at)
         select id, $2, $3, $3 from bookings where id = $1 and $2 in (client_id, talent_id)
         on conflict (booking_id, user_id)
         do update set joined_at = least(a.joined_at, $3), last_joined_at = greatest(a.last_joined_at, $3)",
        id.0,
        user.0,
        at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One of the two left the room, and so had come.
pub async fn note_leaving(
    conn: &mut PgConnection,
    id: BookingId,
    user: UserId,
    at: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "insert into attendances as a (booking_id, user_id, joined_at, last_joined_at, left_at)
         select id, $2, $3, $3, $3 from bookings where id = $1 and $2 in (client_id, talent_id)
         on conflict (booking_id, user_id)
         do update set joined_at = least(a.joined_at, $3), left_at = greatest(a.left_at, $3)",
        id.0,
        user.0,
        at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The room was closed.
pub async fn note_end(conn: &mut PgConnection, id: BookingId, at: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update bookings set room_finished_at = greatest(room_finished_at, $2) where id = $1",
        id.0,
        at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A session took place. See `jobs::effects::bookings::completed` for what that sets off.
#[derive(Clone, Debug)]
#[must_use = "a session that took place has effects"]
pub struct Completed {
    pub booking: Booking,
}

/// How a booking moved on.
#[derive(Clone, Debug)]
#[must_use = "a session has effects"]
pub enum Progress {
    Started(Booking),
    Completed(Completed),
    /// Somebody did not come.
    Missed(Cancelled),
}

/// Draws the state from the facts that the video server told: both were there, and perhaps the room has closed since.
pub async fn advance(
    conn: &mut PgConnection,
    id: BookingId,
    now: OffsetDateTime,
) -> Result<Option<Progress>> {
    let booking = lock(&mut *conn, id).await?;
    let early = now < booking.opens_at();
    if early || !is_under_way(&booking) || !attendance(&mut *conn, &booking).await?.both() {
        return Ok(None);
    }
    let over = sqlx::query_scalar!(
        r#"select coalesce(room_finished_at >= $2, false) as "over!" from bookings where id = $1"#,
        id.0,
        booking.ends_at - NEARLY,
    );
    if over.fetch_one(&mut *conn).await? {
        return complete(conn, id, now).await;
    }
    let started = sqlx::query!(
        "update bookings set status = 'IN_PROGRESS', started_at = $2 where id = $1 and status = 'PAID'",
        id.0,
        now,
    );
    match started.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(Progress::Started(get(conn, id).await?))),
    }
}

/// When a session's end is looked at by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Look {
    /// Whoever came late may still be in the room.
    First,
    /// Nobody comes any more.
    Last,
}

impl Look {
    pub fn at(self, booking: &Booking) -> OffsetDateTime {
        match self {
            Self::First => booking.ends_at + Duration::minutes(15),
            Self::Last => booking.closes_at(),
        }
    }
}

/// Judges a session whose time is over: completed where both were there, and at the last look missed where not. A workshop is
/// held elsewhere, so nobody here can tell that it was not. Nothing when the session was judged, or is not over.
pub async fn conclude(
    conn: &mut PgConnection,
    id: BookingId,
    look: Look,
    now: OffsetDateTime,
) -> Result<Option<Progress>> {
    let booking = lock(&mut *conn, id).await?;
    if !is_under_way(&booking) || look.at(&booking) > now {
        return Ok(None);
    }
    let there = attendance(&mut *conn, &booking).await?;
    if there.both() || booking.kind == ServiceType::Workshop {
        return complete(conn, id, now).await;
    }
    match look {
        Look::First => Ok(None),
        Look::Last => miss(conn, &booking, there, now).await,
    }
}

fn is_under_way(booking: &Booking) -> bool {
    matches!(booking.status, BookingStatus::Paid | BookingStatus::InProgress)
}

async fn attendance(conn: &mut PgConnection, booking: &Booking) -> Result<Attendance> {
    // Who left before the start, or came when all was over, was not there.
    let there = sqlx::query_scalar!(
        r#"select user_id as "user: UserId" from attendances
            where booking_id = $1 and joined_at <= $3 and (left_at is null or left_at >= $2 or last_joined_at > left_at)"#,
        booking.id.0,
        booking.starts_at,
        booking.closes_at(),
    );
    let there = there.fetch_all(conn).await?;
    Ok(Attendance { client: there.contains(&booking.client_id), talent: there.contains(&booking.talent_id) })
}

async fn complete(conn: &mut PgConnection, id: BookingId, now: OffsetDateTime) -> Result<Option<Progress>> {
    let completed = sqlx::query!(
        "update bookings set status = 'COMPLETED', started_at = coalesce(started_at, starts_at), ended_at = $2
          where id = $1 and status in ('PAID', 'IN_PROGRESS')",
        id.0,
        now,
    );
    match completed.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(Progress::Completed(Completed { booking: get(conn, id).await? }))),
    }
}

/// A client who does not come owes everything; where the talent does not come, everything goes back.
async fn miss(
    conn: &mut PgConnection,
    booking: &Booking,
    there: Attendance,
    now: OffsetDateTime,
) -> Result<Option<Progress>> {
    let cause = match there {
        Attendance { talent: true, .. } => EndCause::ClientAbsent,
        Attendance { client: true, .. } => EndCause::TalentAbsent,
        Attendance { .. } => EndCause::BothAbsent,
    };
    let due_cents = if cause == EndCause::ClientAbsent { booking.price_cents } else { 0 };
    let missed = sqlx::query!(
        "update bookings set status = 'NO_SHOW', ended_at = $2, end_cause = $3, due_cents = $4, refund_cents = price_cents - $4
          where id = $1 and status in ('PAID', 'IN_PROGRESS')",
        booking.id.0,
        now,
        cause as EndCause,
        due_cents,
    );
    match missed.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(Progress::Missed(Cancelled::of(get(conn, booking.id).await?)))),
    }
}

/// Video sessions of the caller that are paid and not over, the next one first.
pub async fn list_upcoming(
    conn: &mut PgConnection,
    viewer: Viewer,
    page: Page,
    now: OffsetDateTime,
) -> Result<(Vec<Booking>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_bookings!(
        "where (b.client_id = $1 or b.talent_id = $1) and b.type = 'COACHING_VIDEO' and b.status in ('PAID', 'IN_PROGRESS')
           and b.ends_at >= $2 and ($3::timestamptz is null or (b.starts_at, b.id) > ($3, $4))
         order by b.starts_at, b.id limit $5",
        viewer.user.0,
        now - CLOSES,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.starts_at, id: row.id.0 }))
}
