use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::{Db, Tx};
use jobs::ledger::{self, Claimed, Covered, Envelope, Fence, Limit, Queue};
use jobs::{Job, Policy};

use super::outcome::{Done, JobError, JobResult};

/// A run past its time-out is dropped; past this much more, its worker's beat no longer covers it.
const GRACE: Duration = Duration::from_secs(10);

type Handler<C> = Arc<dyn Fn(Run<C>) -> Pin<Box<dyn Future<Output = JobResult> + Send>> + Send + Sync>;

/// The handlers of a process, by kind. What is not here is not claimed.
#[derive(Clone)]
pub struct Handlers<C> {
    context: C,
    by_kind: HashMap<&'static str, (Policy, Handler<C>)>,
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
    pub fn on<J, F, R>(mut self, handler: F) -> Self
    where
        J: Job,
        F: Fn(J, Run<C>) -> R + Send + Sync + 'static,
        R: Future<Output = JobResult> + Send + 'static,
    {
        let handler: Handler<C> =
            Arc::new(move |mut run| match Envelope::open::<J>(std::mem::take(&mut run.claimed.body)) {
                Ok(job) => Box::pin(handler(job, run)),
                Err(error) => {
                    Box::pin(async move { Err(JobError::GiveUp(format!("unreadable body: {error}"))) })
                }
            });
        self.by_kind.insert(J::POLICY.kind, (J::POLICY, handler));
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
        self.by_kind.values().map(|(policy, _)| covered(policy)).collect()
    }

    /// Of the kinds of a queue, those of which only so many may run at once.
    pub(super) fn limits(&self, queue: Queue) -> Vec<Limit> {
        let policies = self.by_kind.values().map(|(policy, _)| policy).filter(|policy| policy.queue == queue);
        policies.filter_map(|policy| Some(Limit { kind: policy.kind, at_most: policy.at_most? })).collect()
    }

    pub(super) fn get(&self, kind: &str) -> Option<(Policy, Handler<C>)> {
        self.by_kind.get(kind).cloned()
    }

    pub(super) fn run(&self, db: Db, claimed: Claimed) -> Run<C>
    where
        C: Clone,
    {
        Run { app: self.context.clone(), db, claimed }
    }
}

/// One run of a job, in the hands of its handler.
///
/// Effects go into a transaction from [`begin`](Self::begin) and count only through [`done`](Self::done), which fences and
/// commits them. No transaction may be open during a call to the outside.
#[derive(Debug)]
pub struct Run<C> {
    pub app: C,
    db: Db,
    claimed: Claimed,
}

impl<C> Run<C> {
    /// The same in every run of this job: mail and push derive their keys from it.
    pub fn id(&self) -> domain::ids::JobId {
        self.claimed.fence.id
    }

    pub async fn begin(&self) -> Result<Tx, JobError> {
        Ok(self.db.begin().await?)
    }

    /// Ends the job together with its effects: marks it done as the transaction's last statement, if it is still ours.
    pub async fn done(&self, mut tx: Tx) -> JobResult {
        if !ledger::finish(&mut tx, self.fence()).await? {
            return Err(JobError::Lost);
        }
        match tx.commit().await {
            Ok(()) => Ok(Done::committed()),
            Err(error) if domain::error::is_outage(&error) => self.settle_unknown_commit(error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the job without effects in the database; completed with others in one statement.
    pub fn done_without_effects(&self) -> JobResult {
        Ok(Done::without_effects())
    }

    fn fence(&self) -> Fence {
        self.claimed.fence
    }

    /// The connection was lost after COMMIT was sent: only the row knows. Never treated as a failure before it was read.
    async fn settle_unknown_commit(&self, error: sqlx::Error) -> JobResult {
        loop {
            let read = async { ledger::is_done(&mut *self.db.conn().await?, self.fence()).await };
            match read.await {
                Ok(true) => return Ok(Done::committed()),
                Ok(false) => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
}
