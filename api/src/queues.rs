//! The job ledger and its queues, as operators see them.

use domain::ids::JobId;
use jobs::ledger::{self, JobRow, Queue, QueueRow};
use jobs::queues;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct QueuesApi;

mirror! {
    JobState = jobs::ledger::JobState { Waiting, Dispatched, Running, Done, Dead, Cancelled }
}

/// A failed run of a job.
#[derive(Debug, Object)]
struct Cause {
    /// When.
    at: OffsetDateTime,
    /// Which start.
    attempt: i32,
    #[oai(validator(max_length = 10000))]
    error: String,
}

/// A job of the ledger.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct JobView {
    id: Uuid,
    #[oai(validator(max_length = 60))]
    kind: String,
    #[oai(validator(max_length = 60))]
    queue: String,
    state: JobState,
    /// 0 high, 1 normal, 2 low.
    priority: i16,
    run_at: OffsetDateTime,
    /// Starts that count.
    attempt: i32,
    /// Workers that died while they held it.
    crashes: i32,
    /// The payload as JSON: ids, and what cannot be looked up.
    #[oai(validator(max_length = 100000))]
    body: String,
    #[oai(validator(max_items = 100))]
    causes: Vec<Cause>,
    /// Of the request that set it off.
    #[oai(validator(max_length = 128))]
    request_id: Option<String>,
    created_at: OffsetDateTime,
    finished_at: Option<OffsetDateTime>,
}

