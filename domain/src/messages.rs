//! Conversations and their messages, numbered without a gap.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Tx;
use crate::error::{Error, Result, violates};
use crate::ids::{ConversationId, MessageId, MissionId, UserId};
use crate::live::{self, Channel, ChatMessage, Delivery};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "message_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageKind {
    Text,
    System,
}

impl ChatMessage {
    pub fn delivery(&self) -> Delivery {
        Delivery { seq: Some(self.seq), except: Vec::new(), frame: live::frame(self) }
    }
}

/// A conversation by its own id or by its mission's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Conversation(ConversationId),
    Mission(MissionId),
}

impl Address {
    fn ids(self) -> (Option<uuid::Uuid>, Option<uuid::Uuid>) {
        match self {
            Self::Conversation(id) => (Some(id.0), None),
            Self::Mission(id) => (None, Some(id.0)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Conversation {
    pub id: ConversationId,
    pub mission_id: Option<MissionId>,
    pub head: i64,
}

pub async fn create_for_mission(
    conn: &mut PgConnection,
    mission: MissionId,
    now: OffsetDateTime,
) -> Result<ConversationId> {
    let id = ConversationId::new();
    sqlx::query!(
        "insert into conversations (id, kind, mission_id, created_at) values ($1, 'MISSION', $2, $3)",
        id.0,
        mission.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// The conversation, for someone who may read it: a participant, or an admin.
pub async fn get_for_reader(
    conn: &mut PgConnection,
    room: Address,
    reader: UserId,
    is_admin: bool,
) -> Result<Conversation> {
    let (conversation, mission) = room.ids();
    let row = sqlx::query!(
        r#"select id as "id: ConversationId", mission_id as "mission_id: MissionId", head,
                  ($4 or is_mission_participant(mission_id, $3)) as "may_read!"
             from conversations where id = $1 or mission_id = $2"#,
        conversation,
        mission,
        reader.0,
        is_admin,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("conversation"))?;
    if !row.may_read {
        return Err(NOT_A_MEMBER);
    }
    Ok(Conversation { id: row.id, mission_id: row.mission_id, head: row.head })
}

const NOT_A_MEMBER: Error =
    Error::Refused { code: "NOT_A_MEMBER", message: "You are not a participant of this conversation" };

/// The users who may write here, for the `members` of `mission:joined`.
pub async fn list_members(conn: &mut PgConnection, conversation: ConversationId) -> Result<Vec<UserId>> {
    let members = sqlx::query_scalar!(
        r#"select m.client_id as "user_id!: UserId"
             from conversations c join missions m on m.id = c.mission_id where c.id = $1
           union
           select e.user_id from conversations c join missions m on m.id = c.mission_id
             join establishment_members e on e.establishment_id = m.establishment_id where c.id = $1
           union
           select a.talent_id from conversations c join assignments a on a.mission_id = c.mission_id
            where c.id = $1 and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
           order by 1"#,
        conversation.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(members)
}

#[derive(Clone, Debug)]
pub struct NewMessage {
    pub room: Address,
    pub sender: UserId,
    pub content: String,
    pub attachments: Vec<String>,
    pub client_message_id: Option<String>,
}

/// What became of a send.
#[derive(Debug)]
pub enum Sent {
    Stored(ChatMessage),
    /// The same `clientMessageId` came before: roll back, and read it with [`get_first_sent`].
    Resent,
}

/// Stores a message under the next number, if the sender is a participant and the chat is not locked; all of it in one
/// statement, so that membership cannot be lost between a check and the write.
pub async fn send(tx: &mut Tx, new: &NewMessage, now: OffsetDateTime) -> Result<Sent> {
    let (conversation, mission) = new.room.ids();
    let id = MessageId::new();
    let stored = sqlx::query!(
        r#"with place as (
               update conversations set head = head + 1
                where (id = $1 or mission_id = $2) and locked_at is null and is_mission_participant(mission_id, $3)
               returning id, mission_id, head
           ), stored as (
               insert into messages (conversation_id, seq, id, sender_id, kind, content, attachments, client_message_id, created_at)
               select id, head, $4, $3, 'TEXT', $5, $6, $7, $8 from place
           )
           select id as "id: ConversationId", mission_id as "mission_id: MissionId", head from place"#,
        conversation,
        mission,
        new.sender.0,
        id.0,
        new.content,
        &new.attachments,
        new.client_message_id,
        now,
    )
    .fetch_optional(&mut **tx)
    .await;
    let place = match stored {
        Ok(Some(place)) => place,
        Ok(None) => return Err(why_refused(tx, new).await?),
        Err(error) if violates(&error, "messages_resend") => return Ok(Sent::Resent),
        Err(error) => return Err(error.into()),
    };
    let message = ChatMessage {
        id,
        conversation_id: place.id,
        mission_id: place.mission_id,
        seq: place.head,
        sender_id: Some(new.sender),
        kind: MessageKind::Text,
        content: new.content.clone(),
        attachments: new.attachments.clone(),
        client_message_id: new.client_message_id.clone(),
        created_at: now,
    };
    live::announce(tx, Channel::Conversation(place.id), &message.delivery());
    Ok(Sent::Stored(message))
}

async fn why_refused(conn: &mut PgConnection, new: &NewMessage) -> Result<Error> {
    get_for_reader(conn, new.room, new.sender, false).await?;
    Ok(Error::Refused { code: "CHAT_LOCKED", message: "This chat is locked" })
}

/// Messages as they are read; the rest of the statement says which.
macro_rules! select_messages {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            ChatMessage,
            r#"select id as "id!: _", conversation_id as "conversation_id!: _", mission_id as "mission_id: _", seq as "seq!",
                      sender_id as "sender_id: _", kind as "kind!: _", content as "content!", attachments as "attachments!",
                      client_message_id, created_at as "created_at!"
                 from chat_messages "# + $rest,
            $($argument),*
        )
    };
}

/// The message that first carried this `clientMessageId`. Another content under the same id is a conflict.
pub async fn get_first_sent(conn: &mut PgConnection, new: &NewMessage) -> Result<ChatMessage> {
    let (conversation, mission) = new.room.ids();
    let first = select_messages!(
        "where (conversation_id = $1 or mission_id = $2) and sender_id = $3 and client_message_id = $4",
        conversation,
        mission,
        new.sender.0,
        new.client_message_id
    )
    .fetch_one(conn)
    .await?;
    if first.content != new.content || first.attachments != new.attachments {
        let message = "This clientMessageId was used for another message";
        return Err(Error::Conflict { code: "CLIENT_MESSAGE_ID_REUSED", message });
    }
    Ok(first)
}

/// Stores a SYSTEM message. It holds the conversation's row lock until the commit: call it late.
pub async fn post_system(
    tx: &mut Tx,
    mission: MissionId,
    content: &str,
    now: OffsetDateTime,
) -> Result<ChatMessage> {
    let row = sqlx::query!(
        r#"with place as (
               update conversations set head = head + 1 where mission_id = $1 returning id, head
           )
           insert into messages (conversation_id, seq, id, kind, content, created_at)
           select id, head, $2, 'SYSTEM', $3, $4 from place
           returning conversation_id as "conversation_id: ConversationId", id as "id: MessageId", seq"#,
        mission.0,
        MessageId::new().0,
        content,
        now,
    )
    .fetch_one(&mut **tx)
    .await?;
    let message = ChatMessage {
        id: row.id,
        conversation_id: row.conversation_id,
        mission_id: Some(mission),
        seq: row.seq,
        sender_id: None,
        kind: MessageKind::System,
        content: content.to_owned(),
        attachments: Vec::new(),
        client_message_id: None,
        created_at: now,
    };
    live::announce(tx, Channel::Conversation(row.conversation_id), &message.delivery());
    Ok(message)
}

/// Messages numbered after `after`, up to and including `up_to`, the oldest `limit` of them, in order.
pub async fn list_after(
    conn: &mut PgConnection,
    conversation: ConversationId,
    after: i64,
    up_to: i64,
    limit: i64,
) -> Result<Vec<ChatMessage>> {
    let messages = select_messages!(
        "where conversation_id = $1 and seq > $2 and seq <= $3 order by seq limit $4",
        conversation.0,
        after,
        up_to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(messages)
}

/// Messages numbered below `before`, the newest `limit` of them, in order.
pub async fn list_before(
    conn: &mut PgConnection,
    conversation: ConversationId,
    before: i64,
    limit: i64,
) -> Result<Vec<ChatMessage>> {
    let mut messages = select_messages!(
        "where conversation_id = $1 and seq < $2 order by seq desc limit $3",
        conversation.0,
        before,
        limit
    )
    .fetch_all(conn)
    .await?;
    messages.reverse();
    Ok(messages)
}
