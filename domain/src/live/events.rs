//! The events that are told, as their receivers read them.

use serde::Serialize;
use time::OffsetDateTime;

use super::Event;
use crate::growth::points::Action;
use crate::ids::{ConversationId, InvitationId, MessageId, MissionId, NotificationId, UserId};
use crate::matching::MatchedTalent;
use crate::messages::MessageKind;
use crate::missions::MissionStatus;
use crate::notifications::NotificationType;

/// `mission:matched`: the stored answer of the matching, to the client and into the mission's room.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissionMatched {
    pub mission_id: MissionId,
    pub conversation_id: ConversationId,
    pub matches: Vec<MatchedTalent>,
}

impl Event for MissionMatched {
    const NAME: &'static str = "mission:matched";
}

/// `mission:invited`: to a talent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissionInvited {
    pub invitation_id: InvitationId,
    pub mission_id: MissionId,
    pub wave: i16,
}

impl Event for MissionInvited {
    const NAME: &'static str = "mission:invited";
}

/// `mission:updated`: something of the mission changed; read it again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissionUpdated {
    pub mission_id: MissionId,
    pub status: MissionStatus,
}

impl Event for MissionUpdated {
    const NAME: &'static str = "mission:updated";
}

/// `mission:count`: how many missions one is on the way to, or at work in.
#[derive(Clone, Debug, Serialize)]
pub struct MissionCount {
    pub active: i32,
}

impl Event for MissionCount {
    const NAME: &'static str = "mission:count";
}

/// `mission:closing`: when the mission's chat closes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissionClosing {
    pub mission_id: MissionId,
    #[serde(with = "time::serde::rfc3339")]
    pub closes_at: OffsetDateTime,
}

impl Event for MissionClosing {
    const NAME: &'static str = "mission:closing";
}

/// `mission:locked`: the mission's chat is closed, and can still be read.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissionLocked {
    pub mission_id: MissionId,
    pub conversation_id: ConversationId,
}

impl Event for MissionLocked {
    const NAME: &'static str = "mission:locked";
}

/// `notification`: a new in-app notification.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationCreated {
    pub id: NotificationId,
    #[serde(rename = "type")]
    pub kind: NotificationType,
    pub data: serde_json::Value,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl Event for NotificationCreated {
    const NAME: &'static str = "notification";
}

/// `chat:read`: a member has read up to a number. Whoever sends has read what came before.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatRead {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub seq: i64,
}

impl Event for ChatRead {
    const NAME: &'static str = "chat:read";
}

/// `chat:message`: a message of a conversation, TEXT or SYSTEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mission_id: Option<MissionId>,
    pub seq: i64,
    /// Null for SYSTEM.
    pub sender_id: Option<UserId>,
    pub kind: MessageKind,
    pub content: String,
    pub attachments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl Event for ChatMessage {
    const NAME: &'static str = "chat:message";
}

/// `notification:count`: how many notifications are unread now.
#[derive(Clone, Debug, Serialize)]
pub struct NotificationCount {
    pub unread: i32,
}

impl Event for NotificationCount {
    const NAME: &'static str = "notification:count";
}

/// `points:update`: one's points have changed.
#[derive(Clone, Debug, Serialize)]
pub struct PointsUpdate {
    /// The sum now.
    pub points: i32,
    pub delta: i32,
    /// What gave them, or what they are taken back of.
    pub action: Action,
}

impl Event for PointsUpdate {
    const NAME: &'static str = "points:update";
}
