//! What talents sell besides relief, as everybody may see it and as its talent keeps it.

use domain::ids::{ServiceId, UserId};
use domain::services::{self, NewService, Service, ServiceOption, ServicePatch};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{ActiveTalent, AnyTalent, Auth, VerifiedTalent};
use crate::wire::{self, Done, Text, mirror};

#[derive(Debug)]
pub struct ServicesApi;

mirror! {
    /// WORKSHOP takes place on site, COACHING_VIDEO in a video room of the platform.
    ServiceType = domain::services::ServiceType { Workshop, CoachingVideo }
}

/// One way to buy a service.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceChoice {
    /// Unique within the service.
    #[oai(validator(min_length = 1, max_length = 80))]
    name: Text,
    #[oai(validator(minimum(value = "100"), maximum(value = "1000000")))]
    price_cents: i64,
    #[oai(validator(minimum(value = "15"), maximum(value = "720")))]
    duration_minutes: i32,
}

impl From<ServiceChoice> for ServiceOption {
    fn from(choice: ServiceChoice) -> Self {
        Self {
            name: choice.name.into(),
            price_cents: choice.price_cents,
            duration_minutes: choice.duration_minutes,
        }
    }
}

impl From<ServiceOption> for ServiceChoice {
    fn from(option: ServiceOption) -> Self {
        Self {
            name: Text(option.name),
            price_cents: option.price_cents,
            duration_minutes: option.duration_minutes,
        }
    }
}

fn choices(choices: Vec<ServiceChoice>) -> Vec<ServiceOption> {
    choices.into_iter().map(Into::into).collect()
}

/// A service to offer.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceToOffer {
    #[oai(validator(min_length = 1, max_length = 120))]
    name: Text,
    /// Unique among one's own; from the name when absent.
    slug: Option<wire::Slug>,
    #[oai(validator(min_length = 1, max_length = 4000))]
    description: Text,
    #[oai(rename = "type")]
    kind: ServiceType,
    #[oai(validator(min_items = 1, max_items = 10))]
    options: Vec<ServiceChoice>,
    /// Most people of one booking; 1 when absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    participants: Option<i16>,
}

/// What to change; what is absent stays. What was booked stays as it was booked.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceChange {
    #[oai(validator(min_length = 1, max_length = 120))]
    name: Option<Text>,
    slug: Option<wire::Slug>,
    #[oai(validator(min_length = 1, max_length = 4000))]
    description: Option<Text>,
    #[oai(validator(min_items = 1, max_items = 10))]
    options: Option<Vec<ServiceChoice>>,
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    participants: Option<i16>,
    /// An inactive service is not shown, and cannot be booked.
    is_active: Option<bool>,
}

/// Who sells it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct SellerView {
    id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
    average_rating: f64,
    total_reviews: i32,
}

/// A service.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct ServiceView {
    id: Uuid,
    talent: SellerView,
    #[oai(validator(max_length = 120))]
    name: String,
    #[oai(validator(max_length = 80))]
    slug: String,
    #[oai(validator(max_length = 4000))]
    description: String,
    #[oai(rename = "type")]
    kind: ServiceType,
    #[oai(validator(max_items = 10))]
    options: Vec<ServiceChoice>,
    /// Most people of one booking.
    #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
    participants: i16,
    is_active: bool,
    created_at: OffsetDateTime,
}

impl From<Service> for ServiceView {
    fn from(service: Service) -> Self {
        Self {
            id: service.id.0,
            talent: SellerView {
                id: service.talent_id.0,
                first_name: service.first_name,
                last_initial: service.last_initial,
                city: service.city,
                average_rating: f64::from(service.average_rating) / 100.0,
                total_reviews: service.total_reviews,
            },
            name: service.name,
            slug: service.slug,
            description: service.description,
            kind: service.kind.into(),
            options: service.options.0.into_iter().map(Into::into).collect(),
            participants: service.participants,
            is_active: service.is_active,
            created_at: service.created_at,
        }
    }
}

