//! Contracts: read, cancelled and disputed by their parties.

pub mod admin;
mod views;

use domain::contracts::{self, Origin};
use domain::documents::{self, DocumentKind};
use domain::ids::ContractId;
use jobs::effects;
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::auth::{address, user_agent};
use crate::downloads::{self, PdfFile};
use crate::error::ApiResult;
use crate::guard::{Active, ActiveClient, Anyone, Auth};
use crate::wire::{self, Text};

pub use views::{
    ContractEventList, ContractPage, ContractStatus, ContractView, PartiesView, PriceLine, VatView,
};

#[derive(Debug)]
pub struct ContractsApi;

/// Where a request came from, for the evidence.
pub fn origin(request: &Request) -> Origin {
    Origin { ip: address(request), user_agent: user_agent(request) }
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ContractCancellation {
    /// The other side reads it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    reason: Text,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ContractDispute {
    /// The other side and SocioPulse read it.
    #[oai(validator(min_length = 1, max_length = 1000))]
    reason: Text,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Contracts")]
impl ContractsApi {
    /// List one's contracts
    ///
    /// Those that one is a party of, or reads for an establishment, newest first.
    #[oai(path = "/contracts", method = "get", operation_id = "listContracts")]
    async fn list_contracts(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
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
        let (items, next) = contracts::list(&mut conn, caller.0.user, status.0.map(Into::into), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ContractPage { items, next_cursor: wire::next(next) }))
    }

    /// Read a contract
    ///
    /// With its whole text, and the hash of it that a signature names.
    #[oai(path = "/contracts/:id", method = "get", operation_id = "getContract")]
    async fn get_contract(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ContractView>> {
        let mut conn = app.db.conn().await?;
        Ok(Json(contracts::get_for(&mut conn, ContractId(id.0), caller.0).await?.into()))
    }

    /// What happened to a contract
    ///
    /// The evidence of its signatures among it: nothing of this is ever changed or deleted.
    #[oai(path = "/contracts/:id/events", method = "get", operation_id = "listContractEvents")]
    async fn list_contract_events(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ContractEventList>> {
        let mut conn = app.db.conn().await?;
        let contract = contracts::get_for(&mut conn, ContractId(id.0), caller.0).await?;
        let events = contracts::list_events(&mut conn, contract.id).await?;
        let items = events.into_iter().map(Into::into).collect();
        Ok(Json(ContractEventList { items, next_cursor: None }))
    }

    /// Download a contract
    ///
    /// PDF/A: as issued and, once both have signed, with the evidence of the signatures. 409 `DOCUMENT_NOT_READY` in the moment after.
    #[oai(path = "/contracts/:id/pdf", method = "get", operation_id = "downloadContract")]
    async fn download_contract(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<PdfFile> {
        let mut conn = app.db.conn().await?;
        let contract = contracts::get_for(&mut conn, ContractId(id.0), caller.0).await?;
        let document = documents::newest(&mut conn, DocumentKind::Contract, contract.id.0).await?;
        drop(conn);
        // Nobody takes the unsigned one for the signed one.
        if contract.signed_at.is_some() && document.version < 2 {
            return Err(documents::NOT_READY.into());
        }
        downloads::pdf(&app, &document.pdf, &contract.reference).await
    }

    /// Cancel a contract
    ///
    /// While not both have signed. A mission itself is left or cancelled by its own routes.
    #[oai(path = "/contracts/:id/cancel", method = "post", operation_id = "cancelContract")]
    async fn cancel_contract(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<ContractCancellation>,
        request: &Request,
    ) -> ApiResult<Json<ContractView>> {
        let (id, reason, origin) = (ContractId(id.0), body.0.reason.0, origin(request));
        let mut tx = app.db.begin().await?;
        let cancelled = contracts::cancel(&mut tx, id, caller.0, &reason, &origin, app.clock.now()).await?;
        effects::contracts::cancelled(&mut tx, &cancelled).await?;
        tx.commit().await?;
        Ok(Json(cancelled.contract.into()))
    }

    /// Complete the contract of a quote
    ///
    /// By the client's side, once what was promised is done: the talent's share is paid out 48 h later. Without it a contract counts as
    /// completed 14 days after it was paid, or deferred by a public body, unless somebody disputes it.
    #[oai(path = "/contracts/:id/complete", method = "post", operation_id = "completeContract")]
    async fn complete_contract(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        id: Path<Uuid>,
        request: &Request,
    ) -> ApiResult<Json<ContractView>> {
        let (id, origin, now) = (ContractId(id.0), origin(request), app.clock.now());
        let mut tx = app.db.begin().await?;
        let completed = contracts::complete(&mut tx, id, caller.0, &origin, now).await?;
        effects::contracts::completed(&mut tx, &completed).await?;
        tx.commit().await?;
        Ok(Json(completed.contract.into()))
    }

    /// Dispute a contract
    ///
    /// Once both have signed or, that of a booking, once it is paid. What is to be paid out for it waits until an admin has decided.
    #[oai(path = "/contracts/:id/dispute", method = "post", operation_id = "disputeContract")]
    async fn dispute_contract(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        id: Path<Uuid>,
        body: Json<ContractDispute>,
        request: &Request,
    ) -> ApiResult<Json<ContractView>> {
        let (id, reason, origin) = (ContractId(id.0), body.0.reason.0, origin(request));
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let disputed = contracts::dispute(&mut tx, id, caller.0, &reason, &origin, now).await?;
        effects::contracts::disputed(&mut tx, &disputed, now).await?;
        tx.commit().await?;
        Ok(Json(disputed.contract.into()))
    }
}
