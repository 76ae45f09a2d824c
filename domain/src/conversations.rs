//! Conversations: who is in one, and how far each has read.
//!
//! Who a member is, and whether a member may act, is said by SQL functions, which the statements that read or write ask
//! themselves: `is_conversation_member`, `conversation_members` and `may_act_in_conversation`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::{BookingId, ConversationId, MessageId, MissionId, UserId};
use crate::messages::MessageKind;
use crate::missions;
use crate::page::{Cursor, Page};
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};
use crate::users::{SUSPENDED, Status};

/// Told to whoever enters a room: health data of those cared for has no place here.
pub const NOTICE: &str = "Ne nommez jamais un patient ou un résident dans cette conversation, et n’y partagez aucune donnée de santé.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "conversation_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConversationKind {
    Mission,
    /// Between the two of a booking.
    Booking,
    /// Between a client and a talent whom a mission has brought together.
    Direct,
}

/// A conversation by its own id or by its mission's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Conversation(ConversationId),
    Mission(MissionId),
}

impl Address {
    pub(crate) fn ids(self) -> (Option<Uuid>, Option<Uuid>) {
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
    /// False for an admin who reads along.
    pub is_member: bool,
}

/// What became of opening a direct conversation.
#[derive(Clone, Copy, Debug)]
pub enum Opened {
    New(ConversationId),
    /// The two have one already.
    Existing(ConversationId),
}

/// Opens the one direct conversation of a client and a talent, if the mission gives them the right to one.
pub async fn open_direct(
    conn: &mut PgConnection,
    mission: MissionId,
    client: UserId,
    talent: UserId,
    now: OffsetDateTime,
) -> Result<Opened> {
    let opened = sqlx::query_scalar!(
        r#"insert into conversations (id, kind, client_id, talent_id, created_at, active_at)
           select $1, 'DIRECT', $3, $4, $5, $5 where may_open_direct_conversation($2, $3, $4)
           on conflict (client_id, talent_id) where kind = 'DIRECT' do nothing
           returning id as "id: ConversationId""#,
        ConversationId::new().0,
        mission.0,
        client.0,
        talent.0,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(id) = opened {
        return Ok(Opened::New(id));
    }
    let existing = sqlx::query_scalar!(
        r#"select id as "id: ConversationId" from conversations where kind = 'DIRECT' and client_id = $1 and talent_id = $2"#,
        client.0,
        talent.0,
    );
    existing.fetch_optional(conn).await?.map(Opened::Existing).ok_or(Error::Refused {
        code: "NOT_IN_CONTACT",
        message: "No invitation, application or assignment of this mission brings you together",
    })
}

/// The conversation, for someone who may read it: a member, or an admin.
pub async fn get_for_reader(conn: &mut PgConnection, room: Address, reader: Viewer) -> Result<Conversation> {
    let (conversation, _) = find(conn, room, reader.user).await?;
    if conversation.is_member || reader.is_admin() { Ok(conversation) } else { Err(NOT_A_MEMBER) }
}

/// The conversation, for someone who may enter its room: as [`get_for_reader`], but a suspended account only finishes the
/// chat of a mission in progress.
pub async fn get_to_enter(conn: &mut PgConnection, room: Address, viewer: Viewer) -> Result<Conversation> {
    let (conversation, may_act) = find(conn, room, viewer.user).await?;
    match () {
        () if viewer.status == Status::Suspended && !may_act => Err(SUSPENDED),
        () if conversation.is_member || viewer.is_admin() => Ok(conversation),
        () => Err(NOT_A_MEMBER),
    }
}

/// The conversation, for a member who may act in it.
pub async fn get_to_act(conn: &mut PgConnection, room: Address, viewer: Viewer) -> Result<Conversation> {
    let conversation = get_to_enter(conn, room, viewer).await?;
    if conversation.is_member { Ok(conversation) } else { Err(NOT_A_MEMBER) }
}

async fn find(conn: &mut PgConnection, room: Address, person: UserId) -> Result<(Conversation, bool)> {
    let (conversation, mission) = room.ids();
    let row = sqlx::query!(
        r#"select id as "id: ConversationId", mission_id as "mission_id: MissionId", head,
                  is_conversation_member(mission_id, client_id, talent_id, $3) as "is_member!",
                  may_act_in_conversation(mission_id, client_id, talent_id, $3) as "may_act!"
             from conversations
            where id = coalesce($1, (select c.id from conversations c where c.mission_id = $2))"#,
        conversation,
        mission,
        person.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or(Error::NotFound("conversation"))?;
    let conversation =
        Conversation { id: row.id, mission_id: row.mission_id, head: row.head, is_member: row.is_member };
    Ok((conversation, row.may_act))
}

pub(crate) const NOT_A_MEMBER: Error =
    Error::Refused { code: "NOT_A_MEMBER", message: "You are not a participant of this conversation" };

/// Of these pairs, those whose person may not hear the conversation any more.
pub async fn list_former(
    conn: &mut PgConnection,
    pairs: &HashSet<(ConversationId, UserId)>,
) -> Result<HashSet<(ConversationId, UserId)>> {
    let (rooms, people): (Vec<_>, Vec<_>) = pairs.iter().map(|(room, person)| (room.0, person.0)).unzip();
    let former = sqlx::query!(
        r#"select c.id as "id!: ConversationId", p.person as "person!: UserId"
             from unnest($1::uuid[], $2::uuid[]) as p (room, person)
             join conversations c on c.id = p.room
             join users u on u.id = p.person
            where case when u.status = 'SUSPENDED'
                       then not may_act_in_conversation(c.mission_id, c.client_id, c.talent_id, p.person)
                       else not is_conversation_member(c.mission_id, c.client_id, c.talent_id, p.person) end"#,
        &rooms,
        &people,
    )
    .fetch_all(conn)
    .await?;
    Ok(former.into_iter().map(|row| (row.id, row.person)).collect())
}

/// The members, for `mission:joined` and for what is told to all of them.
pub async fn list_members(conn: &mut PgConnection, conversation: ConversationId) -> Result<Vec<UserId>> {
    let members = sqlx::query_scalar!(
        r#"select member as "member!: UserId" from conversation_members($1) as member order by member"#,
        conversation.0,
    );
    Ok(members.fetch_all(conn).await?)
}

/// A conversation in somebody's list.
#[derive(Debug)]
pub struct Summary {
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub mission_id: Option<MissionId>,
    pub booking_id: Option<BookingId>,
    /// The mission's title, or the first name and initial of the other.
    pub title: String,
    pub head: i64,
    /// Messages after the reader's mark; its own move the mark.
    pub unread: i64,
    pub lock_at: Option<OffsetDateTime>,
    pub active_at: OffsetDateTime,
    pub last: Option<LastMessage>,
}

#[derive(Debug)]
pub struct LastMessage {
    pub id: MessageId,
    pub sender_id: Option<UserId>,
    pub kind: MessageKind,
    pub content: String,
    pub created_at: OffsetDateTime,
}

/// The reader's conversations, the most lively first; only this one where `only` is given.
///
/// Sorted after they were found: people have tens or hundreds of conversations, and an index on the last activity would
/// cost every send more than this costs a reader.
pub async fn list(
    conn: &mut PgConnection,
    reader: UserId,
    only: Option<ConversationId>,
    page: Page,
) -> Result<(Vec<Summary>, Option<Cursor>)> {
    let rows = sqlx::query!(
        r#"with mine as (
               select id from conversations where client_id = $1
               union select id from conversations where talent_id = $1
               union select c.id from missions m join conversations c on c.mission_id = m.id where m.client_id = $1
               union select c.id from establishment_members e
                       join missions m on m.establishment_id = e.establishment_id
                       join conversations c on c.mission_id = m.id where e.user_id = $1
               union select c.id from assignments a join conversations c on c.mission_id = a.mission_id
                      where a.talent_id = $1 and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
           ), page as (
               select c.* from mine join conversations c using (id)
                where ($2::uuid is null or c.id = $2)
                  and ($3::timestamptz is null or (c.active_at, c.id) < ($3, $4))
                order by c.active_at desc, c.id desc limit $5
           )
           select c.id as "id!: ConversationId", c.kind as "kind!: ConversationKind", c.mission_id as "mission_id: MissionId",
                  c.booking_id as "booking_id: BookingId",
                  coalesce(m.title, nullif(trim(concat(p.first_name, ' ', left(p.last_name, 1) || '.')), ''), 'SocioPulse') as "title!",
                  c.head as "head!", c.head - coalesce(r.seq, 0) as "unread!",
                  coalesce(c.locked_at, c.lock_at) as lock_at, c.active_at as "active_at!",
                  l.id as "last_id?: MessageId", l.sender_id as "last_sender?: UserId", l.kind as "last_kind?: MessageKind",
                  l.content as "last_content?", l.created_at as "last_created_at?"
             from page c
             left join missions m on m.id = c.mission_id
             left join profiles p on p.user_id = case when c.client_id = $1 then c.talent_id else c.client_id end
             left join messages l on l.conversation_id = c.id and l.seq = c.head
             left join read_marks r on r.user_id = $1 and r.conversation_id = c.id
            order by c.active_at desc, c.id desc"#,
        reader.0,
        only.map(|id| id.0),
        page.after.map(|cursor| cursor.created_at),
        page.after.map(|cursor| cursor.id),
        page.rows(),
    )
    .fetch_all(conn)
    .await?;
    let summaries = rows.into_iter().map(|row| Summary {
        id: row.id,
        kind: row.kind,
        mission_id: row.mission_id,
        booking_id: row.booking_id,
        title: row.title,
        head: row.head,
        unread: row.unread,
        lock_at: row.lock_at,
        active_at: row.active_at,
        last: match (row.last_id, row.last_kind, row.last_content, row.last_created_at) {
            (Some(id), Some(kind), Some(content), Some(created_at)) => {
                Some(LastMessage { id, sender_id: row.last_sender, kind, content, created_at })
            }
            _ => None,
        },
    });
    Ok(page.cut(summaries.collect(), |summary| Cursor { created_at: summary.active_at, id: summary.id.0 }))
}

/// One conversation as its member's list shows it.
pub async fn get_summary(conn: &mut PgConnection, id: ConversationId, reader: UserId) -> Result<Summary> {
    let (found, _) = list(conn, reader, Some(id), Page { after: None, limit: 1 }).await?;
    found.into_iter().next().ok_or(NOT_A_MEMBER)
}

/// How far somebody has read, after a request to move the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Moved(i64),
    /// It stood there or further on; marks do not go back.
    Stays,
}

/// Moves a member's mark forward, at most to the newest message.
pub async fn mark_read(
    conn: &mut PgConnection,
    conversation: ConversationId,
    reader: UserId,
    seq: i64,
) -> Result<Mark> {
    let moved = sqlx::query_scalar!(
        "insert into read_marks as r (user_id, conversation_id, seq)
         select $2, id, least($3, head) from conversations
          where id = $1 and least($3, head) > 0 and may_act_in_conversation(mission_id, client_id, talent_id, $2)
         on conflict (user_id, conversation_id) do update set seq = excluded.seq where r.seq < excluded.seq
         returning seq",
        conversation.0,
        reader.0,
        seq,
    )
    .fetch_optional(conn)
    .await?;
    Ok(moved.map_or(Mark::Stays, Mark::Moved))
}

/// A mission's chat stays open this long after the report.
pub const CLOSES_AFTER: Duration = Duration::hours(24);

/// The chat of a mission with the time of its end.
#[derive(Clone, Copy, Debug)]
#[must_use = "its members are told"]
pub struct Closing {
    pub conversation: ConversationId,
    pub mission: MissionId,
    pub lock_at: OffsetDateTime,
}

/// Says when the chat of a mission closes, from which time on nobody can write. The first time counts; nothing after that.
pub async fn close_at(
    conn: &mut PgConnection,
    mission: MissionId,
    lock_at: OffsetDateTime,
) -> Result<Option<Closing>> {
    let closing = sqlx::query_scalar!(
        r#"update conversations set lock_at = $2 where mission_id = $1 and lock_at is null and locked_at is null
           returning id as "id: ConversationId""#,
        mission.0,
        lock_at,
    );
    let closing = closing.fetch_optional(conn).await?;
    Ok(closing.map(|conversation| Closing { conversation, mission, lock_at }))
}

/// Whether somebody can write in the chat of a mission, and until when.
#[derive(Clone, Copy, Debug)]
pub struct ChatStatus {
    pub conversation: ConversationId,
    pub open: bool,
    /// Known once the last report was handed in.
    pub closes_at: Option<OffsetDateTime>,
    pub locked_at: Option<OffsetDateTime>,
    pub reason: Option<ChatReason>,
}

/// Why a chat closes, or why its reader cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatReason {
    MissionEnded,
    AccountSuspended,
}

