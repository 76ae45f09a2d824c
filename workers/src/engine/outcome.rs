//! How a run ends: what a handler may say, and what is written for it.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apalis_core::task::data::Data;
use domain::{Db, trace};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jobs::Policy;
use jobs::ledger::{self, Claimed, Fence, JobState, Setback, Verdict};
use rand::RngExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::Shared;
use super::handler::{Entry, GRACE, Handler};
use super::lane::Held;

pub type JobResult = Result<Done, JobError>;

/// Proof that a run was ended; only `Run` makes one.
#[derive(Clone, Copy, Debug)]
#[must_use = "a handler returns it"]
pub struct Done {
    committed: bool,
}

impl Done {
    pub(super) fn committed() -> Self {
        Self { committed: true }
    }

    pub(super) fn without_effects() -> Self {
        Self { committed: false }
    }
}

/// Why a run did not end in `Done`. `?` on most errors means "again later"; the rest is said.
#[derive(Debug)]
pub enum JobError {
    /// Again, after the usual back-off.
    Retry(String),
    /// Again, after this long.
    RetryIn(Duration, String),
    /// Dead at once: no repetition can help.
    GiveUp(String),
    /// Not wanted any more; the end of it.
    Cancel(String),
    /// The database is away: again soon, and the start does not count.
    Outage(String),
    /// Somebody whom every job of the kind needs is away: again after this long, and the start does not count.
    OutageIn(Duration, String),
    /// The job was taken away meanwhile; its new holder answers for it.
    Lost,
}

impl From<domain::Error> for JobError {
    fn from(error: domain::Error) -> Self {
        match error.is_outage() {
            true => Self::Outage(error.to_string()),
            false => Self::Retry(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        domain::Error::from(error).into()
    }
}

/// What this process runs, by token: so that a run is dropped whose job was cancelled or taken away.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashMap<Uuid, CancellationToken>>);

impl Running {
    fn runs(&self) -> MutexGuard<'_, HashMap<Uuid, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, token: Uuid) -> CancellationToken {
        self.runs().entry(token).or_default().clone()
    }

    fn leave(&self, token: Uuid) {
        self.runs().remove(&token);
    }

    pub(super) fn tokens(&self) -> Vec<Uuid> {
        self.runs().keys().copied().collect()
    }

    /// Drops those of the runs seen before the ledger was asked that the ledger does not know.
    pub(super) fn drop_lost(&self, seen: &[Uuid], held: &[Uuid]) {
        let held: HashSet<_> = held.iter().collect();
        let runs = self.runs();
        for lost in seen.iter().filter(|token| !held.contains(token)).filter_map(|token| runs.get(token)) {
            lost.cancel();
        }
    }
}

/// A shared run takes its time from the grace by which jobs are covered beyond their time-out, so that each still has the whole of
/// it alone.
const TOGETHER: Duration = Duration::from_secs(GRACE.as_secs() / 2);

/// Runs what was claimed. Jobs that share a run are done together or, whatever went wrong, each alone: one bad job costs its
/// neighbours nothing.
pub(super) async fn execute<C: Clone + Send + Sync + 'static>(mut held: Held, shared: Data<Arc<Shared<C>>>) {
    let Some(Entry { policy, handler, .. }) = shared.handlers.get(&held.claimed[0].kind).cloned() else {
        return;
    };
    if let [_] = held.claimed[..] {
        return run_alone(held, policy, &handler, &shared).await;
    }
    let jobs = held.claimed.len();
    let together = guarded(&handler, &shared, scopes(policy, &held), TOGETHER);
    let result = tokio::select! {
        result = together.instrument(tracing::info_span!("jobs", kind = policy.kind, jobs)) => result,
        // Dropped unfinished: the guard in `held` gives the jobs back.
        () = shared.abort.cancelled() => return,
    };
    match result {
        Ok(done) => {
            for job in &held.claimed {
                record(&shared, policy, job.fence, job.attempt, Ok(done));
            }
            held.settle();
            make_room(&shared, policy);
        }
        Err(error) => {
            tracing::warn!(?error, jobs, kind = policy.kind, "jobs that shared a run run alone now");
            join_all(held.split().into_iter().map(|held| run_alone(held, policy, &handler, &shared))).await;
        }
    }
}

/// A limited kind has room for another one.
fn make_room<C>(shared: &Shared<C>, policy: Policy) {
    if policy.at_most.is_some() {
        shared.lists.ring_relay(policy.queue);
    }
}

