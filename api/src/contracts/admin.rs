//! Contracts as admins see them: all of them, and the decision on a dispute.

use domain::ids::ContractId;
use domain::{contracts, reports};
use jobs::effects;
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use super::{ContractPage, ContractStatus, ContractView, origin};
use crate::App;
use crate::error::ApiResult;
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct ContractsAdminApi;

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct DisputeDecision {
    /// What was decided; both parties read it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    resolution: Text,
    /// What of a mission's work is paid for; as reported when absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "1440")))]
    minutes_worked: Option<i32>,
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl ContractsAdminApi {
    /// List all contracts
    ///
    /// Newest first; `status=DISPUTED` are those that wait for a decision.
    #[oai(path = "/contracts", method = "get", operation_id = "listAllContracts")]
    async fn list_all_contracts(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        status: Query<Option<ContractStatus>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ContractPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = contracts::list_all(&mut conn, status.0.map(Into::into), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ContractPage { items, next_cursor: wire::next(next) }))
    }

    /// Decide on a dispute
    ///
    /// The contract goes on where it stood; both parties read the decision. A mission's report that nobody has accepted yet is accepted
    /// by it, with `minutesWorked` where that is given.
    #[oai(path = "/contracts/:id/resolve", method = "post", operation_id = "resolveContract")]
    async fn resolve_contract(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<DisputeDecision>,
        request: &Request,
    ) -> ApiResult<Json<ContractView>> {
        let (id, DisputeDecision { resolution, minutes_worked }) = (ContractId(id.0), body.0);
        let (origin, now) = (origin(request), app.clock.now());
        let mut tx = app.db.begin().await?;
        let report = reports::lock_of_contract(&mut tx, id).await?;
        let resolved = contracts::resolve(&mut tx, id, caller.0, &resolution.0, &origin, now).await?;
        let validated = reports::decide(&mut tx, report, minutes_worked, now).await?;
        let contract = contracts::get(&mut tx, id).await?;
        effects::contracts::resolved(&mut tx, &resolved, now).await?;
        if let Some(validated) = validated {
            effects::hub::validated(&mut tx, &validated, now).await?;
        }
        tx.commit().await?;
        Ok(Json(contract.into()))
    }
}
