//! What happens to an account, and who hears of it by mail.

use domain::Tx;
use domain::account_decisions::Decision;
use domain::error::Result;
use domain::ids::{EmailChangeId, JobId, SessionId, UserId};
use domain::members::{Invited, REMINDER_AFTER};
use time::OffsetDateTime;

use super::mail;
use crate::ledger::{self, NewJob};
use crate::{EnforceAccount, ExpireSiteInvitation, Mail, RequestPasswordReset};

/// Somebody registered, or asked for the mail again: the address is to be confirmed.
pub async fn email_unverified(tx: &mut Tx, user: UserId) -> Result<()> {
    ledger::enqueue(tx, [mail(user, Mail::VerifyEmail).high()]).await
}

/// Somebody forgot a password, or says so. The same for any address.
pub async fn password_forgotten(tx: &mut Tx, email: String) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&RequestPasswordReset { email })]).await
}

/// There is an account to send the link to, once for each request.
pub async fn password_reset_granted(tx: &mut Tx, user: UserId, request: JobId) -> Result<()> {
    let link = mail(user, Mail::PasswordReset).high();
    ledger::enqueue(tx, [link.once(format!("password-reset:{request}"))]).await
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

/// A spent refresh token came back and its session is revoked: the owner should know.
pub async fn refresh_token_reused(tx: &mut Tx, owner: UserId) -> Result<()> {
    ledger::enqueue(tx, [mail(owner, Mail::SecurityAlert)]).await
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
pub async fn decided(tx: &mut Tx, user_id: UserId) -> Result<()> {
    ledger::enqueue(tx, [NewJob::of(&EnforceAccount { user_id })]).await
}

/// A decision was enforced: the person learns of it.
pub async fn enforced(tx: &mut Tx, user: UserId, decision: Decision) -> Result<()> {
    let template = match decision {
        Decision::Suspend => Mail::AccountSuspended,
        Decision::Ban => Mail::AccountBanned,
        Decision::Unban => Mail::AccountUnbanned,
    };
    ledger::enqueue(tx, [mail(user, template)]).await
}
