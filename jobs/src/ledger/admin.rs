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
