//! What happened to a mission, in order. Rows are recorded by the transaction that causes them and only added; the database
//! refuses the rest. Posting, matching and inviting leave rows of their own, from which their events are drawn when somebody reads.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;
use crate::ids::{MissionId, UserId};
use crate::missions;
use crate::page::{Cursor, Page};
use crate::sessions::Viewer;
use crate::users::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "mission_event_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    Created,
    /// The first answer of the matching.
    Matched,
    /// A wave of invitations.
    Invited,
    Applied,
    Assigned,
    /// By both.
    ContractSigned,
    InstructionsUpdated,
    BriefingRead,
    ChecklistItemDone,
    MissionStarted,
    Incident,
    ReportSubmitted,
    ReportValidated,
    ReportContested,
    Cancelled,
    /// The chat.
    Locked,
    /// The client has paid.
    Payment,
}

/// One event, as its reader may see it.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Uuid,
    pub kind: EventKind,
    /// Whose it is; to a talent, nobody else is named.
    pub talent_id: Option<UserId>,
    /// Of the instructions.
    pub version: Option<i32>,
    /// Of the checklist.
    pub item: Option<String>,
    pub amount_cents: Option<i64>,
    /// How many were invited.
    pub people: Option<i32>,
    pub created_at: OffsetDateTime,
}

/// An event on its way into the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewEvent<'e> {
    pub mission: MissionId,
    pub kind: EventKind,
    /// The fact that it tells of: told once, whoever tells it again.
    pub subject: Uuid,
    pub talent: Option<UserId>,
    pub version: Option<i32>,
    pub item: Option<&'e str>,
    pub amount_cents: Option<i64>,
}

impl NewEvent<'_> {
    /// Of everybody.
    pub fn of(mission: MissionId, kind: EventKind, subject: Uuid) -> Self {
        Self { mission, kind, subject, talent: None, version: None, item: None, amount_cents: None }
    }

    /// Of one talent.
    pub fn by(mission: MissionId, kind: EventKind, subject: Uuid, talent: UserId) -> Self {
        Self { talent: Some(talent), ..Self::of(mission, kind, subject) }
    }
}

/// Appends an event, once for each kind and subject.
pub(crate) async fn record(conn: &mut PgConnection, new: NewEvent<'_>, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "insert into mission_events (id, mission_id, kind, subject_id, talent_id, version, item, amount_cents, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict on constraint mission_events_once do nothing",
        Uuid::now_v7(),
        new.mission.0,
        new.kind as EventKind,
        new.subject,
        new.talent.map(|talent| talent.0),
        new.version,
        new.item,
        new.amount_cents,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of a mission's events, newest first, for those who take part in it.
///
/// The client's side and admins read everything. A talent reads what concerns all and what is its own; that a colleague was
/// assigned, has begun or has done an item it reads without a name, and nothing of others' applications, contracts, reports and
/// money.
pub async fn list(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    page: Page,
) -> Result<(Vec<Event>, Option<Cursor>)> {
    missions::get_whole(&mut *conn, id, viewer).await?;
    read(conn, id, viewer, page).await
}

/// As [`list`], for a viewer who was admitted before.
pub(crate) async fn read(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    page: Page,
) -> Result<(Vec<Event>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    // What is drawn has the id of the row that it is drawn from. These were made in this order, so ids decide between equal times.
    let events = sqlx::query_as!(
        Event,
        r#"select id as "id!", kind as "kind!: _", case when $2::uuid is null or talent_id = $2 then talent_id end as "talent_id?: _",
                  version as "version?", item as "item?", amount_cents as "amount_cents?", people as "people?",
                  created_at as "created_at!"
             from (select m.id, 'CREATED'::mission_event_kind, null::uuid, null::int, null::text, null::bigint, null::int, m.created_at
                     from missions m where m.id = $1
                   union all
                   select c.id, 'MATCHED', null, null, null, null, null, m.matched_at
                     from missions m join conversations c on c.mission_id = m.id where m.id = $1 and m.matched_at is not null
                   union all
                   select d.id, 'INVITED', null, null, null, null, coalesce(d.invited, jsonb_array_length(d.talents)), d.decided_at
                     from match_decisions d
                    where d.mission_id = $1 and coalesce(d.invited, jsonb_array_length(d.talents)) > 0
                   union all
                   select e.id, e.kind, e.talent_id, e.version, e.item, e.amount_cents, null, e.created_at
                     from mission_events e where e.mission_id = $1)
                  as events (id, kind, talent_id, version, item, amount_cents, people, created_at)
            where ($2::uuid is null or talent_id is null or talent_id = $2
                   or kind in ('ASSIGNED', 'MISSION_STARTED', 'CHECKLIST_ITEM_DONE'))
              and ($3::timestamptz is null or (created_at, id) < ($3, $4))
            order by created_at desc, id desc limit $5"#,
        id.0,
        (viewer.role == Role::Talent).then_some(viewer.user.0),
        after,
        after_id,
        page.rows(),
    );
    let events = events.fetch_all(conn).await?;
    Ok(page.cut(events, |event| Cursor { created_at: event.created_at, id: event.id }))
}
