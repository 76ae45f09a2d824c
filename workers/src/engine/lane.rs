//! Lanes: where jobs are fetched and how many at once.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apalis_core::backend::persistence::{Persistence, TaskEvent};
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use apalis_redis::RedisTask;
use jobs::ledger::{self, Claimed, Fence, Queue};
use sqlx::PgPool;
use tokio::sync::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore, mpsc,
};

use super::Shared;

/// Most jobs taken in one claim.
const BATCH: usize = 100;
/// The timer behind the doorbell.
const POLL: Duration = Duration::from_millis(500);

/// Read by ordinary jobs, written by a suspect: it runs when nothing else does in this process, so that a crash has one
/// possible cause and one victim.
pub(super) type Gate = Arc<RwLock<()>>;

/// A queue's slots in this process, or the one slot of the suspects of all queues.
pub(super) struct Lane<C> {
    shared: Arc<Shared<C>>,
    /// None: suspects.
    queue: Option<Queue>,
    slots: Arc<Semaphore>,
    gate: Gate,
}

impl<C> Clone for Lane<C> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            queue: self.queue,
            slots: self.slots.clone(),
            gate: self.gate.clone(),
        }
    }
}

impl<C> fmt::Debug for Lane<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lane").field(&self.name()).finish()
    }
}

impl<C: Send + Sync + 'static> Lane<C> {
    pub(super) fn of_queue(shared: Arc<Shared<C>>, queue: Queue, slots: Arc<Semaphore>, gate: Gate) -> Self {
        Self { shared, queue: Some(queue), slots, gate }
    }

    pub(super) fn of_suspects(shared: Arc<Shared<C>>, gate: Gate) -> Self {
        Self { shared, queue: None, slots: Arc::new(Semaphore::new(1)), gate }
    }

    /// Pops no more ids than there are free slots, and claims them. What the claim leaves is none of our business.
    async fn take(self, mut slots: OwnedSemaphorePermit) -> Vec<RedisTask<Held>> {
        while slots.num_permits() < BATCH {
            let Ok(one_more) = Arc::clone(&self.slots).try_acquire_owned() else { break };
            slots.merge(one_more);
        }
        let asked = slots.num_permits();
        let ids = match self.shared.lists.pop(self.queue, asked).await {
            Ok(ids) if ids.is_empty() => return Vec::new(),
            Ok(ids) => ids,
            Err(error) => {
                tracing::warn!(%error, lane = self.name(), "Redis is away; the lane waits");
                tokio::time::sleep(POLL).await;
                return Vec::new();
            }
        };
        // All that was asked for: there is a backlog, and room in the lists now.
        if let Some(queue) = self.queue.filter(|_| ids.len() == asked) {
            self.shared.lists.ring_relay(queue);
        }
        let pass = match self.queue {
            Some(_) => Arc::new(Pass::Shared { _guard: Arc::clone(&self.gate).read_owned().await }),
            None => Arc::new(Pass::Alone { _guard: Arc::clone(&self.gate).write_owned().await }),
        };
        let claim = async {
            let mut conn = self.shared.quick.acquire().await?;
            let known = self.shared.handlers.covered();
            let ahead = self.shared.clock.ahead();
            ledger::claim(&mut conn, &ids, &known, self.shared.worker, self.queue.is_none(), ahead).await
        };
        match claim.await {
            Ok(claimed) => self
                .group(claimed)
                .into_iter()
                .map(|claimed| {
                    // The claim's token: apalis refuses two tasks of one id, and a job taken away may be back already.
                    let id = TaskId::from_string(claimed[0].fence.token.to_string());
                    let held = Held {
                        _slots: slots.split(claimed.len()),
                        claimed,
                        returns: self.shared.returns.clone(),
                        _pass: Arc::clone(&pass),
                    };
                    TaskBuilder::new(held).task_id(id).build()
                })
                .collect(),
            Err(error) => {
                // Popped and not claimed: the repair pushes the ids again.
                tracing::warn!(%error, lane = self.name(), "the ledger is away; the lane waits");
                tokio::time::sleep(POLL).await;
                Vec::new()
            }
        }
    }
}

