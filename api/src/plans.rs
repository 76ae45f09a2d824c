//! Under which plan somebody buys, and so what the platform keeps of a price.

use domain::ids::{EstablishmentId, UserId};
use domain::plans::{self, Buyer};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct PlansApi;

mirror! {
    Plan = domain::plans::Plan { Standard, Beta, Enterprise }
}

/// A plan, and why; for the record.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct PlanDecision {
    plan: Plan,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

/// What the platform keeps.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct PlanView {
    plan: Plan,
    #[oai(validator(minimum(value = "0"), maximum(value = "10000")))]
    commission_bps: i32,
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl PlansApi {
    /// Give a client a plan
    ///
    /// For what it buys in its own name; where it buys for an establishment, that one's counts. Payments that are asked for and bookings
    /// keep the commission that they were made with.
    #[oai(path = "/users/:id/plan", method = "patch", operation_id = "setUserPlan")]
    async fn set_user_plan(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<PlanDecision>,
    ) -> ApiResult<Json<PlanView>> {
        decide(&app, &caller, Buyer::Client(UserId(id.0)), body.0).await
    }

    /// Give an establishment a plan
    ///
    /// For whatever is bought for it from now on. Payments that are asked for and bookings keep the commission that they were made with.
    #[oai(path = "/establishments/:id/plan", method = "patch", operation_id = "setEstablishmentPlan")]
    async fn set_establishment_plan(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<PlanDecision>,
    ) -> ApiResult<Json<PlanView>> {
        decide(&app, &caller, Buyer::Site(EstablishmentId(id.0)), body.0).await
    }
}

async fn decide(
    app: &App,
    admin: &Auth<AdminOnly>,
    buyer: Buyer,
    decision: PlanDecision,
) -> ApiResult<Json<PlanView>> {
    let reason = decision.reason.as_ref().trim();
    if reason.is_empty() {
        return Err(ApiError::invalid("reason", "must say something"));
    }
    let plan: domain::plans::Plan = decision.plan.into();
    let mut tx = app.db.begin().await?;
    plans::set(&mut tx, buyer, plan, admin.0.user, reason, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Json(PlanView { plan: plan.into(), commission_bps: plan.commission_bps() }))
}
