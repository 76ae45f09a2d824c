//! The messages of conversations, numbered without a gap.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Tx;
use crate::conversations::{self, Address};
use crate::error::{Error, Result, violates};
use crate::ids::{ConversationId, MessageId, MissionId, SessionId, UserId};
use crate::live::{self, Channel, ChatMessage, Delivery};
use crate::sessions::Viewer;

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

pub const LONGEST: usize = 2000;
pub const MOST_ATTACHMENTS: usize = 5;
const LONGEST_CLIENT_ID: usize = 64;

#[derive(Clone, Debug)]
pub struct NewMessage {
    pub room: Address,
    pub sender: UserId,
    /// The sender's session; the statement that stores the message asks whether it lives.
    pub session: SessionId,
    pub content: String,
    /// Ids of uploads.
    pub attachments: Vec<String>,
    pub client_message_id: Option<String>,
}

impl NewMessage {
    /// The rules of a message, whichever way it comes.
    pub fn check(&self) -> Result<()> {
        let invalid = |field, message| Err(Error::Invalid { field, message });
        let id = self.client_message_id.as_ref().map_or(1, |id| id.chars().count());
        match () {
            () if !(1..=LONGEST).contains(&self.content.chars().count()) => {
                invalid("content", "has 1 to 2,000 characters")
            }
            () if self.content.trim().is_empty() => invalid("content", "must not be blank"),
            () if !is_plain(&self.content) => invalid("content", "must not contain control characters"),
            () if !(1..=LONGEST_CLIENT_ID).contains(&id) => {
                invalid("clientMessageId", "has 1 to 64 characters")
            }
            () if !self.client_message_id.as_deref().is_none_or(is_plain) => {
                invalid("clientMessageId", "must not contain control characters")
            }
            () if self.attachments.len() > MOST_ATTACHMENTS => invalid("attachments", "has at most 5 items"),
            () => Ok(()),
        }
    }

    fn stored(
        &self,
        id: MessageId,
        conversation_id: ConversationId,
        mission_id: Option<MissionId>,
        seq: i64,
        created_at: OffsetDateTime,
    ) -> ChatMessage {
        ChatMessage {
            id,
            conversation_id,
            mission_id,
            seq,
            sender_id: Some(self.sender),
            kind: MessageKind::Text,
            content: self.content.clone(),
            attachments: self.attachments.clone(),
            client_message_id: self.client_message_id.clone(),
            created_at,
        }
    }
}

/// Without control characters, but for line breaks and tabs.
pub fn is_plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// What became of a send.
#[derive(Debug)]
#[must_use = "a stored message is announced"]
pub enum Sent {
    /// Announce it on its conversation's channel.
    Stored(ChatMessage),
    /// The same `clientMessageId` came before: roll back, and read it with [`get_first_sent`].
    Resent,
    /// Nothing was stored; [`why_refused`] says why, once the sender's session is known to live.
    Refused,
}

/// Stores a message under the next number, if the sender's session lives, the sender may act in the conversation and the
/// chat is open: all of it in one statement, so that nothing can be lost between a check and the write, and so that a
/// connection without a transaction pays one round trip and one commit. The sender has read what it writes.
pub async fn send(conn: &mut PgConnection, new: &NewMessage, now: OffsetDateTime) -> Result<Sent> {
    let (conversation, mission) = new.room.ids();
    let id = MessageId::new();
    let stored = sqlx::query!(
        r#"with place as (
               update conversations set head = head + 1, active_at = $8
                where id = coalesce($1, (select c.id from conversations c where c.mission_id = $2))
                  and locked_at is null and (lock_at is null or lock_at > $8)
                  and exists (select from sessions s where s.id = $9 and s.user_id = $3 and s.revoked_at is null and s.expires_at > $8)
                  and may_act_in_conversation(mission_id, client_id, talent_id, $3)
               returning id, mission_id, head
           ), stored as (
               insert into messages (conversation_id, seq, id, sender_id, kind, content, attachments, client_message_id, created_at)
               select id, head, $4, $3, 'TEXT', $5, $6, $7, $8 from place
           ), marked as (
               insert into read_marks (user_id, conversation_id, seq) select $3, id, head from place
               on conflict (user_id, conversation_id) do update set seq = excluded.seq
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
        new.session.0,
    )
    .fetch_optional(conn)
    .await;
    let place = match stored {
        Ok(Some(place)) => place,
        Ok(None) => return Ok(Sent::Refused),
        Err(error) if violates(&error, "messages_resend") => return Ok(Sent::Resent),
        Err(error) => return Err(error.into()),
    };
    Ok(Sent::Stored(new.stored(id, place.id, place.mission_id, place.head, now)))
}

