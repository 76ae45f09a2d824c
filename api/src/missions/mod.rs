//! Relief missions: post, list, read. Who fits, what happens to them, and applying to them have files of their own.

pub mod applications;
pub mod life;
pub mod matches;

use domain::geo::Point;
use domain::ids::{EstablishmentId, MissionId};
use domain::missions::{self, Filter, Mission, NewMission, Sight};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Anyone, Auth, VerifiedClient};
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct MissionsApi;

mirror! {
    /// How urgent a mission is; HIGH when nothing is said.
    UrgencyLevel = domain::missions::UrgencyLevel { Low, Medium, High, Critical }
    MissionStatus = domain::missions::MissionStatus { Open, Assigned, InProgress, Completed, Cancelled }
    MatchingState = domain::missions::MatchingState { Pending, WaitingForLocation, Matched, None }
    /// Who or what ended a mission before it began.
    CancelCause = domain::missions::CancelCause { Client, Admin, Expired, NotStarted, Account }
}

/// Mine: posted by me, for my establishments, or assigned to me. Open: to everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", remote = "domain::missions::Scope")]
enum Scope {
    #[default]
    Mine,
    Open,
}

/// A mission to post.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct MissionRequest {
    /// Slug of a profession, from `GET /api/v1/jobs`.
    #[oai(validator(min_length = 1, max_length = 40))]
    job_id: Text,
    /// "Renfort – <profession>" when absent.
    #[oai(validator(min_length = 1, max_length = 120))]
    title: Option<Text>,
    #[oai(validator(max_length = 4000))]
    description: Option<Text>,
    /// Euro cents per hour.
    #[oai(validator(minimum(value = "1200"), maximum(value = "10000")))]
    hourly_rate_cents: i32,
    urgency_level: Option<UrgencyLevel>,
    /// The caller's own when absent.
    establishment_id: Option<Uuid>,
    /// In the future.
    start_date: OffsetDateTime,
    /// Eight hours after the start when absent; at most twelve.
    end_date: Option<OffsetDateTime>,
    #[oai(default)]
    is_night_shift: bool,
    /// Only talents whose documents are all approved.
    #[oai(default = "yes")]
    requires_diploma: bool,
    #[oai(default)]
    requires_car: bool,
    #[oai(default, validator(max_items = 20, max_length = 60, min_length = 1))]
    specialties: Vec<Text>,
    #[oai(validator(max_length = 200))]
    address: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 100))]
    city: Text,
    postal_code: wire::PostalCode,
    /// Degrees; with longitude.
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    latitude: Option<f64>,
    /// Degrees; with latitude.
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    longitude: Option<f64>,
    /// Kilometres around the mission in which talents are looked for.
    #[oai(default = "thirty", validator(minimum(value = "1"), maximum(value = "200")))]
    radius_km: i32,
    /// People wanted.
    #[oai(default = "one", validator(minimum(value = "1"), maximum(value = "20")))]
    slots: i16,
}

fn yes() -> bool {
    true
}

fn thirty() -> i32 {
    30
}

fn one() -> i16 {
    1
}

/// A mission. To talents who are not assigned, address, exact place and poster are left out.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct MissionView {
    id: Uuid,
    client_id: Option<Uuid>,
    establishment_id: Option<Uuid>,
    /// Its chat.
    conversation_id: Option<Uuid>,
    #[oai(validator(max_length = 40))]
    job_id: String,
    #[oai(validator(max_length = 200))]
    title: String,
    #[oai(validator(max_length = 4000))]
    description: Option<String>,
    hourly_rate_cents: i32,
    urgency_level: UrgencyLevel,
    start_date: OffsetDateTime,
    end_date: OffsetDateTime,
    is_night_shift: bool,
    requires_diploma: bool,
    requires_car: bool,
    /// Normalised: trimmed, lower-case, unaccented.
    #[oai(validator(max_items = 20, max_length = 60))]
    specialties: Vec<String>,
    #[oai(validator(max_length = 200))]
    address: Option<String>,
    #[oai(validator(max_length = 100))]
    city: String,
    #[oai(validator(max_length = 5))]
    postal_code: String,
    latitude: Option<f64>,
    longitude: Option<f64>,
    radius_km: i32,
    slots: i16,
    /// Slots that are taken.
    filled: i16,
    status: MissionStatus,
    matching: MatchingState,
    cancel_cause: Option<CancelCause>,
    #[oai(validator(max_length = 500))]
    cancel_reason: Option<String>,
    cancelled_at: Option<OffsetDateTime>,
    /// What the cancellation costs the client.
    cancellation_cents: Option<i32>,
    created_at: OffsetDateTime,
}

impl MissionView {
    pub fn of(mission: Mission, sight: Sight) -> Self {
        let whole = sight == Sight::Whole;
        Self {
            id: mission.id.0,
            client_id: whole.then_some(mission.client_id.0),
            establishment_id: mission.establishment_id.filter(|_| whole).map(|site| site.0),
            conversation_id: whole.then_some(mission.conversation_id.0),
            job_id: mission.job_id,
            title: mission.title,
            description: mission.description,
            hourly_rate_cents: mission.hourly_rate_cents,
            urgency_level: mission.urgency_level.into(),
            start_date: mission.start_date,
            end_date: mission.end_date,
            is_night_shift: mission.is_night_shift,
            requires_diploma: mission.requires_diploma,
            requires_car: mission.requires_car,
            specialties: mission.specialties,
            address: mission.address.filter(|_| whole),
            city: mission.city,
            postal_code: mission.postal_code,
            latitude: mission.latitude.filter(|_| whole),
            longitude: mission.longitude.filter(|_| whole),
            radius_km: mission.radius_km,
            slots: mission.slots,
            filled: mission.filled,
            status: mission.status.into(),
            matching: mission.matching.into(),
            cancel_cause: mission.cancel_cause.map(Into::into),
            cancel_reason: mission.cancel_reason.filter(|_| whole),
            cancelled_at: mission.cancelled_at,
            cancellation_cents: mission.cancellation_cents.filter(|_| whole),
            created_at: mission.created_at,
        }
    }
}

