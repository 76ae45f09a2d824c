//! Applications, from both sides.

use std::collections::HashMap;

use domain::applications::{self, Application, NewApplication};
use domain::ids::{ApplicationId, MissionId};
use domain::missions::{self, Sight};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use super::MissionView;
use crate::App;
use crate::error::ApiResult;
use crate::guard::{ActiveTalent, AnyTalent, Auth, ClientSide, VerifiedClient, VerifiedTalent};
use crate::invitations::AssignmentView;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct ApplicationsApi;

mirror! {
    ApplicationStatus = domain::applications::ApplicationStatus { Pending, Accepted, Rejected, Withdrawn }
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ApplicationRequest {
    #[oai(validator(min_length = 1, max_length = 2000))]
    cover_letter: Text,
    /// Euro cents per hour.
    #[oai(validator(minimum(value = "1200"), maximum(value = "10000")))]
    proposed_rate_cents: i32,
}

/// An application, with its talent as a client may see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ApplicationView {
    id: Uuid,
    mission_id: Uuid,
    talent_id: Uuid,
    #[oai(validator(max_length = 2000))]
    cover_letter: String,
    proposed_rate_cents: i32,
    status: ApplicationStatus,
    created_at: OffsetDateTime,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
    /// 0–5.
    average_rating: f64,
    total_missions: i32,
    mission: Option<MissionView>,
}

impl ApplicationView {
    fn of(application: Application, mission: Option<MissionView>) -> Self {
        Self {
            id: application.id.0,
            mission_id: application.mission_id.0,
            talent_id: application.talent_id.0,
            cover_letter: application.cover_letter,
            proposed_rate_cents: application.proposed_rate_cents,
            status: application.status.into(),
            created_at: application.created_at,
            first_name: application.first_name,
            last_initial: application.last_initial,
            city: application.city,
            average_rating: f64::from(application.average_rating) / 100.0,
            total_missions: application.total_missions,
            mission,
        }
    }
}

/// A page of applications, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ApplicationPage {
    #[oai(validator(max_items = 100))]
    items: Vec<ApplicationView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum ApplicationCreated {
    /// Applied; the client answers
    #[oai(status = 201)]
    Created(Json<ApplicationView>),
}

/// Assigns against the working-time guard; kept with the assignment.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct WorkingTimeOverride {
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ApplicationAcceptance {
    working_time_override: Option<WorkingTimeOverride>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Matching")]
impl ApplicationsApi {
    /// Apply to a mission
    ///
    /// The mission must be open and the talent verified; applying twice is 409. The rate may differ from the mission's.
    #[oai(path = "/matching/missions/:id/apply", method = "post", operation_id = "applyToMission")]
    async fn apply_to_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        body: Json<ApplicationRequest>,
    ) -> ApiResult<ApplicationCreated> {
        let new = NewApplication {
            mission_id: MissionId(id.0),
            talent: caller.0.user,
            cover_letter: body.0.cover_letter.0,
            proposed_rate_cents: body.0.proposed_rate_cents,
        };
        let mut tx = app.db.begin().await?;
        let filed = applications::apply(&mut tx, new, app.clock.now()).await?;
        effects::missions::filed(&mut tx, &filed).await?;
        tx.commit().await?;
        Ok(ApplicationCreated::Created(Json(ApplicationView::of(filed.application, None))))
    }

    /// The applications to a mission
    ///
    /// Only the mission's side sees them; newest first.
    #[oai(path = "/matching/missions/:id/applications", method = "get", operation_id = "listApplications")]
    async fn list_applications(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
        id: Path<Uuid>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ApplicationPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let mission = missions::get_owned(&mut conn, MissionId(id.0), caller.0).await?;
        let (items, next) = applications::list_of(&mut conn, mission.id, page).await?;
        let items = items.into_iter().map(|application| ApplicationView::of(application, None)).collect();
        Ok(Json(ApplicationPage { items, next_cursor: wire::next(next) }))
    }

    /// One's own applications
    ///
    /// Newest first, each with the public view of its mission.
    #[oai(path = "/me/applications", method = "get", operation_id = "listMyApplications")]
    async fn list_my_applications(
        &self,
        app: Data<&App>,
        caller: Auth<AnyTalent>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ApplicationPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = applications::list_by(&mut conn, caller.0.user, page).await?;
        let ids: Vec<_> = items.iter().map(|application| application.mission_id).collect();
        let missions = missions::list_by_id(&mut conn, &ids).await?;
        let missions: HashMap<_, _> = missions.into_iter().map(|mission| (mission.id, mission)).collect();
        let items = items.into_iter().map(|application| {
            let mission = missions.get(&application.mission_id).cloned();
            ApplicationView::of(application, mission.map(|mission| MissionView::of(mission, Sight::Public)))
        });
        Ok(Json(ApplicationPage { items: items.collect(), next_cursor: wire::next(next) }))
    }

    /// Accept an application
    ///
    /// The talent takes a slot; with the last one the other applicants are rejected. Repeating it is harmless.
    #[oai(path = "/applications/:id/accept", method = "post", operation_id = "acceptApplication")]
    async fn accept_application(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<ApplicationAcceptance>,
    ) -> ApiResult<Json<AssignmentView>> {
        let now = app.clock.now();
        let reason = body.0.working_time_override.map(|over| over.reason.0);
        let mut tx = app.db.begin().await?;
        let accepted = applications::accept(&mut tx, ApplicationId(id.0), caller.0, reason, now).await?;
        effects::missions::assigned(&mut tx, &accepted, now).await?;
        tx.commit().await?;
        Ok(Json(accepted.assignment().into()))
    }

    /// Reject an application
    ///
    /// Only the mission's side decides, while the application is pending; the talent is notified.
    #[oai(path = "/applications/:id/reject", method = "post", operation_id = "rejectApplication")]
    async fn reject_application(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ApplicationView>> {
        let mut tx = app.db.begin().await?;
        let filed = applications::reject(&mut tx, ApplicationId(id.0), caller.0, app.clock.now()).await?;
        effects::missions::filed(&mut tx, &filed).await?;
        tx.commit().await?;
        Ok(Json(ApplicationView::of(filed.application, None)))
    }

    /// Take an application back
    ///
    /// Only one's own, while it is pending; an accepted one is left by withdrawing from the mission.
    #[oai(path = "/applications/:id/withdraw", method = "post", operation_id = "withdrawApplication")]
    async fn withdraw_application(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ApplicationView>> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let filed = applications::withdraw(&mut tx, ApplicationId(id.0), caller.0.user, now).await?;
        effects::missions::filed(&mut tx, &filed).await?;
        tx.commit().await?;
        Ok(Json(ApplicationView::of(filed.application, None)))
    }
}
