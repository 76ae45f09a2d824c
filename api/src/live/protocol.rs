//! The socket's frames, as they are read and written.

use domain::conversations::Address;
use std::collections::BTreeMap;

use domain::ids::{ConversationId, MessageId, MissionId, UserId};
use domain::live::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{ApiError, sentence};

/// A frame from a client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientFrame {
    pub(super) event: String,
    #[serde(default)]
    pub(super) data: Value,
    /// Comes back in the answer.
    #[serde(default)]
    pub(super) id: Option<String>,
}

macro_rules! client_events {
    ($($name:ident $code:literal),+ $(,)?) => {
        /// The event of a client's frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ClientEvent {
            $($name),+
        }

        impl ClientEvent {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $code),+
                }
            }
        }
    };
}

client_events! {
    Auth "auth",
    Join "mission:join",
    Leave "mission:leave",
    Send "chat:send",
    Read "chat:read",
    Typing "chat:typing",
}

/// What a client may ask for.
#[derive(Debug)]
pub(super) enum Request {
    Auth(Auth),
    Join { room: Address, after: Option<i64> },
    Leave(Address),
    Send(Send),
    Read { conversation: ConversationId, seq: i64 },
    Typing(ConversationId),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Auth {
    pub(super) token: String,
    pub(super) after_event_seq: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Send {
    mission_id: Option<Uuid>,
    conversation_id: Option<Uuid>,
    pub(super) content: String,
    pub(super) client_message_id: Option<String>,
    #[serde(default)]
    pub(super) attachments: Vec<Uuid>,
}

impl Send {
    pub(super) fn room(&self) -> Result<Address, Fault> {
        address(self.mission_id, self.conversation_id)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Place {
    mission_id: Option<Uuid>,
    conversation_id: Option<Uuid>,
    after_seq: Option<i64>,
}

impl Place {
    fn room(&self) -> Result<Address, Fault> {
        address(self.mission_id, self.conversation_id)
    }
}

fn address(mission: Option<Uuid>, conversation: Option<Uuid>) -> Result<Address, Fault> {
    match (mission, conversation) {
        (Some(mission), None) => Ok(Address::Mission(MissionId(mission))),
        (None, Some(conversation)) => Ok(Address::Conversation(ConversationId(conversation))),
        _ => Err(Fault::invalid("Either missionId or conversationId is needed")),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Read {
    conversation_id: Uuid,
    seq: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Typed {
    conversation_id: Uuid,
}

fn not_negative(after: Option<i64>) -> Result<(), Fault> {
    match after.is_some_and(|after| after < 0) {
        true => Err(Fault::invalid("Numbers of messages and events are not negative")),
        false => Ok(()),
    }
}

impl ClientFrame {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let frame: Self = serde_json::from_str(text).map_err(Fault::unreadable)?;
        match frame.id.as_ref().is_some_and(|id| id.len() > 64) {
            true => Err(Fault::invalid("id: has at most 64 bytes")),
            false => Ok(frame),
        }
    }

    pub(super) fn request(&self) -> Result<Request, Fault> {
        fn data<'d, T: Deserialize<'d>>(data: &'d Value) -> Result<T, Fault> {
            T::deserialize(data).map_err(Fault::unreadable)
        }
        // The first clients sent the mission's bare id.
        let place = || match &self.data {
            Value::String(_) => {
                Ok(Place { mission_id: Some(data(&self.data)?), conversation_id: None, after_seq: None })
            }
            object => data::<Place>(object),
        };
        let known = ClientEvent::ALL.iter().find(|event| event.name() == self.event);
        let Some(event) = known else {
            return Err(Fault {
                code: "UNKNOWN_EVENT".into(),
                message: "There is no such event".into(),
                retry_after_ms: None,
            });
        };
        Ok(match event {
            ClientEvent::Auth => {
                let auth: Auth = data(&self.data)?;
                not_negative(auth.after_event_seq)?;
                Request::Auth(auth)
            }
            ClientEvent::Join => {
                let place = place()?;
                not_negative(place.after_seq)?;
                Request::Join { room: place.room()?, after: place.after_seq }
            }
            ClientEvent::Leave => Request::Leave(place()?.room()?),
            ClientEvent::Send => Request::Send(data(&self.data)?),
            ClientEvent::Read => {
                let read: Read = data(&self.data)?;
                not_negative(Some(read.seq))?;
                Request::Read { conversation: ConversationId(read.conversation_id), seq: read.seq }
            }
            ClientEvent::Typing => {
                Request::Typing(ConversationId(data::<Typed>(&self.data)?.conversation_id))
            }
        })
    }
}

/// `ready`: signed in; the user's feed follows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ready {
    pub(super) user_id: UserId,
    pub(super) event_seq: i64,
    pub(super) connection_id: u64,
}

impl Event for Ready {
    const NAME: &'static str = "ready";
}

/// `heartbeat`: the newest number of each joined room and of the feed. Not `eventSeq`, which only what is in the feed carries.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Heartbeat {
    pub(super) heads: BTreeMap<ConversationId, i64>,
    pub(super) feed_head: i64,
}

impl Event for Heartbeat {
    const NAME: &'static str = "heartbeat";
}

/// `resync`: too much was missed to be sent, of a conversation or, without one, of the feed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resync {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) conversation_id: Option<ConversationId>,
    pub(super) after: i64,
    pub(super) head: i64,
}

impl Event for Resync {
    const NAME: &'static str = "resync";
}

/// `chat:typing`: to the others in the room; not stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Typing {
    pub(super) conversation_id: ConversationId,
    pub(super) user_id: UserId,
}

impl Event for Typing {
    const NAME: &'static str = "chat:typing";
}

/// `presence`: a member of the room can be reached, or no more; not stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PresenceChanged {
    pub(super) conversation_id: ConversationId,
    pub(super) user_id: UserId,
    pub(super) online: bool,
}

impl Event for PresenceChanged {
    const NAME: &'static str = "presence";
}

/// `mission:left`: the socket's user is a member no more, and hears the room no more.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Left {
    pub(super) conversation_id: ConversationId,
}

