//! Conversations over REST; what a message and a read mark set off is the same over the socket.

use domain::conversations::{self, Address, Mark, Opened, Summary};
use domain::ids::{ConversationId, MissionId, UserId};
use domain::live::{self, Channel, ChatMessage, ChatRead, Delivery};
use domain::messages::{self, NewMessage, Sent};
use domain::sessions::Viewer;
use domain::users::Role;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{self, Active, Anyone, Auth, Bearer};
use crate::wire::{self, Done, Text, mirror};

#[derive(Debug)]
pub struct ConversationsApi;

mirror! {
    MessageKind = domain::messages::MessageKind { Text, System }
    ConversationKind = domain::conversations::ConversationKind { Mission, Booking, Direct }
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

/// A message to send.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct MessageToSend {
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: Text,
    /// Makes a repetition harmless: the same id is the same message.
    #[oai(validator(min_length = 1, max_length = 64))]
    client_message_id: Option<Text>,
    /// Ids of uploads.
    #[oai(validator(max_items = 5))]
    #[oai(default)]
    attachments: Vec<Uuid>,
}

/// How far the caller has read.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ReadMark {
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    seq: i64,
}

/// Whom to talk to.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct ConversationToOpen {
    /// The mission that brings the two together.
    mission_id: Uuid,
    /// Named by a client.
    talent_id: Option<Uuid>,
    /// Named by a talent; the mission's poster when absent.
    client_id: Option<Uuid>,
}

/// The newest message.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct LastMessageView {
    id: Uuid,
    /// Absent for SYSTEM.
    sender_id: Option<Uuid>,
    kind: MessageKind,
    #[oai(validator(max_length = 2000))]
    content: String,
    created_at: OffsetDateTime,
}

/// A conversation of the caller.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ConversationView {
    id: Uuid,
    kind: ConversationKind,
    mission_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    /// The mission's title, or the first name and initial of the other.
    #[oai(validator(max_length = 300))]
    title: String,
    /// Number of the newest message; 0 while there is none.
    #[oai(validator(minimum(value = "0")))]
    seq: i64,
    /// Messages after the caller's read mark; one's own move the mark.
    unread: i64,
    last_message: Option<LastMessageView>,
    /// Writing ends then, or ended.
    lock_at: Option<OffsetDateTime>,
    last_activity_at: OffsetDateTime,
    /// To be shown above the messages.
    #[oai(validator(max_length = 300))]
    notice: String,
}

impl From<Summary> for ConversationView {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.id.0,
            kind: summary.kind.into(),
            mission_id: summary.mission_id.map(|mission| mission.0),
            booking_id: summary.booking_id.map(|booking| booking.0),
            title: summary.title,
            seq: summary.head,
            unread: summary.unread,
            last_message: summary.last.map(|last| LastMessageView {
                id: last.id.0,
                sender_id: last.sender_id.map(|sender| sender.0),
                kind: last.kind.into(),
                content: last.content,
                created_at: last.created_at,
            }),
            lock_at: summary.lock_at,
            last_activity_at: summary.active_at,
            notice: conversations::NOTICE.to_owned(),
        }
    }
}

/// A page of conversations, the most lively first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct ConversationPage {
    #[oai(validator(max_items = 100))]
    items: Vec<ConversationView>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum OpenedConversation {
    /// Opened
    #[oai(status = 201)]
    New(Json<ConversationView>),
    /// The two have one already
    #[oai(status = 200)]
    Existing(Json<ConversationView>),
}

#[derive(ApiResponse)]
enum StoredMessage {
    /// Stored
    #[oai(status = 201)]
    Stored(Json<MessageView>),
}

/// Stores and announces a message; a resend gets the first one.
async fn say(app: &App, new: &NewMessage, bearer: &Bearer) -> ApiResult<ChatMessage> {
    let mut tx = app.db.begin().await?;
    let sent = messages::send(&mut tx, new, app.clock.now()).await?;
    if let Sent::Stored(message) = sent {
        live::announce(&mut tx, Channel::Conversation(message.conversation_id), &message.delivery());
        tx.commit().await?;
        return Ok(message);
    }
    drop(tx);
    unsent(app, sent, new, bearer).await
}

/// As [`say`], over the socket: stored together with what comes at the same moment.
pub(crate) async fn say_live(app: &App, new: NewMessage, bearer: &Bearer) -> ApiResult<ChatMessage> {
    let sent = app.postbox.submit(new.clone()).await?;
    unsent(app, sent, &new, bearer).await
}

/// What is to be said when nothing new was stored.
async fn unsent(app: &App, sent: Sent, new: &NewMessage, bearer: &Bearer) -> ApiResult<ChatMessage> {
    match sent {
        Sent::Stored(message) => Ok(message),
        Sent::Resent => Ok(messages::get_first_sent(&mut *app.db.conn().await?, new).await?),
        Sent::Refused => {
            let viewer = guard::viewer(app, bearer).await?;
            Err(messages::why_refused(&mut *app.db.conn().await?, new.room, viewer).await.into())
        }
    }
}

