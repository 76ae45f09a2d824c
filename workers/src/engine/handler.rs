use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::{Db, Tx, trace};
use jobs::ledger::{self, Claimed, Covered, Envelope, Fence, Limit, Queue};
use jobs::{Job, Policy};
use time::OffsetDateTime;

use super::outcome::{Done, JobError, JobResult};

/// A run past its time-out is dropped; past this much more, its worker's beat no longer covers it.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// A run under way.
pub type Running = Pin<Box<dyn Future<Output = JobResult> + Send>>;

pub(super) type Handler<C> = Arc<dyn Fn(Run<C>) -> Running + Send + Sync>;

/// The handlers of a process, by kind. What is not here is not claimed.
#[derive(Clone)]
pub struct Handlers<C> {
    context: C,
    by_kind: HashMap<&'static str, Entry<C>>,
}

#[derive(Clone)]
pub(super) struct Entry<C> {
    pub(super) policy: Policy,
    pub(super) handler: Handler<C>,
    /// How many jobs may share a run.
    together: usize,
}

impl<C: std::fmt::Debug> std::fmt::Debug for Handlers<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handlers")
            .field("kinds", &self.by_kind.keys())
            .field("context", &self.context)
            .finish()
    }
}

impl<C: Clone + Send + Sync + 'static> Handlers<C> {
    pub fn new(context: C) -> Self {
        Self { context, by_kind: HashMap::new() }
    }

    /// Adds the handler of a kind of job.
    #[must_use]
    pub fn on<J, F, R>(self, handler: F) -> Self
    where
        J: Job,
        F: Fn(J, Run<C>) -> R + Send + Sync + 'static,
        R: Future<Output = JobResult> + Send + 'static,
    {
        // A run has at least one job.
        self.on_together(1, move |mut jobs: Vec<Part<J>>, run| handler(jobs.swap_remove(0).job, run))
    }

    /// Adds a handler that takes up to `together` waiting jobs of its kind through one transaction: all of them are done or none,
    /// and then each is run alone. What it enqueues names its cause, of which there is one for each job.
    #[must_use]
    pub fn on_together<J, F, R>(mut self, together: usize, handler: F) -> Self
    where
        J: Job,
        F: Fn(Vec<Part<J>>, Run<C>) -> R + Send + Sync + 'static,
        R: Future<Output = JobResult> + Send + 'static,
    {
        let handler: Handler<C> = Arc::new(move |mut run| match run.open::<J>() {
            Ok(jobs) => Box::pin(handler(jobs, run)),
            Err(error) => Box::pin(async move { Err(JobError::GiveUp(format!("unreadable body: {error}"))) }),
        });
        let policy = J::POLICY;
        self.by_kind.insert(policy.kind, Entry { policy, handler, together });
        self
    }

    /// Puts something around every run, such as what ends it half-way in a test.
    #[must_use]
    pub fn around<W>(mut self, wrap: W) -> Self
    where
        W: Fn(&'static str, Running) -> Running + Clone + Send + Sync + 'static,
    {
        for (kind, entry) in &mut self.by_kind {
            let (kind, inner, wrap) = (*kind, entry.handler.clone(), wrap.clone());
            entry.handler = Arc::new(move |run| wrap(kind, inner(run)));
        }
        self
    }

    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.by_kind.keys().copied()
    }
}

impl<C> Handlers<C> {
    pub(super) fn covered(&self) -> Vec<Covered> {
        let covered =
            |policy: &Policy| Covered { kind: policy.kind, seconds: (policy.timeout + GRACE).as_secs_f64() };
        self.by_kind.values().map(|entry| covered(&entry.policy)).collect()
    }

