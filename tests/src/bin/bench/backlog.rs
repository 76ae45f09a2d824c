//! Whether a mountain of jobs costs more per job than a heap.

use std::time::{Duration, Instant};

use domain::{Bus, Clock, Db};
use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use workers::engine::{self, Handlers};

use crate::probes::{self, QUEUE, Starts};
use crate::report::{Table, per_second, rate, thousands};
use crate::servers::Place;
use crate::spawned::{self, Spawned};
use crate::{Bench, Outcome};

const HEAP: usize = 10_000;
const SLOTS: usize = 32;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let (mountain, finished) = match (bench.full, bench.quick) {
        (true, _) => (1_000_000, 10_000_000),
        (_, true) => (HEAP, HEAP),
        _ => (100_000, 1_000_000),
    };
    let mut table = Table::new(
        "backlog",
        format!(
            "no-op jobs in the ledger, then a worker starts as a process of its own ({SLOTS} slots); from its start to the last row \
             done; rows are made by one statement before it; Redis is asked every 200 ms what it holds"
        ),
    );
    let (mut small, mut large) = (0, 0);
    for (backlog, finished) in [(HEAP, 0), (mountain, finished)] {
        sqlx::query("truncate jobs").execute(&place.pool).await?;
        fill(place, "done", finished).await?;
        fill(place, "waiting", backlog).await?;
        place.vacuum().await?;
        let redis_before = bench.servers.redis_memory().await?;
        let began = Instant::now();
        let mut command = spawned::command(std::env::current_exe()?, place);
        command.args(["probe", &place.prefix, &SLOTS.to_string()]);
        let worker = Spawned::new(command)?;
        let redis = drained(bench, place, &worker).await?.saturating_sub(redis_before);
        let took = began.elapsed();
        let label = format!("{} waiting, {} finished", thousands(backlog), thousands(finished));
        let memory = format!(
            "peak: worker {:.1} MiB, Redis {:.2} MiB more than before",
            worker.peak()? / 1024.0,
            redis as f64 / f64::from(1 << 20)
        );
        table.row(label, rate(backlog, took, "jobs"), memory);
        worker.end().await?;
        (small, large) = (large, per_second(backlog, took));
    }
    let share = large as f64 / small as f64;
    table.row("rate of the large against the small", format!("{:.0} %", share * 100.0), "");
    Ok(table)
}

/// Jobs of this state, in one statement. Their ids follow the time, as those do that the ledger is given: random ones would spread each
/// batch over the whole of the index.
async fn fill(place: &Place, state: &str, count: usize) -> Outcome {
    sqlx::query(
        "insert into jobs (id, kind, queue, priority, state, run_at, body, attempt, finished_at)
         select (lpad(to_hex(extract(epoch from now())::bigint * 1000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
                'do-nothing', $1, 1, $2::job_state, clock_timestamp(),
                jsonb_build_object('version', 1, 'job', jsonb_build_object('n', n)), 0,
                case when $2 = 'done' then clock_timestamp() end
           from generate_series(1, $3) as n",
    )
    .bind(QUEUE.name())
    .bind(state)
    .bind(i64::try_from(count)?)
    .execute(&place.pool)
    .await?;
    Ok(())
}

/// Waits until nothing is left; the most that Redis held meanwhile.
async fn drained(bench: &Bench, place: &Place, worker: &Spawned) -> Outcome<u64> {
    let mut conn = sqlx::PgConnection::connect(&place.database_url).await?;
    // By the partial indexes, however many rows are finished.
    sqlx::query("set enable_seqscan = off").execute(&mut conn).await?;
    let left = "select exists (select from jobs where state = 'waiting' and not limited)
                    or exists (select from jobs where state = 'dispatched')
                    or exists (select from jobs where state = 'running')";
    let mut most = 0;
    while sqlx::query_scalar::<_, bool>(left).fetch_one(&mut conn).await? {
        most = most.max(bench.servers.redis_memory().await?);
        worker.resident()?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    conn.close().await?;
    Ok(most)
}

/// The worker process.
pub async fn probe(prefix: &str, slots: usize) -> Outcome {
    let url = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let (database_url, redis_url) = (url("DATABASE_URL")?, url("REDIS_URL")?);
    let db = Db::connect(&database_url, 20, Bus::new(domain::bus::connect(&redis_url)?, prefix))?;
    let config = engine::Config {
        database_url,
        redis_url,
        db,
        clock: Clock::default(),
        handlers: Handlers::new(Starts::default()).on(probes::do_nothing),
        crons: Vec::new(),
        slots: vec![(QUEUE, slots)],
        drain: Duration::from_secs(5),
    };
    Ok(engine::run(config, CancellationToken::new()).await?)
}
