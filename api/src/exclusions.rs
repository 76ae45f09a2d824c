//! "Never again": whom a client does not want to be offered any more.

use domain::exclusions::{self, Exclusion};
use domain::ids::UserId;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{ActiveClient, Auth, ClientSide};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct ExclusionsApi;

/// Why; kept for oneself.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ExclusionRequest {
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Option<Text>,
}

/// A talent on the list.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ExclusionView {
    talent_id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 500))]
    reason: Option<String>,
    created_at: OffsetDateTime,
}

impl From<Exclusion> for ExclusionView {
    fn from(exclusion: Exclusion) -> Self {
        Self {
            talent_id: exclusion.talent_id.0,
            first_name: exclusion.first_name,
            last_initial: exclusion.last_initial,
            reason: exclusion.reason,
            created_at: exclusion.created_at,
        }
    }
}

/// A page of the list, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ExclusionPage {
    #[oai(validator(max_items = 100))]
    items: Vec<ExclusionView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum Removed {
    /// No longer on the list
    #[oai(status = 204)]
    NoContent,
}

#[OpenApi(prefix_path = "/api/v1/me/exclusions", tag = "wire::Tag::Matching")]
impl ExclusionsApi {
    /// List whom one has excluded
    ///
    /// Newest first; for clients and admins.
    #[oai(path = "/", method = "get", operation_id = "listMyExclusions")]
    async fn list_my_exclusions(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ExclusionPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (items, next) = exclusions::list(&mut *app.db.conn().await?, caller.0.user, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ExclusionPage { items, next_cursor: wire::next(next) }))
    }

    /// Exclude a talent
    ///
    /// From all missions of the client and, for owners and managers, of their establishments. Invitations that wait for an answer
    /// expire; an assignment stays. The talent is not told.
    #[oai(path = "/:talent_id", method = "put", operation_id = "excludeTalent")]
    async fn exclude_talent(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        #[oai(name = "talentId")] talent_id: Path<Uuid>,
        body: Json<ExclusionRequest>,
    ) -> ApiResult<Json<ExclusionView>> {
        let reason = body.reason.as_ref().map(AsRef::as_ref);
        let mut tx = app.db.begin().await?;
        let excluded =
            exclusions::put(&mut tx, caller.0.user, UserId(talent_id.0), reason, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(excluded.into()))
    }

    /// Take a talent off the list
    ///
    /// Harmless when the talent is not on it. From the next matching on, the talent may be found again.
    #[oai(path = "/:talent_id", method = "delete", operation_id = "readmitTalent")]
    async fn readmit_talent(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveClient>,
        #[oai(name = "talentId")] talent_id: Path<Uuid>,
    ) -> ApiResult<Removed> {
        exclusions::delete(&mut *app.db.conn().await?, caller.0.user, UserId(talent_id.0)).await?;
        Ok(Removed::NoContent)
    }
}