    /// Of the kinds of a queue, those of which only so many may run at once.
    pub(super) fn limits(&self, queue: Queue) -> Vec<Limit> {
        let policies = self.by_kind.values().map(|entry| entry.policy).filter(|policy| policy.queue == queue);
        policies.filter_map(|policy| Some(Limit { kind: policy.kind, at_most: policy.at_most? })).collect()
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Entry<C>> {
        self.by_kind.get(kind)
    }

    /// How many jobs of a kind may share a run.
    pub(super) fn together(&self, kind: &str) -> usize {
        self.get(kind).map_or(1, |entry| entry.together)
    }

    pub(super) fn begin(&self, db: Db, claimed: Vec<(Claimed, trace::Scope)>) -> Run<C>
    where
        C: Clone,
    {
        let attempts = self.get(&claimed[0].0.kind).map_or(i32::MAX, |entry| entry.policy.attempts);
        Run { app: self.context.clone(), db, claimed, attempts }
    }
}

/// One of the jobs of a run.
#[derive(Debug)]
pub struct Part<J> {
    pub job: J,
    /// For what it sets off.
    pub cause: trace::Context,
}

/// One run of a job, or of several that share it, in the hands of the handler.
///
/// Effects go into a transaction from [`begin`](Self::begin) and count only through [`done`](Self::done), which fences and
/// commits them. No transaction may be open during a call to the outside.
#[derive(Debug)]
pub struct Run<C> {
    pub app: C,
    db: Db,
    claimed: Vec<(Claimed, trace::Scope)>,
    /// Starts that the kind has.
    attempts: i32,
}

impl<C> Run<C> {
    /// The same in every run of this job (of several, the first): mail and push derive their keys from it.
    pub fn id(&self) -> domain::ids::JobId {
        self.claimed[0].0.fence.id
    }

    /// When the job was due (of several, the last): by the database's clock that has come, whatever another clock says.
    pub fn due_at(&self) -> OffsetDateTime {
        let due = self.claimed.iter().map(|(claimed, _)| claimed.run_at);
        due.max().unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Whether the job is dead when this run fails.
    pub fn is_last_start(&self) -> bool {
        self.claimed.iter().any(|(claimed, _)| claimed.attempt >= self.attempts)
    }

    fn open<J: Job>(&mut self) -> Result<Vec<Part<J>>, String> {
        let parts = self.claimed.iter_mut().map(|(claimed, scope)| {
            let job = Envelope::open(std::mem::take(&mut claimed.body))?;
            Ok(Part { job, cause: scope.context() })
        });
        parts.collect()
    }

    pub async fn begin(&self) -> Result<Tx, JobError> {
        Ok(self.db.begin().await?)
    }

    /// Ends the run together with its effects: marks it done as the transaction's last statement, if it is still ours.
    pub async fn done(&self, mut tx: Tx) -> JobResult {
        let fences = self.fences();
        if ledger::finish(&mut tx, &fences).await? < fences.len() {
            return Err(JobError::Lost);
        }
        match tx.commit().await {
            Ok(()) => Ok(Done::committed()),
            Err(error) if domain::error::is_outage(&error) => self.settle_unknown_commit(error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Commits what the job has to know of itself when it comes again, before a call to the outside, and goes on. Only the
    /// holder may; where the answer to the commit is lost, the run ends and reads later what became of it.
    pub async fn checkpoint(&self, mut tx: Tx) -> Result<(), JobError> {
        let fences = self.fences();
        if ledger::hold(&mut tx, &fences).await? < fences.len() {
            return Err(JobError::Lost);
        }
        Ok(tx.commit().await?)
    }

    /// Ends the job without effects in the database; completed with others in one statement.
    pub fn done_without_effects(&self) -> JobResult {
        Ok(Done::without_effects())
    }

    fn fences(&self) -> Vec<Fence> {
        self.claimed.iter().map(|(claimed, _)| claimed.fence).collect()
    }

    /// The connection was lost after COMMIT was sent: only a row knows. Never treated as a failure before it was read.
    async fn settle_unknown_commit(&self, error: sqlx::Error) -> JobResult {
        loop {
            // All were one commit: the first answers for all.
            let fence = self.claimed[0].0.fence;
            let read = async { ledger::is_done(&mut *self.db.conn().await?, fence).await };
            match read.await {
                Ok(true) => return Ok(Done::committed()),
                Ok(false) => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
}