impl Event for Left {
    const NAME: &'static str = "mission:left";
}

/// `mission:joined`: the room's messages follow.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Joined {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mission_id: Option<MissionId>,
    pub(super) conversation_id: ConversationId,
    pub(super) seq: i64,
    pub(super) members: Vec<UserId>,
    /// Members whose sockets have joined the room.
    pub(super) online: Vec<UserId>,
    /// That nobody who is cared for may be named.
    pub(super) notice: &'static str,
}

impl Event for Joined {
    const NAME: &'static str = "mission:joined";
}

/// `ack`: stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    pub(super) message_id: MessageId,
    pub(super) seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) created_at: OffsetDateTime,
}

/// Frames that answer one of the client's carry its id.
#[derive(Serialize)]
struct Answer<'a, D> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    data: D,
}

fn answer(event: &str, id: Option<&str>, data: impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "answers are structs of strings and numbers, which always encode")]
    serde_json::to_string(&Answer { event, id, data }).expect("an answer encodes")
}

pub(super) fn ack(id: Option<&str>, data: impl Serialize) -> String {
    answer("ack", id, data)
}

/// A fault of a frame; the socket stays open.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fault {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Fault {
    fn invalid(message: impl Into<String>) -> Self {
        Self { code: "INVALID_FRAME".into(), message: message.into(), retry_after_ms: None }
    }

    fn unreadable(error: serde_json::Error) -> Self {
        Self::invalid(sentence(&error.to_string()))
    }

    pub(super) fn not_text() -> Self {
        Self::invalid("Frames are JSON text")
    }

    pub(super) fn unauthenticated() -> Self {
        Self { code: "UNAUTHENTICATED".into(), message: "Send auth first".into(), retry_after_ms: None }
    }

    pub(super) fn rate_limited(seconds: u64) -> Self {
        Self {
            code: "RATE_LIMITED".into(),
            message: "Too many messages".into(),
            retry_after_ms: Some(seconds * 1000),
        }
    }

    pub(super) fn frame(&self, id: Option<&str>) -> String {
        #[derive(Serialize)]
        struct WithId<'a> {
            #[serde(flatten)]
            fault: &'a Fault,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a str>,
        }
        answer("error", id, WithId { fault: self, id })
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        if let ApiError::Internal(cause) = &error {
            tracing::error!(cause, "a frame failed");
        }
        Self { code: error.code().into(), message: error.to_string(), retry_after_ms: None }
    }
}

impl From<domain::Error> for Fault {
    fn from(error: domain::Error) -> Self {
        match error {
            domain::Error::Invalid { field, message } => Self::invalid(format!("{field}: {message}")),
            error => ApiError::from(error).into(),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        ApiError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Request, Fault> {
        ClientFrame::parse(text)?.request()
    }

    #[test]
    fn frames_are_read_strictly() {
        let id = "0199f2d4-0000-7000-8000-000000000000";
        assert!(matches!(
            request(&format!(r#"{{"event":"mission:join","data":"{id}"}}"#)),
            Ok(Request::Join { after: None, .. })
        ));
        assert!(matches!(
            request(&format!(r#"{{"event":"mission:join","data":{{"missionId":"{id}","afterSeq":3}}}}"#)),
            Ok(Request::Join { after: Some(3), .. })
        ));
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"event":"nothing:known","data":{}}"#,
            r#"{"event":"mission:join","data":{"missionId":7}}"#,
            r#"{"event":"mission:join","data":{"missionId":"x"}}"#,
            r#"{"event":"auth","data":{"token":"x","admin":true}}"#,
            r#"{"event":"auth","data":{"token":"x","afterEventSeq":-1}}"#,
            r#"{"event":"mission:join","data":{"missionId":"0199f2d4-0000-7000-8000-000000000000","afterSeq":-9223372036854775808}}"#,
            r#"{"event":"auth","data":{"token":"x"},"extra":1}"#,
        ] {
            assert!(request(bad).is_err(), "{bad}");
        }
    }
}