impl From<JobRow> for JobView {
    fn from(job: JobRow) -> Self {
        #[derive(serde::Deserialize)]
        struct Stored {
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
            attempt: i32,
            error: String,
        }
        let causes: Vec<Stored> = serde_json::from_value(job.causes).unwrap_or_default();
        Self {
            id: job.id.0,
            kind: job.kind,
            queue: job.queue,
            state: job.state.into(),
            priority: job.priority,
            run_at: job.run_at,
            attempt: job.attempt,
            crashes: job.crashes,
            body: job.body.to_string(),
            causes: causes
                .into_iter()
                .map(|c| Cause { at: c.at, attempt: c.attempt, error: c.error })
                .collect(),
            request_id: job.request_id,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// A page of jobs, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct JobPage {
    #[oai(validator(max_items = 100))]
    items: Vec<JobView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// How a queue does.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct QueueView {
    #[oai(validator(max_length = 60))]
    name: String,
    /// Jobs that are due or delayed.
    depth: i64,
    running: i64,
    /// Jobs that gave up and wait for an admin.
    dead: i64,
    /// When the oldest due job became due.
    oldest_due_at: Option<OffsetDateTime>,
    paused: bool,
}

impl From<QueueRow> for QueueView {
    fn from(row: QueueRow) -> Self {
        Self {
            name: row.queue,
            depth: row.depth,
            running: row.running,
            dead: row.dead,
            oldest_due_at: row.oldest_due_at,
            paused: row.paused,
        }
    }
}

/// Every queue.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct QueueList {
    #[oai(validator(max_items = 20))]
    items: Vec<QueueView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl QueuesApi {
    /// List jobs
    ///
    /// Newest first, filtered by state or kind; a body holds ids, and what cannot be looked up.
    #[oai(path = "/jobs", method = "get", operation_id = "listJobs")]
    async fn list_jobs(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        state: Query<Option<JobState>>,
        #[oai(validator(max_length = 60))] kind: Query<Option<Text>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<JobPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) =
            ledger::list(&mut conn, state.0.map(Into::into), kind.0.as_ref().map(AsRef::as_ref), page)
                .await?;
        Ok(Json(JobPage {
            items: items.into_iter().map(Into::into).collect(),
            next_cursor: wire::next(next),
        }))
    }

    /// Read a job
    ///
    /// With every failure so far and the id of the request that asked for it.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "getJob")]
    async fn get_job(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<JobView>> {
        let job = ledger::find(&mut *app.db.conn().await?, JobId(id.0)).await?;
        job.map(|job| Json(job.into())).ok_or(ApiError::NotFound { what: "job" })
    }

    /// Start a dead job anew
    ///
    /// It waits again, with its attempts counted from zero; 409 unless it is dead.
    #[oai(path = "/jobs/:id/retry", method = "post", operation_id = "retryJob")]
    async fn retry_job(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<JobView>> {
        let mut tx = app.db.begin().await?;
        let job = ledger::retry_dead(&mut tx, JobId(id.0)).await?;
        tx.commit().await?;
        Ok(Json(job.into()))
    }

    /// Cancel a job
    ///
    /// One that waits ends at once; one that runs is refused at its end and dropped within a second. What it did outside the
    /// database, such as a mail, may have happened.
    #[oai(path = "/jobs/:id/cancel", method = "post", operation_id = "cancelJob")]
    async fn cancel_job(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<JobView>> {
        let mut tx = app.db.begin().await?;
        let cause = format!("cancelled by admin {}", caller.0.user);
        let job = ledger::cancel(&mut tx, JobId(id.0), &cause).await?;
        tx.commit().await?;
        Ok(Json(job.into()))
    }

    /// Give a dead job up
    ///
    /// It stays in the list as cancelled and never runs again; 409 unless it is dead.
    #[oai(path = "/jobs/:id/discard", method = "post", operation_id = "discardJob")]
    async fn discard_job(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<JobView>> {
        let mut tx = app.db.begin().await?;
        let job = ledger::discard(&mut tx, JobId(id.0)).await?;
        tx.commit().await?;
        Ok(Json(job.into()))
    }

    /// Watch the queues
    ///
    /// Depth, running, dead and the age of the oldest job that is due, per queue, at this moment.
    #[oai(path = "/queues", method = "get", operation_id = "listQueues")]
    async fn list_queues(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
    ) -> ApiResult<Json<QueueList>> {
        let names = queues::ALL.map(|queue| queue.name());
        let items =
            ledger::queues(&mut *app.db.conn().await?, &names).await?.into_iter().map(Into::into).collect();
        Ok(Json(QueueList { items, next_cursor: None }))
    }

    /// Pause a queue
    ///
    /// Nothing of it starts any more; what runs, finishes, and what is asked for waits.
    #[oai(path = "/queues/:name/pause", method = "post", operation_id = "pauseQueue")]
    async fn pause_queue(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        /// `critical`, `default`, `bulk` or `media`.
        #[oai(validator(max_length = 60))]
        name: Path<Text>,
    ) -> ApiResult<Json<QueueView>> {
        let queue = known(&name.0)?;
        let mut tx = app.db.begin().await?;
        ledger::pause(&mut tx, queue.name()).await?;
        let view = view_of(&mut tx, queue).await?;
        tx.commit().await?;
        Ok(Json(view))
    }

    /// Resume a queue
    ///
    /// What waited starts in order; harmless when the queue is not paused.
    #[oai(path = "/queues/:name/resume", method = "post", operation_id = "resumeQueue")]
    async fn resume_queue(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        /// `critical`, `default`, `bulk` or `media`.
        #[oai(validator(max_length = 60))]
        name: Path<Text>,
    ) -> ApiResult<Json<QueueView>> {
        let queue = known(&name.0)?;
        let mut tx = app.db.begin().await?;
        ledger::resume(&mut tx, queue.name()).await?;
        let view = view_of(&mut tx, queue).await?;
        tx.commit().await?;
        Ok(Json(view))
    }
}

fn known(name: &Text) -> ApiResult<Queue> {
    let queue = queues::ALL.into_iter().find(|queue| queue.name() == name.as_ref());
    queue.ok_or(ApiError::NotFound { what: "queue" })
}

async fn view_of(conn: &mut sqlx::PgConnection, queue: Queue) -> ApiResult<QueueView> {
    let row =
        ledger::queues(conn, &[queue.name()]).await?.pop().ok_or(ApiError::NotFound { what: "queue" })?;
    Ok(row.into())
}
