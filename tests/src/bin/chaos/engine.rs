//! Deaths of workers in the middle of a job, with probe jobs that know nothing of the product.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{Bus, Clock, Db};
use jobs::ledger::{self, Job, NewJob, Policy, Queue};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::engine::{self, Handlers, JobResult, Run};

use crate::Outcome;
use crate::processes::{Process, Recipe};
use crate::servers::{self, Servers, signal};

const QUEUE: Queue = Queue::new("probe");
const PREFIX: &str = "chaos-engine";
/// Processes, of which some die at a time; each runs one job at once.
const WORKERS: usize = 8;
const VICTIMS: usize = 5;
const ROUNDS: usize = 10;
const INNOCENT: usize = 200;
/// Promised: a killed worker's job runs again within this.
const PROMISE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// Says that it starts, takes its time, and inserts one row.
#[derive(Debug, Serialize, Deserialize)]
struct Hold {
    /// Of the first start; later ones take none.
    seconds: u64,
}

impl Job for Hold {
    /// Longer than any wait for its companions, so that only a death ends its first run.
    const POLICY: Policy = Policy::new("hold", QUEUE).timeout(Duration::from_secs(120));
}

/// Ends its process.
#[derive(Debug, Serialize, Deserialize)]
struct Abort {}

impl Job for Abort {
    const POLICY: Policy = Policy::new("abort", QUEUE);
}

async fn hold(job: Hold, run: Run<PgPool>) -> JobResult {
    let id = run.id().0;
    let start = "insert into starts (job, pid) values ($1, $2) returning (select count(*) from starts where job = $1)";
    let pid = i64::from(std::process::id());
    let before: i64 = sqlx::query_scalar(start).bind(id).bind(pid).fetch_one(&run.app).await?;
    if before == 0 {
        tokio::time::sleep(Duration::from_secs(job.seconds)).await;
    }
    let mut tx = run.begin().await?;
    sqlx::query("insert into effects (job, pid) values ($1, $2)")
        .bind(id)
        .bind(pid)
        .execute(&mut *tx)
        .await?;
    let result = run.done(tx).await;
    if matches!(result, Err(engine::JobError::Lost)) {
        sqlx::query("insert into refusals (job, pid) values ($1, $2)")
            .bind(id)
            .bind(pid)
            .execute(&run.app)
            .await?;
    }
    result
}

async fn abort(_: Abort, _: Run<PgPool>) -> JobResult {
    std::process::abort()
}

/// The worker process of the probes.
pub async fn probe() -> Outcome {
    let url = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let (database_url, redis_url) = (url("DATABASE_URL")?, url("REDIS_URL")?);
    let bus = Bus::new(domain::bus::connect(&redis_url)?, PREFIX);
    let db = Db::connect(&database_url, 4, bus)?;
    let handlers = Handlers::new(servers::pool(&database_url)?).on(hold).on(abort);
    let config = engine::Config {
        database_url,
        redis_url,
        db,
        clock: Clock::default(),
        handlers,
        crons: Vec::new(),
        slots: vec![(QUEUE, 1)],
        drain: Duration::from_secs(5),
    };
    Ok(engine::run(config, CancellationToken::new()).await?)
}

struct Stage {
    pool: PgPool,
    db: Db,
    workers: Vec<Process>,
}

/// The figures of 50 deaths, of stopped workers that wake up too late, and of a job that kills whoever runs it.
pub async fn deaths(servers: &Servers) -> Outcome<bool> {
    let mut stage = Stage::open(servers).await?;
    let mut times = Vec::new();
    let (mut uncounted, mut stray) = (0, 0);
    for _ in 0..ROUNDS {
        let jobs = stage.enqueue((0..VICTIMS).map(|_| Hold { seconds: 30 })).await?;
        let pids = stage.started(&jobs, 1).await?;
        for pid in pids.values() {
            signal(*pid, "KILL").await?;
        }
        let killed = Instant::now();
        let mut left = jobs.clone();
        while !left.is_empty() && killed.elapsed() < PATIENCE {
            // Again and again: a process is not gone in the moment in which it is killed.
            stage.revive().await?;
            let again = stage.starts(&left).await?;
            times.extend(again.values().filter(|starts| **starts >= 2).map(|_| killed.elapsed()));
            left.retain(|job| again.get(job).is_none_or(|starts| *starts < 2));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.done(&jobs).await?;
        let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).bind(&jobs).fetch_one(&stage.pool);
        uncounted += VICTIMS as i64
            - count("select count(*) from jobs where id = any($1) and attempt = 2 and crashes = 1").await?;
        stray += (count("select count(*) from effects where job = any($1)").await? - VICTIMS as i64).abs();
    }
    times.sort_unstable();
    let at = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(rank).copied().unwrap_or(PATIENCE)
    };
    let (median, high, most) = (at(50), at(99), at(100));
    let all = times.len() == ROUNDS * VICTIMS;
    let sound = all && high < PROMISE && uncounted == 0 && stray == 0;
    println!(
        "worker kill -9 in the middle of a job, {} times: runs again after p50 {:.1}, p99 {:.1}, at most {:.1} s (promised: p99 < 10); \
         not counted as an attempt and a crash: {uncounted}; effects missing or doubled: {stray}",
        times.len(),
        median.as_secs_f64(),
        high.as_secs_f64(),
        most.as_secs_f64()
    );
    let late = stage.late().await?;
    let poison = stage.poison().await?;
    Ok(sound && late && poison)
}

