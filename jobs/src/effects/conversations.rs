//! What a conversation sets off: its end, a report, messages that nobody reads.

use domain::conversations::{self, CLOSES_AFTER, Closing};
use domain::error::Result;
use domain::ids::{ConversationId, MissionId};
use domain::live::{self, Event, MissionClosing, MissionLocked, Telling};
use domain::message_reports::Reported;
use domain::notifications::{NewNotification, NotificationType};
use domain::unread_digests::Unread;
use domain::{Tx, messages, users};
use time::OffsetDateTime;

use super::{mail, notices};
use crate::ledger::{self, NewJob};
use crate::{AlertReport, LockChat, Mail};

/// The report of a mission was handed in: its chat closes exactly a day later, and its members know when.
pub async fn mission_reported(tx: &mut Tx, mission: MissionId, now: OffsetDateTime) -> Result<()> {
    let Some(closing) = conversations::close_at(tx, mission, now + CLOSES_AFTER).await? else {
        return Ok(());
    };
    let Closing { conversation, mission, lock_at } = closing;
    let job = LockChat { conversation_id: conversation, lock_at };
    ledger::enqueue(tx, [NewJob::of(&job).at(lock_at)]).await?;
    let event = MissionClosing { mission_id: mission, closes_at: lock_at };
    tell_members(tx, conversation, &event, now).await
}

/// A chat has closed.
pub async fn chat_locked(tx: &mut Tx, locked: Closing, now: OffsetDateTime) -> Result<()> {
    let Closing { conversation, mission, .. } = locked;
    let message = "La conversation est close : 24 heures ont passé depuis le rapport. Elle reste lisible.";
    messages::post_system(tx, &[(mission, message.to_owned())], now).await?;
    tell_members(tx, conversation, &MissionLocked { mission_id: mission, conversation_id: conversation }, now)
        .await
}

async fn tell_members<E: Event>(
    tx: &mut Tx,
    conversation: ConversationId,
    event: &E,
    now: OffsetDateTime,
) -> Result<()> {
    let members = conversations::list_members(tx, conversation).await?;
    live::tell(tx, now, members.into_iter().map(|user| Telling::new(user, event)).collect()).await
}

/// A message was reported: every admin learns of it in the app, the operations address by mail.
pub async fn message_reported(tx: &mut Tx, reported: &Reported, now: OffsetDateTime) -> Result<()> {
    let Reported::New(report) = reported else { return Ok(()) };
    ledger::enqueue(tx, [NewJob::of(&AlertReport { report_id: report.id })]).await?;
    let admins = users::list_admins(tx).await?;
    let new: Vec<_> = admins
        .into_iter()
        .map(|user| NewNotification {
            user,
            kind: NotificationType::MessageReported,
            data: serde_json::json!({
                "reportId": report.id,
                "conversationId": report.conversation_id,
                "messageId": report.message_id,
            }),
            cause: format!("message-report:{}", report.id),
        })
        .collect();
    notices::tell(tx, &new, now).await
}

/// Members have left messages unread: a mail for each of them and conversation.
pub async fn left_unread(tx: &mut Tx, unread: &[Unread]) -> Result<()> {
    let mails = unread
        .iter()
        .map(|unread| mail(unread.user, Mail::UnreadMessages { conversation_id: unread.conversation }));
    ledger::enqueue(tx, mails).await
}
