use std::collections::BTreeSet;

use domain::bus::Signal;
use domain::error::Result;
use domain::ids::JobId;
use domain::{Tx, trace};
use serde_json::Value;
use time::OffsetDateTime;

use super::{Envelope, Job, Policy};

/// Channel on which a commit says that a queue has work; the payload is the queue's name.
pub const DOORBELL: &str = "jobs";

/// A job on its way into the ledger.
#[derive(Debug)]
pub struct NewJob {
    policy: Policy,
    body: Value,
    run_at: Option<OffsetDateTime>,
    unique_key: Option<String>,
    debounce_key: Option<String>,
    /// The running request's when absent.
    cause: Option<trace::Context>,
}

impl NewJob {
    pub fn of<J: Job>(job: &J) -> Self {
        Self {
            policy: J::POLICY,
            body: Envelope::seal(job),
            run_at: None,
            unique_key: job.unique_key(),
            debounce_key: job.debounce_key(),
            cause: None,
        }
    }

    /// Before its kind's others: somebody waits for this one.
    pub fn high(self) -> Self {
        Self { policy: self.policy.high(), ..self }
    }

    /// Once under this key, whatever the payload says; see [`Job::unique_key`].
    pub(crate) fn once(self, key: String) -> Self {
        Self { unique_key: Some(key), ..self }
    }

    /// Carries on this context, where one run works for several.
    pub fn caused_by(self, cause: trace::Context) -> Self {
        Self { cause: Some(cause), ..self }
    }

    /// Not before this time.
    pub fn at(self, run_at: OffsetDateTime) -> Self {
        Self { run_at: Some(run_at), ..self }
    }
}

/// Writes jobs into the ledger: one statement for any number without a debounce key, one for those with. A job whose key
/// is taken is dropped.
pub async fn enqueue(tx: &mut Tx, jobs: impl IntoIterator<Item = NewJob>) -> Result<()> {
    let (debounced, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.debounce_key.is_some());
    if !others.is_empty() {
        let rows = Columns::of(others);
        rows.announce(tx);
        sqlx::query!(
            "insert into jobs (id, kind, queue, priority, body, run_at, unique_key, limited, request_id, traceparent)
             select id, kind, queue, priority, body, coalesce(run_at, clock_timestamp()), unique_key, limited, request_id, traceparent
               from unnest($1::uuid[], $2::text[], $3::text[], $4::int2[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::bool[],
                           $9::text[], $10::text[])
                    as new (id, kind, queue, priority, body, run_at, unique_key, limited, request_id, traceparent)
             on conflict (unique_key) where unique_key is not null do nothing",
            &rows.ids,
            &rows.kinds,
            &rows.queues,
            &rows.priorities,
            &rows.bodies,
            &rows.run_ats as &[Option<OffsetDateTime>],
            &rows.keys as &[Option<String>],
            &rows.limited,
            &rows.request_ids as &[Option<String>],
            &rows.traceparents as &[Option<String>],
        )
        .execute(&mut **tx)
        .await?;
    }
    if !debounced.is_empty() {
        let rows = Columns::of(debounced);
        rows.announce(tx);
        // The waiting job is locked, not only met: it must not be claimed before this transaction's change is visible.
        sqlx::query!(
            "insert into jobs (id, kind, queue, priority, body, run_at, debounce_key, limited, request_id, traceparent)
             select distinct on (debounce_key) id, kind, queue, priority, body, coalesce(run_at, clock_timestamp()), debounce_key,
                    limited, request_id, traceparent
               from unnest($1::uuid[], $2::text[], $3::text[], $4::int2[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::bool[],
                           $9::text[], $10::text[])
                    as new (id, kind, queue, priority, body, run_at, debounce_key, limited, request_id, traceparent)
              order by debounce_key
             on conflict (debounce_key) where debounce_key is not null and state in ('waiting', 'dispatched')
             do update set run_at = jobs.run_at",
            &rows.ids,
            &rows.kinds,
            &rows.queues,
            &rows.priorities,
            &rows.bodies,
            &rows.run_ats as &[Option<OffsetDateTime>],
            &rows.keys as &[Option<String>],
            &rows.limited,
            &rows.request_ids as &[Option<String>],
            &rows.traceparents as &[Option<String>],
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Jobs as the columns of an `UNNEST`.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub ids: Vec<uuid::Uuid>,
    pub kinds: Vec<String>,
    pub queues: Vec<String>,
    pub priorities: Vec<i16>,
    pub bodies: Vec<Value>,
    pub run_ats: Vec<Option<OffsetDateTime>>,
    pub keys: Vec<Option<String>>,
    pub limited: Vec<bool>,
    pub request_ids: Vec<Option<String>>,
    pub traceparents: Vec<Option<String>>,
    due: BTreeSet<&'static str>,
}

impl Columns {
    pub fn of(jobs: impl IntoIterator<Item = NewJob>) -> Self {
        let mut columns = Self::default();
        let current = trace::current();
        for job in jobs {
            if job.run_at.is_none() {
                columns.due.insert(job.policy.queue.name());
            }
            columns.ids.push(JobId::new().0);
            columns.kinds.push(job.policy.kind.to_owned());
            columns.queues.push(job.policy.queue.name().to_owned());
            columns.priorities.push(job.policy.priority as i16);
            columns.bodies.push(job.body);
            columns.run_ats.push(job.run_at);
            columns.keys.push(job.unique_key.or(job.debounce_key));
            columns.limited.push(job.policy.at_most.is_some());
            let cause = job.cause.unwrap_or_else(|| current.clone());
            columns.request_ids.push(cause.request_id);
            columns.traceparents.push(cause.traceparent);
            metrics::counter!("jobs_enqueued_total", "kind" => job.policy.kind).increment(1);
        }
        columns
    }

    /// The doorbell of each queue that has work now: to be rung once they are committed.
    pub fn doorbells(&self) -> impl Iterator<Item = Signal> {
        self.due.iter().map(|queue| Signal { channel: DOORBELL.to_owned(), payload: (*queue).to_owned() })
    }

    fn announce(&self, tx: &mut Tx) {
        for Signal { channel, payload } in self.doorbells() {
            tx.announce(channel, payload);
        }
    }
}
