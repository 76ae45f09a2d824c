//! Reports of messages.

use domain::ids::{ConversationId, MessageId};
use domain::message_reports::{self, MessageReport, NewMessageReport, Reported};
use jobs::effects;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiResult;
use crate::guard::{Anyone, Auth};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct MessageReportsApi;

/// What is wrong, and with which message.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct MessageToReport {
    message_id: Uuid,
    #[oai(validator(min_length = 1, max_length = 500))]
    reason: Text,
}

/// A report as its reporter sees it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct MessageReportView {
    id: Uuid,
    conversation_id: Uuid,
    message_id: Uuid,
    #[oai(validator(max_length = 500))]
    reason: String,
    created_at: OffsetDateTime,
}

impl From<MessageReport> for MessageReportView {
    fn from(report: MessageReport) -> Self {
        Self {
            id: report.id.0,
            conversation_id: report.conversation_id.0,
            message_id: report.message_id.0,
            reason: report.reason,
            created_at: report.created_at,
        }
    }
}

#[derive(ApiResponse)]
enum ReportedMessage {
    /// Reported
    #[oai(status = 201)]
    New(Json<MessageReportView>),
    /// The caller had reported it before; that report stays as it was
    #[oai(status = 200)]
    Existing(Json<MessageReportView>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Messages")]
impl MessageReportsApi {
    /// Report a message
    ///
    /// Of another member, in a conversation of one's own. What it says is kept with the report, and the admins are told.
    #[oai(path = "/conversations/:id/report", method = "post", operation_id = "reportMessage")]
    async fn report_message(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        body: Json<MessageToReport>,
    ) -> ApiResult<ReportedMessage> {
        let now = app.clock.now();
        let new = NewMessageReport {
            conversation_id: ConversationId(id.0),
            message_id: MessageId(body.0.message_id),
            reason: body.0.reason.into(),
        };
        let mut tx = app.db.begin().await?;
        let reported = message_reports::insert(&mut tx, &new, caller.0, now).await?;
        effects::conversations::message_reported(&mut tx, &reported, now).await?;
        tx.commit().await?;
        Ok(match reported {
            Reported::New(report) => ReportedMessage::New(Json(report.into())),
            Reported::Existing(report) => ReportedMessage::Existing(Json(report.into())),
        })
    }
}
