//! What a mission sets off from its posting to its end.

use domain::applications::{ApplicationStatus, Filed};
use domain::assignments::{Accepted, Assigned, Leftovers, Released, Way};
use domain::error::Result;
use domain::ids::{JobId, MissionId, UserId};
use domain::invitations::Invitation;
use domain::live::{MissionInvited, Telling};
use domain::missions::{
    CancelCause, Cancelled, Cascade, Changed, Expiry, MatchingState, Mission, MissionStatus, Posted,
    UrgencyLevel,
};
use domain::notifications::{self, About, Channels, NewNotification, NotificationType};
use domain::payments::closing;
use domain::waves::Wave;
use domain::{Tx, trace, waves};
use time::{Duration, OffsetDateTime};

use super::{hub, notices, payments, told, told_and_counted};
use crate::ledger::{self, NewJob};
use crate::{
    AddressOf, AlertOperations, AlertUnfilled, CancelCascade, ContractOf, DispatchWave, DraftContract,
    ExpireMission, GeocodeAddress, GeocodeMission, MatchMission, Occasion, RematchOpen,
};

/// A mission was posted: match it, once it is known where it is, and look at it again when time has passed.
pub async fn posted(tx: &mut Tx, posted: &Posted) -> Result<()> {
    posted_all(tx, std::slice::from_ref(posted)).await
}

/// Several were: their jobs go in one statement.
pub async fn posted_all(tx: &mut Tx, posted: &[Posted]) -> Result<()> {
    let jobs = posted.iter().flat_map(|Posted { mission }| {
        let critical = mission.urgency_level == UrgencyLevel::Critical;
        let alert = critical.then(|| NewJob::of(&AlertOperations { mission_id: mission.id }));
        search(mission, false).into_iter().chain(timers(mission, mission.created_at)).chain(alert)
    });
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await
}

/// What finds people for a mission, or first finds out where it is.
fn search(mission: &Mission, again: bool) -> Option<NewJob> {
    let mission_id = mission.id;
    match mission.matching {
        MatchingState::Pending => Some(NewJob::of(&MatchMission { mission_id, again })),
        MatchingState::WaitingForLocation => Some(NewJob::of(&GeocodeMission { mission_id })),
        MatchingState::Matched | MatchingState::None => None,
    }
}

/// It was found out where a mission is: the search begins.
pub async fn located(tx: &mut Tx, mission: &Mission) -> Result<()> {
    ledger::enqueue(tx, search(mission, mission.matched_at.is_some())).await
}

/// Nobody knows where a mission is: its client, who can say it, learns of it once per address.
pub async fn location_unknown(tx: &mut Tx, mission: &Mission, now: OffsetDateTime) -> Result<()> {
    let notice = NewNotification {
        user: mission.client_id,
        kind: NotificationType::LocationUnknown,
        data: serde_json::json!({ "missionId": mission.id }),
        cause: format!("location:{}:{}", mission.id, mission.place().fingerprint()),
    };
    notices::tell(tx, &[notice], now).await
}

/// A talent or a site named an address, and not where it is.
pub async fn address_named(tx: &mut Tx, of: AddressOf) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&GeocodeAddress { of })]).await
}

/// What looks at a mission again. Each is unique for its round or start, so that asking for them again is harmless.
fn timers(mission: &Mission, now: OffsetDateTime) -> impl Iterator<Item = NewJob> + use<> {
    let (mission_id, start_date) = (mission.id, mission.start_date);
    let alert = |occasion| NewJob::of(&AlertUnfilled { mission_id, occasion });
    let unfilled_at = waves::unfilled_at(mission.urgency_level, now);
    let deadline = start_date - Duration::DAY;
    let unfilled = alert(Occasion::Unfilled { round: mission.round }).at(unfilled_at);
    [
        Some(NewJob::of(&ExpireMission { mission_id, start_date }).at(start_date)),
        Some(unfilled).filter(|_| unfilled_at < start_date),
        Some(alert(Occasion::Deadline { start_date }).at(deadline)).filter(|_| deadline > now),
    ]
    .into_iter()
    .flatten()
}

/// A wave of a mission: who was invited, and the request or job that it goes back to.
#[derive(Debug)]
pub struct SentWave<'m> {
    pub mission: &'m Mission,
    pub wave: Option<Wave>,
    pub invitations: Vec<Invitation>,
    pub cause: trace::Context,
}

impl SentWave<'_> {
    /// The one behind it.
    fn next(&self, now: OffsetDateTime) -> Option<NewJob> {
        let (next, pause) = self.wave?.next(self.mission.urgency_level)?;
        let Mission { id: mission_id, round, .. } = *self.mission;
        let job = NewJob::of(&DispatchWave { mission_id, round, wave: next.number }).at(now + pause);
        Some(job.caused_by(self.cause.clone()))
    }
}

