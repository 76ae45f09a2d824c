//! Contracts as admins see them: all of them, and the decision on a dispute.

use domain::contracts;
use domain::ids::ContractId;
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
#[oai(deny_unknown_fields)]
struct DisputeDecision {
    /// What was decided; both parties read it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    resolution: Text,
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
    /// The contract goes on where it stood; both parties read the decision.
    #[oai(path = "/contracts/:id/resolve", method = "post", operation_id = "resolveContract")]
    async fn resolve_contract(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<DisputeDecision>,
        request: &Request,
    ) -> ApiResult<Json<ContractView>> {
        let (id, resolution, origin) = (ContractId(id.0), body.0.resolution.0, origin(request));
        let mut tx = app.db.begin().await?;
        let resolved =
            contracts::resolve(&mut tx, id, caller.0, &resolution, &origin, app.clock.now()).await?;
        effects::contracts::resolved(&mut tx, &resolved).await?;
        tx.commit().await?;
        Ok(Json(resolved.contract.into()))
    }
}