impl<C> Lane<C> {
    /// Jobs of a kind whose handler takes several share a run, as many as it takes. Who has failed before runs alone: it would keep
    /// its neighbours each time.
    fn group(&self, claimed: Vec<Claimed>) -> Vec<Vec<Claimed>> {
        let mut runs: Vec<Vec<Claimed>> = Vec::with_capacity(claimed.len());
        for job in claimed {
            let fresh = |job: &Claimed| job.attempt == 1 && job.crashes == 0;
            let most = if fresh(&job) { self.shared.handlers.together(&job.kind) } else { 1 };
            let shares =
                |run: &&mut Vec<Claimed>| run.len() < most && run[0].kind == job.kind && fresh(&run[0]);
            match runs.iter_mut().rev().find(shares) {
                Some(run) => run.push(job),
                None => runs.push(vec![job]),
            }
        }
        runs
    }

    pub(super) fn name(&self) -> &'static str {
        self.queue.map_or("suspects", Queue::name)
    }
}

/// apalis asks this for work. Acknowledgement is absent on purpose: the handler's own commit was it.
impl<C: Send + Sync + 'static> Persistence for Lane<C> {
    type Compact = Held;
    type Response = ();
    type Error = Infallible;

    async fn register(&mut self, _: &WorkerContext) -> Result<(), Infallible> {
        Ok(())
    }

    /// The lease has a beat of its own, so that no amount of work in this loop can starve it.
    async fn heartbeat(&mut self, _: &WorkerContext) -> Result<(), Infallible> {
        Ok(())
    }

    /// Waits until there is work. Errors are waited out in here: an apalis backend that returns one is dead, and takes
    /// the futures that it drives with it.
    async fn fetch_next(&mut self, _: &WorkerContext) -> Result<Vec<RedisTask<Held>>, Infallible> {
        loop {
            let Ok(slots) = Arc::clone(&self.slots).acquire_owned().await else { return Ok(Vec::new()) };
            // Listening starts before looking: a push between the two is not missed.
            let pushed = self.shared.lists.pushed(self.queue);
            tokio::pin!(pushed);
            pushed.as_mut().enable();
            // In a task of its own: when apalis drops this future the claim still completes, and its jobs are given back.
            let tasks = tokio::spawn(self.clone().take(slots)).await.unwrap_or_default();
            if !tasks.is_empty() {
                return Ok(tasks);
            }
            let _ = tokio::time::timeout(POLL, pushed).await;
        }
    }

    /// Fetched but never started, at a stop: dropping them gives them back.
    async fn reenqueue_abandoned(
        &mut self,
        tasks: Vec<RedisTask<Held>>,
        _: &WorkerContext,
    ) -> Result<u64, Infallible> {
        Ok(tasks.len() as u64)
    }

    async fn handle_events(&mut self, _: Vec<TaskEvent<()>>, _: &WorkerContext) -> Result<(), Infallible> {
        Ok(())
    }

    /// Work enters through the ledger, in the transaction that causes it; apalis offers nothing to push into.
    async fn push_tasks(&mut self, tasks: Vec<RedisTask<Held>>) -> Result<(), Infallible> {
        drop(tasks);
        Ok(())
    }
}

#[derive(Debug)]
enum Pass {
    Shared { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

/// What was claimed for one run, with its slots: a job, or several that share it. What is dropped before it is settled goes
/// back to the ledger without counting a start.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) claimed: Vec<Claimed>,
    returns: Returns,
    _slots: Option<OwnedSemaphorePermit>,
    _pass: Arc<Pass>,
}

impl Held {
    pub(super) fn settle(&mut self) {
        self.claimed.clear();
    }

    /// Each job for itself.
    pub(super) fn split(mut self) -> Vec<Self> {
        let claimed = std::mem::take(&mut self.claimed);
        let mut alone = |job| Self {
            claimed: vec![job],
            returns: self.returns.clone(),
            _slots: self._slots.as_mut().and_then(|slots| slots.split(1)),
            _pass: Arc::clone(&self._pass),
        };
        claimed.into_iter().map(&mut alone).collect()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for job in &self.claimed {
            // The receiver lives until every run has ended; without it the sweep finds the job.
            let _ = self.returns.send(job.fence);
        }
    }
}

pub(super) type Returns = mpsc::UnboundedSender<Fence>;

/// Returns dropped jobs to the ledger. At most a few tries: what stays running is swept once this process is gone.
pub(super) async fn give_back(quick: PgPool, mut returned: mpsc::UnboundedReceiver<Fence>) {
    let mut batch = Vec::new();
    while returned.recv_many(&mut batch, 500).await > 0 {
        for _ in 0..3 {
            match async { ledger::give_back(&mut *quick.acquire().await?, &batch).await }.await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, count = batch.len(), "could not give jobs back"),
            }
        }
        batch.clear();
    }
}