/// Waves were sent: each talent is told on every channel, in one statement for each; the waves behind these are scheduled. Returns
/// what to tell the talents live: the caller has more to tell, and feeds are told last and once.
pub async fn invited(tx: &mut Tx, sent: &[SentWave<'_>], now: OffsetDateTime) -> Result<Vec<Telling>> {
    let invitations =
        || sent.iter().flat_map(|sent| sent.invitations.iter().map(move |one| (one, &sent.cause)));
    let new: Vec<_> = invitations()
        .map(|(invitation, _)| NewNotification {
            user: invitation.talent_id,
            kind: NotificationType::MissionInvitation,
            data: serde_json::json!({ "invitationId": invitation.id, "missionId": invitation.mission_id }),
            // An invitation that had expired and is made anew is news.
            cause: format!("invitation:{}:{}", invitation.id, invitation.created_at.unix_timestamp()),
        })
        .collect();
    let told = notifications::insert(tx, &new, Channels::All, now).await?;
    let causes: Vec<_> = invitations().map(|(_, cause)| cause.clone()).collect();
    let jobs = notices::jobs(&told, Some(&causes)).chain(sent.iter().filter_map(|sent| sent.next(now)));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let mut tellings: Vec<_> = invitations()
        .map(|(invitation, _)| {
            let invited = MissionInvited {
                invitation_id: invitation.id,
                mission_id: invitation.mission_id,
                wave: invitation.wave,
            };
            Telling::new(invitation.talent_id, &invited)
        })
        .collect();
    tellings.extend(told.tellings);
    Ok(tellings)
}

/// A talent took a slot: the room and both sides learn of it, and whoever was passed over.
pub async fn assigned(tx: &mut Tx, accepted: &Accepted, now: OffsetDateTime) -> Result<()> {
    let Accepted::Assigned(assigned) = accepted else { return Ok(()) };
    let Assigned { assignment, way, mission, passed_over } = &**assigned;
    // Who accepted an application knows it.
    let client = Some(mission.client_id).filter(|_| *way == Way::Invitation);
    let jobs = notices::of_mission(mission, NotificationType::MissionAssigned, client)
        .chain(notices::of_mission(mission, NotificationType::AssignmentConfirmed, [assignment.talent_id]))
        .chain(notices::of_mission(
            mission,
            NotificationType::ApplicationRejected,
            passed_over.iter().copied(),
        ))
        .chain([NewJob::of(&DraftContract { of: ContractOf::Assignment(assignment.id) })])
        .chain(hub::looks(assignment, mission, now));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    hub::instruct(tx, mission, &[assignment.talent_id]).await?;
    let message = match way {
        Way::Invitation => "Un talent a accepté la mission et rejoint la conversation.",
        Way::Application { .. } => "Une candidature a été acceptée : un talent rejoint la conversation.",
    };
    told_and_counted(tx, mission, message, &[], passed_over.clone(), vec![], now).await
}

/// An assigned talent left: the mission is matched again, without that talent.
pub async fn released(tx: &mut Tx, released: &Released, now: OffsetDateTime) -> Result<()> {
    let Released { mission, talent } = released;
    let jobs = notices::of_mission(mission, NotificationType::AssignmentWithdrawn, [mission.client_id])
        .chain(search(mission, true))
        .chain(timers(mission, now));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    give_back(tx, mission, now).await?;
    let message = "Un talent s’est désisté. La recherche reprend.";
    told_and_counted(tx, mission, message, &[*talent], vec![], vec![], now).await
}

/// What was paid for places in a mission that nobody has any more; and what is still to be paid for them.
async fn give_back(tx: &mut Tx, mission: &Mission, now: OffsetDateTime) -> Result<()> {
    let closed = closing::called_off(tx, mission, now).await?;
    let due = Some(mission.client_id).filter(|_| closed.indemnity_due);
    let due = notices::of_mission(mission, NotificationType::CancellationDue, due);
    let due = due.map(|due| due.once(format!("notify:cancellation-due:{}", mission.id)));
    ledger::enqueue(tx, due.collect::<Vec<_>>()).await?;
    payments::closed(tx, &closed).await
}

/// An open mission was changed: it is looked for people again where that matters, and applicants learn of it.
pub async fn changed(tx: &mut Tx, changed: &Changed, now: OffsetDateTime) -> Result<()> {
    let Changed { mission, differs, applicants, passed_over } = changed;
    if !differs {
        return Ok(());
    }
    let open = mission.status == MissionStatus::Open;
    let critical = open && mission.urgency_level == UrgencyLevel::Critical;
    let jobs = notices::of_mission(mission, NotificationType::MissionChanged, applicants.iter().copied())
        .chain(notices::of_mission(
            mission,
            NotificationType::ApplicationRejected,
            passed_over.iter().copied(),
        ))
        .chain(search(mission, true).filter(|_| open))
        .chain(timers(mission, now).filter(|_| open))
        .chain(critical.then(|| NewJob::of(&AlertOperations { mission_id: mission.id })));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let others = applicants.iter().chain(passed_over).copied().collect();
    told(tx, mission, "La mission a été modifiée.", others, vec![], now).await
}

/// A mission was cancelled: the cascade closes and tells the rest.
pub async fn cancelled(tx: &mut Tx, cancelled: &Cancelled) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&CancelCascade { mission_id: cancelled.mission.id })]).await
}

