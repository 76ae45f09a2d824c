//! What a mission sets off from its instructions until its work is accepted.

use domain::assignments::Assignment;
use domain::error::Result;
use domain::ids::{MissionId, UserId};
use domain::instructions::{self, Acknowledged, Instructed, Marked};
use domain::live::{self, MissionUpdated, Telling};
use domain::missions::{self, Look, Mission, Overdue, Started};
use domain::notifications::{About, NotificationType};
use domain::reports::{Contested, Submitted, TimeUp, VALIDATED_AFTER, Validated};
use domain::reviews::Work;
use domain::{Tx, users};
use time::OffsetDateTime;

use super::missions::cancelled;
use super::{contracts, conversations, growth, notices, papers, payments, told, told_and_counted};
use crate::ledger::{self, NewJob};
use crate::request_review::ASKED_AFTER;
use crate::{Ahead, AutoValidateReport, CheckAssignment, RemindMission, RequestReview};

/// What reminds of an assignment, and looks at it when it should have begun, and ended.
pub(super) fn looks(
    assignment: &Assignment,
    mission: &Mission,
    now: OffsetDateTime,
) -> impl Iterator<Item = NewJob> + use<> {
    let (assignment_id, start_date) = (assignment.id, mission.start_date);
    let looks = Look::ALL.map(|look| (look, look.at(mission))).into_iter();
    let looks = looks.map(move |(look, at)| NewJob::of(&CheckAssignment { assignment_id, look }).at(at));
    let reminders = Ahead::ALL.map(|ahead| (ahead, ahead.at(mission))).into_iter();
    let reminders = reminders.filter(move |(_, at)| *at > now);
    looks.chain(
        reminders
            .map(move |(ahead, at)| NewJob::of(&RemindMission { assignment_id, ahead, start_date }).at(at)),
    )
}

/// A mission is near: its talent and its client are reminded, the client once for all of its talents.
pub async fn near(tx: &mut Tx, mission: &Mission, talent: UserId, ahead: Ahead) -> Result<()> {
    let kind = ahead.notice();
    let start = mission.start_date.unix_timestamp();
    let notices = [mission.client_id, talent].map(|user| {
        notice(mission.id, user, kind).once(format!("notify:{}:{start}:{}:{user}", mission.id, kind.code()))
    });
    ledger::enqueue(tx, notices).await
}

/// Everybody who takes part is told to look.
pub(super) fn updated(mission: &Mission, people: &[UserId]) -> impl Iterator<Item = Telling> {
    let updated = MissionUpdated { mission_id: mission.id, status: mission.status };
    people.iter().map(move |user| Telling::new(*user, &updated))
}

/// Instructions were saved: the room and the talents learn of it.
pub async fn instructed(tx: &mut Tx, instructed: &Instructed, now: OffsetDateTime) -> Result<()> {
    let Instructed { instructions, mission } = instructed;
    let readers = instructions.readers.iter().filter(|reader| !reader.has_reported);
    instruct(tx, mission, &readers.map(|reader| reader.talent_id).collect::<Vec<_>>()).await?;
    let message = match instructions.version {
        1 => "Les consignes de la mission sont disponibles.",
        _ => "Les consignes de la mission ont changé : relisez-les.",
    };
    told(tx, mission, message, vec![], vec![], now).await
}

/// Talents have instructions to read, where there are any: each learns of a version once.
pub(super) async fn instruct(tx: &mut Tx, mission: &Mission, talents: &[UserId]) -> Result<()> {
    let Some(instructions) = instructions::find(tx, mission.id).await? else { return Ok(()) };
    let notices = talents.iter().map(|talent| {
        let kind = NotificationType::InstructionsUpdated;
        notice(mission.id, *talent, kind).once(format!("notify:{}:{talent}", instructions.id))
    });
    ledger::enqueue(tx, notices.collect::<Vec<_>>()).await
}

/// A talent has read the instructions: the room and the client learn of it.
pub async fn acknowledged(tx: &mut Tx, acknowledged: &Acknowledged, now: OffsetDateTime) -> Result<()> {
    let Acknowledged { mission, first, .. } = acknowledged;
    if !first {
        return Ok(());
    }
    let jobs: Vec<_> =
        notices::of_mission(mission, NotificationType::BriefingRead, [mission.client_id]).collect();
    ledger::enqueue(tx, jobs).await?;
    told(tx, mission, "Un talent a lu les consignes de la mission.", vec![], vec![], now).await
}

/// An item of the checklist was marked: too little for a word in the room, and seen live.
pub async fn marked(tx: &mut Tx, marked: &Marked, now: OffsetDateTime) -> Result<()> {
    let Marked { mission, changed, .. } = marked;
    if !changed {
        return Ok(());
    }
    let people = missions::list_participants(tx, mission.id).await?;
    live::tell(tx, now, updated(mission, &people).collect()).await
}

