//! The ledger as operators see it.

use domain::Tx;
use domain::error::{Error, Result};
use domain::ids::JobId;
use domain::page::{Cursor, Page};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::enqueue::DOORBELL;

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "job_state", rename_all = "lowercase")]
pub enum JobState {
    Waiting,
    Dispatched,
    Running,
    Done,
    Dead,
    Cancelled,
}

impl JobState {
    /// For people and metrics: a dispatched job waits for them as any other.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting | Self::Dispatched => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Debug)]
pub struct JobRow {
    pub id: JobId,
    pub kind: String,
    pub queue: String,
    pub state: JobState,
    pub priority: i16,
    pub run_at: OffsetDateTime,
    pub attempt: i32,
    pub crashes: i32,
    pub body: Value,
    pub causes: Value,
    pub request_id: Option<String>,
    pub created_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

/// Jobs, newest first.
pub async fn list(
    conn: &mut PgConnection,
    state: Option<JobState>,
    kind: Option<&str>,
    page: Page,
) -> Result<(Vec<JobRow>, Option<Cursor>)> {
    let rows = sqlx::query_as!(
        JobRow,
        r#"select id as "id: _", kind, queue, state as "state: _", priority, run_at, attempt, crashes, body, causes, request_id,
                  created_at, finished_at
             from jobs
            where ($1::job_state is null or state = $1) and ($2::text is null or kind = $2) and ($3::uuid is null or id < $3)
            order by id desc limit $4"#,
        state as Option<JobState>,
        kind,
        page.after.map(|cursor| cursor.id),
        page.rows(),
    )
    .fetch_all(conn)
    .await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id.0 }))
}

pub async fn find(conn: &mut PgConnection, id: JobId) -> Result<Option<JobRow>> {
    let row = sqlx::query_as!(
        JobRow,
        r#"select id as "id: _", kind, queue, state as "state: _", priority, run_at, attempt, crashes, body, causes, request_id,
                  created_at, finished_at
             from jobs where id = $1"#,
        id.0,
    );
    Ok(row.fetch_optional(conn).await?)
}

/// A dead job starts anew: its counts are reset, its causes stay.
pub async fn retry_dead(tx: &mut Tx, id: JobId) -> Result<JobRow> {
    let queue = sqlx::query_scalar!(
        "update jobs j set state = 'waiting', attempt = 0, crashes = 0, run_at = clock_timestamp(), finished_at = null
          where id = $1 and state = 'dead' and not is_superseded(j) returning queue",
        id.0,
    )
    .fetch_optional(&mut **tx)
    .await?;
    let row = find(tx, id).await?.ok_or(Error::NotFound("job"))?;
    match queue {
        Some(queue) => tx.announce(DOORBELL.to_owned(), queue),
        None => {
            let message = "Only a dead job can be retried, and none that a newer one has replaced";
            return Err(Error::Conflict { code: "JOB_NOT_RETRIABLE", message });
        }
    }
    Ok(row)
}

/// Ends a job that has not ended: at once if it waits; a running one is refused at its fence and dropped at its worker's next
/// beat. What it did outside the database may have happened.
pub async fn cancel(conn: &mut PgConnection, id: JobId, cause: &str) -> Result<JobRow> {
    let cancelled = sqlx::query!(
        "update jobs set state = 'cancelled', finished_at = clock_timestamp(), token = null, worker = null,
                causes = causes || jsonb_build_object('at', clock_timestamp(), 'attempt', attempt, 'error', $2::text)
          where id = $1 and state in ('waiting', 'dispatched', 'running')",
        id.0,
        cause,
    )
    .execute(&mut *conn)
    .await?;
    ended(conn, id, cancelled.rows_affected(), "JOB_NOT_CANCELLABLE", "This job has ended").await
}

/// The same for the job of a unique or debounce key; the key stays taken until the row is pruned. False: nothing to cancel.
pub async fn cancel_by_key(conn: &mut PgConnection, key: &str, cause: &str) -> Result<bool> {
    let cancelled = sqlx::query!(
        "update jobs set state = 'cancelled', finished_at = clock_timestamp(), token = null, worker = null,
                causes = causes || jsonb_build_object('at', clock_timestamp(), 'attempt', attempt, 'error', $2::text)
          where (unique_key = $1 or debounce_key = $1 and state in ('waiting', 'dispatched'))
            and state in ('waiting', 'dispatched', 'running')",
        key,
        cause,
    );
    Ok(cancelled.execute(conn).await?.rows_affected() > 0)
}