/// The cascade of a cancelled mission: everybody whom it concerns is told in the app and live; by mail those who had planned it
/// or had asked for it, not the many who were only invited.
pub async fn cascaded(tx: &mut Tx, cascade: &Cascade, now: OffsetDateTime) -> Result<()> {
    let Cascade { mission, assigned, leftovers: Leftovers { invited, applicants } } = cascade;
    give_back(tx, mission, now).await?;
    let (client, message) = match mission.cancel_cause {
        Some(CancelCause::Expired) => {
            (NotificationType::MissionExpired, "La mission a expiré : personne n’a été trouvé à temps.")
        }
        Some(CancelCause::NotStarted) => {
            (NotificationType::MissionCancelled, "La mission n’a pas eu lieu : elle est annulée sans frais.")
        }
        Some(CancelCause::Client) => {
            (NotificationType::CancellationConfirmed, "La mission a été annulée par l’établissement.")
        }
        Some(CancelCause::Admin | CancelCause::Account) | None => {
            (NotificationType::MissionCancelled, "La mission a été annulée par SocioPulse.")
        }
    };
    let talents = assigned.iter().chain(applicants).copied();
    let jobs = notices::of_mission(mission, client, [mission.client_id]).chain(notices::of_mission(
        mission,
        NotificationType::MissionCancelled,
        talents,
    ));
    ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
    let quiet: Vec<_> = invited
        .iter()
        .filter(|talent| !applicants.contains(talent))
        .map(|talent| NewNotification {
            user: *talent,
            kind: NotificationType::MissionCancelled,
            data: serde_json::json!({ "missionId": mission.id }),
            cause: format!("cancelled:{}", mission.id),
        })
        .collect();
    let quiet = notifications::insert(tx, &quiet, Channels::InApp, now).await?.tellings;
    let others = applicants.iter().chain(invited).copied().collect();
    told_and_counted(tx, mission, message, assigned, others, quiet, now).await
}

/// Slots of an open mission are still free when they should not be: its client learns of it, once for each alert.
pub async fn unfilled(tx: &mut Tx, mission: &Mission, kind: NotificationType, alert: JobId) -> Result<()> {
    let notice = notices::of_mission(mission, kind, [mission.client_id]);
    ledger::enqueue(tx, notice.map(|notice| notice.once(format!("notify:{alert}")))).await
}

/// The start of an open mission came.
pub async fn expired(tx: &mut Tx, expiry: &Expiry, now: OffsetDateTime) -> Result<()> {
    match expiry {
        Expiry::Cancelled(mission) => cancelled(tx, mission).await,
        Expiry::Shrunk { mission, leftovers } => {
            let jobs = notices::of_mission(mission, NotificationType::MissionExpired, [mission.client_id])
                .chain(notices::of_mission(
                    mission,
                    NotificationType::ApplicationRejected,
                    leftovers.applicants.iter().copied(),
                ));
            ledger::enqueue(tx, jobs.collect::<Vec<_>>()).await?;
            let message = "La mission commence avec les talents déjà présents : la recherche est terminée.";
            let others = leftovers.applicants.iter().chain(&leftovers.invited).copied().collect();
            told(tx, mission, message, others, vec![], now).await
        }
    }
}

/// An application was filed, rejected or withdrawn: the other side learns of it.
pub async fn filed(tx: &mut Tx, filed: &Filed) -> Result<()> {
    let Filed { application, client, fresh } = filed;
    let (user_id, kind) = match application.status {
        ApplicationStatus::Pending => (*client, NotificationType::ApplicationReceived),
        ApplicationStatus::Withdrawn => (*client, NotificationType::ApplicationWithdrawn),
        ApplicationStatus::Rejected => (application.talent_id, NotificationType::ApplicationRejected),
        // Told as an assignment.
        ApplicationStatus::Accepted => return Ok(()),
    };
    let notice = notices::notice(About::Mission(application.mission_id), kind, user_id);
    ledger::enqueue(tx, fresh.then_some(notice)).await
}

/// How long a talent may go on changing before open missions are matched again †.
const SETTLES: Duration = Duration::seconds(60);

/// Profile, compliance or availability of a talent changed: open missions may have a better match now.
pub async fn talent_changed(tx: &mut Tx, talent: UserId, now: OffsetDateTime) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&RematchOpen { talent_id: talent }).at(now + SETTLES)]).await
}

/// Missions wait for a match again.
pub async fn reopened(tx: &mut Tx, missions: &[MissionId]) -> Result<()> {
    let jobs = missions.iter().map(|mission| NewJob::of(&MatchMission { mission_id: *mission, again: true }));
    ledger::enqueue(tx, jobs).await
}
