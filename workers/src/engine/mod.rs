//! Runs the jobs of the ledger: apalis drives the handlers, Redis says when to look, PostgreSQL decides.
//!
//! Any process may be killed, stopped or cut off at any point, and Redis may be flushed or away: a job is then delivered
//! again, and its fence decides whose effects count. Nothing here names a noun of the product; `jobs::ledger` says what
//! would have to come along if it left.

mod backend;
mod handler;
mod lane;
mod lease;
mod lists;
mod outcome;
mod relay;
mod schedule;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Monitor, ParallelizeExt, WorkerBuilder};
use domain::ids::WorkerId;
use domain::{Clock, Db};
use jobs::ledger::{self, Cron, Queue};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use handler::{Handlers, Part, Run, Running as Underway};
pub use outcome::{Done, JobError, JobResult};

use backend::LedgerBackend;
use lane::Lane;
use lists::Lists;
use outcome::Running;

/// What an engine is made of.
#[derive(Debug)]
pub struct Config<C> {
    pub database_url: String,
    pub redis_url: String,
    pub db: Db,
    pub clock: Clock,
    pub handlers: Handlers<C>,
    /// What comes back by the clock.
    pub crons: Vec<Cron>,
    /// Queues to serve, each with the number of jobs that it may run at once here.
    pub slots: Vec<(Queue, usize)>,
    /// How long a stopping process waits for what runs, before it gives it back.
    pub drain: Duration,
}

/// What the parts of one engine share.
#[derive(Debug)]
struct Shared<C> {
    db: Db,
    /// Claims and dispatch, committed asynchronously: a lost one is only repeated, because the fence is a random token.
    quick: PgPool,
    lists: Lists,
    clock: Clock,
    handlers: Handlers<C>,
    worker: WorkerId,
    running: Running,
    returns: lane::Returns,
    completions: outcome::Completions,
    verdicts: outcome::Verdicts,
    stop: CancellationToken,
    /// What still runs when the time to drain is over is dropped.
    abort: CancellationToken,
}

/// Serves the queues until `stop` is cancelled, then drains: what runs may finish in time, what does not is given back.
pub async fn run<C: Clone + Send + Sync + 'static>(
    config: Config<C>,
    stop: CancellationToken,
) -> io::Result<()> {
    let worker = WorkerId::new();
    let name = format!("{}@{}", std::process::id(), host());
    let queues: Vec<Queue> = config.slots.iter().map(|(queue, _)| *queue).collect();
    let quick = domain::db::pool(&config.database_url, 8, &lease::QUICK).map_err(io::Error::other)?;
    let lists = Lists::new(&config.redis_url, config.db.bus().name("queue"), queues.clone())
        .map_err(io::Error::other)?;

    let background = TaskTracker::new();
    let (returns, returned) = tokio::sync::mpsc::unbounded_channel();
    let (completions, completed) = tokio::sync::mpsc::unbounded_channel();
    let (verdicts, told) = tokio::sync::mpsc::unbounded_channel();
    // Outcomes have connections of their own: handlers that wait for theirs must not keep others from ending.
    let outcomes = Db::connect(&config.database_url, 2, config.db.bus().clone()).map_err(io::Error::other)?;
    let shared = Arc::new(Shared {
        db: config.db,
        quick,
        lists,
        clock: config.clock,
        handlers: config.handlers,
        worker,
        running: Running::default(),
        returns,
        completions,
        verdicts,
        stop: stop.clone(),
        abort: CancellationToken::new(),
    });
    let lease_pool = domain::db::pool(&config.database_url, 2, &lease::QUICK).map_err(io::Error::other)?;
    let lease = tokio::spawn(lease::hold(lease_pool.clone(), shared.clone(), name.clone()));
    let last_words = TaskTracker::new();
    last_words.spawn(lane::give_back(shared.quick.clone(), returned));
    last_words.spawn(outcome::complete(outcomes.clone(), completed, shared.abort.clone()));
    last_words.spawn(outcome::settle(outcomes, told, shared.abort.clone()));
    for queue in queues {
        background.spawn(relay::serve(shared.clone(), queue));
    }
    background.spawn(relay::repair(shared.clone()));
    background.spawn(schedule::serve(shared.clone(), config.crons));
    background.spawn(relay::listen(shared.clone(), config.redis_url));
    tracing::info!(%worker, name, "worker started");

    let gate = Arc::default();
    let running = TaskTracker::new();
    let mut monitor = Monitor::new().should_restart(|_, _| true).shutdown_timeout(config.drain);
    let mut lanes: Vec<_> = config
        .slots
        .iter()
        .map(|(queue, slots)| {
            Lane::of_queue(shared.clone(), *queue, Arc::new(Semaphore::new(*slots)), Arc::clone(&gate))
        })
        .collect();
    lanes.push(Lane::of_suspects(shared.clone(), gate));
    for lane in lanes {
        let (shared, running, name) = (shared.clone(), running.clone(), name.clone());
        monitor = monitor.register(move |restarts| {
            let running = running.clone();
            WorkerBuilder::new(format!("{name}/{}/{restarts}", lane.name()))
                .backend(LedgerBackend::new(lane.clone()))
                .data(shared.clone())
                // Handlers as tasks of their own: a busy one delays neither its neighbours nor the next fetch.
                .parallelize(move |run| running.spawn(run))
                .build(outcome::execute::<C>)
        });
    }
    let signal = stop.clone();
    let served = monitor
        .run_with_signal(async move {
            signal.cancelled().await;
            Ok(())
        })
        .await;
    // Also when the monitor ended by itself: the rest of the process must not outlive it.
    stop.cancel();
    shared.abort.cancel();
    running.close();
    running.wait().await;
    background.close();
    background.wait().await;
    drop(shared);
    last_words.close();
    last_words.wait().await;
    let _ = lease.await;
    if let Ok(mut conn) = lease_pool.acquire().await
        && let Err(error) = ledger::retire(&mut conn, worker).await
    {
        tracing::warn!(%error, "could not retire; the sweep will");
    }
    tracing::info!(%worker, "worker stopped");
    served.map_err(io::Error::other)
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".into(), |name| name.trim().to_owned())
}
