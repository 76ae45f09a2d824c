//! What admins decide.

use domain::ids::UserId;
use domain::users;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, ComplianceStatus, Role, Status, Text};

#[derive(Debug)]
pub struct AdminApi;

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
}
