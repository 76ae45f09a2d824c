//! What the client's side tells the talents of a mission beforehand: a briefing and a checklist, in versions that are read anew.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::assignments::{self, Assignment, AssignmentStatus};
use crate::error::{Error, Result};
use crate::ids::{AssignmentId, ChecklistItemId, InstructionsId, MissionId, UserId};
use crate::missions::{self, Mission, MissionStatus};
use crate::reports::ALREADY_REPORTED;
use crate::sessions::Viewer;
use crate::timeline::{self, EventKind, NewEvent};
use crate::users::Role;

/// A version of a mission's instructions, and how far its checklist is.
#[derive(Clone, Debug)]
pub struct Instructions {
    pub id: InstructionsId,
    pub mission_id: MissionId,
    pub version: i32,
    pub content: String,
    pub access: Option<String>,
    pub contact: Option<String>,
    pub created_at: OffsetDateTime,
    pub checklist: Vec<ChecklistItem>,
    /// Of those who have a place in the mission.
    pub readers: Vec<Reader>,
}

/// An item of the checklist, which the talents of a mission share.
#[derive(Clone, Debug)]
pub struct ChecklistItem {
    pub id: ChecklistItemId,
    pub label: String,
    pub done: Option<bool>,
    /// Who said last whether it is done, and when.
    pub marked_by: Option<UserId>,
    pub marked_at: Option<OffsetDateTime>,
}

/// Who should read this version, and when it was.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    pub assignment_id: AssignmentId,
    pub talent_id: UserId,
    pub read_at: Option<OffsetDateTime>,
    /// It has reported: a newer version is not for it any more.
    pub has_reported: bool,
}

/// The newest version, where there is any.
pub async fn find(conn: &mut PgConnection, mission: MissionId) -> Result<Option<Instructions>> {
    let newest = sqlx::query!(
        r#"select id as "id: InstructionsId", version, content, access, contact, created_at
             from mission_instructions where mission_id = $1 order by version desc limit 1"#,
        mission.0,
    );
    let Some(row) = newest.fetch_optional(&mut *conn).await? else { return Ok(None) };
    let checklist = sqlx::query_as!(
        ChecklistItem,
        r#"select i.id as "id: _", i.label, m.done as "done?", m.marked_by as "marked_by?: _", m.marked_at as "marked_at?"
             from checklist_items i left join checklist_marks m on m.item_id = i.id
            where i.instructions_id = $1 order by i.position"#,
        row.id.0,
    );
    let checklist = checklist.fetch_all(&mut *conn).await?;
    let readers = sqlx::query_as!(
        Reader,
        r#"select a.id as "assignment_id: _", a.talent_id as "talent_id: _", r.read_at as "read_at?",
                  a.status = 'COMPLETED' as "has_reported!"
             from assignments a left join instructions_read r on r.assignment_id = a.id and r.instructions_id = $2
            where a.mission_id = $1 and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED') order by a.created_at, a.id"#,
        mission.0,
        row.id.0,
    );
    Ok(Some(Instructions {
        id: row.id,
        mission_id: mission,
        version: row.version,
        content: row.content,
        access: row.access,
        contact: row.contact,
        created_at: row.created_at,
        checklist,
        readers: readers.fetch_all(conn).await?,
    }))
}

impl Instructions {
    pub fn is_read_by(&self, assignment: AssignmentId) -> bool {
        self.readers.iter().any(|reader| reader.assignment_id == assignment && reader.read_at.is_some())
    }

    /// Whether somebody is to read it and has not.
    pub fn awaits(&self, talent: UserId) -> bool {
        let mut own = self.readers.iter().filter(|reader| reader.talent_id == talent);
        own.any(|reader| reader.read_at.is_none() && !reader.has_reported)
    }

