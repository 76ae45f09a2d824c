//! What happens to a mission before its start: changed, repeated, cancelled, left by a talent.

use domain::assignments::{self, Contact};
use domain::ids::MissionId;
use domain::missions::{self, Affected, MissionPatch, Price, Sight};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use super::matches::MatchView;
use super::{MissionView, UrgencyLevel};
use crate::App;
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth, ClientSide, VerifiedClient, VerifiedTalent};
use crate::wire::{self, Role, Text};

#[derive(Debug)]
pub struct MissionLifeApi;

/// What to change; what is absent stays. Another address without coordinates has to be found anew.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MissionChange {
    #[oai(validator(min_length = 1, max_length = 120))]
    title: Option<Text>,
    #[oai(validator(max_length = 4000))]
    description: Option<Text>,
    /// Euro cents per hour.
    #[oai(validator(minimum(value = "1200"), maximum(value = "10000")))]
    hourly_rate_cents: Option<i32>,
    urgency_level: Option<UrgencyLevel>,
    /// In the future. Without an end the mission keeps its length.
    start_date: Option<OffsetDateTime>,
    end_date: Option<OffsetDateTime>,
    is_night_shift: Option<bool>,
    requires_diploma: Option<bool>,
    requires_car: Option<bool>,
    #[oai(validator(max_items = 20, max_length = 60, min_length = 1))]
    specialties: Option<Vec<Text>>,
    #[oai(validator(max_length = 200))]
    address: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 100))]
    city: Option<Text>,
    postal_code: Option<wire::PostalCode>,
    /// Degrees; with longitude.
    #[oai(validator(minimum(value = "-90"), maximum(value = "90")))]
    latitude: Option<f64>,
    /// Degrees; with latitude.
    #[oai(validator(minimum(value = "-180"), maximum(value = "180")))]
    longitude: Option<f64>,
    /// Kilometres around the mission in which talents are looked for.
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    radius_km: Option<i32>,
    /// People wanted; not fewer than are assigned.
    #[oai(validator(minimum(value = "1"), maximum(value = "20")))]
    slots: Option<i16>,
}

impl From<MissionChange> for MissionPatch {
    fn from(change: MissionChange) -> Self {
        Self {
            title: change.title.map(Into::into),
            description: change.description.map(Into::into),
            hourly_rate_cents: change.hourly_rate_cents,
            urgency_level: change.urgency_level.map(Into::into),
            start_date: change.start_date,
            end_date: change.end_date,
            is_night_shift: change.is_night_shift,
            requires_diploma: change.requires_diploma,
            requires_car: change.requires_car,
            specialties: change.specialties.map(wire::strings),
            address: change.address.map(Into::into),
            city: change.city.map(Into::into),
            postal_code: change.postal_code.map(Into::into),
            latitude: change.latitude,
            longitude: change.longitude,
            radius_km: change.radius_km,
            slots: change.slots,
        }
    }
}

/// Somebody whom a change concerns.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct AffectedView {
    talent_id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
}

/// How many, and the first hundred of them.
#[derive(Debug, Object)]
struct AffectedGroup {
    count: i64,
    #[oai(validator(max_items = 100))]
    items: Vec<AffectedView>,
}

impl From<Vec<Affected>> for AffectedGroup {
    fn from(people: Vec<Affected>) -> Self {
        let count = people.len() as i64;
        let items = people.into_iter().take(100).map(|person| AffectedView {
            talent_id: person.talent_id.0,
            first_name: person.first_name,
            last_initial: person.last_initial,
            city: person.city,
        });
        Self { count, items: items.collect() }
    }
}

/// What a change would do; nothing was saved.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct ChangePreview {
    mission: MissionView,
    /// The top three as they would be.
    #[oai(validator(max_items = 3))]
    matches: Vec<MatchView>,
    dropped: AffectedGroup,
    applicants: AffectedGroup,
    assigned: AffectedGroup,
}

/// When to repeat the mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct MissionDates {
    /// In the future.
    start_date: OffsetDateTime,
    /// As long as the original when absent.
    end_date: Option<OffsetDateTime>,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct DuplicateRequest {
    #[oai(validator(min_items = 1, max_items = 31))]
    dates: Vec<MissionDates>,
}

/// The missions that were posted.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MissionList {
    #[oai(validator(max_items = 31))]
    items: Vec<MissionView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum MissionsCreated {
    /// Posted, each with its own match
    #[oai(status = 201)]
    Created(Json<MissionList>),
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct CancelRequest {
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct WithdrawRequest {
    #[oai(validator(max_length = 500))]
    reason: Option<Text>,
}

/// What cancelling costs at this moment.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct CancellationPrice {
    /// What the contracts come to that both sides have signed.
    planned_cents: i32,
    /// Share of it: 0, 5000 or 10000.
    share_bps: i32,
    price_cents: i32,
    /// 24 hours before the start; free until then.
    free_until: OffsetDateTime,
    /// Two hours before the start; half until then.
    half_until: OffsetDateTime,
}

impl From<Price> for CancellationPrice {
    fn from(price: Price) -> Self {
        Self {
            planned_cents: price.planned_cents,
            share_bps: price.share_bps,
            price_cents: price.price_cents,
            free_until: price.free_until,
            half_until: price.half_until,
        }
    }
}

/// A participant, for the other participants only.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ContactView {
    user_id: Uuid,
    role: Role,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 80))]
    last_name: Option<String>,
    #[oai(validator(max_length = 30))]
    phone: Option<String>,
    #[oai(validator(max_length = 254))]
    email: String,
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        Self {
            user_id: contact.user_id.0,
            role: contact.role.into(),
            first_name: contact.first_name,
            last_name: contact.last_name,
            phone: contact.phone,
            email: contact.email,
        }
    }
}