/// Stores several messages in one statement, under the conditions of [`send`]: under load statements and commits cost more than
/// what is in them. Returns each stored message, or nothing for one that is to go through [`send`], which says why: its sender may
/// not, somebody holds the row of its conversation, or it is a resend.
pub async fn send_together(
    conn: &mut PgConnection,
    new: &[&NewMessage],
    now: OffsetDateTime,
) -> Result<Vec<Option<ChatMessage>>> {
    let ids: Vec<_> = new.iter().map(|_| MessageId::new()).collect();
    let (conversations, missions): (Vec<_>, Vec<_>) = new.iter().map(|new| new.room.ids()).unzip();
    let column = |text: fn(&NewMessage) -> String| new.iter().map(|new| text(new)).collect::<Vec<_>>();
    let rows = sqlx::query!(
        r#"with new as materialized (
               select n.*, c.id as room
                 from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[])
                          with ordinality as n (id, conversation, mission, sender, session, content, attachments, client_message_id, place)
                cross join lateral (select coalesce(n.conversation, (select id from conversations where mission_id = n.mission)) as id) as c
                where exists (select from sessions s where s.id = n.session and s.user_id = n.sender and s.revoked_at is null
                                                       and s.expires_at > $9)
                  -- A resend would undo the others.
                  and (n.client_message_id is null
                       or not exists (select from messages m where m.conversation_id = c.id and m.sender_id = n.sender
                                                               and m.client_message_id = n.client_message_id))
           ), free as materialized (
               select id, mission_id, client_id, talent_id from conversations where id in (select room from new)
                order by id for no key update skip locked -- in nobody's way who only refers to them
           ), allowed as materialized (
               select new.*, row_number() over (partition by room order by place) as nth, count(*) over (partition by room) as among
                 from new join free on free.id = room
                where may_act_in_conversation(mission_id, client_id, talent_id, sender)
           ), placed as (
               update conversations c set head = head + among, active_at = $9
                 from (select distinct room, among from allowed) as counted
                where c.id = counted.room and locked_at is null and (lock_at is null or lock_at > $9)
               returning c.id, mission_id, head - among as base
           ), stored as (
               insert into messages (conversation_id, seq, id, sender_id, kind, content, attachments, client_message_id, created_at)
               select room, base + nth, allowed.id, sender, 'TEXT', content, string_to_array(attachments, ','), -- ids hold none
                      client_message_id, $9
                 from allowed join placed on placed.id = room
           ), marked as (
               insert into read_marks (user_id, conversation_id, seq)
               select sender, room, max(base + nth) from allowed join placed on placed.id = room group by sender, room
               on conflict (user_id, conversation_id) do update set seq = excluded.seq
           )
           select place as "place!", room as "room!: ConversationId", mission_id as "mission_id: MissionId", base + nth as "seq!"
             from allowed join placed on placed.id = room"#,
        &ids.iter().map(|id| id.0).collect::<Vec<_>>(),
        &conversations as &[Option<Uuid>],
        &missions as &[Option<Uuid>],
        &new.iter().map(|new| new.sender.0).collect::<Vec<_>>(),
        &new.iter().map(|new| new.session.0).collect::<Vec<_>>(),
        &column(|new| new.content.clone()),
        &column(|new| new.attachments.join(",")),
        &new.iter().map(|new| new.client_message_id.clone()).collect::<Vec<_>>() as &[Option<String>],
        now,
    )
    .fetch_all(conn)
    .await;
    let rows = match rows {
        Err(error) if violates(&error, "messages_resend") => Vec::new(),
        rows => rows?,
    };
    let mut sent = vec![None; new.len()];
    for row in rows {
        let n = row.place as usize - 1;
        sent[n] = Some(new[n].stored(ids[n], row.room, row.mission_id, row.seq, now));
    }
    Ok(sent)
}

