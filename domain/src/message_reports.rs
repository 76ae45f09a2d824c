//! Reports of messages by those who read them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::conversations::{self, Address};
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, MessageReportId};
use crate::sessions::Viewer;

/// A report, without the copy of the message that is kept with it.
#[derive(Clone, Debug)]
pub struct MessageReport {
    pub id: MessageReportId,
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub reason: String,
    pub created_at: OffsetDateTime,
}

#[derive(Debug)]
pub struct NewMessageReport {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub reason: String,
}

/// What became of a report.
#[derive(Debug)]
#[must_use = "a new report is told to those who judge it"]
pub enum Reported {
    New(MessageReport),
    /// The same reporter's first one of this message; it stays as it was.
    Existing(MessageReport),
}

/// Reports as they are read; the rest of the statement says which.
macro_rules! select_reports {
    ($rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            MessageReport,
            r#"select id as "id: _", conversation_id as "conversation_id: _", message_id as "message_id: _", reason, created_at
                 from message_reports "# + $rest,
            $($argument),*
        )
    };
}

/// Reports another member's message, with a copy of what it says.
pub async fn insert(
    conn: &mut PgConnection,
    new: &NewMessageReport,
    reporter: Viewer,
    now: OffsetDateTime,
) -> Result<Reported> {
    let report = sqlx::query_as!(
        MessageReport,
        r#"insert into message_reports (id, conversation_id, message_id, author_id, content, reporter_id, reason, created_at)
           select $1, c.id, m.id, m.sender_id, m.content, $4, $5, $6
             from messages m join conversations c on c.id = m.conversation_id
            where c.id = $2 and m.id = $3 and m.sender_id <> $4
              and may_act_in_conversation(c.mission_id, c.client_id, c.talent_id, $4)
           on conflict on constraint message_reports_once do nothing
           returning id as "id: _", conversation_id as "conversation_id: _", message_id as "message_id: _", reason, created_at"#,
        MessageReportId::new().0,
        new.conversation_id.0,
        new.message_id.0,
        reporter.user.0,
        new.reason,
        now,
    );
    if let Some(report) = report.fetch_optional(&mut *conn).await? {
        return Ok(Reported::New(report));
    }
    let first = select_reports!(
        "where message_id = $1 and conversation_id = $2 and reporter_id = $3",
        new.message_id.0,
        new.conversation_id.0,
        reporter.user.0,
    );
    match first.fetch_optional(&mut *conn).await? {
        Some(first) => Ok(Reported::Existing(first)),
        None => Err(why_refused(conn, new, reporter).await?),
    }
}

pub async fn get(conn: &mut PgConnection, id: MessageReportId) -> Result<MessageReport> {
    let report = select_reports!("where id = $1", id.0).fetch_optional(conn).await?;
    report.ok_or(Error::NotFound("report"))
}

async fn why_refused(conn: &mut PgConnection, new: &NewMessageReport, reporter: Viewer) -> Result<Error> {
    conversations::get_to_act(&mut *conn, Address::Conversation(new.conversation_id), reporter).await?;
    let exists = sqlx::query_scalar!(
        r#"select exists (select from messages where id = $1 and conversation_id = $2) as "exists!""#,
        new.message_id.0,
        new.conversation_id.0,
    );
    Ok(match exists.fetch_one(conn).await? {
        true => Error::Refused {
            code: "NOT_REPORTABLE",
            message: "One's own messages and those of the platform cannot be reported",
        },
        false => Error::NotFound("message"),
    })
}