/// Gives a dead job up for good; its causes stay until it is pruned.
pub async fn discard(conn: &mut PgConnection, id: JobId) -> Result<JobRow> {
    let discarded = sqlx::query!(
        "update jobs set state = 'cancelled', finished_at = clock_timestamp() where id = $1 and state = 'dead'",
        id.0,
    )
    .execute(&mut *conn)
    .await?;
    ended(conn, id, discarded.rows_affected(), "JOB_NOT_DEAD", "Only a dead job can be discarded").await
}

async fn ended(
    conn: &mut PgConnection,
    id: JobId,
    changed: u64,
    code: &'static str,
    message: &'static str,
) -> Result<JobRow> {
    let row = find(conn, id).await?.ok_or(Error::NotFound("job"))?;
    if changed == 0 { Err(Error::Conflict { code, message }) } else { Ok(row) }
}

/// How a queue does.
#[derive(Debug)]
pub struct QueueRow {
    pub queue: String,
    /// Due or delayed, not yet running.
    pub depth: i64,
    pub running: i64,
    pub dead: i64,
    /// When the oldest due job became due; absent when none is.
    pub oldest_due_at: Option<OffsetDateTime>,
    pub paused: bool,
}

pub async fn queues(conn: &mut PgConnection, names: &[&str]) -> Result<Vec<QueueRow>> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let rows = sqlx::query_as!(
        QueueRow,
        r#"select name as "queue!",
                  (select count(*) from jobs where queue = name and state in ('waiting', 'dispatched')) as "depth!",
                  (select count(*) from jobs where queue = name and state = 'running') as "running!",
                  (select count(*) from jobs where queue = name and state = 'dead') as "dead!",
                  (select min(run_at) from jobs where queue = name and state in ('waiting', 'dispatched')
                      and run_at <= clock_timestamp()) as oldest_due_at,
                  exists (select from paused_queues where queue = name) as "paused!"
             from unnest($1::text[]) with ordinality as queues (name, place) order by place"#,
        &names,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// How many jobs of a kind are in a state that is not an end, or dead.
#[derive(Debug)]
pub struct KindRow {
    pub kind: String,
    pub state: JobState,
    pub count: i64,
}

/// Every kind that has work, or has failed at it.
pub async fn kinds(conn: &mut PgConnection) -> Result<Vec<KindRow>> {
    let rows = sqlx::query_as!(
        KindRow,
        r#"select kind, state as "state: _", count(*) as "count!" from jobs
            where state in ('waiting', 'dispatched', 'running', 'dead') group by kind, state"#
    );
    Ok(rows.fetch_all(conn).await?)
}

/// For each queue, in the order asked, when its oldest due job became due; nothing is due in a paused one. Cheap: one look
/// into an index per priority.
pub async fn oldest_due(conn: &mut PgConnection, names: &[&str]) -> Result<Vec<Option<OffsetDateTime>>> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let rows = sqlx::query_scalar!(
        r#"select case when not exists (select from paused_queues where queue = name) then least(
                      (select min(first.run_at) from generate_series(0, 2) as level (priority) cross join lateral (
                              select run_at from jobs where queue = name and priority = level.priority and state = 'waiting'
                                 and not limited and run_at <= clock_timestamp() order by run_at limit 1) as first),
                      (select min(run_at) from jobs where queue = name and state = 'dispatched')) end as oldest
             from unnest($1::text[]) with ordinality as queues (name, place) order by place"#,
        &names,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// Nothing of a paused queue starts; what runs, finishes.
pub async fn pause(conn: &mut PgConnection, queue: &str) -> Result<()> {
    sqlx::query!("insert into paused_queues (queue) values ($1) on conflict do nothing", queue)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn resume(tx: &mut Tx, queue: &str) -> Result<()> {
    sqlx::query!("delete from paused_queues where queue = $1", queue).execute(&mut **tx).await?;
    tx.announce(DOORBELL.to_owned(), queue.to_owned());
    Ok(())
}
