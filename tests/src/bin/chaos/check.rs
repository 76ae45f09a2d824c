//! The rules: what was promised must be there, once. Pure functions of the history and the database, so that they can be
//! shown to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::history::{History, Promise};
use crate::snapshot::{Notification, Snapshot};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    Lost,
    Doubled,
    Wrong,
}

#[derive(Clone, Debug)]
pub struct Violation {
    pub rule: &'static str,
    pub harm: Harm,
    pub phase: Option<usize>,
    pub what: String,
}

/// Work whose claim PostgreSQL forgot in a crash is done again without a trace in its row; its mail may be too.
const FORGETFUL: Duration = Duration::from_secs(60);

pub struct Checker<'a> {
    pub history: &'a History,
    pub rows: &'a Snapshot,
    /// Phase of each accepted mission.
    phases: BTreeMap<Uuid, usize>,
    found: Vec<Violation>,
}

pub fn check(history: &History, rows: &Snapshot) -> Vec<Violation> {
    let by_title: BTreeMap<_, _> = history.posts.iter().map(|post| (&*post.title, post.phase)).collect();
    let phases = rows.missions.iter().filter_map(|m| Some((m.id, *by_title.get(&*m.title)?))).collect();
    let mut checker = Checker { history, rows, phases, found: Vec::new() };
    checker.missions();
    checker.matching();
    checker.consequences();
    checker.system_messages();
    checker.acceptances();
    checker.chat();
    checker.feeds();
    checker.jobs();
    checker.mails();
    checker.money();
    for strange in &history.strange {
        checker.wrong("nothing strange is seen", None, strange.clone());
    }
    checker.found
}

pub fn count<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

fn id(value: &Value) -> Uuid {
    value.as_str().and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_default()
}

