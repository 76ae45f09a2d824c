//! A mission while it takes place: started, reported, its report accepted or contested. What is told beforehand, and what can be seen
//! of it, have files of their own.

pub mod instructions;
pub mod overview;

use domain::documents::{self, DocumentKind};
use domain::ids::{AssignmentId, MissionId};
use domain::missions::{self, Sight};
use domain::paper;
use domain::reports::{self, NewReport, Report};
use jobs::effects;
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::contracts::origin;
use crate::downloads::{self, PdfFile};
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth, Buyer, VerifiedClient, VerifiedTalent};
use crate::missions::MissionView;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct HubApi;

mirror! {
    /// CONTESTED waits for an admin.
    ReportStatus = domain::reports::ReportStatus { Submitted, Contested, Validated }
    /// Who accepted a report: the client's side, the time that it let pass, or an admin who decided a dispute.
    ReportJudge = domain::reports::Judge { Client, Time, Admin }
}

/// What a talent says of its work.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ReportRequest {
    /// What was done. No patient or resident may be named.
    #[oai(validator(min_length = 10, max_length = 4000))]
    content: Text,
    /// What went wrong; admins read it too. Absent when nothing did.
    #[oai(validator(min_length = 1, max_length = 2000))]
    incidents: Option<Text>,
    /// Minutes of work; not more than have passed since the mission could be started.
    #[oai(validator(minimum(value = "1"), maximum(value = "1440")))]
    minutes_worked: i32,
}

/// Which report is meant.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ReportChoice {
    /// Of the talent whose report it is; needed only where the mission has several.
    assignment_id: Option<Uuid>,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ReportContest {
    /// The talent and SocioPulse read it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    reason: Text,
    /// Of the talent whose report it is; needed only where the mission has several.
    assignment_id: Option<Uuid>,
}

/// A talent's report of a mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ReportView {
    id: Uuid,
    mission_id: Uuid,
    assignment_id: Uuid,
    talent_id: Uuid,
    status: ReportStatus,
    #[oai(validator(max_length = 4000))]
    content: String,
    #[oai(validator(max_length = 2000))]
    incidents: Option<String>,
    minutes_worked: i32,
    /// From the planned start to the planned end.
    planned_minutes: i32,
    /// When its talent said that it began.
    started_at: Option<OffsetDateTime>,
    /// The minutes differ by more than 15 % from the plan: it is not accepted by itself.
    needs_client: bool,
    submitted_at: OffsetDateTime,
    contested_at: Option<OffsetDateTime>,
    #[oai(validator(max_length = 1000))]
    contest_reason: Option<String>,
    /// What is paid for.
    accepted_minutes: Option<i32>,
    validated_at: Option<OffsetDateTime>,
    validated_by: Option<ReportJudge>,
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        Self {
            needs_client: report.needs_client(),
            id: report.id.0,
            mission_id: report.mission_id.0,
            assignment_id: report.assignment_id.0,
            talent_id: report.talent_id.0,
            status: report.status.into(),
            content: report.content,
            incidents: report.incidents,
            minutes_worked: report.minutes_worked,
            planned_minutes: report.planned_minutes,
            started_at: report.started_at,
            submitted_at: report.submitted_at,
            contested_at: report.contested_at,
            contest_reason: report.contest_reason,
            accepted_minutes: report.accepted_minutes,
            validated_at: report.validated_at,
            validated_by: report.validated_by.map(Into::into),
        }
    }
}

