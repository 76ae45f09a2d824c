//! A job's run: claim, completion, failure, and what is done for workers that died. Every write of a holder is fenced by
//! the token of its claim.

use domain::ids::{JobId, WorkerId};
use serde_json::Value;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::admin::JobState;
use super::dispatch::SUSPECT_FROM;

/// A beat older than this frees what its worker holds.
const LEASE: Duration = Duration::seconds(4);
/// Crashes after which a job is dead.
const MOST_CRASHES: i32 = 5;

/// A process takes part: its jobs are its own as long as it beats.
pub async fn register(conn: &mut PgConnection, worker: WorkerId, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("insert into workers (id, name) values ($1, $2)", worker.0, name).execute(conn).await?;
    Ok(())
}

/// Renews the lease; recreates the row if it was cleaned away while this process was stopped.
pub async fn beat(conn: &mut PgConnection, worker: WorkerId, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into workers (id, name) values ($1, $2) on conflict (id) do update set beat_at = clock_timestamp()",
        worker.0,
        name,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A process leaves: whatever it should still hold is free at once.
pub async fn retire(conn: &mut PgConnection, worker: WorkerId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from workers where id = $1", worker.0).execute(conn).await?;
    Ok(())
}

/// The right to write to a running job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    pub id: JobId,
    pub token: Uuid,
}

/// A job that this process holds.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub fence: Fence,
    pub kind: String,
    pub body: Value,
    /// 1 at the first start.
    pub attempt: i32,
    pub crashes: i32,
    /// When it was due.
    pub run_at: OffsetDateTime,
    pub request_id: Option<String>,
    pub traceparent: Option<String>,
}

/// A kind that a worker knows, and how long its beat covers one run of it.
#[derive(Clone, Debug)]
pub struct Covered {
    pub kind: &'static str,
    pub seconds: f64,
}

/// Takes jobs by id, in one statement. What is not due, not known, paused, taken or locked is left alone. Suspects and
/// others never mix. A limited job is taken only as dispatched: that is where its limit was kept.
pub async fn claim(
    conn: &mut PgConnection,
    ids: &[JobId],
    known: &[Covered],
    worker: WorkerId,
    suspects: bool,
    ahead: Duration,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let kinds: Vec<_> = known.iter().map(|covered| covered.kind.to_owned()).collect();
    let seconds: Vec<_> = known.iter().map(|covered| covered.seconds).collect();
    let rows = sqlx::query!(
        r#"with free as (
               select id from jobs
                where id = any($1) and state in ('waiting', 'dispatched') and (state = 'dispatched' or not limited)
                  and (crashes >= $5) = $6
                  and run_at <= clock_timestamp() + make_interval(secs => $7)
                  and not exists (select from paused_queues p where p.queue = jobs.queue)
                  for update skip locked
           )
           update jobs j
              set state = 'running', attempt = attempt + 1, token = gen_random_uuid(), worker = $4,
                  covered_until = clock_timestamp() + make_interval(secs => known.seconds)
             from free, unnest($2::text[], $3::float8[]) as known (kind, seconds)
            where j.id = free.id and j.kind = known.kind
           returning j.id as "id: JobId", j.kind, body, attempt, crashes, run_at, token as "token!", request_id, traceparent"#,
        &ids,
        &kinds,
        &seconds,
        worker.0,
        SUSPECT_FROM,
        suspects,
        ahead.as_seconds_f64(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            fence: Fence { id: row.id, token: row.token },
            kind: row.kind,
            body: row.body,
            attempt: row.attempt,
            crashes: row.crashes,
            run_at: row.run_at,
            request_id: row.request_id,
            traceparent: row.traceparent,
        })
        .collect())
}

/// The tokens under which a process still holds jobs: what it runs under any other was cancelled or taken away.
pub async fn held(conn: &mut PgConnection, worker: WorkerId) -> Result<Vec<Uuid>, sqlx::Error> {
    let tokens = sqlx::query_scalar!(
        r#"select token as "token!" from jobs where state = 'running' and worker = $1"#,
        worker.0
    );
    tokens.fetch_all(conn).await
}

