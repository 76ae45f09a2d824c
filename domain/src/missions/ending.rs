//! The end of a mission before it began: cancelled by its client, with its price, or expired.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::running::LATE_AFTER;
use super::{CancelCause, Mission, MissionStatus, get, get_owned, lock, lock_managed};
use crate::assignments::{self, Leftovers};
use crate::contracts::{self, CalledOff};
use crate::error::{Error, Result};
use crate::ids::{MissionId, UserId};
use crate::money;
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};

/// Until then cancelling is free; then it costs half.
const FREE: Duration = Duration::hours(24);
/// Under this it costs everything.
const HALF: Duration = Duration::hours(2);

/// What cancelling costs at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// What the contracts come to that both sides have signed: nothing is owed to whom nobody has contracted.
    pub planned_cents: i32,
    /// Share of each.
    pub share_bps: i32,
    pub price_cents: i32,
    pub free_until: OffsetDateTime,
    pub half_until: OffsetDateTime,
}

/// Of contracts with these amounts. The share of each is rounded half up, as each is paid for itself.
pub fn price(mission: &Mission, amounts: &[i64], now: OffsetDateTime) -> Price {
    let share_bps = cancellation_share_bps(mission.start_date - now);
    let shares = amounts.iter().map(|cents| money::share(*cents, share_bps));
    Price {
        planned_cents: amounts.iter().sum::<i64>() as i32,
        share_bps,
        price_cents: shares.sum::<i64>() as i32,
        free_until: mission.start_date - FREE,
        half_until: mission.start_date - HALF,
    }
}

/// The share of what was planned that a cancellation with this much notice costs.
pub fn cancellation_share_bps(notice: Duration) -> i32 {
    match notice {
        notice if notice >= FREE => 0,
        notice if notice >= HALF => 5_000,
        notice if notice > -LATE_AFTER => 10_000,
        // What has begun is not cancelled: whoever should have come has not.
        _ => 0,
    }
}

const NOT_CANCELLABLE: Error = Error::Conflict {
    code: "MISSION_NOT_CANCELLABLE",
    message: "Only an open or assigned mission can be cancelled",
};

