//! What can be seen of a mission: its timeline, its chat's state, all of it on one screen, and which missions are active.

use domain::conversations::{self, ChatStatus};
use domain::hub::{self, Hub, Place};
use domain::ids::MissionId;
use domain::missions::{self, Sight};
use domain::timeline::{self, Event};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use super::ReportView;
use super::instructions::InstructionsView;
use crate::App;
use crate::contracts::ContractStatus;
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth};
use crate::invitations::AssignmentStatus;
use crate::missions::{MissionPage, MissionView};
use crate::payments::PaymentStatus;
use crate::wire::{self, Text, mirror};

#[derive(Debug)]
pub struct OverviewApi;

mirror! {
    MissionEventKind = domain::timeline::EventKind {
        Created, Matched, Invited, Applied, Assigned, ContractSigned, InstructionsUpdated, BriefingRead, ChecklistItemDone,
        MissionStarted, Incident, ReportSubmitted, ReportValidated, ReportContested, Cancelled, Locked, Payment,
    }
    /// Why a chat closes, or why the caller cannot write in it.
    ChatReason = domain::conversations::ChatReason { MissionEnded, AccountSuspended }
    /// What the caller has to do, or to wait for; the most urgent of it.
    NextStep = domain::hub::NextStep {
        JudgeReport, Report, Start, SignContract, ReadInstructions, Pay, WaitForTalent, WaitForContract, WaitForSignature,
        WaitForStart, WaitForReport, WaitForJudgement, WaitForDecision, Nothing,
    }
}

/// Something that happened to a mission.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MissionEventView {
    id: Uuid,
    kind: MissionEventKind,
    /// Whose it is. To a talent, nobody else is named.
    talent_id: Option<Uuid>,
    /// Of the instructions.
    version: Option<i32>,
    /// The item of the checklist.
    #[oai(validator(max_length = 200))]
    item: Option<String>,
    /// What was paid, with VAT.
    amount_cents: Option<i64>,
    /// How many were invited.
    people: Option<i32>,
    created_at: OffsetDateTime,
}

impl From<Event> for MissionEventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind.into(),
            talent_id: event.talent_id.map(|talent| talent.0),
            version: event.version,
            item: event.item,
            amount_cents: event.amount_cents,
            people: event.people,
            created_at: event.created_at,
        }
    }
}

/// A page of a mission's events, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct Timeline {
    #[oai(validator(max_items = 100))]
    items: Vec<MissionEventView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

/// Whether the caller can write in a mission's chat.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ChatStatusView {
    conversation_id: Uuid,
    open: bool,
    /// Known once the last report was handed in: 24 hours after it.
    closes_at: Option<OffsetDateTime>,
    locked_at: Option<OffsetDateTime>,
    reason: Option<ChatReason>,
}

impl From<ChatStatus> for ChatStatusView {
    fn from(chat: ChatStatus) -> Self {
        Self {
            conversation_id: chat.conversation.0,
            open: chat.open,
            closes_at: chat.closes_at,
            locked_at: chat.locked_at,
            reason: chat.reason.map(Into::into),
        }
    }
}

/// The contract of a talent's place.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct PlaceContract {
    id: Uuid,
    #[oai(validator(max_length = 40))]
    reference: String,
    status: ContractStatus,
    /// With VAT.
    amount_cents: i64,
    client_signed_at: Option<OffsetDateTime>,
    talent_signed_at: Option<OffsetDateTime>,
}

/// What was paid for a talent's place; without a status as long as nothing was asked for.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct PlacePayment {
    status: Option<PaymentStatus>,
    paid_at: Option<OffsetDateTime>,
    /// More was worked than planned, and is still to be paid.
    supplement_cents: Option<i64>,
}

/// A talent's place in the mission; without a contract for the moment in which that is made.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct PlaceView {
    assignment_id: Uuid,
    talent_id: Uuid,
    #[oai(validator(max_length = 80))]
    first_name: Option<String>,
    #[oai(validator(max_length = 4))]
    last_initial: Option<String>,
    status: AssignmentStatus,
    started_at: Option<OffsetDateTime>,
    contract: Option<PlaceContract>,
    payment: PlacePayment,
}

