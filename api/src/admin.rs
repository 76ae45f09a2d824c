//! What admins decide and watch.

use domain::account_decisions::{self, Decision};
use domain::ids::{JobId, UserId};
use domain::users;
use jobs::effects;
use jobs::ledger::{self, JobRow};
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
use crate::wire::{self, ComplianceStatus, Role, Status, Text, mirror};

#[derive(Debug)]
pub struct AdminApi;

mirror! {
    JobState = jobs::ledger::JobState { Waiting, Dispatched, Running, Done, Dead, Cancelled }
}

/// An account, as admins see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct AccountView {
    id: Uuid,
    #[oai(validator(max_length = 254))]
    email: String,
    role: Role,
    status: Status,
    created_at: OffsetDateTime,
}

impl From<users::User> for AccountView {
    fn from(user: users::User) -> Self {
        Self {
            id: user.id.0,
            email: user.email,
            role: user.role.into(),
            status: user.status.into(),
            created_at: user.created_at,
        }
    }
}

/// A talent's compliance, decided by hand.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ComplianceDecision {
    status: ComplianceStatus,
    /// Why; for the record.
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Option<Text>,
}

/// Why an account is suspended, banned or unbanned; the person reads it.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct AccountDecision {
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
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
impl AdminApi {
    /// Verify an account
    #[oai(path = "/users/:id/validate", method = "patch", operation_id = "validateUser")]
    async fn validate_user(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<AccountView>> {
        let mut tx = app.db.begin().await?;
        let user = users::validate(&mut tx, UserId(id.0)).await?;
        tx.commit().await?;
        Ok(Json(user.into()))
    }

    /// Suspend an account
    #[oai(path = "/users/:id/suspend", method = "patch", operation_id = "suspendUser")]
    async fn suspend_user(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<AccountDecision>,
    ) -> ApiResult<Json<AccountView>> {
        decide(&app, &caller, id.0, Decision::Suspend, body.0).await
    }

    /// Ban an account
    #[oai(path = "/users/:id/ban", method = "patch", operation_id = "banUser")]
    async fn ban_user(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<AccountDecision>,
    ) -> ApiResult<Json<AccountView>> {
        decide(&app, &caller, id.0, Decision::Ban, body.0).await
    }

    /// Lift a ban; the account stays suspended
    #[oai(path = "/users/:id/unban", method = "patch", operation_id = "unbanUser")]
    async fn unban_user(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<AccountDecision>,
    ) -> ApiResult<Json<AccountView>> {
        decide(&app, &caller, id.0, Decision::Unban, body.0).await
    }

    /// Set a talent's compliance
    #[oai(path = "/users/:id/compliance", method = "patch", operation_id = "setCompliance")]
    async fn set_compliance(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<ComplianceDecision>,
    ) -> ApiResult<Json<AccountView>> {
        let mut tx = app.db.begin().await?;
        let user = users::set_compliance(&mut tx, UserId(id.0), body.0.status.into()).await?;
        tx.commit().await?;
        Ok(Json(user.into()))
    }

    /// List jobs
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

    /// Start a dead job anew
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

    /// Watch the queues
    #[oai(path = "/queues", method = "get", operation_id = "listQueues")]
    async fn list_queues(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
    ) -> ApiResult<Json<QueueList>> {
        let names = queues::ALL.map(|queue| queue.name());
        let items =
            ledger::queues(&mut *app.db.conn().await?, &names).await?.into_iter().map(|row| QueueView {
                name: row.queue,
                depth: row.depth,
                running: row.running,
                dead: row.dead,
                oldest_due_at: row.oldest_due_at,
                paused: row.paused,
            });
        Ok(Json(QueueList { items: items.collect(), next_cursor: None }))
    }
}

async fn decide(
    app: &App,
    admin: &Auth<AdminOnly>,
    id: Uuid,
    decision: Decision,
    body: AccountDecision,
) -> ApiResult<Json<AccountView>> {
    if body.reason.as_ref().trim().is_empty() {
        return Err(ApiError::invalid("reason", "must say something"));
    }
    let (user, now) = (UserId(id), app.clock.now());
    let mut tx = app.db.begin().await?;
    let account =
        account_decisions::decide(&mut tx, user, admin.0.user, decision, body.reason.as_ref(), now).await?;
    effects::account_decided(&mut tx, user).await?;
    tx.commit().await?;
    Ok(Json(account.into()))
}