/// A page of services, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ServicePage {
    #[oai(validator(max_items = 100))]
    items: Vec<ServiceView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum ServiceCreated {
    /// Offered; to be seen at once
    #[oai(status = 201)]
    Created(Json<ServiceView>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Bookings")]
impl ServicesApi {
    /// List services that may be booked
    ///
    /// Public; active ones of verified talents, newest first.
    #[oai(path = "/services", method = "get", operation_id = "listServices")]
    async fn list_services(
        &self,
        app: Data<&App>,
        /// Only of this type.
        #[oai(name = "type")]
        kind: Query<Option<ServiceType>>,
        /// Only of this talent.
        #[oai(name = "talentId")]
        talent_id: Query<Option<Uuid>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ServicePage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) =
            services::list_active(&mut conn, kind.0.map(Into::into), talent_id.0.map(UserId), page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ServicePage { items, next_cursor: wire::next(next) }))
    }

    /// Offer a service
    ///
    /// For verified talents. It can be booked at once.
    #[oai(path = "/services", method = "post", operation_id = "createService")]
    async fn create_service(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        body: Json<ServiceToOffer>,
    ) -> ApiResult<ServiceCreated> {
        let new = NewService {
            name: body.0.name.into(),
            slug: body.0.slug.map(Into::into),
            description: body.0.description.into(),
            kind: body.0.kind.into(),
            options: choices(body.0.options),
            participants: body.0.participants.unwrap_or(1),
        };
        let mut tx = app.db.begin().await?;
        let service = services::insert(&mut tx, caller.0.user, new, app.clock.now()).await?;
        effects::growth::service_published(&mut tx, &service).await?;
        tx.commit().await?;
        Ok(ServiceCreated::Created(Json(service.into())))
    }

    /// Read a service
    ///
    /// Public; only while it may be booked.
    #[oai(path = "/services/:id", method = "get", operation_id = "getService")]
    async fn get_service(&self, app: Data<&App>, id: Path<Uuid>) -> ApiResult<Json<ServiceView>> {
        let service = services::get_active(&mut *app.db.conn().await?, ServiceId(id.0)).await?;
        Ok(Json(service.into()))
    }

    /// Change a service
    ///
    /// One's own. Bookings keep the title and price that they were made at.
    #[oai(path = "/services/:id", method = "patch", operation_id = "updateService")]
    async fn update_service(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        body: Json<ServiceChange>,
    ) -> ApiResult<Json<ServiceView>> {
        let patch = ServicePatch {
            name: body.0.name.map(Into::into),
            slug: body.0.slug.map(Into::into),
            description: body.0.description.map(Into::into),
            options: body.0.options.map(choices),
            participants: body.0.participants,
            is_active: body.0.is_active,
        };
        let mut conn = app.db.conn().await?;
        let service = services::update(&mut conn, ServiceId(id.0), caller.0.user, patch).await?;
        Ok(Json(service.into()))
    }

    /// Take a service off the market
    ///
    /// Deleted when nobody has ever booked it, else inactive and kept for its bookings, which go on.
    #[oai(path = "/services/:id", method = "delete", operation_id = "deleteService")]
    async fn delete_service(
        &self,
        app: Data<&App>,
        caller: Auth<ActiveTalent>,
        id: Path<Uuid>,
    ) -> ApiResult<Done> {
        let mut tx = app.db.begin().await?;
        services::remove(&mut tx, ServiceId(id.0), caller.0.user).await?;
        tx.commit().await?;
        Ok(Done::NoContent)
    }

    /// List one's own services
    ///
    /// For talents; inactive ones too, newest first.
    #[oai(path = "/me/services", method = "get", operation_id = "listMyServices")]
    async fn list_my_services(
        &self,
        app: Data<&App>,
        caller: Auth<AnyTalent>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ServicePage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (items, next) = services::list_own(&mut *app.db.conn().await?, caller.0.user, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(ServicePage { items, next_cursor: wire::next(next) }))
    }
}
