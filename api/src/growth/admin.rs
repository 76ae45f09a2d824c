//! What admins do about growth: points by hand, tags of others.

use domain::growth::{points, tags};
use domain::ids::UserId;
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::{PointEntryView, TagChoice, TagsView};
use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{AdminOnly, Auth};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct GrowthAdminApi;

/// Points to give or to take.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct PointAdjustment {
    /// Not 0; less takes.
    #[oai(validator(minimum(value = "-10000"), maximum(value = "10000")))]
    points: i32,
    /// The person reads it.
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

#[derive(ApiResponse)]
enum PointsAdjusted {
    /// A line of the person's log
    #[oai(status = 201)]
    Adjusted(Json<PointEntryView>),
}

#[OpenApi(prefix_path = "/api/v1/admin", tag = "wire::Tag::Admin")]
impl GrowthAdminApi {
    /// Adjust somebody's points
    ///
    /// A line of its own in the log, with the reason; nothing that was written is changed.
    #[oai(path = "/users/:id/points", method = "post", operation_id = "adjustPoints")]
    async fn adjust_points(
        &self,
        app: Data<&App>,
        caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<PointAdjustment>,
    ) -> ApiResult<PointsAdjusted> {
        let PointAdjustment { points, reason } = body.0;
        if points == 0 {
            return Err(ApiError::invalid("points", "must not be 0"));
        }
        if reason.as_ref().trim().is_empty() {
            return Err(ApiError::invalid("reason", "must say something"));
        }
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let adjusted =
            points::adjust(&mut tx, UserId(id.0), points, reason.as_ref(), caller.0.user, now).await?;
        let entry = adjusted.entry.clone();
        effects::growth::changed(&mut tx, &[adjusted], now).await?;
        tx.commit().await?;
        Ok(PointsAdjusted::Adjusted(Json(entry.into())))
    }

    /// Set somebody's tags
    ///
    /// All of them: what is not named is dropped.
    #[oai(path = "/users/:id/tags", method = "patch", operation_id = "setUserTags")]
    async fn set_user_tags(
        &self,
        app: Data<&App>,
        #[oai(name = "_caller")] _caller: Auth<AdminOnly>,
        id: Path<Uuid>,
        body: Json<TagChoice>,
    ) -> ApiResult<Json<TagsView>> {
        let wanted = wire::strings(body.0.tags);
        let tags = tags::replace(&mut *app.db.conn().await?, UserId(id.0), &wanted).await?;
        Ok(Json(TagsView { tags }))
    }
}
