//! What admins decide.

use domain::account_decisions::{self, Decision};
use domain::ids::UserId;
use domain::users;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
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

/// Why an account is suspended, banned or unbanned; the person reads it.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct AccountDecision {
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl AdminApi {
    /// Verify an account
    ///
    /// From PENDING or SUSPENDED; a talent who is verified is matched with the missions that still seek somebody.
    #[oai(path = "/users/:id/validate", method = "patch", operation_id = "validateUser")]
    async fn validate_user(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<AccountView>> {
        let mut tx = app.db.begin().await?;
        let user = users::validate(&mut tx, UserId(id.0)).await?;
        if user.role == domain::users::Role::Talent {
            effects::missions::talent_changed(&mut tx, user.id, app.clock.now()).await?;
            effects::payments::unblocked(&mut tx, user.id).await?;
        }
        tx.commit().await?;
        Ok(Json(user.into()))
    }

    /// Suspend an account
    ///
    /// With a reason, which the audit keeps. The account may read its own data; its live connections are closed once, and missions
    /// that have not begun look for somebody else.
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
    ///
    /// With a reason, which the audit keeps. Every session ends at once and signing in is refused.
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
    ///
    /// With a reason, which the audit keeps. Verify the account to make it whole again.
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
    ///
    /// Missions that ask for a diploma match only talents who are VALIDATED, so their matching is looked at again.
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
        effects::missions::talent_changed(&mut tx, user.id, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(user.into()))
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
    effects::accounts::decided(&mut tx, user).await?;
    tx.commit().await?;
    Ok(Json(account.into()))
}
