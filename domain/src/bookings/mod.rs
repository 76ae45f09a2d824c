//! Bookings of services, from the request to the session.
//!
//! `PENDING → CONFIRMED → PAID → IN_PROGRESS → COMPLETED`, and out of it: `REJECTED`, `EXPIRED`, `CANCELLED → REFUNDED`, `NO_SHOW`,
//! `DISPUTED`. Each step is one conditional update. That nobody is booked twice, against missions too, is the database's to
//! know (0020).

mod answering;
mod asking;
mod ending;
mod paying;
mod session;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};
use crate::ids::{BookingId, ConversationId, EstablishmentId, ServiceId, UserId};
use crate::page::{Cursor, Page};
use crate::services::ServiceType;
use crate::sessions::Viewer;
use crate::users::Role;

pub use answering::{accept, refuse};
pub use asking::{ANSWER, NOTICE, NewBooking, ask};
pub use ending::{Cancelled, Price, Unmet, call_off, cancel, expire, get_price, list_ahead, price};
pub use paying::{mark_disputed, mark_paid, mark_refunded, settle_dispute};
pub use session::{
    Attendance, Completed, Look, OPENS, Progress, advance, conclude, list_upcoming, note_arrival, note_end,
    note_leaving,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "booking_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingStatus {
    /// The talent has not answered yet.
    Pending,
    /// The talent's time is taken; the client has to pay.
    Confirmed,
    Paid,
    InProgress,
    Completed,
    Rejected,
    Expired,
    Cancelled,
    /// What was due has gone back.
    Refunded,
    NoShow,
    Disputed,
}

/// Who or what ended a booking that did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "booking_end", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndCause {
    Client,
    Talent,
    Admin,
    /// The account of one of the two was suspended or banned.
    Account,
    Unanswered,
    Unpaid,
    ClientAbsent,
    TalentAbsent,
    BothAbsent,
}

/// A booking; title, price and commission are those of the moment when it was made.
#[derive(Clone, Debug)]
pub struct Booking {
    pub id: BookingId,
    pub service_id: ServiceId,
    pub client_id: UserId,
    pub talent_id: UserId,
    /// For which of the client's sites.
    pub establishment_id: Option<EstablishmentId>,
    pub conversation_id: ConversationId,
    pub title: String,
    pub option_name: String,
    pub kind: ServiceType,
    pub price_cents: i64,
    pub commission_bps: i32,
    pub participants: i16,
    pub message: Option<String>,
    pub starts_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
    pub status: BookingStatus,
    pub created_at: OffsetDateTime,
    /// Until when the talent may accept.
    pub answer_by: OffsetDateTime,
    /// Until when the client may pay; once accepted.
    pub pay_by: Option<OffsetDateTime>,
    pub paid_at: Option<OffsetDateTime>,
    pub started_at: Option<OffsetDateTime>,
    /// Completed, or known not to take place.
    pub ended_at: Option<OffsetDateTime>,
    pub end_cause: Option<EndCause>,
    pub end_reason: Option<String>,
    /// Of the price of a paid booking that ended before its time: what stays due, and what goes back.
    pub due_cents: Option<i64>,
    pub refund_cents: Option<i64>,
    pub refunded_at: Option<OffsetDateTime>,
}

/// Which of the two sides of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Talent,
}

/// How long after its end a session may still be joined, and then is judged.
pub const CLOSES: Duration = Duration::minutes(30);

impl Booking {
    pub fn side(&self, user: UserId) -> Option<Side> {
        match user {
            user if user == self.client_id => Some(Side::Client),
            user if user == self.talent_id => Some(Side::Talent),
            _ => None,
        }
    }

    /// The other of the two.
    pub fn other(&self, user: UserId) -> UserId {
        if user == self.talent_id { self.client_id } else { self.talent_id }
    }

    /// From when on its video room may be joined.
    pub fn opens_at(&self) -> OffsetDateTime {
        self.starts_at - OPENS
    }

