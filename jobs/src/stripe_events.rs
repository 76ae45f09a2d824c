//! The rows of Stripe's events: in together with the jobs that act on them, and out once nobody needs them any more.

use domain::error::Result;
use domain::payments::events::StripeEvent;
use domain::{Db, trace};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::effects;
use crate::ledger::Columns;

/// An event that came, and the request that brought it.
#[derive(Debug)]
pub struct Arrival {
    event: StripeEvent,
    cause: trace::Context,
}

impl Arrival {
    pub fn of(event: StripeEvent) -> Self {
        Self { event: event.to_keep(), cause: trace::current() }
    }
}

/// Stores events, each once by its id, with the job that acts on it: one statement, and so both or neither without a transaction
/// around it, which would be three more round trips for each webhook. It has been committed when this returns.
pub async fn take_in(db: &Db, arrivals: &[&Arrival], replayed: bool, now: OffsetDateTime) -> Result<()> {
    let mut events: Vec<_> = arrivals.iter().map(|arrival| &arrival.event).collect();
    // Of two processes that are told the same at once, neither holds what the other waits for.
    events.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let (ids, kinds): (Vec<_>, Vec<_>) =
        events.iter().map(|event| (event.id.clone(), event.kind.clone())).unzip();
    let created: Vec<_> = events.iter().map(|event| event.created_at()).collect();
    let payloads: Vec<_> = events.into_iter().map(Json).collect();
    let jobs = arrivals.iter().filter_map(|Arrival { event, cause }| {
        let job = effects::payments::event_taken_in(event)?;
        Some((event.id.clone(), job.caused_by(cause.clone())))
    });
    let (acted_on, jobs): (Vec<_>, Vec<_>) = jobs.unzip();
    let jobs = Columns::of(jobs);
    sqlx::query!(
        "with event as (
             insert into stripe_events (id, type, created_at, payload, received_at, replayed)
             select id, type, created_at, payload, $5, $6
               from unnest($1::text[], $2::text[], $3::timestamptz[], $4::jsonb[]) as new (id, type, created_at, payload)
             on conflict (id) do nothing returning id
         )
         insert into jobs (id, kind, queue, priority, body, run_at, unique_key, limited, request_id, traceparent)
         select job.id, kind, queue, priority, body, clock_timestamp(), unique_key, limited, request_id, traceparent
           from event
           join unnest($7::text[], $8::uuid[], $9::text[], $10::text[], $11::int2[], $12::jsonb[], $13::text[], $14::bool[], $15::text[],
                       $16::text[])
                as job (event_id, id, kind, queue, priority, body, unique_key, limited, request_id, traceparent)
             on job.event_id = event.id
         on conflict (unique_key) where unique_key is not null do nothing",
        &ids,
        &kinds,
        &created,
        &payloads as &[Json<&StripeEvent>],
        now,
        replayed,
        &acted_on,
        &jobs.ids,
        &jobs.kinds,
        &jobs.queues,
        &jobs.priorities,
        &jobs.bodies,
        &jobs.keys as &[Option<String>],
        &jobs.limited,
        &jobs.request_ids as &[Option<String>],
        &jobs.traceparents as &[Option<String>],
    )
    .execute(&mut *db.conn().await?)
    .await?;
    for doorbell in jobs.doorbells() {
        db.bus().send(doorbell);
    }
    Ok(())
}

/// Deletes events of before a time, at most `limit`; returns how many. One whose job has not ended stays, and so does what was said of
/// a payment that is not settled.
pub async fn purge(conn: &mut PgConnection, before: OffsetDateTime, limit: i64) -> Result<u64> {
    let deleted = sqlx::query!(
        "delete from stripe_events where id in (
             select e.id from stripe_events e
              where e.created_at < $1
                and not exists (select from jobs j where j.unique_key in ('settle-payment:' || e.id, 'sync-connect:' || e.id)
                                                     and j.state not in ('done', 'cancelled'))
                and not exists (select from payments p
                                 where p.settled_at is null and p.status <> 'CANCELLED'
                                   and p.intent_id in (e.payload #>> '{data,object,id}', e.payload #>> '{data,object,payment_intent}'))
              limit $2)",
        before,
        limit,
    );
    Ok(deleted.execute(conn).await?.rows_affected())
}