/// The chat of a mission as the viewer, who was admitted to the mission, finds it. As with a send, its time counts and not the
/// job that says so.
pub async fn get_status(
    conn: &mut PgConnection,
    mission: MissionId,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<ChatStatus> {
    let chat = sqlx::query!(
        r#"select id as "id: ConversationId", coalesce(locked_at, lock_at) as closes_at,
                  may_act_in_conversation(mission_id, client_id, talent_id, $2) as "may_act!"
             from conversations where mission_id = $1"#,
        mission.0,
        viewer.user.0,
    );
    let chat = chat.fetch_optional(conn).await?.ok_or(Error::NotFound("conversation"))?;
    let locked_at = chat.closes_at.filter(|at| *at <= now);
    let suspended = viewer.status == Status::Suspended && !chat.may_act;
    Ok(ChatStatus {
        conversation: chat.id,
        open: locked_at.is_none() && !suspended,
        closes_at: chat.closes_at,
        locked_at,
        reason: match chat.closes_at {
            _ if suspended && locked_at.is_none() => Some(ChatReason::AccountSuspended),
            closes_at => closes_at.map(|_| ChatReason::MissionEnded),
        },
    })
}

/// Notes that a chat is locked whose time has come; nothing when that is noted, or when it closes at another time.
pub async fn mark_locked(
    conn: &mut PgConnection,
    conversation: ConversationId,
    lock_at: OffsetDateTime,
) -> Result<Option<Closing>> {
    let mission = sqlx::query_scalar!(
        r#"select mission_id as "id: MissionId" from conversations where id = $1"#,
        conversation.0
    );
    let Some(mission) = mission.fetch_optional(&mut *conn).await?.flatten() else { return Ok(None) };
    // The mission before its room, as whoever judges a report holds them: PostgreSQL asks for it when the room's row changes again.
    missions::lock(&mut *conn, mission).await?;
    let locked = sqlx::query!(
        "update conversations set locked_at = lock_at where id = $1 and lock_at = $2 and locked_at is null",
        conversation.0,
        lock_at,
    );
    if locked.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(None);
    }
    timeline::record(conn, NewEvent::of(mission, EventKind::Locked, conversation.0), lock_at).await?;
    Ok(Some(Closing { conversation, mission, lock_at }))
}
