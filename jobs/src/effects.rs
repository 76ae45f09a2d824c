//! What an event sets off, in one file. Domain functions return an outcome; endpoints and handlers pass it here.

use domain::error::Result;
use domain::ids::{MissionId, UserId};
use domain::invitations::{Accepted, Invitation};
use domain::live::{self, MissionInvited, MissionUpdated, Telling};
use domain::missions::{MatchingState, Posted};
use domain::notifications::{self, NewNotification, NotificationType};
use domain::{Tx, messages};
use time::{Duration, OffsetDateTime};

use crate::ledger::{self, NewJob};
use crate::{Mail, MatchMission, Notify, RematchOpen, SendMail};

/// A mission was posted: match it, once it is known where it is.
pub async fn posted(tx: &mut Tx, posted: &Posted) -> Result<()> {
    if posted.mission.matching == MatchingState::Pending {
        ledger::enqueue(tx, [NewJob::of(&MatchMission { mission_id: posted.mission.id })]).await?;
    }
    Ok(())
}

/// Talents were invited: each gets a mail and an in-app notification. Returns what to tell them
/// live: the caller has more to tell, and feeds are told last and once.
pub async fn invited(tx: &mut Tx, invitations: &[Invitation], now: OffsetDateTime) -> Result<Vec<Telling>> {
    let mails = invitations.iter().map(|invitation| SendMail {
        to: invitation.talent_id,
        mail: Mail::MissionInvitation { invitation_id: invitation.id },
    });
    ledger::enqueue(tx, mails.map(|mail| NewJob::of(&mail))).await?;

    let notices: Vec<_> = invitations
        .iter()
        .map(|invitation| NewNotification {
            user: invitation.talent_id,
            kind: NotificationType::MissionInvitation,
            data: serde_json::json!({ "invitationId": invitation.id, "missionId": invitation.mission_id }),
            cause: format!("invitation:{}", invitation.id),
        })
        .collect();
    let mut tellings: Vec<_> = invitations
        .iter()
        .map(|invitation| {
            let invited = MissionInvited {
                invitation_id: invitation.id,
                mission_id: invitation.mission_id,
                wave: invitation.wave,
            };
            Telling::new(invitation.talent_id, &invited)
        })
        .collect();
    tellings.extend(notifications::insert(tx, &notices, now).await?);
    Ok(tellings)
}

/// A talent took a slot: the room and both sides learn of it.
pub async fn assigned(tx: &mut Tx, accepted: &Accepted, now: OffsetDateTime) -> Result<()> {
    let Accepted::Assigned { assignment, client, mission_status } = accepted else { return Ok(()) };
    let notify =
        |user_id: UserId, kind| NewJob::of(&Notify { user_id, kind, mission_id: assignment.mission_id });
    let notices = [
        notify(*client, NotificationType::MissionAssigned),
        notify(assignment.talent_id, NotificationType::AssignmentConfirmed),
    ];
    ledger::enqueue(tx, notices).await?;
    messages::post_system(
        tx,
        assignment.mission_id,
        "Un talent a accepté la mission et rejoint la conversation.",
        now,
    )
    .await?;
    let updated = MissionUpdated { mission_id: assignment.mission_id, status: *mission_status };
    live::tell(tx, now, vec![Telling::new(*client, &updated), Telling::new(assignment.talent_id, &updated)])
        .await
}

/// A user was notified in the app: the mail that goes with it.
pub async fn notified(tx: &mut Tx, notify: &Notify) -> Result<()> {
    let mission_id = notify.mission_id;
    let mail = match notify.kind {
        NotificationType::MissionAssigned => Mail::MissionAssigned { mission_id },
        NotificationType::AssignmentConfirmed => Mail::AssignmentConfirmed { mission_id },
        // Its mail names the invitation, and was enqueued with it.
        NotificationType::MissionInvitation => return Ok(()),
    };
    ledger::enqueue(tx, [NewJob::of(&SendMail { to: notify.user_id, mail })]).await
}

/// A spent refresh token came back and its session is revoked: the owner should know.
pub async fn refresh_token_reused(tx: &mut Tx, owner: UserId) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&SendMail { to: owner, mail: Mail::SecurityAlert })]).await
}

/// How long a talent may go on changing before open missions are matched again †.
const SETTLES: Duration = Duration::seconds(60);

/// Profile, compliance or availability of a talent changed: open missions may have a better match now.
pub async fn talent_changed(tx: &mut Tx, talent: UserId, now: OffsetDateTime) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&RematchOpen { talent_id: talent }).at(now + SETTLES)]).await
}

/// Missions wait for a match again.
pub async fn reopened(tx: &mut Tx, missions: &[MissionId]) -> Result<()> {
    let jobs = missions.iter().map(|mission| NewJob::of(&MatchMission { mission_id: *mission }));
    ledger::enqueue(tx, jobs).await
}