/// Moves a member's read mark and tells the others.
pub(crate) async fn read(app: &App, viewer: Viewer, conversation: ConversationId, seq: i64) -> ApiResult<()> {
    let mut tx = app.db.begin().await?;
    match conversations::mark_read(&mut tx, conversation, viewer.user, seq).await? {
        Mark::Moved(seq) => {
            let frame = live::frame(&ChatRead { conversation_id: conversation, user_id: viewer.user, seq });
            let delivery = Delivery { seq: None, except: vec![viewer.user], frame };
            live::announce(&mut tx, Channel::Conversation(conversation), &delivery);
            tx.commit().await?;
        }
        Mark::Stays => {
            conversations::get_to_act(&mut tx, Address::Conversation(conversation), viewer).await?;
        }
    }
    Ok(())
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Messages")]
impl ConversationsApi {
    /// List one's own conversations
    ///
    /// Of one's missions and direct ones, last spoken in first, each with its last message and how many are unread.
    #[oai(path = "/conversations", method = "get", operation_id = "listConversations")]
    async fn list_conversations(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// `nextCursor` of the page before.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<Text>>,
        /// Items of a page; 20 when absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
    ) -> ApiResult<Json<ConversationPage>> {
        let page = wire::page(cursor.0.as_ref(), limit.0)?;
        let mut conn = app.db.conn().await?;
        let (summaries, next) = conversations::list(&mut conn, caller.0.user, None, page).await?;
        let items = summaries.into_iter().map(Into::into).collect();
        Ok(Json(ConversationPage { items, next_cursor: wire::next(next) }))
    }

    /// Open the direct conversation of a client and a talent
    ///
    /// Only between those whom a mission brings together: its client, and a talent who was invited, has applied or is
    /// assigned. One per pair.
    #[oai(path = "/conversations", method = "post", operation_id = "openConversation")]
    async fn open_conversation(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        body: Json<ConversationToOpen>,
    ) -> ApiResult<OpenedConversation> {
        let mut tx = app.db.begin().await?;
        let mission = MissionId(body.0.mission_id);
        let me = caller.0.user;
        let (client, talent) = match (caller.0.role, body.0.client_id, body.0.talent_id) {
            (Role::Client, None, Some(talent)) => (me, UserId(talent)),
            (Role::Client, ..) => {
                return Err(ApiError::invalid("talentId", "a client names the talent, and only the talent"));
            }
            (Role::Talent, client, None) => match client {
                Some(client) => (UserId(client), me),
                None => (domain::missions::get(&mut tx, mission).await?.client_id, me),
            },
            (Role::Talent, ..) => return Err(ApiError::invalid("talentId", "named by clients only")),
            (Role::Admin, ..) => return Err(guard::ROLE_NOT_ALLOWED),
        };
        let opened = conversations::open_direct(&mut tx, mission, client, talent, app.clock.now()).await?;
        let (Opened::New(id) | Opened::Existing(id)) = opened;
        let view = Json(conversations::get_summary(&mut tx, id, me).await?.into());
        tx.commit().await?;
        Ok(match opened {
            Opened::New(_) => OpenedConversation::New(view),
            Opened::Existing(_) => OpenedConversation::Existing(view),
        })
    }

    /// Send a message
    ///
    /// As `chat:send` over the socket, with the same budget of ten in ten seconds.
    #[oai(path = "/conversations/:id/messages", method = "post", operation_id = "sendMessage")]
    async fn send_message(
        &self,
        app: Data<&App>,
        request: &poem::Request,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        body: Json<MessageToSend>,
    ) -> ApiResult<StoredMessage> {
        let new = NewMessage {
            room: Address::Conversation(ConversationId(id.0)),
            sender: caller.0.user,
            session: caller.0.session,
            content: body.0.content.into(),
            attachments: body.0.attachments.iter().map(ToString::to_string).collect(),
            client_message_id: body.0.client_message_id.map(Into::into),
        };
        new.check()?;
        if let Some(retry_after) = app.limiter.check_chat(&new.sender.to_string()).await.retry_after {
            return Err(ApiError::TooManyRequests { retry_after });
        }
        Ok(StoredMessage::Stored(Json(
            say(&app, &new, request.data::<Bearer>().unwrap_or(&None)).await?.into(),
        )))
    }

    /// Mark a conversation as read up to a message
    ///
    /// Marks only move forward; the others are told.
    #[oai(path = "/conversations/:id/read", method = "post", operation_id = "markConversationRead")]
    async fn mark_conversation_read(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        id: Path<Uuid>,
        body: Json<ReadMark>,
    ) -> ApiResult<Done> {
        read(&app, caller.0, ConversationId(id.0), body.0.seq).await?;
        Ok(Done::NoContent)
    }

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
        let conversation = conversations::get_for_reader(&mut conn, room, caller.0).await?;
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