/// Runs one job, unless it is taken away or this process ends meanwhile.
async fn run_alone<C: Clone + Send + Sync + 'static>(
    mut held: Held,
    policy: Policy,
    handler: &Handler<C>,
    shared: &Arc<Shared<C>>,
) {
    let (fence, attempt) = (held.claimed[0].fence, held.claimed[0].attempt);
    let taken_away = shared.running.enter(fence.token);
    let jobs = scopes(policy, &held);
    let scope = jobs[0].1.clone();
    let finished = async {
        let result = guarded(handler, shared, jobs, policy.timeout).await;
        record(shared, policy, fence, attempt, result);
    };
    tokio::select! {
        () = scope.run(finished) => held.settle(),
        // Dropped unfinished: the guard in `held` gives the job back.
        () = shared.abort.cancelled() => {}
        // Not ours any more: there is nothing to give back.
        () = taken_away.cancelled() => {
            tracing::info!(kind = policy.kind, id = %fence.id, "run dropped: the job was cancelled or taken away");
            count(policy, "dropped");
            held.settle();
        }
    }
    shared.running.leave(fence.token);
    make_room(shared, policy);
}

/// The jobs of a run, each with the scope that it works in.
fn scopes(policy: Policy, held: &Held) -> Vec<(Claimed, trace::Scope)> {
    let scope = |job: &Claimed| {
        let span = tracing::info_span!("job", kind = policy.kind, id = %job.fence.id, attempt = job.attempt, request_id = job.request_id);
        let context =
            trace::Context { request_id: job.request_id.clone(), traceparent: job.traceparent.clone() };
        (job.clone(), trace::Scope::new(context, span))
    };
    held.claimed.iter().map(scope).collect()
}

/// The handler between its guards against time-out and panic, measured.
async fn guarded<C: Clone + Send + Sync + 'static>(
    handler: &Handler<C>,
    shared: &Arc<Shared<C>>,
    jobs: Vec<(Claimed, trace::Scope)>,
    limit: Duration,
) -> JobResult {
    let kind = jobs[0].0.kind.clone();
    let (now, started) = (shared.clock.now(), Instant::now());
    let waits = metrics::histogram!("job_wait_seconds", "kind" => kind.clone());
    for (job, _) in &jobs {
        waits.record((now - job.run_at).as_seconds_f64().max(0.0));
    }
    let guarded = AssertUnwindSafe(async { handler(shared.handlers.begin(shared.db.clone(), jobs)).await });
    let result = match tokio::time::timeout(limit, guarded.catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(JobError::Retry(format!("panic: {}", panic_message(&*panic)))),
        Err(_) => Err(JobError::Retry(format!("timed out after {limit:?}"))),
    };
    metrics::histogram!("job_duration_seconds", "kind" => kind).record(started.elapsed().as_secs_f64());
    result
}

/// `jobs_finished_total`: how runs ended.
fn count(policy: Policy, outcome: &'static str) {
    tracing::debug!(outcome, "run ended");
    metrics::counter!("jobs_finished_total", "kind" => policy.kind, "outcome" => outcome).increment(1);
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown")
}

/// Says how a run ended to those who write it, so that no run waits for a connection with nothing left to do.
fn record<C>(shared: &Shared<C>, policy: Policy, fence: Fence, attempt: i32, result: JobResult) {
    let setback = |error, costs_attempt, delay| Setback { error, costs_attempt, delay };
    let exhausted = attempt >= policy.attempts;
    let verdict = match result {
        Ok(Done { committed: true }) => return count(policy, "done"),
        Err(JobError::Lost) => return count(policy, "lost"),
        Ok(Done { committed: false }) => {
            count(policy, "done");
            // The receiver lives until every run has ended.
            let _ = shared.completions.send(fence);
            return;
        }
        Err(JobError::GiveUp(error)) => Verdict::Abandon(JobState::Dead, error),
        Err(JobError::Cancel(reason)) => Verdict::Abandon(JobState::Cancelled, reason),
        Err(JobError::Outage(error)) => Verdict::Postpone(setback(error, false, backoff(1))),
        Err(JobError::OutageIn(delay, error)) => {
            Verdict::Postpone(setback(error, false, delay.try_into().unwrap_or(time::Duration::HOUR)))
        }
        Err(JobError::Retry(error) | JobError::RetryIn(_, error)) if exhausted => {
            Verdict::Abandon(JobState::Dead, error)
        }
        Err(JobError::Retry(error)) => Verdict::Postpone(setback(error, true, backoff(attempt))),
        Err(JobError::RetryIn(delay, error)) => {
            Verdict::Postpone(setback(error, true, delay.try_into().unwrap_or(time::Duration::HOUR)))
        }
    };
    match &verdict {
        Verdict::Postpone(setback) => {
            tracing::warn!(error = setback.error, delay = %setback.delay, "job postponed");
            count(policy, if setback.costs_attempt { "retried" } else { "outage" });
        }
        Verdict::Abandon(JobState::Dead, cause) => {
            tracing::error!(cause, "job dead");
            count(policy, "dead");
        }
        Verdict::Abandon(_, cause) => {
            tracing::info!(cause, "job cancelled");
            count(policy, "cancelled");
        }
    }
    let _ = shared.verdicts.send((fence, verdict));
}

