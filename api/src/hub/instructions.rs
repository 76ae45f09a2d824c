//! Instructions of a mission: written by the client's side, read and acknowledged by its talents, who tick off the checklist.

use domain::ids::{ChecklistItemId, MissionId};
use domain::instructions::{self, ChecklistItem, Instructions, NewInstructions, NewItem, Reader};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth, VerifiedClient, VerifiedTalent};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct InstructionsApi;

/// An item to be done on site.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ChecklistItemRequest {
    /// Of an item of the version before, which keeps whether it was done; absent for a new one.
    id: Option<Uuid>,
    #[oai(validator(min_length = 1, max_length = 200))]
    label: Text,
}

/// What the talents of a mission must know: always the whole of it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct InstructionsRequest {
    /// The briefing. No patient or resident may be named.
    #[oai(validator(min_length = 1, max_length = 4000))]
    content: Text,
    /// How to get in: entrance, parking, code.
    #[oai(validator(min_length = 1, max_length = 1000))]
    access: Option<Text>,
    /// Whom to ask for on site.
    #[oai(validator(min_length = 1, max_length = 500))]
    contact: Option<Text>,
    #[oai(default, validator(max_items = 30))]
    checklist: Vec<ChecklistItemRequest>,
}

/// The version that was read.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct InstructionsReading {
    #[oai(validator(minimum(value = "1")))]
    version: i32,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ChecklistMark {
    done: bool,
}

/// An item of the checklist, which all talents of the mission share.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ChecklistItemView {
    id: Uuid,
    #[oai(validator(max_length = 200))]
    label: String,
    done: bool,
    /// The talent who said last whether it is done; to a talent only itself.
    marked_by: Option<Uuid>,
    /// When that was.
    marked_at: Option<OffsetDateTime>,
}

impl From<ChecklistItem> for ChecklistItemView {
    fn from(item: ChecklistItem) -> Self {
        Self {
            id: item.id.0,
            label: item.label,
            done: item.done.unwrap_or(false),
            marked_by: item.marked_by.map(|talent| talent.0),
            marked_at: item.marked_at,
        }
    }
}

/// Whether a talent has acknowledged this version.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct InstructionsReader {
    assignment_id: Uuid,
    talent_id: Uuid,
    /// Absent as long as it has not.
    acknowledged_at: Option<OffsetDateTime>,
}

impl From<Reader> for InstructionsReader {
    fn from(reader: Reader) -> Self {
        Self {
            assignment_id: reader.assignment_id.0,
            talent_id: reader.talent_id.0,
            acknowledged_at: reader.read_at,
        }
    }
}

/// The newest version of a mission's instructions.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub(super) struct InstructionsView {
    mission_id: Uuid,
    /// Counts up with each saving; name it when you acknowledge.
    version: i32,
    #[oai(validator(max_length = 4000))]
    content: String,
    #[oai(validator(max_length = 1000))]
    access: Option<String>,
    #[oai(validator(max_length = 500))]
    contact: Option<String>,
    #[oai(validator(max_items = 30))]
    checklist: Vec<ChecklistItemView>,
    /// Those who have a place in the mission; to a talent only itself.
    #[oai(validator(max_items = 20))]
    readers: Vec<InstructionsReader>,
    created_at: OffsetDateTime,
}

impl From<Instructions> for InstructionsView {
    fn from(instructions: Instructions) -> Self {
        Self {
            mission_id: instructions.mission_id.0,
            version: instructions.version,
            content: instructions.content,
            access: instructions.access,
            contact: instructions.contact,
            checklist: instructions.checklist.into_iter().map(Into::into).collect(),
            readers: instructions.readers.into_iter().map(Into::into).collect(),
            created_at: instructions.created_at,
        }
    }
}

#[derive(ApiResponse)]
enum InstructionsWritten {
    /// Saved as the newest version; the talents are told
    #[oai(status = 201)]
    Created(Json<InstructionsView>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Hub")]
impl InstructionsApi {
    /// Write the instructions of a mission
    ///
    /// For those who manage it, until it is over, and as often as needed: each saving is a version, which its talents have to
    /// acknowledge anew before they start.
    #[oai(path = "/missions/:id/instructions", method = "post", operation_id = "writeInstructions")]
    async fn write_instructions(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedClient>,
        id: Path<Uuid>,
        body: Json<InstructionsRequest>,
    ) -> ApiResult<InstructionsWritten> {
        let item =
            |item: ChecklistItemRequest| NewItem { id: item.id.map(ChecklistItemId), label: item.label.0 };
        let new = NewInstructions {
            content: body.0.content.0,
            access: body.0.access.map(Into::into),
            contact: body.0.contact.map(Into::into),
            checklist: body.0.checklist.into_iter().map(item).collect(),
        };
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let instructed = instructions::write(&mut tx, MissionId(id.0), caller.0, new, now).await?;
        effects::hub::instructed(&mut tx, &instructed, now).await?;
        tx.commit().await?;
        Ok(InstructionsWritten::Created(Json(instructed.instructions.into())))
    }

    /// Read the instructions of a mission
    ///
    /// The newest version, for participants and admins.
    #[oai(path = "/missions/:id/instructions", method = "get", operation_id = "getInstructions")]
    async fn get_instructions(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
    ) -> ApiResult<Json<InstructionsView>> {
        let mut conn = app.db.conn().await?;
        Ok(Json(instructions::get_for(&mut conn, MissionId(id.0), caller.0).await?.into()))
    }

    /// Acknowledge the instructions
    ///
    /// For each assigned talent, naming the version that it has read: 409 `INSTRUCTIONS_CHANGED` when there is a newer one.
    #[oai(path = "/missions/:id/acknowledge", method = "post", operation_id = "acknowledgeInstructions")]
    async fn acknowledge_instructions(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        body: Json<InstructionsReading>,
    ) -> ApiResult<Json<InstructionsView>> {
        let (id, version, now) = (MissionId(id.0), body.0.version, app.clock.now());
        let mut tx = app.db.begin().await?;
        let acknowledged = instructions::acknowledge(&mut tx, id, caller.0.user, version, now).await?;
        effects::hub::acknowledged(&mut tx, &acknowledged, now).await?;
        tx.commit().await?;
        Ok(Json(acknowledged.instructions.seen_by(caller.0).into()))
    }

    /// Tick an item of the checklist
    ///
    /// For assigned talents, until their report. Who said so last, and when, is kept.
    #[oai(path = "/missions/:id/checklist/:itemId", method = "patch", operation_id = "markChecklistItem")]
    async fn mark_checklist_item(
        &self,
        app: Data<&App>,
        caller: Auth<VerifiedTalent>,
        id: Path<Uuid>,
        #[oai(name = "itemId")] item_id: Path<Uuid>,
        body: Json<ChecklistMark>,
    ) -> ApiResult<Json<InstructionsView>> {
        let (id, item, now) = (MissionId(id.0), ChecklistItemId(item_id.0), app.clock.now());
        let mut tx = app.db.begin().await?;
        let marked = instructions::mark(&mut tx, id, item, caller.0.user, body.0.done, now).await?;
        effects::hub::marked(&mut tx, &marked, now).await?;
        tx.commit().await?;
        Ok(Json(marked.instructions.seen_by(caller.0).into()))
    }
}