/// A page of missions, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct MissionPage {
    #[oai(validator(max_items = 100))]
    pub items: Vec<MissionView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    pub next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum MissionCreated {
    /// Posted; the match follows live and within moments
    #[oai(status = 201)]
    Created(Json<MissionView>),
}

#[OpenApi(prefix_path = "/api/v1/matching", tag = "wire::Tag::Matching")]
impl MissionsApi {
    /// Post a mission
    ///
    /// Answered before matching has run: `matching` is PENDING and the result comes live. Without an end the mission lasts 8 hours;
    /// it must begin in the future and last at most 12 hours.
    #[oai(path = "/missions", method = "post", operation_id = "createMission")]
    async fn create_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        body: Json<MissionRequest>,
    ) -> ApiResult<MissionCreated> {
        let body = body.0;
        let new = NewMission {
            client_id: caller.0.user,
            establishment_id: body.establishment_id.map(EstablishmentId),
            job_id: body.job_id.0,
            title: body.title.map(Into::into),
            description: body.description.map(Into::into),
            hourly_rate_cents: body.hourly_rate_cents,
            urgency_level: body.urgency_level.unwrap_or(UrgencyLevel::High).into(),
            start_date: body.start_date,
            end_date: body.end_date,
            is_night_shift: body.is_night_shift,
            requires_diploma: body.requires_diploma,
            requires_car: body.requires_car,
            specialties: wire::strings(body.specialties),
            address: body.address.map(Into::into),
            city: body.city.0,
            postal_code: body.postal_code.0,
            latitude: body.latitude,
            longitude: body.longitude,
            radius_km: body.radius_km,
            slots: body.slots,
        };
        let mut tx = app.db.begin().await?;
        let posted = missions::post(&mut tx, new, app.clock.now()).await?;
        effects::missions::posted(&mut tx, &posted).await?;
        tx.commit().await?;
        Ok(MissionCreated::Created(Json(MissionView::of(posted.mission, Sight::Whole))))
    }

    /// List missions
    ///
    /// `scope=mine` lists those that the caller takes part in, `scope=open` the public view of what anybody may apply to; newest first.
    #[oai(path = "/missions", method = "get", operation_id = "listMissions")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_missions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `mine` when absent.
        scope: Query<Option<Scope>>,
        status: Query<Option<MissionStatus>>,
        /// Slug of a profession.
        #[oai(name = "jobId", validator(max_length = 40))]
        job_id: Query<Option<Text>>,
        #[oai(name = "urgencyLevel")] urgency_level: Query<Option<UrgencyLevel>>,
        /// Degrees; with longitude and radiusKm.
        #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
        latitude: Query<Option<f64>>,
        /// Degrees; with latitude and radiusKm.
        #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
        longitude: Query<Option<f64>>,
        /// Kilometres around the point; 30 when absent.
        #[oai(name = "radiusKm", validator(minimum(value = "1"), maximum(value = "200")))]
        radius_km: Query<Option<i32>>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<MissionPage>> {
        let near = match (latitude.0, longitude.0, radius_km.0) {
            (Some(latitude), Some(longitude), radius) => {
                Some((Point { latitude, longitude }.rounded(), f64::from(radius.unwrap_or(30))))
            }
            (None, None, None) => None,
            _ => return Err(ApiError::invalid("latitude", "latitude and longitude come together")),
        };
        let filter = Filter {
            scope: scope.0.unwrap_or_default().into(),
            status: status.0.map(Into::into),
            job_id: job_id.0.map(Into::into),
            urgency_level: urgency_level.0.map(Into::into),
            near,
        };
        let sight = if filter.scope == missions::Scope::Mine { Sight::Whole } else { Sight::Public };
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let (items, next) = missions::list(&mut *app.db.conn().await?, caller.0, filter, page).await?;
        let items = items.into_iter().map(|mission| MissionView::of(mission, sight)).collect();
        Ok(Json(MissionPage { items, next_cursor: wire::next(next) }))
    }

    /// Read a mission
    ///
    /// Participants and admins see all of it; other talents see the public view, without the address.
    #[oai(path = "/missions/:id", method = "get", operation_id = "getMission")]
    async fn get_mission(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<MissionView>> {
        let (mission, sight) =
            missions::get_for(&mut *app.db.conn().await?, MissionId(id.0), caller.0).await?;
        Ok(Json(MissionView::of(mission, sight)))
    }

    /// Change an open mission
    ///
    /// When something that the matching reads changed, it is matched again.
    #[oai(path = "/missions/:id", method = "patch", operation_id = "updateMission")]
    async fn update_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<life::MissionChange>,
    ) -> ApiResult<Json<MissionView>> {
        life::change(&app, caller.0, id.0, body.0).await
    }
}