/// Who takes part, and where.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ContactList {
    #[oai(validator(max_items = 1000))]
    items: Vec<ContactView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
    #[oai(validator(max_length = 200))]
    address: Option<String>,
    #[oai(validator(max_length = 100))]
    city: String,
    #[oai(validator(max_length = 5))]
    postal_code: String,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Matching")]
impl MissionLifeApi {
    /// Preview a change
    ///
    /// The same body as the change itself, and nothing is saved.
    #[oai(path = "/matching/missions/:id/preview", method = "post", operation_id = "previewMissionChange")]
    async fn preview_mission_change(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<MissionChange>,
    ) -> ApiResult<Json<ChangePreview>> {
        // Never committed: dropping it is the point.
        let mut tx = app.db.begin().await?;
        let preview =
            missions::preview(&mut tx, MissionId(id.0), caller.0, body.0.into(), app.clock.now()).await?;
        drop(tx);
        Ok(Json(ChangePreview {
            mission: MissionView::of(preview.mission, Sight::Whole),
            matches: preview.matches.into_iter().map(Into::into).collect(),
            dropped: preview.dropped.into(),
            applicants: preview.applicants.into(),
            assigned: preview.assigned.into(),
        }))
    }

    /// Repeat a mission at other dates
    ///
    /// One new open mission for each of up to 31 dates, all or none; each is matched for itself.
    #[oai(path = "/matching/missions/:id/duplicate", method = "post", operation_id = "duplicateMission")]
    async fn duplicate_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<DuplicateRequest>,
    ) -> ApiResult<MissionsCreated> {
        let dates: Vec<_> = body.0.dates.into_iter().map(|date| (date.start_date, date.end_date)).collect();
        let mut tx = app.db.begin().await?;
        let original = missions::lock_managed(&mut tx, MissionId(id.0), caller.0).await?;
        let poster = if caller.0.is_admin() { original.client_id } else { caller.0.user };
        let posted = missions::duplicate(&mut tx, &original, poster, &dates, app.clock.now()).await?;
        effects::missions::posted_all(&mut tx, &posted).await?;
        tx.commit().await?;
        let items = posted.into_iter().map(|posted| MissionView::of(posted.mission, Sight::Whole)).collect();
        Ok(MissionsCreated::Created(Json(MissionList { items, next_cursor: None })))
    }

    /// What cancelling would cost now
    ///
    /// With the moments until which it is free or half the planned amount, so that a screen can say so before. What is planned is what
    /// both sides have signed.
    #[oai(
        path = "/matching/missions/:id/cancellation",
        method = "get",
        operation_id = "getCancellationPrice"
    )]
    async fn get_cancellation_price(
        &self,
        app: Data<&App>,
        caller: Auth<ClientSide>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<CancellationPrice>> {
        let mut conn = app.db.conn().await?;
        let price = missions::get_price(&mut conn, MissionId(id.0), caller.0, app.clock.now()).await?;
        Ok(Json(price.into()))
    }

    /// Cancel a mission
    ///
    /// Free until 24 hours before the start, then half of what the signed contracts come to, under two hours all of it; free
    /// again where nobody has begun a quarter of an hour after the start. What was paid beyond that goes back; what was not paid is asked
    /// for.
    #[oai(path = "/matching/missions/:id/cancel", method = "post", operation_id = "cancelMission")]
    async fn cancel_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<CancelRequest>,
    ) -> ApiResult<Json<MissionView>> {
        let mut tx = app.db.begin().await?;
        let now = app.clock.now();
        let cancelled =
            missions::cancel(&mut tx, MissionId(id.0), caller.0, body.0.reason.as_ref(), now).await?;
        effects::missions::cancelled(&mut tx, &cancelled).await?;
        tx.commit().await?;
        Ok(Json(MissionView::of(cancelled.mission, Sight::Whole)))
    }

    /// Leave a mission before its start
    ///
    /// The mission is open again, and looks for somebody else.
    #[oai(path = "/matching/missions/:id/withdraw", method = "post", operation_id = "withdrawFromMission")]
    async fn withdraw_from_mission(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        body: Json<WithdrawRequest>,
    ) -> ApiResult<Json<MissionView>> {
        let now = app.clock.now();
        let reason = body.0.reason.map(String::from);
        let mut tx = app.db.begin().await?;
        let released =
            assignments::withdraw(&mut tx, MissionId(id.0), caller.0.user, reason.as_deref(), now).await?;
        effects::missions::released(&mut tx, &released, now).await?;
        tx.commit().await?;
        Ok(Json(MissionView::of(released.mission, Sight::Public)))
    }

    /// Who takes part, with phone and e-mail
    ///
    /// Once somebody is assigned, and for participants only.
    #[oai(path = "/missions/:id/contacts", method = "get", operation_id = "listContacts")]
    async fn list_contacts(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ContactList>> {
        let mut conn = app.db.conn().await?;
        let (mission, contacts) = assignments::list_contacts(&mut conn, MissionId(id.0), caller.0).await?;
        Ok(Json(ContactList {
            items: contacts.into_iter().map(Into::into).collect(),
            next_cursor: None,
            address: mission.address,
            city: mission.city,
            postal_code: mission.postal_code,
        }))
    }
}

/// Changes a mission; its route stands beside the reading of the same path.
pub(super) async fn change(
    app: &App,
    caller: domain::sessions::Viewer,
    id: Uuid,
    body: MissionChange,
) -> ApiResult<Json<MissionView>> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let changed = missions::change(&mut tx, MissionId(id), caller, body.into(), now).await?;
    effects::missions::changed(&mut tx, &changed, now).await?;
    tx.commit().await?;
    Ok(Json(MissionView::of(changed.mission, Sight::Whole)))
}