/// A talent is at work: the room and the client learn of it. Whoever was still asked learns that nobody is looked for any more.
pub async fn started(tx: &mut Tx, started: &Started, now: OffsetDateTime) -> Result<()> {
    let Started { mission, leftovers, shrunk } = started;
    let kinds = [Some(NotificationType::MissionStarted), shrunk.then_some(NotificationType::MissionExpired)];
    let applicants = leftovers.applicants.iter().copied();
    let jobs = kinds
        .into_iter()
        .flatten()
        .flat_map(|kind| notices::of_mission(mission, kind, [mission.client_id]))
        .chain(notices::of_mission(mission, NotificationType::ApplicationRejected, applicants));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let others = leftovers.applicants.iter().chain(&leftovers.invited).copied().collect();
    told(tx, mission, "La mission a commencé : un talent est sur place.", others, vec![], now).await
}

/// A report was handed in: the client reads it, and admins, at once, where it speaks of incidents. Its file is made, and both are asked
/// how it was. With the last one the chat closes a day later.
pub async fn reported(tx: &mut Tx, submitted: &Submitted, now: OffsetDateTime) -> Result<()> {
    let Submitted { report, mission, completed } = submitted;
    let kind = match report.needs_client() {
        true => NotificationType::ReportDeviates,
        false => NotificationType::ReportSubmitted,
    };
    let admins = match report.incidents {
        Some(_) => users::list_admins(tx).await?,
        None => Vec::new(),
    };
    let report_id = report.id;
    let work = Work::Assignment { mission: mission.id, assignment: report.assignment_id };
    let jobs = notices::of_mission(mission, kind, [mission.client_id])
        .chain(notices::of_mission(mission, NotificationType::IncidentReported, admins).map(NewJob::high))
        .chain([
            papers::report(report),
            NewJob::of(&AutoValidateReport { report_id }).at(report.submitted_at + VALIDATED_AFTER),
            NewJob::of(&RequestReview { of: work }).at(report.submitted_at + ASKED_AFTER),
        ]);
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    if *completed {
        conversations::mission_reported(tx, mission.id, now).await?;
    }
    let message = match completed {
        true => "La mission est terminée : son rapport est remis.",
        false => "Un talent a terminé et remis son rapport.",
    };
    told_and_counted(tx, mission, message, &[], vec![], vec![], now).await
}

/// A report was accepted: the room and its talent learn of it, its file says so, and what is owed is paid.
pub async fn validated(tx: &mut Tx, validated: &Validated, now: OffsetDateTime) -> Result<()> {
    let Validated { report, closed } = validated;
    let notice = notice(report.mission_id, report.talent_id, NotificationType::ReportValidated);
    ledger::enqueue(tx, [notice, papers::report(report)]).await?;
    growth::worked(tx, report).await?;
    payments::closed(tx, closed).await?;
    let mission = missions::get(tx, report.mission_id).await?;
    told(tx, &mission, "Un rapport de la mission est validé.", vec![], vec![], now).await
}

/// Nobody has answered a report in time.
pub async fn time_up(tx: &mut Tx, time_up: &TimeUp, now: OffsetDateTime) -> Result<()> {
    match time_up {
        TimeUp::Validated(accepted) => validated(tx, accepted, now).await,
        TimeUp::Waits { report, mission, client } => {
            let reminder = notice(*mission, *client, NotificationType::ReportDeviates);
            ledger::enqueue(tx, [reminder.once(format!("notify:{report}:time-up"))]).await
        }
    }
}

/// A report is contested: the room learns of it. Its talent and admins hear of the dispute; where there was one before, only its talent
/// hears of this.
pub async fn contested(tx: &mut Tx, contested: &Contested, now: OffsetDateTime) -> Result<()> {
    let Contested { report, disputed } = contested;
    let admins = match disputed {
        Some(disputed) => contracts::object(tx, disputed, now).await?,
        None => {
            let notice = notice(report.mission_id, report.talent_id, NotificationType::ReportContested);
            ledger::enqueue(tx, [notice]).await?;
            vec![]
        }
    };
    let mission = missions::get(tx, report.mission_id).await?;
    told(tx, &mission, "Un rapport de la mission est contesté : SocioPulse tranche.", vec![], admins, now)
        .await
}

/// Something is not as it should be by now: whoever can do something about it learns of it, once for each look.
pub async fn overdue(
    tx: &mut Tx,
    overdue: &Overdue,
    check: &CheckAssignment,
    now: OffsetDateTime,
) -> Result<()> {
    let (mission, kind, people) = match overdue {
        Overdue::NotStarted { mission, talent } => {
            (mission, NotificationType::MissionNotStarted, vec![mission.client_id, *talent])
        }
        Overdue::NotReported { mission, talent } => (mission, NotificationType::ReportMissing, vec![*talent]),
        Overdue::GivenUp(given_up) => return cancelled(tx, given_up).await,
        Overdue::Over { mission } => {
            conversations::mission_reported(tx, mission.id, now).await?;
            return told_and_counted(tx, mission, "La mission est terminée.", &[], vec![], vec![], now).await;
        }
    };
    let jobs = people.into_iter().map(|user| {
        let key = format!("notify:{}:{:?}:{user}", check.assignment_id, check.look);
        notice(mission.id, user, kind).once(key)
    });
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

fn notice(mission: MissionId, user_id: UserId, kind: NotificationType) -> NewJob {
    notices::notice(About::Mission(mission), kind, user_id)
}
