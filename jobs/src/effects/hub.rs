//! What a mission sets off from its start until its work is accepted.

use domain::assignments::Assignment;
use domain::error::Result;
use domain::ids::{MissionId, UserId};
use domain::missions::{Look, Mission, Overdue, Started};
use domain::notifications::{About, NotificationType};
use domain::reports::{Contested, Submitted, TimeUp, VALIDATED_AFTER, Validated};
use domain::{Tx, users};
use time::OffsetDateTime;

use super::{contracts, mission_reported, notices, payments, told};
use crate::ledger::{self, NewJob};
use crate::{AutoValidateReport, CheckAssignment};

/// What looks at an assignment when it should have begun, and ended.
pub(super) fn looks(assignment: &Assignment, mission: &Mission) -> impl Iterator<Item = NewJob> + use<> {
    let (assignment_id, times) = (assignment.id, Look::ALL.map(|look| (look, look.at(mission))));
    times.into_iter().map(move |(look, at)| NewJob::of(&CheckAssignment { assignment_id, look }).at(at))
}

/// A talent is at work: the room and the client learn of it. Whoever was still asked learns that nobody is looked for any more.
pub async fn started(tx: &mut Tx, started: &Started, now: OffsetDateTime) -> Result<()> {
    let Started { mission, leftovers, shrunk } = started;
    let kinds = [Some(NotificationType::MissionStarted), shrunk.then_some(NotificationType::MissionExpired)];
    let applicants = leftovers.applicants.iter().copied();
    let jobs = kinds
        .into_iter()
        .flatten()
        .flat_map(|kind| notices(mission, kind, [mission.client_id]))
        .chain(notices(mission, NotificationType::ApplicationRejected, applicants));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let others = leftovers.applicants.iter().chain(&leftovers.invited).copied().collect();
    told(tx, mission, "La mission a commencé : un talent est sur place.", others, vec![], now).await
}

/// A report was handed in: the client reads it, and admins where it speaks of incidents. With the last one the chat closes a day
/// later.
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
    let in_time = NewJob::of(&AutoValidateReport { report_id: report.id });
    let jobs = notices(mission, kind, [mission.client_id])
        .chain(notices(mission, NotificationType::IncidentReported, admins))
        .chain([in_time.at(report.submitted_at + VALIDATED_AFTER)]);
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    if *completed {
        mission_reported(tx, mission.id, now).await?;
    }
    let message = match completed {
        true => "La mission est terminée : son rapport est remis.",
        false => "Un talent a terminé et remis son rapport.",
    };
    told(tx, mission, message, vec![], vec![], now).await
}

/// A report was accepted: its talent learns of it, and what is owed is paid.
pub async fn validated(tx: &mut Tx, validated: &Validated) -> Result<()> {
    let Validated { report, closed } = validated;
    ledger::enqueue(tx, [notice(report.mission_id, report.talent_id, NotificationType::ReportValidated)])
        .await?;
    payments::closed(tx, closed).await
}

/// Nobody has answered a report in time.
pub async fn time_up(tx: &mut Tx, time_up: &TimeUp) -> Result<()> {
    match time_up {
        TimeUp::Validated(accepted) => validated(tx, accepted).await,
        TimeUp::Waits { report, mission, client } => {
            let reminder = notice(*mission, *client, NotificationType::ReportDeviates);
            ledger::enqueue(tx, [reminder.once(format!("notify:{report}:time-up"))]).await
        }
    }
}

/// A report is contested. Its talent and admins hear of the dispute; where there was one before, only its talent hears of this.
pub async fn contested(tx: &mut Tx, contested: &Contested, now: OffsetDateTime) -> Result<()> {
    let Contested { report, disputed } = contested;
    match disputed {
        Some(disputed) => contracts::disputed(tx, disputed, now).await,
        None => {
            let told = notice(report.mission_id, report.talent_id, NotificationType::ReportContested);
            ledger::enqueue(tx, [told]).await
        }
    }
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
        Overdue::Over { mission } => {
            mission_reported(tx, mission.id, now).await?;
            return told(tx, mission, "La mission est terminée.", vec![], vec![], now).await;
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