/// Marks jobs as done, where they are still ours, and returns how many were: the last statement of a handler's transaction,
/// which rolls back unless it is all of them.
pub async fn finish(conn: &mut PgConnection, fences: &[Fence]) -> Result<usize, sqlx::Error> {
    let (ids, tokens) = columns(fences);
    let finished = sqlx::query!(
        "update jobs set state = 'done', finished_at = clock_timestamp()
           from unnest($1::uuid[], $2::uuid[]) as held (id, token)
          where jobs.id = held.id and jobs.token = held.token and state = 'running'",
        &ids,
        &tokens,
    );
    Ok(finished.execute(conn).await?.rows_affected() as usize)
}

/// How many of these jobs are still held by who holds these tokens. They stay so until the end of the transaction.
pub async fn hold(conn: &mut PgConnection, fences: &[Fence]) -> Result<usize, sqlx::Error> {
    let (ids, tokens) = columns(fences);
    let held = sqlx::query!(
        "select from jobs join unnest($1::uuid[], $2::uuid[]) as held (id, token) on held.id = jobs.id and held.token = jobs.token
          where state = 'running' for no key update of jobs",
        &ids,
        &tokens,
    );
    Ok(held.fetch_all(conn).await?.len())
}

/// After a commit whose answer was lost: did it happen?
pub async fn is_done(conn: &mut PgConnection, fence: Fence) -> Result<bool, sqlx::Error> {
    let done = sqlx::query_scalar!(
        r#"select exists (select from jobs where id = $1 and token = $2 and state = 'done') as "done!""#,
        fence.id.0,
        fence.token,
    );
    done.fetch_one(conn).await
}

/// A run that did not succeed.
#[derive(Clone, Debug)]
pub struct Setback {
    pub error: String,
    /// An outage is nobody's fault: the start is not counted.
    pub costs_attempt: bool,
    pub delay: Duration,
}

/// What is written for a run that did not end in success.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Back to waiting, for later. A debounced job that meets a newer one of its key ends as superseded.
    Postpone(Setback),
    /// The end of it, with its cause: dead, until an admin decides, or cancelled, when the handler found that the work is not
    /// wanted any more.
    Abandon(JobState, String),
}

/// Causes of one job that are kept: the first, and the newest.
const MOST_CAUSES: i32 = 50;
/// Characters of a cause.
const LONGEST_CAUSE: usize = 2000;

/// A cause as PostgreSQL can store it: what a foreign server said may hold U+0000, and one such text must not keep the
/// outcomes beside it from being written.
fn storable(cause: &str) -> String {
    cause.chars().filter(|c| *c != '\0').take(LONGEST_CAUSE).collect()
}

/// Writes verdicts, all in one statement. Returns the tokens of those whose rows are locked at the moment and still ours: one
/// of them must not hold up the others.
pub async fn settle(
    conn: &mut PgConnection,
    verdicts: &[(Fence, Verdict)],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let fences: Vec<_> = verdicts.iter().map(|(fence, _)| *fence).collect();
    let (ids, tokens) = columns(&fences);
    let (mut ends, mut errors, mut counts, mut delays) = (vec![], vec![], vec![], vec![]);
    for (_, verdict) in verdicts {
        let (end, error, counted, delay) = match verdict {
            Verdict::Postpone(setback) => {
                (None, &setback.error, setback.costs_attempt, setback.delay.as_seconds_f64())
            }
            Verdict::Abandon(state, cause) => (Some(*state), cause, true, 0.0),
        };
        ends.push(end);
        errors.push(storable(error));
        counts.push(counted);
        delays.push(delay);
    }
    let locked = sqlx::query_scalar!(
        r#"with told as (
               select * from unnest($1::uuid[], $2::uuid[], $3::job_state[], $4::text[], $5::bool[], $6::float8[])
                          as told (id, token, ends, error, counted, delay)
           ), held as (
               select j.token from jobs j join told on told.id = j.id and told.token = j.token where j.state = 'running'
           ), free as (
               select told.* from jobs j join told on told.id = j.id and told.token = j.token where j.state = 'running'
                  for update of j skip locked
           ), written as (
               update jobs j
                  set state = case when free.ends is not null then free.ends when is_superseded(j) then 'cancelled' else 'waiting' end,
                      finished_at = case when free.ends is not null or is_superseded(j) then clock_timestamp() end,
                      run_at = case when free.ends is null then clock_timestamp() + make_interval(secs => free.delay) else run_at end,
                      causes = case when jsonb_array_length(causes) < $7 then causes else causes - 1 end || jsonb_build_object('at', clock_timestamp(), 'attempt', attempt, 'error',
                          case when free.ends is null and is_superseded(j) then 'superseded; ' else '' end || free.error),
                      attempt = attempt - case when free.counted then 0 else 1 end,
                      token = case when free.ends is not null then j.token end,
                      worker = case when free.ends is not null then worker end
                 from free where j.id = free.id
               returning free.token
           )
           select token as "token!" from held except select token from written"#,
        &ids,
        &tokens,
        &ends as &[Option<JobState>],
        &errors,
        &counts,
        &delays,
        MOST_CAUSES,
    );
    locked.fetch_all(conn).await
}