impl Stage {
    async fn open(servers: &Servers) -> Outcome<Self> {
        let database_url = servers.database("chaos_engine").await?;
        let pool = servers::pool(&database_url)?;
        for table in ["starts", "effects", "refusals"] {
            let sql = format!("create table {table} (job uuid not null, pid bigint not null)");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await?;
        }
        let environment = BTreeMap::from([
            ("DATABASE_URL".to_owned(), database_url.clone()),
            ("REDIS_URL".to_owned(), servers.redis_url.clone()),
        ]);
        let mut workers = Vec::new();
        for n in 0..WORKERS {
            let recipe = Recipe {
                program: std::env::current_exe()?,
                arguments: vec!["probe".into()],
                environment: environment.clone(),
                port: None,
                log: crate::logs()?.join(format!("probe-{n}.log")),
            };
            workers.push(Process::start(&format!("probe {n}"), recipe).await?);
        }
        let db = Db::connect(&database_url, 2, Bus::new(domain::bus::connect(&servers.redis_url)?, PREFIX))?;
        Ok(Self { pool, db, workers })
    }

    async fn enqueue<J: Job>(&self, new: impl Iterator<Item = J>) -> Outcome<Vec<Uuid>> {
        let before: Vec<Uuid> = sqlx::query_scalar("select id from jobs").fetch_all(&self.pool).await?;
        let mut tx = self.db.begin().await?;
        ledger::enqueue(&mut tx, new.map(|job| NewJob::of(&job))).await?;
        tx.commit().await?;
        Ok(sqlx::query_scalar("select id from jobs where id <> all($1)")
            .bind(before)
            .fetch_all(&self.pool)
            .await?)
    }

    async fn starts(&self, jobs: &[Uuid]) -> Outcome<BTreeMap<Uuid, i64>> {
        let sql = "select job, count(*) from starts where job = any($1) group by job";
        let rows: Vec<(Uuid, i64)> = sqlx::query_as(sql).bind(jobs).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().collect())
    }

    /// Waits until each has started so often; by whom it was last.
    async fn started(&self, jobs: &[Uuid], times: i64) -> Outcome<BTreeMap<Uuid, u32>> {
        let began = Instant::now();
        while self.starts(jobs).await?.values().filter(|starts| **starts >= times).count() < jobs.len() {
            if began.elapsed() > PATIENCE {
                return Err("probe jobs do not start".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let rows: Vec<(Uuid, i64)> = sqlx::query_as("select job, pid from starts where job = any($1)")
            .bind(jobs)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(|(job, pid)| Ok((job, u32::try_from(pid)?))).collect()
    }

    async fn done(&self, jobs: &[Uuid]) -> Outcome {
        let began = Instant::now();
        let left = "select count(*) from jobs where id = any($1) and state not in ('done', 'dead')";
        while sqlx::query_scalar::<_, i64>(left).bind(jobs).fetch_one(&self.pool).await? > 0 {
            if began.elapsed() > 2 * PATIENCE {
                return Err("probe jobs do not end".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn revive(&mut self) -> Outcome {
        for worker in &mut self.workers {
            if worker.has_ended() {
                worker.restart().await?;
            }
        }
        Ok(())
    }

    /// Two workers stop longer than their leases, others take over, the first wake up and try to commit.
    async fn late(&mut self) -> Outcome<bool> {
        let jobs = self.enqueue((0..2).map(|_| Hold { seconds: 2 })).await?;
        let pids = self.started(&jobs, 1).await?;
        for pid in pids.values() {
            signal(*pid, "STOP").await?;
        }
        self.started(&jobs, 2).await?;
        self.done(&jobs).await?;
        for pid in pids.values() {
            signal(*pid, "CONT").await?;
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).bind(&jobs).fetch_one(&self.pool);
        let effects = count("select count(*) from effects where job = any($1)").await?;
        let refused = count("select count(*) from refusals where job = any($1)").await?;
        let stopped: Vec<_> = pids.values().map(|pid| i64::from(*pid)).collect();
        let late: i64 =
            sqlx::query_scalar("select count(*) from effects where job = any($1) and pid = any($2)")
                .bind(&jobs)
                .bind(&stopped)
                .fetch_one(&self.pool)
                .await?;
        println!(
            "2 workers stopped past their leases: {effects} effects of 2 jobs, {late} of them by who was stopped: {refused} late \
             commits refused, {} runs dropped at the first beat",
            2 - refused
        );
        Ok(effects == 2 && late == 0)
    }

    /// A job that ends each process that runs it, among innocent ones.
    async fn poison(&mut self) -> Outcome<bool> {
        let began = Instant::now();
        let poison = self.enqueue([Abort {}].into_iter()).await?;
        let innocent = self.enqueue((0..INNOCENT).map(|_| Hold { seconds: 0 })).await?;
        let left = "select count(*) from jobs where state not in ('done', 'dead')";
        while sqlx::query_scalar::<_, i64>(left).fetch_one(&self.pool).await? > 0
            && began.elapsed() < 2 * PATIENCE
        {
            self.revive().await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let dead = "select count(*) from jobs where id = any($1) and state = 'dead' and crashes = jsonb_array_length(causes)";
        let dead: i64 = sqlx::query_scalar(dead).bind(&poison).fetch_one(&self.pool).await?;
        let crashes: i32 = sqlx::query_scalar("select crashes from jobs where id = any($1)")
            .bind(&poison)
            .fetch_one(&self.pool)
            .await?;
        let unharmed = "select count(*) from jobs where id = any($1) and state = 'done' and (select count(*) from effects where job = jobs.id) = 1";
        let unharmed: i64 = sqlx::query_scalar(unharmed).bind(&innocent).fetch_one(&self.pool).await?;
        println!(
            "a job that aborts its process: {} after {crashes} crashes, each with its cause, in {:.0} s; {unharmed} of {INNOCENT} others done once",
            if dead == 1 { "dead" } else { "NOT DEAD" },
            began.elapsed().as_secs_f64()
        );
        Ok(dead == 1 && unharmed == INNOCENT as i64)
    }
}