    pub fn closes_at(&self) -> OffsetDateTime {
        self.ends_at + CLOSES
    }

    /// Whether its video room may be joined now.
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        matches!(self.status, BookingStatus::Paid | BookingStatus::InProgress)
            && now >= self.opens_at()
            && now <= self.closes_at()
    }

    /// Name of its video room.
    pub fn room(&self) -> String {
        format!("{ROOM}{}", self.id)
    }
}

const ROOM: &str = "booking-";

/// The booking of a video room of ours.
pub fn of_room(room: &str) -> Option<BookingId> {
    room.strip_prefix(ROOM)?.parse().ok().map(BookingId)
}

pub const NOT_A_PARTICIPANT: Error =
    Error::Refused { code: "NOT_A_PARTICIPANT", message: "You are not a participant of this booking" };

/// Bookings as they are read; the rest of the statement says which.
macro_rules! select_bookings {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::bookings::Booking,
            r#"select b.id as "id: _", b.service_id as "service_id: _", b.client_id as "client_id: _", b.talent_id as "talent_id: _",
                      b.establishment_id as "establishment_id: _", c.id as "conversation_id: _", b.title, b.option_name,
                      b.type as "kind: _", b.price_cents, b.commission_bps, b.participants, b.message, b.starts_at, b.ends_at,
                      b.status as "status: _", b.created_at, b.answer_by, b.pay_by, b.paid_at, b.started_at, b.ended_at,
                      b.end_cause as "end_cause: _", b.end_reason, b.due_cents, b.refund_cents, b.refunded_at
                 from bookings b join conversations c on c.booking_id = b.id "# + $rest
            $(, $argument)*
        )
    };
}

use select_bookings;

pub async fn get(conn: &mut PgConnection, id: BookingId) -> Result<Booking> {
    let booking = select_bookings!("where b.id = $1", id.0);
    booking.fetch_optional(conn).await?.ok_or(Error::NotFound("booking"))
}

/// The booking with its row locked until the end of the transaction.
pub async fn lock(conn: &mut PgConnection, id: BookingId) -> Result<Booking> {
    let booking = select_bookings!("where b.id = $1 for update of b", id.0);
    booking.fetch_optional(conn).await?.ok_or(Error::NotFound("booking"))
}

/// For one of the two, or an admin.
pub async fn get_for(conn: &mut PgConnection, id: BookingId, viewer: Viewer) -> Result<Booking> {
    let booking = get(conn, id).await?;
    match viewer.is_admin() || booking.side(viewer.user).is_some() {
        true => Ok(booking),
        false => Err(NOT_A_PARTICIPANT),
    }
}

/// For one of the two, with the side.
pub async fn get_own(conn: &mut PgConnection, id: BookingId, user: UserId) -> Result<(Booking, Side)> {
    let booking = get(conn, id).await?;
    let side = booking.side(user).ok_or(NOT_A_PARTICIPANT)?;
    Ok((booking, side))
}

/// The caller's own, of the side of its role; an admin's are everybody's. Newest first.
pub async fn list(
    conn: &mut PgConnection,
    viewer: Viewer,
    status: Option<BookingStatus>,
    page: Page,
) -> Result<(Vec<Booking>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let rows = select_bookings!(
        "where ($1::uuid is null or b.client_id = $1) and ($2::uuid is null or b.talent_id = $2)
           and ($3::booking_status is null or b.status = $3)
           and ($4::timestamptz is null or (b.created_at, b.id) < ($4, $5))
         order by b.created_at desc, b.id desc limit $6",
        Some(viewer.user.0).filter(|_| viewer.role == Role::Client),
        Some(viewer.user.0).filter(|_| viewer.role == Role::Talent),
        status as Option<BookingStatus>,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_names_its_booking() {
        let id = BookingId::new();
        assert_eq!(of_room(&format!("booking-{id}")), Some(id));
        for other in ["", "booking-", "booking-7", "mission-0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7"] {
            assert_eq!(of_room(other), None);
        }
    }
}