/// Jobs that were claimed but not run to an end: due again at once, and the start does not count.
pub async fn give_back(conn: &mut PgConnection, fences: &[Fence]) -> Result<(), sqlx::Error> {
    let (ids, tokens) = columns(fences);
    sqlx::query!(
        "update jobs j
            set state = case when is_superseded(j) then 'cancelled' else 'waiting' end::job_state,
                finished_at = case when is_superseded(j) then clock_timestamp() end,
                attempt = attempt - 1, token = null, worker = null
           from unnest($1::uuid[], $2::uuid[]) as held (id, token)
          where j.id = held.id and j.token = held.token and state = 'running'",
        &ids,
        &tokens,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn columns(fences: &[Fence]) -> (Vec<Uuid>, Vec<Uuid>) {
    fences.iter().map(|fence| (fence.id.0, fence.token)).unzip()
}

/// A job taken from a worker that died, or that held it past its time.
#[derive(Debug)]
pub struct Swept {
    pub id: JobId,
    pub kind: String,
    pub dead: bool,
}

/// Frees the jobs of workers that stopped beating, and those that outlived their cover: each counts a crash, keeps the
/// cause and waits up to a lease (so that a crowd does not come back as one). From the fifth crash it is dead.
pub async fn sweep(conn: &mut PgConnection) -> Result<Vec<Swept>, sqlx::Error> {
    let swept = sqlx::query_as!(
        Swept,
        r#"with lost as (
               select j.id, w.name, j.covered_until < clock_timestamp() as outlived
                 from jobs j left join workers w on w.id = j.worker
                where j.state = 'running'
                  and (j.covered_until < clock_timestamp() or w.beat_at is null
                       or w.beat_at < clock_timestamp() - make_interval(secs => $1))
                limit 1000 for update of j skip locked
           )
           update jobs j
              set state = case when is_superseded(j) then 'cancelled' when crashes + 1 >= $2 then 'dead' else 'waiting' end::job_state,
                  finished_at = case when is_superseded(j) or crashes + 1 >= $2 then clock_timestamp() end,
                  crashes = crashes + 1, token = null, worker = null,
                  run_at = clock_timestamp() + random() * make_interval(secs => $1),
                  causes = causes || jsonb_build_object('at', clock_timestamp(), 'attempt', attempt, 'error',
                      case when outlived then 'outlived its time-out on ' else 'worker died: ' end || coalesce(lost.name, 'unknown'))
             from lost where j.id = lost.id
           returning j.id as "id: _", kind, state = 'dead' as "dead!""#,
        LEASE.as_seconds_f64(),
        MOST_CRASHES,
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "delete from workers w where beat_at < clock_timestamp() - interval '1 minute'
            and not exists (select from jobs where worker = w.id and state = 'running')"
    )
    .execute(conn)
    .await?;
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_CAUSE, storable};

    #[test]
    fn any_cause_can_be_stored() {
        assert_eq!(storable("550 no\0such user"), "550 nosuch user");
        assert_eq!(storable(&"é".repeat(5000)).chars().count(), LONGEST_CAUSE);
    }
}
