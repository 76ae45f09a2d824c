//! Jobs that know nothing of the product, and a worker that runs them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::{Clock, Db};
use jobs::ledger::{self, Job, NewJob, Policy, Queue};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use workers::engine::{self, Handlers, JobResult, Run};

use crate::Outcome;
use crate::process::Serving;
use crate::servers::Place;

pub const QUEUE: Queue = Queue::new("bench");

/// Has no effects.
#[derive(Debug, Serialize, Deserialize)]
pub struct DoNothing {
    pub n: usize,
}

impl Job for DoNothing {
    const POLICY: Policy = Policy::new("do-nothing", QUEUE);
}

/// Inserts one row, in the transaction that ends the job.
#[derive(Debug, Serialize, Deserialize)]
pub struct InsertRow {
    pub n: usize,
}

impl Job for InsertRow {
    const POLICY: Policy = Policy::new("insert-row", QUEUE);
}

/// Counts starts, and tells when each was.
#[derive(Clone, Debug, Default)]
pub struct Starts {
    pub count: Arc<AtomicUsize>,
    pub times: Option<mpsc::UnboundedSender<Instant>>,
}

impl Starts {
    fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(times) = &self.times {
            let _ = times.send(Instant::now());
        }
    }
}

pub async fn do_nothing(_: DoNothing, run: Run<Starts>) -> JobResult {
    run.app.note();
    run.done_without_effects()
}

async fn insert_row(_: InsertRow, run: Run<Starts>) -> JobResult {
    run.app.note();
    let mut tx = run.begin().await?;
    sqlx::query("insert into bench_rows (job) values ($1)").bind(run.id().0).execute(&mut *tx).await?;
    run.done(tx).await
}

/// A worker for the probes.
pub fn worker(place: &Place, slots: usize, starts: Starts) -> Outcome<Serving> {
    let place = place.clone();
    Serving::start("worker", move |stop| async move {
        let db = place.db().map_err(std::io::Error::other)?;
        let config = engine::Config {
            database_url: place.database_url,
            redis_url: place.redis_url,
            db,
            clock: Clock::default(),
            handlers: Handlers::new(starts).on(do_nothing).on(insert_row),
            crons: Vec::new(),
            slots: vec![(QUEUE, slots)],
            drain: Duration::from_secs(5),
        };
        engine::run(config, stop).await
    })
}

/// Enqueues jobs, a thousand in each statement.
pub async fn fill<J: Job>(db: &Db, count: usize, job: impl Fn(usize) -> J) -> Outcome {
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(1000) {
        let mut tx = db.begin().await?;
        ledger::enqueue(&mut tx, batch.iter().map(|n| NewJob::of(&job(*n)))).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Waits until every row that is due is done; timers of missions wait for days. Each part of the question has an index: it is
/// asked on the same processor.
pub async fn drained(place: &Place) -> Outcome {
    let unfinished = "select exists (select from jobs where state = 'dispatched')
                          or exists (select from jobs where state = 'running')
                          or exists (select from jobs where state = 'dead')
                          or exists (select from unnest($1::text[]) as queue, generate_series(0, 2) as priority
                                      where exists (select from jobs j
                                                     where j.queue = queue and j.priority = priority and state = 'waiting'
                                                       and not limited and run_at <= clock_timestamp()))";
    let queues: Vec<_> = jobs::queues::ALL.into_iter().chain([QUEUE]).map(Queue::name).collect();
    while sqlx::query_scalar::<_, bool>(unfinished).bind(&queues).fetch_one(&place.pool).await? {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