/// What cancelling would cost now.
pub async fn get_price(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Price> {
    let mission = get_owned(&mut *conn, id, viewer).await?;
    if !matches!(mission.status, MissionStatus::Open | MissionStatus::Assigned) {
        return Err(NOT_CANCELLABLE);
    }
    let amounts = contracts::list_signed_amounts(conn, id).await?;
    Ok(price(&mission, &amounts, now))
}

/// A mission was cancelled. See `jobs::effects::missions::cancelled` for what that sets off.
#[derive(Debug)]
#[must_use = "a cancelled mission has effects"]
pub struct Cancelled {
    pub mission: Mission,
}

/// Cancels for those who manage the mission, at the price of this moment; an admin cancels in the client's name, at the same
/// price. Its talents are free at once; everybody else is the cascade's to tell.
pub async fn cancel(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Cancelled> {
    let mission = lock_managed(&mut *conn, id, viewer).await?;
    let cause = if viewer.is_admin() { CancelCause::Admin } else { CancelCause::Client };
    if !matches!(mission.status, MissionStatus::Open | MissionStatus::Assigned) {
        return Err(NOT_CANCELLABLE);
    }
    // First, so that no signature comes between the price and the end.
    contracts::call_off(&mut *conn, CalledOff::Mission(id), now).await?;
    let amounts = contracts::list_signed_amounts(&mut *conn, id).await?;
    let cents = price(&mission, &amounts, now).price_cents;
    end(&mut *conn, id, cause, Some(reason), cents, now).await?.ok_or(NOT_CANCELLABLE)
}

/// Cancels what a suspended or banned client has planned, free of charge: a price could not be collected, and the platform
/// itself calls it off.
pub async fn cancel_all(
    conn: &mut PgConnection,
    client: UserId,
    now: OffsetDateTime,
) -> Result<Vec<Cancelled>> {
    // In the order of ids, as everybody who locks several missions.
    let planned = sqlx::query_scalar!(
        r#"select id as "id: MissionId" from missions
            where client_id = $1 and status in ('OPEN', 'ASSIGNED') and start_date > $2 order by id for update"#,
        client.0,
        now,
    );
    let mut cancelled = Vec::new();
    for id in planned.fetch_all(&mut *conn).await? {
        cancelled.extend(end(&mut *conn, id, CancelCause::Account, None, 0, now).await?);
    }
    Ok(cancelled)
}

/// Cancels, free of charge, a mission that nobody has begun and that nobody can begin any more.
pub(super) async fn give_up(
    conn: &mut PgConnection,
    id: MissionId,
    now: OffsetDateTime,
) -> Result<Option<Cancelled>> {
    end(conn, id, CancelCause::NotStarted, None, 0, now).await
}

async fn end(
    conn: &mut PgConnection,
    id: MissionId,
    cause: CancelCause,
    reason: Option<&str>,
    cents: i32,
    now: OffsetDateTime,
) -> Result<Option<Cancelled>> {
    let ended = sqlx::query_scalar!(
        r#"with ended as (
               update missions
                  set status = 'CANCELLED', cancel_cause = $2, cancel_reason = $3, cancellation_cents = $4, cancelled_at = $5
                where id = $1 and status in ('OPEN', 'ASSIGNED') returning id
           ), freed as (
               update assignments a set status = 'CANCELLED', ended_at = $5 from ended
                where a.mission_id = ended.id and a.status = 'ASSIGNED'
           )
           select true as "ended!" from ended"#,
        id.0,
        cause as CancelCause,
        reason,
        cents,
        now,
    );
    if ended.fetch_optional(&mut *conn).await?.is_none() {
        return Ok(None);
    }
    timeline::record(&mut *conn, NewEvent::of(id, EventKind::Cancelled, id.0), now).await?;
    contracts::call_off(&mut *conn, CalledOff::Mission(id), now).await?;
    Ok(Some(Cancelled { mission: get(conn, id).await? }))
}

/// What became of an open mission whose start has come. See `jobs::effects::missions::expired`.
#[derive(Debug)]
#[must_use = "an expired mission has effects"]
pub enum Expiry {
    /// Nobody was found: it is cancelled.
    Cancelled(Cancelled),
    /// Some were: it takes place with them, and wants nobody else.
    Shrunk { mission: Mission, leftovers: Leftovers },
}

/// Nothing, when the mission is not open any more or was moved to later.
pub async fn expire(conn: &mut PgConnection, id: MissionId, now: OffsetDateTime) -> Result<Option<Expiry>> {
    let mission = lock(&mut *conn, id).await?;
    if mission.status != MissionStatus::Open || mission.start_date > now {
        return Ok(None);
    }
    if mission.filled == 0 {
        let cancelled = end(conn, id, CancelCause::Expired, None, 0, now).await?;
        return Ok(cancelled.map(Expiry::Cancelled));
    }
    sqlx::query!("update missions set slots = filled, status = 'ASSIGNED' where id = $1", id.0)
        .execute(&mut *conn)
        .await?;
    let leftovers = assignments::close_leftovers(&mut *conn, id, now).await?;
    Ok(Some(Expiry::Shrunk { mission: get(conn, id).await?, leftovers }))
}

/// Whom a cancellation concerns.
#[derive(Debug)]
pub struct Cascade {
    pub mission: Mission,
    /// Freed by the cancellation.
    pub assigned: Vec<UserId>,
    pub leftovers: Leftovers,
}

/// Closes what a cancelled mission leaves open, once; nothing the second time.
pub async fn mark_cascaded(
    conn: &mut PgConnection,
    id: MissionId,
    now: OffsetDateTime,
) -> Result<Option<Cascade>> {
    let first = sqlx::query!(
        "update missions set cascaded_at = $2 where id = $1 and status = 'CANCELLED' and cascaded_at is null",
        id.0,
        now,
    );
    if first.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(None);
    }
    let leftovers = assignments::close_leftovers(&mut *conn, id, now).await?;
    let assigned = sqlx::query_scalar!(
        r#"select talent_id as "talent_id: UserId" from assignments where mission_id = $1 and status = 'CANCELLED'"#,
        id.0
    );
    let assigned = assigned.fetch_all(&mut *conn).await?;
    Ok(Some(Cascade { mission: get(conn, id).await?, assigned, leftovers }))
}