    /// Whether a talent's colleagues have read it, and which of them has ticked off an item, is theirs and the client's; who has left is
    /// among those who did.
    #[must_use]
    pub fn seen_by(mut self, viewer: Viewer) -> Self {
        if viewer.role == Role::Talent {
            self.readers.retain(|reader| reader.talent_id == viewer.user);
            for item in &mut self.checklist {
                item.marked_by = item.marked_by.filter(|talent| *talent == viewer.user);
            }
        }
        self
    }
}

/// The newest version, for those who take part in the mission.
pub async fn get_for(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Instructions> {
    missions::get_whole(&mut *conn, id, viewer).await?;
    let instructions = find(conn, id).await?.ok_or(NONE)?;
    Ok(instructions.seen_by(viewer))
}

const NONE: Error = Error::NotFound("instructions");

/// What the client's side writes.
#[derive(Debug)]
pub struct NewInstructions {
    pub content: String,
    pub access: Option<String>,
    pub contact: Option<String>,
    pub checklist: Vec<NewItem>,
}

#[derive(Debug)]
pub struct NewItem {
    /// Of an item of the version before, which goes on under this label.
    pub id: Option<ChecklistItemId>,
    pub label: String,
}

/// Instructions were saved. See `jobs::effects::hub::instructed`.
#[derive(Debug)]
#[must_use = "the talents must know"]
pub struct Instructed {
    pub instructions: Instructions,
    pub mission: Mission,
}

/// Saves the next version, for those who manage the mission, as long as it is not over: also while it takes place, since a code
/// at the door may change. Whoever had read the version before has not read this one.
pub async fn write(
    conn: &mut PgConnection,
    id: MissionId,
    viewer: Viewer,
    new: NewInstructions,
    now: OffsetDateTime,
) -> Result<Instructed> {
    let mission = missions::lock_managed(&mut *conn, id, viewer).await?;
    if matches!(mission.status, MissionStatus::Completed | MissionStatus::Cancelled) {
        return Err(missions::OVER);
    }
    let before = find(&mut *conn, id).await?;
    let mut known: Vec<_> = before.iter().flat_map(|before| &before.checklist).map(|item| item.id).collect();
    let (mut ids, mut labels) = (vec![], vec![]);
    for item in new.checklist {
        match item.id {
            None => ids.push(ChecklistItemId::new().0),
            Some(kept) => match known.iter().position(|id| *id == kept) {
                Some(at) => ids.push(known.swap_remove(at).0),
                None => {
                    let message = "must not name an item twice, or one that is not of the present checklist";
                    return Err(Error::Invalid { field: "checklist", message });
                }
            },
        }
        labels.push(item.label);
    }
    let (instructions, version) = (InstructionsId::new(), before.map_or(0, |before| before.version) + 1);
    sqlx::query!(
        "with written as (
             insert into mission_instructions (id, mission_id, version, content, access, contact, written_by, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
         )
         insert into checklist_items (instructions_id, position, id, label)
         select $1, at - 1, id, label from unnest($9::uuid[], $10::text[]) with ordinality as new (id, label, at)",
        instructions.0,
        id.0,
        version,
        new.content,
        new.access,
        new.contact,
        viewer.user.0,
        now,
        &ids,
        &labels,
    )
    .execute(&mut *conn)
    .await?;
    let event = NewEvent {
        version: Some(version),
        ..NewEvent::of(id, EventKind::InstructionsUpdated, instructions.0)
    };
    timeline::record(&mut *conn, event, now).await?;
    let instructions = find(conn, id).await?.ok_or(NONE)?;
    Ok(Instructed { instructions, mission })
}

/// A talent has read its instructions. See `jobs::effects::hub::acknowledged`.
#[derive(Debug)]
#[must_use = "the client waits for it"]
pub struct Acknowledged {
    pub instructions: Instructions,
    pub mission: Mission,
    /// Not before.
    pub first: bool,
}

/// A talent says that it has read this version; again is harmless.
pub async fn acknowledge(
    conn: &mut PgConnection,
    id: MissionId,
    talent: UserId,
    version: i32,
    now: OffsetDateTime,
) -> Result<Acknowledged> {
    let mission = missions::lock(&mut *conn, id).await?;
    let place = get_place(&mut *conn, id, talent).await?;
    let newest = find(&mut *conn, id).await?.ok_or(NONE)?;
    if newest.version != version {
        return Err(Error::Conflict {
            code: "INSTRUCTIONS_CHANGED",
            message: "This is not the newest version of the instructions; read them again",
        });
    }
    let read = sqlx::query!(
        "insert into instructions_read (instructions_id, assignment_id, read_at) values ($1, $2, $3) on conflict do nothing",
        newest.id.0,
        place.id.0,
        now,
    );
    let first = read.execute(&mut *conn).await?.rows_affected() == 1;
    if first {
        let event = NewEvent {
            version: Some(version),
            ..NewEvent::by(id, EventKind::BriefingRead, Uuid::now_v7(), talent)
        };
        timeline::record(&mut *conn, event, now).await?;
    }
    let instructions = find(conn, id).await?.ok_or(NONE)?;
    Ok(Acknowledged { instructions, mission, first })
}

/// The place of a talent who has not reported yet.
async fn get_place(conn: &mut PgConnection, id: MissionId, talent: UserId) -> Result<Assignment> {
    let place = assignments::get_living(conn, id, talent).await?;
    match place.status {
        AssignmentStatus::Completed => Err(ALREADY_REPORTED),
        _ => Ok(place),
    }
}

/// An item was marked. See `jobs::effects::hub::marked`.
#[derive(Debug)]
#[must_use = "the others are told"]
pub struct Marked {
    pub instructions: Instructions,
    pub mission: Mission,
    /// It was not so before.
    pub changed: bool,
}

/// A talent says that an item of the present checklist is done, or is not after all.
pub async fn mark(
    conn: &mut PgConnection,
    id: MissionId,
    item: ChecklistItemId,
    talent: UserId,
    done: bool,
    now: OffsetDateTime,
) -> Result<Marked> {
    let mission = missions::lock(&mut *conn, id).await?;
    get_place(&mut *conn, id, talent).await?;
    let newest = find(&mut *conn, id).await?.ok_or(NONE)?;
    let item = newest.checklist.iter().find(|known| known.id == item);
    let item = item.ok_or(Error::NotFound("checklist item"))?;
    let changed = item.done.unwrap_or(false) != done;
    if changed {
        sqlx::query!(
            "insert into checklist_marks (item_id, done, marked_by, marked_at) values ($1, $2, $3, $4)
             on conflict (item_id) do update
                set done = excluded.done, marked_by = excluded.marked_by, marked_at = excluded.marked_at",
            item.id.0,
            done,
            talent.0,
            now,
        )
        .execute(&mut *conn)
        .await?;
        if done {
            let event = NewEvent {
                item: Some(&item.label),
                ..NewEvent::by(id, EventKind::ChecklistItemDone, Uuid::now_v7(), talent)
            };
            timeline::record(&mut *conn, event, now).await?;
        }
    }
    let instructions = find(conn, id).await?.ok_or(NONE)?;
    Ok(Marked { instructions, mission, changed })
}

/// Lets a talent start a mission whose instructions it has read, where there are any.
pub(crate) async fn require_read(conn: &mut PgConnection, id: MissionId, place: AssignmentId) -> Result<()> {
    let unread = sqlx::query_scalar!(
        r#"select not exists (select from instructions_read r where r.instructions_id = i.id and r.assignment_id = $2) as "unread!"
             from mission_instructions i where i.mission_id = $1 order by i.version desc limit 1"#,
        id.0,
        place.0,
    );
    match unread.fetch_optional(conn).await? {
        Some(true) => Err(Error::Conflict {
            code: "INSTRUCTIONS_NOT_READ",
            message: "Read the instructions of the mission and acknowledge them before you start",
        }),
        Some(false) | None => Ok(()),
    }
}
