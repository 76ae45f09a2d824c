//! What payments tell a booking. Each is one conditional update, and nothing when the booking has moved on.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Booking, get};
use crate::error::Result;
use crate::ids::BookingId;

async fn changed(
    conn: &mut PgConnection,
    id: BookingId,
    done: sqlx::postgres::PgQueryResult,
) -> Result<Option<Booking>> {
    match done.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(get(conn, id).await?)),
    }
}

/// The client has paid. Only an accepted booking that still waits for it; else the money has to go back. See
/// `jobs::effects::bookings::paid` for what that sets off.
pub async fn mark_paid(
    conn: &mut PgConnection,
    id: BookingId,
    now: OffsetDateTime,
) -> Result<Option<Booking>> {
    let paid = sqlx::query!(
        "update bookings set status = 'PAID', paid_at = $2 where id = $1 and status = 'CONFIRMED'",
        id.0,
        now,
    );
    let paid = paid.execute(&mut *conn).await?;
    changed(conn, id, paid).await
}

/// What was to go back has gone back, once. A session that was missed stays so.
pub async fn mark_refunded(
    conn: &mut PgConnection,
    id: BookingId,
    now: OffsetDateTime,
) -> Result<Option<Booking>> {
    let refunded = sqlx::query!(
        "update bookings set status = case when status = 'NO_SHOW' then status else 'REFUNDED' end, refunded_at = $2
          where id = $1 and refunded_at is null and status in ('PAID', 'CANCELLED', 'COMPLETED', 'DISPUTED', 'NO_SHOW')",
        id.0,
        now,
    );
    let refunded = refunded.execute(&mut *conn).await?;
    changed(conn, id, refunded).await
}

/// The client's bank disputes the payment.
pub async fn mark_disputed(
    conn: &mut PgConnection,
    id: BookingId,
    now: OffsetDateTime,
) -> Result<Option<Booking>> {
    let disputed = sqlx::query!(
        "update bookings set status = 'DISPUTED', disputed_from = status, ended_at = coalesce(ended_at, $2)
          where id = $1 and paid_at is not null and status in ('PAID', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW')",
        id.0,
        now,
    );
    let disputed = disputed.execute(&mut *conn).await?;
    changed(conn, id, disputed).await
}

/// The bank has decided. What it leaves paid counts as held, or as it had ended; what it takes has gone back.
pub async fn settle_dispute(
    conn: &mut PgConnection,
    id: BookingId,
    won: bool,
    now: OffsetDateTime,
) -> Result<Option<Booking>> {
    let settled = sqlx::query!(
        "update bookings
            set status = case when not $2 then 'REFUNDED'
                              when disputed_from in ('CANCELLED', 'NO_SHOW') then disputed_from
                              else 'COMPLETED' end,
                refunded_at = case when $2 then refunded_at else $3 end
          where id = $1 and status = 'DISPUTED'",
        id.0,
        won,
        now,
    );
    let settled = settled.execute(&mut *conn).await?;
    changed(conn, id, settled).await
}
