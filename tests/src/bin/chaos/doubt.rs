//! Doubt about the checker: each rule must trip over what it is there to find.

use uuid::Uuid;

use crate::Outcome;
use crate::check::check;
use crate::history::{Fate, History, Promise};
use crate::snapshot::Snapshot;

type Corruption = fn(&mut History, &mut Snapshot) -> Option<()>;

/// A rule, and damage that it must see; `None` when there is nothing to damage.
const CORRUPTIONS: [(&str, Corruption); 27] = [
    ("an accepted mission is there once", |_, rows| rows.missions.pop().map(drop)),
    ("an accepted mission is there once", |_, rows| {
        let mut twin = rows.missions.first()?.clone();
        twin.id = Uuid::now_v7();
        rows.missions.push(twin);
        Some(())
    }),
    ("an accepted mission is there once", |history, _| history.posts.pop().map(drop)),
    ("a mission is matched once, and its matches are its invitations", |_, rows| {
        rows.matches.pop().map(drop)
    }),
    ("a mission is matched once, and its matches are its invitations", |_, rows| {
        rows.missions.first_mut()?.matching = "PENDING".into();
        Some(())
    }),
    ("a mission is matched once, and its matches are its invitations", |_, rows| {
        let told = rows.feed_events.iter().find(|event| event.event == "mission:matched")?.clone();
        rows.feed_events.push(told);
        Some(())
    }),
    ("a cause has each of its effects once", |_, rows| {
        let place = rows.notifications.iter().position(|notice| notice.kind == "MISSION_INVITATION")?;
        rows.notifications.remove(place);
        Some(())
    }),
    ("a cause has each of its effects once", |_, rows| {
        let notices = rows.notices();
        let invitation = |job: &&crate::snapshot::Job| {
            let notice = job.notice().and_then(|id| notices.get(&id));
            notice.is_some_and(|notice| notice.kind == "MISSION_INVITATION")
        };
        let mail = rows.jobs.iter().find(invitation)?.clone();
        rows.jobs.push(mail);
        Some(())
    }),
    ("a cause has one SYSTEM message", |_, rows| {
        let system = rows.messages.iter().find(|message| message.sender_id.is_none())?.clone();
        rows.messages.push(system);
        Some(())
    }),
    ("exactly the slots are taken, by those who were told so", |_, rows| rows.assignments.pop().map(drop)),
    ("exactly the slots are taken, by those who were told so", |history, _| {
        history.accepts.iter_mut().find(|accept| accept.outcome == Promise::Kept(()))?.outcome =
            Promise::Refused(409);
        Some(())
    }),
    ("nobody is double-booked", |_, rows| {
        let mut twin = rows.assignments.first()?.clone();
        twin.mission_id = Uuid::now_v7();
        rows.assignments.push(twin);
        Some(())
    }),
    ("seq is dense", |_, rows| {
        rows.messages.iter_mut().find(|message| message.seq == 1)?.seq = 1000;
        Some(())
    }),
    ("an acknowledged message is stored once", |_, rows| {
        let place = rows.messages.iter().position(|message| message.client_message_id.is_some())?;
        rows.messages.remove(place);
        Some(())
    }),
    ("every message is acknowledged in the end", |history, _| {
        history.says.values_mut().next()?.ack = None;
        Some(())
    }),
    ("every member read every message once and in order", |history, _| {
        history.rooms.values_mut().find(|read| read.len() > 1)?.swap(0, 1);
        Some(())
    }),
    ("every member read every message once and in order", |history, _| {
        history.rooms.values_mut().find_map(Vec::pop).map(drop)
    }),
    ("eventSeq is dense", |_, rows| {
        *rows.feed_heads.values_mut().next()? += 1;
        Some(())
    }),
    ("every user read its whole feed once and in order", |history, _| {
        let feed = history.feeds.values_mut().next()?;
        feed.push(feed.last()?.clone());
        Some(())
    }),
    ("no job is stuck or dead", |_, rows| {
        rows.jobs.first_mut()?.state = "dead".into();
        Some(())
    }),
    ("a mail arrives once, but after an unknown outcome", |history, rows| {
        let mail = history.mails.iter_mut().find(|mail| mail.answered)?;
        let job = rows.jobs.iter_mut().find(|job| job.id == mail.job)?;
        (job.crashes, job.setbacks) = (0, 0);
        let twin = mail.clone();
        history.faults.clear();
        history.mails.push(twin);
        Some(())
    }),
    ("a payment is settled once, and what was meant to follow has followed once", |_, rows| {
        let place = rows.entries.iter().position(|entry| entry.event == "PAID")?;
        rows.entries.remove(place);
        Some(())
    }),
    ("a payment is settled once, and what was meant to follow has followed once", |history, _| {
        history.deals.iter_mut().find(|deal| deal.fate == Fate::Paid)?.fate = Fate::CalledOff;
        Some(())
    }),
    ("an entry of the ledger sums to zero", |_, rows| {
        rows.entries.first_mut()?.sum_cents += 1;
        Some(())
    }),
    ("the bank and the ledger tell the same movements", |_, rows| {
        let twin = rows.movements.iter().find(|movement| movement.event == "REFUNDED")?.clone();
        rows.movements.push(twin);
        Some(())
    }),
    ("the bank and the ledger tell the same movements", |_, rows| {
        rows.movements.iter_mut().find(|movement| movement.event == "PAID_OUT")?.cents -= 1;
        Some(())
    }),
    ("a mail arrives", |history, rows| {
        let notices = rows.notices();
        let confirmed = |job: &&crate::snapshot::Job| {
            let notice = job.notice().and_then(|id| notices.get(&id));
            notice.is_some_and(|notice| notice.kind == "ASSIGNMENT_CONFIRMED")
        };
        let job = rows.jobs.iter().find(confirmed)?.id;
        history.mails.retain(|mail| mail.job != job);
        Some(())
    }),
];

/// Damages copies of what was found to be whole; how many kinds of damage were seen, or the first that was not.
pub fn doubt(history: &History, rows: &Snapshot) -> Outcome<usize> {
    let before = check(history, rows).len();
    for (n, (rule, corrupt)) in CORRUPTIONS.iter().enumerate() {
        let (mut history, mut rows) = (history.clone(), rows.clone());
        corrupt(&mut history, &mut rows).ok_or_else(|| format!("nothing to damage for: {rule}"))?;
        let found = check(&history, &rows);
        if found.len() <= before || !found.iter().any(|violation| violation.rule == *rule) {
            return Err(format!("damage {n} was not seen by: {rule}").into());
        }
    }
    Ok(CORRUPTIONS.len())
}