/// Why a send stored nothing.
pub async fn why_refused(conn: &mut PgConnection, room: Address, sender: Viewer) -> Error {
    match conversations::get_to_act(conn, room, sender).await {
        Err(refused) => refused,
        Ok(_) => Error::Refused { code: "CHAT_LOCKED", message: "This chat is locked" },
    }
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
        "where conversation_id = coalesce($1, (select c.id from conversations c where c.mission_id = $2))
           and sender_id = $3 and client_message_id = $4",
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

/// Stores SYSTEM messages, one for each mission. It holds the conversations' row locks, taken in the order of their ids, until
/// the commit: call it late.
pub async fn post_system(tx: &mut Tx, contents: &[(MissionId, String)], now: OffsetDateTime) -> Result<()> {
    if contents.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = contents.iter().map(|_| MessageId::new().0).collect();
    let (missions, texts): (Vec<_>, Vec<_>) =
        contents.iter().map(|(mission, text)| (mission.0, text.clone())).unzip();
    let stored = sqlx::query_as!(
        ChatMessage,
        r#"with locked as (
               select id from conversations where mission_id = any ($1) order by id for no key update
           ), place as (
               update conversations set head = head + 1, active_at = $4 where id in (select id from locked)
               returning id, mission_id, head
           ), stored as (
               insert into messages (conversation_id, seq, id, kind, content, created_at)
               select place.id, head, new.id, 'SYSTEM', content, $4
                 from unnest($1::uuid[], $2::uuid[], $3::text[]) as new (mission_id, id, content) join place using (mission_id)
               returning *
           )
           select stored.id as "id: _", conversation_id as "conversation_id: _", mission_id as "mission_id: _", seq,
                  sender_id as "sender_id: _", kind as "kind: _", content, attachments, client_message_id, created_at
             from stored join place on place.id = conversation_id"#,
        &missions,
        &ids,
        &texts,
        now,
    )
    .fetch_all(&mut **tx)
    .await?;
    for message in stored {
        live::announce(tx, Channel::Conversation(message.conversation_id), &message.delivery());
    }
    Ok(())
}

/// Stores a SYSTEM message in a conversation of two; as [`post_system`], call it late.
pub async fn post_system_in(
    tx: &mut Tx,
    conversation: ConversationId,
    content: &str,
    now: OffsetDateTime,
) -> Result<()> {
    let message = sqlx::query_as!(
        ChatMessage,
        r#"with place as (
               update conversations set head = head + 1, active_at = $4 where id = $1 returning id, mission_id, head
           ), stored as (
               insert into messages (conversation_id, seq, id, kind, content, created_at)
               select id, head, $2, 'SYSTEM', $3, $4 from place
               returning *
           )
           select stored.id as "id: _", conversation_id as "conversation_id: _", mission_id as "mission_id: _", seq,
                  sender_id as "sender_id: _", kind as "kind: _", content, attachments, client_message_id, created_at
             from stored join place on place.id = conversation_id"#,
        conversation.0,
        MessageId::new().0,
        content,
        now,
    );
    let message = message.fetch_one(&mut **tx).await?;
    live::announce(tx, Channel::Conversation(conversation), &message.delivery());
    Ok(())
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