impl Checker<'_> {
    fn report(&mut self, rule: &'static str, harm: Harm, mission: Option<Uuid>, what: String) {
        let phase = mission.and_then(|mission| self.phases.get(&mission).copied());
        self.found.push(Violation { rule, harm, phase, what });
    }

    pub fn wrong(&mut self, rule: &'static str, mission: Option<Uuid>, what: String) {
        self.report(rule, Harm::Wrong, mission, what);
    }

    pub fn harmed(&mut self, rule: &'static str, harm: Harm, phase: usize, what: String) {
        self.found.push(Violation { rule, harm, phase: Some(phase), what });
    }

    /// How often something is there, against how often it should be.
    fn times(&mut self, rule: &'static str, found: usize, expected: usize, mission: Uuid, what: &str) {
        if found != expected {
            let harm = if found < expected { Harm::Lost } else { Harm::Doubled };
            self.report(
                rule,
                harm,
                Some(mission),
                format!("{what} of mission {mission}: {found}, not {expected}"),
            );
        }
    }

    fn missions(&mut self) {
        const RULE: &str = "an accepted mission is there once";
        let titles = count(self.rows.missions.iter().map(|mission| &*mission.title));
        let ids: BTreeSet<_> = self.rows.missions.iter().map(|mission| mission.id).collect();
        let mut known = BTreeSet::new();
        for post in &self.history.posts {
            known.insert(&*post.title);
            let rows = titles.get(&*post.title).copied().unwrap_or(0);
            let (least, most) = match post.outcome {
                Promise::Kept(_) => (1, 1),
                Promise::Refused(_) => (0, 0),
                Promise::Unknown => (0, 1),
            };
            let missing = matches!(post.outcome, Promise::Kept(id) if !ids.contains(&id));
            if !(least..=most).contains(&rows) || missing {
                let harm = if rows > most { Harm::Doubled } else { Harm::Lost };
                let what = format!("{}: {rows} rows after {:?}", post.title, post.outcome);
                self.found.push(Violation { rule: RULE, harm, phase: Some(post.phase), what });
            }
        }
        for mission in self.rows.missions.iter().filter(|mission| !known.contains(&*mission.title)) {
            self.wrong(RULE, None, format!("nobody posted {}", mission.title));
        }
    }

    fn matching(&mut self) {
        const RULE: &str = "a mission is matched once, and its matches are its invitations";
        let mut matches: BTreeMap<Uuid, BTreeMap<i16, Uuid>> = BTreeMap::new();
        for found in &self.rows.matches {
            matches.entry(found.mission_id).or_default().insert(found.rank, found.talent_id);
        }
        let mut invited: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for invitation in self.rows.invitations.iter().filter(|invitation| invitation.wave == 1) {
            invited.entry(invitation.mission_id).or_default().push(invitation.talent_id);
        }
        let told = self.rows.feed_events.iter().filter(|event| event.event == "mission:matched");
        let told = count(told.map(|event| (id(&event.data["missionId"]), event.user_id)));
        for mission in &self.rows.missions {
            let ranks = matches.remove(&mission.id).unwrap_or_default();
            let mut talents: Vec<_> = ranks.values().copied().collect();
            let mut guests = invited.remove(&mission.id).unwrap_or_default();
            talents.sort_unstable();
            guests.sort_unstable();
            self.times(RULE, guests.len(), talents.len(), mission.id, "invitations");
            if guests != talents || !ranks.keys().copied().eq((1..).take(ranks.len())) {
                self.wrong(
                    RULE,
                    Some(mission.id),
                    format!("mission {}: matches {ranks:?}, invited {guests:?}", mission.id),
                );
            }
            let state = if ranks.is_empty() { "NONE" } else { "MATCHED" };
            if mission.matching != state {
                self.report(
                    RULE,
                    Harm::Lost,
                    Some(mission.id),
                    format!("mission {} is {}", mission.id, mission.matching),
                );
            }
            let told = told.get(&(mission.id, mission.client_id)).copied().unwrap_or(0);
            self.times(RULE, told, 1, mission.id, "mission:matched");
        }
    }

    /// One notification, one mail job, one feed event for each invitation; the like for each assignment.
    fn consequences(&mut self) {
        const RULE: &str = "a cause has each of its effects once";
        let rows = self.rows;
        let notices = rows.notices();
        let notified = count(rows.notifications.iter().map(Notification::key));
        let told = self.rows.feed_events.iter().filter(|event| event.event == "mission:invited");
        let told = count(told.map(|event| id(&event.data["invitationId"])));
        let mails = rows.jobs.iter().filter(|job| job.kind == "send-mail");
        let mails = count(mails.filter_map(|job| Some(notices.get(&job.notice()?)?.key())));
        let clients: BTreeMap<_, _> =
            self.rows.missions.iter().map(|mission| (mission.id, mission.client_id)).collect();
        for invitation in &self.rows.invitations {
            let (mission, talent) = (invitation.mission_id, invitation.talent_id);
            let notices = notified.get(&("MISSION_INVITATION", invitation.id, talent)).copied().unwrap_or(0);
            self.times(RULE, notices, 1, mission, "notifications of an invitation");
            let events = told.get(&invitation.id).copied().unwrap_or(0);
            self.times(RULE, events, 1, mission, "feed events of an invitation");
            let mails = mails.get(&("MISSION_INVITATION", invitation.id, talent)).copied().unwrap_or(0);
            self.times(RULE, mails, 1, mission, "mail jobs of an invitation");
        }
        for (mission, taken) in count(self.rows.assignments.iter().map(|assignment| assignment.mission_id)) {
            let client = clients.get(&mission).copied().unwrap_or_default();
            let notices = notified.get(&("MISSION_ASSIGNED", mission, client)).copied().unwrap_or(0);
            self.times(RULE, notices, taken, mission, "notifications to the client");
            let mails = mails.get(&("MISSION_ASSIGNED", mission, client)).copied().unwrap_or(0);
            self.times(RULE, mails, taken, mission, "mail jobs to the client");
        }
        for assignment in &self.rows.assignments {
            let (mission, talent) = (assignment.mission_id, assignment.talent_id);
            let notices = notified.get(&("ASSIGNMENT_CONFIRMED", mission, talent)).copied().unwrap_or(0);
            self.times(RULE, notices, 1, mission, "notifications to the assigned");
            let mails = mails.get(&("ASSIGNMENT_CONFIRMED", mission, talent)).copied().unwrap_or(0);
            self.times(RULE, mails, 1, mission, "mail jobs to the assigned");
        }
    }

    fn system_messages(&mut self) {
        const RULE: &str = "a cause has one SYSTEM message";
        let system = || self.rows.messages.iter().filter(|message| message.sender_id.is_none());
        let posted =
            count(system().filter(|m| m.content.starts_with("Mission publiée")).map(|m| m.mission_id));
        let accepted = count(system().filter(|m| m.content.contains("a accepté")).map(|m| m.mission_id));
        let assigned = count(self.rows.assignments.iter().map(|assignment| assignment.mission_id));
        for mission in self.rows.missions.iter().map(|mission| mission.id) {
            let times = |counts: &BTreeMap<Uuid, usize>| counts.get(&mission).copied().unwrap_or(0);
            self.times(RULE, times(&posted), 1, mission, "SYSTEM messages of the match");
            self.times(RULE, times(&accepted), times(&assigned), mission, "SYSTEM messages of acceptances");
        }
    }

    fn acceptances(&mut self) {
        const RULE: &str = "exactly the slots are taken, by those who were told so";
        let assigned = count(self.rows.assignments.iter().map(|a| (a.mission_id, a.talent_id)));
        let taken = count(self.rows.assignments.iter().map(|assignment| assignment.mission_id));
        for mission in &self.rows.missions {
            let taken = taken.get(&mission.id).copied().unwrap_or(0);
            let full = taken == usize::from(mission.slots.unsigned_abs());
            if taken != usize::from(mission.filled.unsigned_abs())
                || taken > usize::from(mission.slots.unsigned_abs())
            {
                self.wrong(
                    RULE,
                    Some(mission.id),
                    format!("mission {}: {taken} taken, {} filled", mission.id, mission.filled),
                );
            }
            if full != (mission.status == "ASSIGNED") {
                self.wrong(
                    RULE,
                    Some(mission.id),
                    format!("mission {}: {taken} taken, {}", mission.id, mission.status),
                );
            }
        }
        let mut asked: BTreeMap<(Uuid, Uuid), bool> = BTreeMap::new();
        for accept in &self.history.accepts {
            let times = assigned.get(&(accept.mission, accept.talent)).copied().unwrap_or(0);
            let expected = match accept.outcome {
                Promise::Kept(()) => Some(1),
                Promise::Refused(_) => Some(0),
                Promise::Unknown => None,
            };
            asked.insert((accept.mission, accept.talent), true);
            if let Some(expected) = expected {
                self.times(
                    RULE,
                    times,
                    expected,
                    accept.mission,
                    &format!("assignments of {}", accept.talent),
                );
            }
        }
        for key in assigned.keys().filter(|key| !asked.contains_key(key)) {
            self.wrong(RULE, Some(key.0), format!("{} is assigned and did not ask", key.1));
        }
        let mut diary: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
        for assignment in &self.rows.assignments {
            diary.entry(assignment.talent_id).or_default().push((
                assignment.starts,
                assignment.ends,
                assignment.mission_id,
            ));
        }
        for (talent, mut days) in diary {
            days.sort_unstable();
            for pair in days.windows(2).filter(|pair| pair[1].0 < pair[0].1) {
                self.report(
                    "nobody is double-booked",
                    Harm::Doubled,
                    Some(pair[1].2),
                    format!("{talent} twice at {}", pair[1].0),
                );
            }
        }
    }

    fn chat(&mut self) {
        const STORED: &str = "an acknowledged message is stored once";
        const READ: &str = "every member read every message once and in order";
        let mut rooms: BTreeMap<Uuid, Vec<(i64, Uuid)>> = BTreeMap::new();
        let mut sent: BTreeMap<&str, Vec<(i64, Uuid)>> = BTreeMap::new();
        for message in &self.rows.messages {
            rooms.entry(message.mission_id).or_default().push((message.seq, message.id));
            if let Some(id) = &message.client_message_id {
                sent.entry(id).or_default().push((message.seq, message.id));
            }
        }
        for (mission, head) in &self.rows.room_heads {
            let messages = rooms.get(mission).map_or(&[][..], Vec::as_slice);
            if !messages.iter().map(|message| message.0).eq(1..=*head) {
                self.wrong(
                    "seq is dense",
                    Some(*mission),
                    format!("mission {mission}: head {head}, {} messages", messages.len()),
                );
            }
        }
        for (id, say) in &self.history.says {
            let stored = sent.get(&**id).map_or(&[][..], Vec::as_slice);
            let wrong = match say.ack {
                Some(ack) => stored != [ack],
                None => stored.len() > 1,
            };
            if wrong {
                let harm = if stored.len() > 1 { Harm::Doubled } else { Harm::Lost };
                let what = format!("{id}: acknowledged as {:?}, stored as {stored:?}", say.ack);
                self.found.push(Violation { rule: STORED, harm, phase: Some(say.phase), what });
            }
            if say.ack.is_none() {
                let what = format!("{id} in the room of {} by {}", say.mission, say.sender);
                self.found.push(Violation {
                    rule: "every message is acknowledged in the end",
                    harm: Harm::Lost,
                    phase: Some(say.phase),
                    what,
                });
            }
        }
        for ((reader, mission), read) in &self.history.rooms {
            let stored = rooms.get(mission).map_or(&[][..], Vec::as_slice);
            if read != stored {
                let harm = if read.len() > stored.len() { Harm::Doubled } else { Harm::Lost };
                let what = format!(
                    "{reader} in the room of {mission}: {} frames of {} messages",
                    read.len(),
                    stored.len()
                );
                self.report(READ, harm, Some(*mission), what);
            }
        }
    }

    fn feeds(&mut self) {
        const RULE: &str = "every user read its whole feed once and in order";
        let mut feeds: BTreeMap<Uuid, Vec<(i64, &str)>> = BTreeMap::new();
        for event in &self.rows.feed_events {
            feeds.entry(event.user_id).or_default().push((event.event_seq, &event.event));
        }
        for (user, head) in &self.rows.feed_heads {
            let stored = feeds.get(user).map_or(&[][..], Vec::as_slice);
            if !stored.iter().map(|event| event.0).eq(1..=*head) {
                self.wrong(
                    "eventSeq is dense",
                    None,
                    format!("{user}: head {head}, {} events", stored.len()),
                );
            }
            let read: Vec<_> = self
                .history
                .feeds
                .get(user)
                .into_iter()
                .flatten()
                .map(|(seq, name)| (*seq, &**name))
                .collect();
            if read != stored {
                let harm = if read.len() > stored.len() { Harm::Doubled } else { Harm::Lost };
                self.report(
                    RULE,
                    harm,
                    None,
                    format!("{user}: {} frames of {} events", read.len(), stored.len()),
                );
            }
        }
    }

    fn jobs(&mut self) {
        for job in
            self.rows.jobs.iter().filter(|job| !matches!(&*job.state, "done" | "cancelled" | "waiting"))
        {
            self.report(
                "no job is stuck or dead",
                Harm::Lost,
                None,
                format!("{} {} is {}", job.kind, job.id, job.state),
            );
        }
    }

    fn mails(&mut self) {
        const RULE: &str = "a mail arrives once, but after an unknown outcome";
        const FOUND: &str = "a mail arrives";
        let jobs: BTreeMap<_, _> =
            self.rows.jobs.iter().filter(|job| job.kind == "send-mail").map(|job| (job.id, job)).collect();
        let mut arrived: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
        for mail in &self.history.mails {
            arrived.entry(mail.job).or_default().push(mail);
            let address =
                jobs.get(&mail.job).and_then(|job| self.rows.addresses.get(&id(&job.body["job"]["to"])));
            if address != Some(&mail.to) {
                let what = format!("a mail of job {} to {}", mail.job, mail.to);
                self.found.push(Violation {
                    rule: "a mail goes to its person, under its job's id",
                    harm: Harm::Wrong,
                    phase: Some(mail.phase),
                    what,
                });
            }
        }
        let crash = |name: &str| name.starts_with("PostgreSQL restart") || name.starts_with("all sessions");
        for (id, mails) in &arrived {
            let excused = |earlier: &&crate::history::Delivered| {
                let forgotten = |fault: &crate::history::Fault| {
                    crash(fault.name)
                        && earlier.at + FORGETFUL > fault.from
                        && earlier.at < fault.to + FORGETFUL
                };
                !earlier.answered
                    || jobs.get(id).is_some_and(|job| job.crashes > 0 || job.setbacks > 0)
                    || self.history.faults.iter().any(forgotten)
            };
            if mails.len() > 1 && !mails[..mails.len() - 1].iter().all(excused) {
                let what = format!("job {id}: {} mails to {}", mails.len(), mails[0].to);
                self.found.push(Violation {
                    rule: RULE,
                    harm: Harm::Doubled,
                    phase: Some(mails[1].phase),
                    what,
                });
            }
        }
        let notices = self.rows.notices();
        let notice = |job: &crate::snapshot::Job| notices.get(&job.notice()?).copied();
        // What may be over or read before is not always mailed.
        let always = |job: &&&crate::snapshot::Job| {
            job.state == "done" && notice(job).is_none_or(|notice| notice.kind == "ASSIGNMENT_CONFIRMED")
        };
        for job in jobs.values().filter(always).filter(|job| !arrived.contains_key(&job.id)) {
            let mission = notice(job).map(|notice| id(&notice.data["missionId"]));
            self.report(
                FOUND,
                Harm::Lost,
                mission,
                format!("job {} is done and its mail did not arrive", job.id),
            );
        }
    }
}
