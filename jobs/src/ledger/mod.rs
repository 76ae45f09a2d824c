//! The job ledger: what has to be done, in PostgreSQL, written by the transaction that causes it.
//!
//! `waiting → dispatched → running → done | dead | cancelled`, and back to `waiting` with a later `run_at` for retry,
//! delay and give-back. Redis holds copies of ids and may lose them at any time; this table may not.
//!
//! Nothing here names a noun of the product: with `workers::engine` and what both use of `domain` (`bus`, `clock`, `db`, `error`, `ids`,
//! `page`, `paris`, `trace`) it could be lifted out as a library.

mod admin;
mod cron;
mod dispatch;
mod enqueue;
mod prune;
mod run;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use admin::{
    JobRow, JobState, KindRow, QueueRow, cancel, cancel_by_key, discard, find, kinds, list, oldest_due,
    pause, queues, resume, retry_dead,
};
pub use cron::{Cron, Every, offer};
pub use dispatch::{Limit, Ticket, choose, mark_pushed, overdue};
pub(crate) use enqueue::Columns;
pub use enqueue::{DOORBELL, NewJob, enqueue};
pub use prune::prune;
pub use run::{
    Claimed, Covered, Fence, Setback, Swept, Verdict, beat, claim, finish, give_back, held, hold, is_done,
    register, retire, settle, sweep,
};

/// Name of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue(&'static str);

impl Queue {
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    pub const fn name(self) -> &'static str {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    High = 0,
    Normal = 1,
    Low = 2,
}

/// How a kind of job is run. Times are per attempt.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Kebab-case, imperative; part of the wire contract.
    pub kind: &'static str,
    pub queue: Queue,
    pub priority: Priority,
    /// Starts before the job is dead.
    pub attempts: i32,
    pub timeout: Duration,
    /// How many of this kind run at once, over all workers; any number without one.
    pub at_most: Option<u16>,
}

impl Policy {
    pub const fn new(kind: &'static str, queue: Queue) -> Self {
        Self {
            kind,
            queue,
            priority: Priority::Normal,
            attempts: 20,
            timeout: Duration::from_secs(30),
            at_most: None,
        }
    }

    pub const fn high(self) -> Self {
        Self { priority: Priority::High, ..self }
    }

    pub const fn low(self) -> Self {
        Self { priority: Priority::Low, ..self }
    }

    pub const fn attempts(self, attempts: i32) -> Self {
        Self { attempts, ..self }
    }

    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub const fn at_most(self, jobs: u16) -> Self {
        Self { at_most: Some(jobs), ..self }
    }
}

/// A payload: ids and what cannot be looked up again. It is wire format and outlives the deploy.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    const POLICY: Policy;
    /// Raised when the payload's meaning changes; [`Job::upgrade`] then reads the older ones.
    const VERSION: u16 = 1;

    /// Enqueued at most once until its row is pruned.
    fn unique_key(&self) -> Option<String> {
        None
    }

    /// At most one that nobody has claimed yet.
    fn debounce_key(&self) -> Option<String> {
        None
    }

    /// Turns the body of an older version into this one's.
    fn upgrade(version: u16, body: Value) -> Result<Value, String> {
        match version == Self::VERSION {
            true => Ok(body),
            false => {
                Err(format!("{} is read at version {}, not {version}", Self::POLICY.kind, Self::VERSION))
            }
        }
    }
}

/// The envelope `{version, job}` that a body is stored in.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Envelope {
    version: u16,
    job: Value,
}

impl Envelope {
    pub fn seal<J: Job>(job: &J) -> Value {
        serde_json::json!({ "version": J::VERSION, "job": job })
    }

    /// A body that cannot be read is a value, not a panic: the job dies with its cause, and no other is harmed.
    pub fn open<J: Job>(body: Value) -> Result<J, String> {
        let envelope: Self = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let job = J::upgrade(envelope.version, envelope.job)?;
        serde_json::from_value(job).map_err(|error| error.to_string())
    }
}
