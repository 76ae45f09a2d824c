//! The talent answers.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::ending::Cancelled;
use super::{Booking, BookingStatus, EndCause, Side, get, get_own};
use crate::error::{Error, OnConstraint, Result, violates};
use crate::ids::{BookingId, UserId};
use crate::working_time;

/// What is not paid a day before its start is off †.
const UNPAID: Duration = Duration::DAY;
/// Where that leaves less than this to pay in, the client has until [`LAST_PAYMENT`] before the start.
const TO_PAY: Duration = Duration::HOUR;
const LAST_PAYMENT: Duration = Duration::HOUR;

/// What the trigger raises, as a booking would break a rule of working time.
const WORKING_TIME: &str = "bookings_working_time";

pub(super) const ALREADY_BOOKED: Error =
    Error::Conflict { code: "TALENT_ALREADY_BOOKED", message: "The talent has other work at that time" };

const NOT_PENDING: Error =
    Error::Conflict { code: "BOOKING_NOT_PENDING", message: "This booking waits for no answer" };

/// Until when a booking that is accepted now may be paid.
fn pay_by(starts_at: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let usual = starts_at - UNPAID;
    if usual - now >= TO_PAY { usual } else { starts_at - LAST_PAYMENT }
}

/// Accepts a booking: from now on the talent's time is taken.
///
/// The account is locked, as where a mission is assigned (`assignments::assign`), and for both reasons given there.
pub async fn accept(
    conn: &mut PgConnection,
    id: BookingId,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Booking> {
    let (booking, _) = require_talent(&mut *conn, id, talent).await?;
    sqlx::query!("select id from users where id = $1 and status = 'VERIFIED' for no key update", talent.0)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or(Error::Conflict { code: "TALENT_NOT_VERIFIED", message: "Your account is not verified" })?;
    let accepted = sqlx::query!(
        "update bookings set status = 'CONFIRMED', answered_at = $2, pay_by = $3
          where id = $1 and status = 'PENDING' and answer_by > $2",
        id.0,
        now,
        pay_by(booking.starts_at, now),
    );
    let accepted = accepted.execute(&mut *conn).await.map_err(refusal)?;
    match accepted.rows_affected() {
        0 => Err(why_not(conn, id).await),
        _ => get(conn, id).await,
    }
}

/// Refuses a booking.
pub async fn refuse(
    conn: &mut PgConnection,
    id: BookingId,
    talent: UserId,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Cancelled> {
    require_talent(&mut *conn, id, talent).await?;
    let refused = sqlx::query!(
        "update bookings set status = 'REJECTED', answered_at = $2, ended_at = $2, end_cause = $3, end_reason = $4
          where id = $1 and status = 'PENDING' and answer_by > $2",
        id.0,
        now,
        EndCause::Talent as EndCause,
        reason,
    );
    match refused.execute(&mut *conn).await?.rows_affected() {
        0 => Err(why_not(conn, id).await),
        _ => Ok(Cancelled::unpaid(get(conn, id).await?)),
    }
}

async fn require_talent(conn: &mut PgConnection, id: BookingId, talent: UserId) -> Result<(Booking, Side)> {
    match get_own(conn, id, talent).await? {
        found @ (_, Side::Talent) => Ok(found),
        (_, Side::Client) => Err(super::NOT_A_PARTICIPANT),
    }
}

async fn why_not(conn: &mut PgConnection, id: BookingId) -> Error {
    match get(conn, id).await {
        // Its time is over, and the job that says so is on its way.
        Ok(Booking { status: BookingStatus::Pending | BookingStatus::Expired, .. }) => {
            Error::Expired { code: "BOOKING_EXPIRED", message: "The time to answer is over" }
        }
        Ok(_) => NOT_PENDING,
        Err(error) => error,
    }
}

/// What the database noticed, in the words of the domain.
fn refusal(error: sqlx::Error) -> Error {
    match Err::<(), _>(error).on_constraint("bookings_no_double_booking", || ALREADY_BOOKED) {
        Err(Error::Database(error)) if violates(&error, WORKING_TIME) => working_time::BREACH,
        Err(error) => error,
        Ok(()) => NOT_PENDING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn there_is_time_to_pay() {
        let start = datetime!(2026-06-10 09:00 UTC);
        let due = |notice| start - pay_by(start, start - notice);
        assert_eq!(due(Duration::days(10)), Duration::hours(24));
        assert_eq!(due(Duration::hours(25)), Duration::hours(24));
        assert_eq!(due(Duration::hours(25) - Duration::SECOND), Duration::hours(1));
        assert_eq!(due(Duration::hours(2)), Duration::hours(1));
    }
}
