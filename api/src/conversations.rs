//! The history of a conversation, over REST.

use domain::ids::ConversationId;
use domain::live::ChatMessage;
use domain::messages::{self, Address};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Anyone, Auth};
use crate::wire::{self, mirror};

#[derive(Debug)]
pub struct ConversationsApi;

mirror! {
    MessageKind = domain::messages::MessageKind { Text, System }
}

/// A message, as `chat:message` carries it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MessageView {
    id: Uuid,
    conversation_id: Uuid,
    mission_id: Option<Uuid>,
    /// 1, 2, 3 … without a gap.
    seq: i64,
    /// Absent for SYSTEM.
    sender_id: Option<Uuid>,
    kind: MessageKind,
    #[oai(validator(max_length = 2000))]
    content: String,
    #[oai(validator(max_items = 5, max_length = 100))]
    attachments: Vec<String>,
    #[oai(validator(max_length = 64))]
    client_message_id: Option<String>,
    created_at: OffsetDateTime,
}

impl From<ChatMessage> for MessageView {
    fn from(message: ChatMessage) -> Self {
        Self {
            id: message.id.0,
            conversation_id: message.conversation_id.0,
            mission_id: message.mission_id.map(|mission| mission.0),
            seq: message.seq,
            sender_id: message.sender_id.map(|sender| sender.0),
            kind: message.kind.into(),
            content: message.content,
            attachments: message.attachments,
            client_message_id: message.client_message_id,
            created_at: message.created_at,
        }
    }
}

/// Messages in order. Older ones: `before` the first seq; newer ones: `after` the last.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct MessageList {
    #[oai(validator(max_items = 100))]
    items: Vec<MessageView>,
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Messages")]
impl ConversationsApi {
    /// Read a conversation's history
    ///
    /// The newest messages when neither `before` nor `after` is given; always in ascending order.
    #[oai(path = "/conversations/:id/messages", method = "get", operation_id = "listMessages")]
    async fn list_messages(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        /// Only messages numbered below.
        #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
        before: Query<Option<i64>>,
        /// Only messages numbered above; not together with `before`.
        #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        after: Query<Option<i64>>,
        /// 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<MessageList>> {
        let limit = limit.0.unwrap_or(wire::LIMIT);
        let mut conn = app.db.conn().await?;
        let room = Address::Conversation(ConversationId(id.0));
        let conversation =
            messages::get_for_reader(&mut conn, room, caller.0.user, caller.0.is_admin()).await?;
        let messages = match (before.0, after.0) {
            (Some(_), Some(_)) => return Err(ApiError::invalid("after", "not together with before")),
            (None, Some(after)) => {
                messages::list_after(&mut conn, conversation.id, after, i64::MAX, limit).await?
            }
            (before, None) => {
                messages::list_before(&mut conn, conversation.id, before.unwrap_or(i64::MAX), limit).await?
            }
        };
        Ok(Json(MessageList { items: messages.into_iter().map(Into::into).collect(), next_cursor: None }))
    }
}
