//! The end of a booking before its session: cancelled, at its price, or expired.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Booking, BookingStatus, EndCause, Side, get, lock};
use crate::error::{Error, Result};
use crate::ids::{BookingId, UserId};
use crate::money;
use crate::sessions::Viewer;

/// Until this long before the start cancelling is free †; then it costs the client half.
const FREE: Duration = Duration::hours(48);
/// Under this it costs the client everything.
const HALF: Duration = Duration::hours(24);

/// What cancelling costs at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// What the booking costs.
    pub price_cents: i64,
    /// Share of it that stays due.
    pub share_bps: i32,
    pub due_cents: i64,
    /// What of a paid booking goes back.
    pub refund_cents: i64,
    pub free_until: OffsetDateTime,
    pub half_until: OffsetDateTime,
}

/// Of a booking that is not paid nothing is due: its time had not become the client's yet. Only the client owes: the provider
/// and the platform give everything back.
pub fn price(booking: &Booking, cause: EndCause, now: OffsetDateTime) -> Price {
    let notice = booking.starts_at - now;
    let paid = booking.status == BookingStatus::Paid;
    let share_bps = match () {
        () if !paid || cause != EndCause::Client || notice >= FREE => 0,
        () if notice >= HALF => 5_000,
        () => 10_000,
    };
    let due_cents = money::share(booking.price_cents, share_bps);
    Price {
        price_cents: booking.price_cents,
        share_bps,
        due_cents,
        refund_cents: if paid { booking.price_cents - due_cents } else { 0 },
        free_until: booking.starts_at - FREE,
        half_until: booking.starts_at - HALF,
    }
}

const NOT_CANCELLABLE: Error = Error::Conflict {
    code: "BOOKING_NOT_CANCELLABLE",
    message: "Only a booking that is ahead can be cancelled; a request is refused by its talent",
};

/// In whose name a viewer cancels, if the booking can be cancelled at all.
fn cause(booking: &Booking, viewer: Viewer, now: OffsetDateTime) -> Result<EndCause> {
    let cause = match booking.side(viewer.user) {
        Some(Side::Client) => EndCause::Client,
        Some(Side::Talent) => EndCause::Talent,
        None if viewer.is_admin() => EndCause::Admin,
        None => return Err(super::NOT_A_PARTICIPANT),
    };
    let possible = match booking.status {
        BookingStatus::Pending => cause != EndCause::Talent,
        BookingStatus::Confirmed | BookingStatus::Paid => true,
        _ => false,
    };
    if possible && booking.starts_at > now { Ok(cause) } else { Err(NOT_CANCELLABLE) }
}

/// What cancelling would cost the viewer now.
pub async fn get_price(
    conn: &mut PgConnection,
    id: BookingId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Price> {
    let booking = get(conn, id).await?;
    let cause = cause(&booking, viewer, now)?;
    Ok(price(&booking, cause, now))
}

/// A booking will not take place, or did not: refused, cancelled, expired, or somebody did not come; its status and cause say
/// which. See `jobs::effects::bookings::cancelled` for what that sets off.
#[derive(Clone, Debug)]
#[must_use = "a booking that ended has effects"]
pub struct Cancelled {
    pub booking: Booking,
    /// What of a paid booking goes back to the client.
    pub refund_cents: i64,
    /// What of it stays the talent's.
    pub due_cents: i64,
}

impl Cancelled {
    pub(super) fn unpaid(booking: Booking) -> Self {
        Self { booking, refund_cents: 0, due_cents: 0 }
    }

    pub(super) fn of(booking: Booking) -> Self {
        let (refund_cents, due_cents) =
            (booking.refund_cents.unwrap_or_default(), booking.due_cents.unwrap_or_default());
        Self { booking, refund_cents, due_cents }
    }
}

/// Cancels for one of the two, at the price of this moment; an admin in the platform's name.
pub async fn cancel(
    conn: &mut PgConnection,
    id: BookingId,
    viewer: Viewer,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Cancelled> {
    // Locked: the price is that of the status.
    let booking = lock(&mut *conn, id).await?;
    let cause = cause(&booking, viewer, now)?;
    end(conn, &booking, cause, Some(reason), now).await?.ok_or(NOT_CANCELLABLE)
}

/// What somebody has ahead, of either side.
pub async fn list_ahead(
    conn: &mut PgConnection,
    user: UserId,
    now: OffsetDateTime,
) -> Result<Vec<BookingId>> {
    let ahead = sqlx::query_scalar!(
        r#"select id as "id: BookingId" from bookings
            where (client_id = $1 or talent_id = $1) and status in ('PENDING', 'CONFIRMED', 'PAID') and starts_at > $2
            order by id"#,
        user.0,
        now,
    );
    Ok(ahead.fetch_all(conn).await?)
}

/// Cancels for an account that was suspended or banned: everything that was paid goes back. Nothing where the booking is not ahead
/// any more.
pub async fn call_off(
    conn: &mut PgConnection,
    id: BookingId,
    now: OffsetDateTime,
) -> Result<Option<Cancelled>> {
    let booking = lock(&mut *conn, id).await?;
    let ahead =
        matches!(booking.status, BookingStatus::Pending | BookingStatus::Confirmed | BookingStatus::Paid);
    match ahead && booking.starts_at > now {
        true => end(conn, &booking, EndCause::Account, None, now).await,
        false => Ok(None),
    }
}

async fn end(
    conn: &mut PgConnection,
    booking: &Booking,
    cause: EndCause,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Option<Cancelled>> {
    let price = price(booking, cause, now);
    let paid = booking.status == BookingStatus::Paid;
    let ended = sqlx::query!(
        "update bookings
            set status = 'CANCELLED', ended_at = $2, end_cause = $3, end_reason = $4, due_cents = $5, refund_cents = $6
          where id = $1 and status = $7",
        booking.id.0,
        now,
        cause as EndCause,
        reason,
        paid.then_some(price.due_cents),
        paid.then_some(price.refund_cents),
        booking.status as BookingStatus,
    );
    match ended.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(Cancelled::of(get(conn, booking.id).await?))),
    }
}

/// What a booking waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unmet {
    Answer,
    Payment,
}

/// Ends a booking that waited in vain; nothing when what it waited for came, or may still come.
pub async fn expire(
    conn: &mut PgConnection,
    id: BookingId,
    unmet: Unmet,
    now: OffsetDateTime,
) -> Result<Option<Cancelled>> {
    let (from, cause) = match unmet {
        Unmet::Answer => (BookingStatus::Pending, EndCause::Unanswered),
        Unmet::Payment => (BookingStatus::Confirmed, EndCause::Unpaid),
    };
    let expired = sqlx::query!(
        "update bookings set status = 'EXPIRED', ended_at = $2, end_cause = $3
          where id = $1 and status = $4 and case when $4 = 'PENDING'::booking_status then answer_by else pay_by end <= $2",
        id.0,
        now,
        cause as EndCause,
        from as BookingStatus,
    );
    match expired.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(Cancelled::unpaid(get(conn, id).await?))),
    }
}