fn jitter(most_ms: u64) -> time::Duration {
    time::Duration::milliseconds(rand::rng().random_range(0..=most_ms) as i64)
}

/// 1 s × 2ⁿ up to an hour, with full jitter: a random share of it, so that failures of one moment do not return as one.
fn backoff(attempt: i32) -> time::Duration {
    const CAP: u64 = 3_600_000;
    let ceiling = 1000_u64.checked_shl(attempt.clamp(1, 30) as u32 - 1).map_or(CAP, |ms| ms.min(CAP));
    jitter(ceiling)
}

pub(super) type Completions = mpsc::UnboundedSender<Fence>;
pub(super) type Verdicts = mpsc::UnboundedSender<(Fence, Verdict)>;

/// Most outcomes in one statement.
const BATCH: usize = 500;
/// A stopping process does not wait for a ledger that stays away: what it leaves running is swept.
const LAST_TRIES: usize = 3;

/// Waits out an outage of the ledger; false once it has lasted too long for a process that is stopping.
async fn again(
    error: sqlx::Error,
    waiting: usize,
    last_tries: &mut usize,
    abort: &CancellationToken,
) -> bool {
    if abort.is_cancelled() {
        *last_tries += 1;
    }
    let patient = *last_tries < LAST_TRIES;
    tracing::warn!(%error, waiting, patient, "the ledger is away; outcomes wait");
    if patient {
        tokio::time::sleep(Duration::from_millis(250) + jitter(500).unsigned_abs()).await;
    }
    patient
}

/// Completes jobs without effects in the database, many in one statement. Durable: behind some of them a mail has been sent.
pub(super) async fn complete(
    db: Db,
    mut completed: mpsc::UnboundedReceiver<Fence>,
    abort: CancellationToken,
) {
    let (mut batch, mut last_tries) = (Vec::new(), 0);
    while completed.recv_many(&mut batch, BATCH).await > 0 {
        while let Err(error) = async { ledger::finish(&mut *db.conn().await?, &batch).await }.await {
            if !again(error, batch.len(), &mut last_tries, &abort).await {
                return;
            }
        }
        batch.clear();
    }
}

/// Writes what became of all other runs, many in one statement and as often as it takes: as long as this process beats,
/// nobody else would. Durable, unlike claims: an outcome that was told must not be forgotten.
pub(super) async fn settle(
    db: Db,
    mut verdicts: mpsc::UnboundedReceiver<(Fence, Verdict)>,
    abort: CancellationToken,
) {
    let (mut batch, mut last_tries) = (Vec::new(), 0);
    loop {
        if batch.is_empty() {
            if verdicts.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
        } else {
            while batch.len() < BATCH
                && let Ok(one_more) = verdicts.try_recv()
            {
                batch.push(one_more);
            }
        }
        match async { ledger::settle(&mut *db.conn().await?, &batch).await }.await {
            Ok(locked) if locked.is_empty() => batch.clear(),
            Ok(locked) => {
                batch.retain(|(fence, _)| locked.contains(&fence.token));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                if !again(error, batch.len(), &mut last_tries, &abort).await {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn back_off_grows_to_an_hour_and_never_beyond() {
        for attempt in 1..100 {
            for _ in 0..50 {
                let delay = backoff(attempt);
                assert!(delay >= time::Duration::ZERO && delay <= time::Duration::HOUR);
                assert!(attempt > 1 || delay <= time::Duration::SECOND);
            }
        }
    }
}
