//! From PostgreSQL towards Redis: which jobs are due, and which of them Redis has lost.

use domain::ids::JobId;
use sqlx::{Connection, PgConnection};
use time::Duration;

use super::Queue;

/// An id on its way to a list in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub id: JobId,
    pub queue: String,
    pub priority: i16,
    /// It has killed two workers: it runs alone from now on.
    pub suspect: bool,
}

/// Crashes from which a job is claimed alone, so that it takes no innocent with it and cannot hide among them.
pub(super) const SUSPECT_FROM: i32 = 2;

/// A kind of which only so many may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub kind: &'static str,
    pub at_most: u16,
}

/// Marks due jobs of a queue as dispatched, by priority then age: at most `room[priority]` of each, and of limited kinds as
/// many as their limits leave. Only one process at a time does this for a queue, so the limits hold over all of them; the
/// others get nothing. Nothing of a paused queue is due.
pub async fn choose(
    conn: &mut PgConnection,
    queue: Queue,
    room: [i64; 3],
    limits: &[Limit],
    ahead: Duration,
) -> Result<Vec<Ticket>, sqlx::Error> {
    if limits.is_empty() {
        return choose_now(conn, queue, room, limits, ahead).await;
    }
    // A statement counts what was there when it began. So the turn is taken before it: taken within it, a limit would be
    // counted without what the process before us has just dispatched.
    let mut tx = conn.begin().await?;
    let mine = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('relay:' || $1, 0)) as "mine!""#,
        queue.name(),
    );
    if !mine.fetch_one(&mut *tx).await? {
        return Ok(Vec::new());
    }
    let tickets = choose_now(&mut tx, queue, room, limits, ahead).await?;
    tx.commit().await?;
    Ok(tickets)
}

async fn choose_now(
    conn: &mut PgConnection,
    queue: Queue,
    room: [i64; 3],
    limits: &[Limit],
    ahead: Duration,
) -> Result<Vec<Ticket>, sqlx::Error> {
    let kinds: Vec<_> = limits.iter().map(|limit| limit.kind.to_owned()).collect();
    let most: Vec<_> = limits.iter().map(|limit| i64::from(limit.at_most)).collect();
    sqlx::query_as!(
        Ticket,
        r#"with turn as materialized (
               select pg_try_advisory_xact_lock(hashtextextended('relay:' || $1, 0)) as mine
           ), due as (
               select next.id
                 from turn, unnest($2::bigint[]) with ordinality as list (room, place)
                cross join lateral (
                      select id from jobs
                       where queue = $1 and priority = list.place - 1 and state = 'waiting' and not limited
                         and run_at <= clock_timestamp() + make_interval(secs => $3)
                       order by run_at
                       limit list.room
                         for update skip locked) as next
                where turn.mine and not exists (select from paused_queues p where p.queue = $1)
               union all
               select next.id
                 from turn, unnest($5::text[], $6::bigint[]) as allowed (kind, most)
                cross join lateral (
                      select id from jobs
                       where kind = allowed.kind and queue = $1 and state = 'waiting' and limited
                         and run_at <= clock_timestamp() + make_interval(secs => $3)
                       order by priority, run_at
                       limit greatest(0, allowed.most
                                - (select count(*) from jobs held where held.kind = allowed.kind and held.state = 'dispatched')
                                - (select count(*) from jobs held where held.kind = allowed.kind and held.state = 'running'))
                         for update skip locked) as next
                where turn.mine and not exists (select from paused_queues p where p.queue = $1)
           )
           update jobs set state = 'dispatched', dispatched_at = clock_timestamp()
            where id = any (array(select id from due)) -- a join would be planned for more rows than a list ever has
           returning jobs.id as "id: _", queue, priority, crashes >= $4 as "suspect!""#,
        queue.name(),
        &room,
        ahead.as_seconds_f64(),
        SUSPECT_FROM,
        &kinds,
        &most,
    )
    .fetch_all(conn)
    .await
}

/// Jobs dispatched more than two seconds ago that nobody has claimed: whatever Redis does not hold of them was lost.
/// Only one process at a time gets them.
pub async fn overdue(conn: &mut PgConnection, limit: i64) -> Result<Vec<Ticket>, sqlx::Error> {
    sqlx::query_as!(
        Ticket,
        r#"select id as "id: _", queue, priority, crashes >= $2 as "suspect!"
             from jobs
            where state = 'dispatched' and dispatched_at < clock_timestamp() - interval '2 seconds'
              and not exists (select from paused_queues p where p.queue = jobs.queue)
              and (select pg_try_advisory_xact_lock(hashtextextended('repair', 0)))
            order by dispatched_at
            limit $1"#,
        limit,
        SUSPECT_FROM,
    )
    .fetch_all(conn)
    .await
}

/// Notes that lost ids were pushed again, so that they are left alone for two seconds.
pub async fn mark_pushed(conn: &mut PgConnection, ids: &[JobId]) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "update jobs set dispatched_at = clock_timestamp() where id = any($1) and state = 'dispatched'",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}
