//! What an event sets off, in one file. Domain functions return an outcome; endpoints and handlers pass it here.

use domain::account_decisions::Decision;
use domain::error::Result;
use domain::ids::{EmailChangeId, MissionId, SessionId, UserId};
use domain::invitations::{Accepted, Invitation};
use domain::live::{self, MissionInvited, MissionUpdated, Telling};
use domain::members::{Invited, REMINDER_AFTER};
use domain::missions::{MatchingState, Posted};
use domain::notifications::{self, NewNotification, NotificationType};
use domain::{Tx, messages};
use time::{Duration, OffsetDateTime};

use crate::ledger::{self, NewJob};
use crate::{
    EnforceAccount, ExpireSiteInvitation, Mail, MatchMission, Notify, RematchOpen, RequestPasswordReset,
    SendMail,
};

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

fn mail(to: UserId, mail: Mail) -> NewJob {
    NewJob::of(&SendMail { to, mail })
}

/// Somebody registered, or asked for the mail again: the address is to be confirmed.
pub async fn email_unverified(tx: &mut Tx, user: UserId) -> Result<()> {
    ledger::enqueue(tx, [mail(user, Mail::VerifyEmail).high()]).await
}

/// Somebody forgot a password, or says so. The same for any address.
pub async fn password_forgotten(tx: &mut Tx, email: String) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&RequestPasswordReset { email })]).await
}

/// There is an account to send the link to.
pub async fn password_reset_granted(tx: &mut Tx, user: UserId) -> Result<()> {
    ledger::enqueue(tx, [mail(user, Mail::PasswordReset).high()]).await
}

/// The password is another one now: its owner hears of it.
pub async fn password_changed(tx: &mut Tx, user: UserId) -> Result<()> {
    ledger::enqueue(tx, [mail(user, Mail::PasswordChanged).high()]).await
}

/// A new address is wished for: both confirm.
pub async fn email_change_requested(tx: &mut Tx, user: UserId, change_id: EmailChangeId) -> Result<()> {
    let both = [Mail::EmailChangeOld { change_id }, Mail::EmailChangeNew { change_id }];
    ledger::enqueue(tx, both.map(|template| mail(user, template).high())).await
}

/// A sign-in from a device that the account never used.
pub async fn signed_in_from_new_device(tx: &mut Tx, user: UserId, session_id: SessionId) -> Result<()> {
    ledger::enqueue(tx, [mail(user, Mail::NewDevice { session_id })]).await
}

/// Somebody is invited to a site: the mail, its reminder, and the end of it.
pub async fn invited_to_site(tx: &mut Tx, invited: &Invited, now: OffsetDateTime) -> Result<()> {
    let invitation_id = invited.invitation;
    let jobs = [
        mail(invited.user, Mail::SiteInvitation { invitation_id }),
        mail(invited.user, Mail::SiteInvitationReminder { invitation_id }).at(now + REMINDER_AFTER),
        NewJob::of(&ExpireSiteInvitation { invitation_id }).at(invited.expires_at),
    ];
    ledger::enqueue(tx, jobs).await
}

/// An admin decided on an account; its status acts already, the rest is drawn from it by a job.
pub async fn account_decided(tx: &mut Tx, user_id: UserId) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&EnforceAccount { user_id })]).await
}

/// A decision was enforced: the person learns of it.
pub async fn account_enforced(tx: &mut Tx, user: UserId, decision: Decision) -> Result<()> {
    let template = match decision {
        Decision::Suspend => Mail::AccountSuspended,
        Decision::Ban => Mail::AccountBanned,
        Decision::Unban => Mail::AccountUnbanned,
    };
    ledger::enqueue(tx, [mail(user, template)]).await
}