impl From<Place> for PlaceView {
    fn from(place: Place) -> Self {
        let named = place.contract_id.zip(place.contract_reference);
        let contract = named.zip(place.contract_status.zip(place.contract_cents));
        Self {
            assignment_id: place.assignment_id.0,
            talent_id: place.talent_id.0,
            first_name: place.first_name,
            last_initial: place.last_initial,
            status: place.status.into(),
            started_at: place.started_at,
            contract: contract.map(|((id, reference), (status, amount_cents))| PlaceContract {
                id: id.0,
                reference,
                status: status.into(),
                amount_cents,
                client_signed_at: place.client_signed_at,
                talent_signed_at: place.talent_signed_at,
            }),
            payment: PlacePayment {
                status: place.payment_status.map(Into::into),
                paid_at: place.paid_at,
                supplement_cents: place.supplement_cents,
            },
        }
    }
}

/// A mission on one screen, as the caller may see it; without instructions where none were written.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct HubView {
    mission: MissionView,
    next_step: NextStep,
    /// All of them to the client's side, a talent's own to the talent.
    #[oai(validator(max_items = 20))]
    places: Vec<PlaceView>,
    instructions: Option<InstructionsView>,
    /// As with the places.
    #[oai(validator(max_items = 20))]
    reports: Vec<ReportView>,
    chat: ChatStatusView,
    /// The latest of the timeline, newest first.
    #[oai(validator(max_items = 10))]
    events: Vec<MissionEventView>,
}

impl From<Hub> for HubView {
    fn from(hub: Hub) -> Self {
        Self {
            mission: MissionView::of(hub.mission, Sight::Whole),
            next_step: hub.next_step.into(),
            places: hub.places.into_iter().map(Into::into).collect(),
            instructions: hub.instructions.map(Into::into),
            reports: hub.reports.into_iter().map(Into::into).collect(),
            chat: hub.chat.into(),
            events: hub.events.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Debug, Object)]
struct ActiveMissionCount {
    active: i32,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Hub")]
impl OverviewApi {
    /// What happened to a mission
    ///
    /// For participants and admins; nothing of it is ever changed. A talent reads what concerns everybody and itself: nobody else's
    /// application, contract, report or payment.
    #[oai(path = "/missions/:id/timeline", method = "get", operation_id = "listTimeline")]
    async fn list_timeline(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<Timeline>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = timeline::list(&mut conn, MissionId(id.0), caller.0, page).await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(Timeline { items, next_cursor: wire::next(next) }))
    }

    /// A mission on one screen
    ///
    /// For participants and admins: the mission, its places with contract and payment, instructions, reports, chat, the latest
    /// events, and what the caller has to do next.
    #[oai(path = "/missions/:id/hub", method = "get", operation_id = "getHub")]
    async fn get_hub(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<HubView>> {
        let mut conn = app.db.conn().await?;
        let hub = hub::get(&mut conn, MissionId(id.0), caller.0, app.clock.now()).await?;
        Ok(Json(hub.into()))
    }

    /// Whether a mission's chat is open
    ///
    /// To the caller, at this moment, and until when.
    #[oai(path = "/missions/:id/chat-status", method = "get", operation_id = "getChatStatus")]
    async fn get_chat_status(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<ChatStatusView>> {
        let mut conn = app.db.conn().await?;
        let mission = missions::get_whole(&mut conn, MissionId(id.0), caller.0).await?;
        let chat = conversations::get_status(&mut conn, mission.id, caller.0, app.clock.now()).await?;
        Ok(Json(chat.into()))
    }

    /// List active missions
    ///
    /// Those that somebody is assigned to or at work in: the caller's own, its establishments' and, for a talent, its places. The one
    /// that begins first comes first.
    #[oai(path = "/missions/active", method = "get", operation_id = "listActiveMissions")]
    async fn list_active_missions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<MissionPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (items, next) = missions::list_active(&mut conn, caller.0.user, page).await?;
        let items = items.into_iter().map(|mission| MissionView::of(mission, Sight::Whole)).collect();
        Ok(Json(MissionPage { items, next_cursor: wire::next(next) }))
    }

    /// Count active missions
    ///
    /// Told live too, as `mission:count`, whenever it changes.
    #[oai(path = "/missions/active/count", method = "get", operation_id = "countActiveMissions")]
    async fn count_active_missions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
    ) -> ApiResult<Json<ActiveMissionCount>> {
        let mut conn = app.db.conn().await?;
        let counts = missions::count_active(&mut conn, &[caller.0.user]).await?;
        Ok(Json(ActiveMissionCount { active: counts.first().map_or(0, |(_, active)| *active) }))
    }
}