/// The reports of a mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ReportList {
    #[oai(validator(max_items = 20))]
    items: Vec<ReportView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum ReportCreated {
    /// Handed in; the client accepts or contests it
    #[oai(status = 201)]
    Created(Json<ReportView>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Hub")]
impl HubApi {
    /// Start a mission
    ///
    /// For each assigned talent whose contract both have signed and who has acknowledged the instructions, where there are any, from 60
    /// minutes before the planned start. With the first the mission is IN_PROGRESS, and nobody else is looked for.
    #[oai(path = "/missions/:id/start", method = "post", operation_id = "startMission")]
    async fn start_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<MissionView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let started = missions::start(&mut tx, MissionId(id.0), caller.0.user, now).await?;
        effects::hub::started(&mut tx, &started, now).await?;
        tx.commit().await?;
        Ok(Json(MissionView::of(started.mission, Sight::Whole)))
    }

    /// Report on a mission
    ///
    /// Ends one's own work; with the last report the mission is COMPLETED, and its chat closes 24 hours later.
    #[oai(path = "/missions/:id/report", method = "post", operation_id = "reportMission")]
    async fn report_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        body: Json<ReportRequest>,
    ) -> ApiResult<ReportCreated> {
        let new = NewReport {
            content: body.0.content.0,
            incidents: body.0.incidents.map(Into::into),
            minutes_worked: body.0.minutes_worked,
        };
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let submitted = reports::submit(&mut tx, MissionId(id.0), caller.0.user, &new, now).await?;
        effects::hub::reported(&mut tx, &submitted, now).await?;
        tx.commit().await?;
        Ok(ReportCreated::Created(Json(submitted.report.into())))
    }

    /// List the reports of a mission
    ///
    /// The client's side and admins read all of them, a talent its own; the first one first.
    #[oai(path = "/missions/:id/reports", method = "get", operation_id = "listReports")]
    async fn list_reports(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ReportList>> {
        let reports = reports::list(&mut *app.db.conn().await?, MissionId(id.0), caller.0).await?;
        Ok(Json(ReportList { items: reports.into_iter().map(Into::into).collect(), next_cursor: None }))
    }

    /// Download a report
    ///
    /// PDF/A: as handed in and, once it was accepted, with what was accepted. For those who read the report: the client's side, admins,
    /// and its talent. 409 `DOCUMENT_NOT_READY` in the moment after.
    #[oai(path = "/missions/:id/report/pdf", method = "get", operation_id = "downloadReport")]
    async fn download_report(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        /// Of the talent whose report it is; needed only where the caller reads several.
        #[oai(name = "assignmentId")]
        assignment_id: Query<Option<Uuid>>,
    ) -> ApiResult<PdfFile> {
        let mut conn = app.db.conn().await?;
        let of = assignment_id.0.map(AssignmentId);
        let report = reports::get_for(&mut conn, MissionId(id.0), of, caller.0).await?;
        let document = documents::newest(&mut conn, DocumentKind::Report, report.id.0).await?;
        let contract = reports::contract_of(&mut conn, &report).await?;
        drop(conn);
        // Nobody takes what was handed in for what was accepted.
        if report.validated_at.is_some() && document.version < 2 {
            return Err(documents::NOT_READY.into());
        }
        downloads::pdf(&app, &document.pdf, &paper::report::reference(&contract)).await
    }

    /// Accept a report
    ///
    /// For those who manage the mission. The minutes worked are owed: what was paid beyond them goes back, what is missing is asked
    /// for, and the talent is paid 48 hours later. A report that differs by at most 15 % from the plan is accepted by itself after
    /// 72 hours.
    #[oai(path = "/missions/:id/report/validate", method = "post", operation_id = "validateReport")]
    async fn validate_report(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<ReportChoice>,
    ) -> ApiResult<Json<ReportView>> {
        let of = body.0.assignment_id.map(AssignmentId);
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let validated = reports::validate(&mut tx, MissionId(id.0), of, caller.0, now).await?;
        effects::hub::validated(&mut tx, &validated, now).await?;
        tx.commit().await?;
        Ok(Json(validated.report.into()))
    }

    /// Contest a report
    ///
    /// For those who manage the mission. The contract is in dispute, and nothing is paid out, until an admin has decided.
    #[oai(path = "/missions/:id/report/contest", method = "post", operation_id = "contestReport")]
    async fn contest_report(
        &self,
        app: Data<&App>,
        caller: Auth<Buyer>,
        id: Path<Uuid>,
        body: Json<ReportContest>,
        request: &Request,
    ) -> ApiResult<Json<ReportView>> {
        let (id, of, reason) = (MissionId(id.0), body.0.assignment_id.map(AssignmentId), body.0.reason.0);
        let (origin, now) = (origin(request), app.clock.now());
        let mut tx = app.db.begin().await?;
        let contested = reports::contest(&mut tx, id, of, caller.0, &reason, &origin, now).await?;
        effects::hub::contested(&mut tx, &contested, now).await?;
        tx.commit().await?;
        Ok(Json(contested.report.into()))
    }
}
