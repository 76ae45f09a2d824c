//! Mails about accounts. The tokens that they carry are made here, for one mail each, and kept nowhere in plain: a mail that
//! is tried again carries another one, and each is good until one is used.

use domain::auth_tokens::{self, Proof, Purpose, RESET_LIFETIME, VERIFY_LIFETIME};
use domain::ids::{SessionId, SiteInvitationId};
use domain::users::{Status, User};
use domain::{account_decisions, email_changes, members, paris, sessions, users};
use jobs::Mail;
use minijinja::{Value, context};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::App;

/// A mail with where it goes.
pub struct Content {
    pub to: String,
    pub template: &'static str,
    pub link: String,
    pub facts: Value,
}

/// What a mail about an account says; nothing when it is over.
///
/// Holds the account's row, so that the address cannot change between its reading and the token's making.
pub async fn content(
    conn: &mut PgConnection,
    mail: &Mail,
    user: &User,
    app: &App,
) -> domain::Result<Option<Content>> {
    users::lock(conn, user.id).await?;
    let user = users::get(conn, user.id).await?;
    let now = app.clock.now();
    let mut desk = Desk { conn, user, app, now };
    match mail {
        Mail::SecurityAlert => Ok(desk.plain("security-alert", "login", context! {})),
        Mail::VerifyEmail => desk.verify_email().await,
        Mail::EmailChangeOld { .. } | Mail::EmailChangeNew { .. } => desk.email_change(mail).await,
        Mail::PasswordReset => desk.password_reset().await,
        Mail::PasswordChanged => Ok(desk.plain("password-changed", "forgot-password", context! {})),
        Mail::NewDevice { session_id } => desk.new_device(*session_id).await,
        Mail::SiteInvitation { invitation_id } => desk.invitation("site-invitation", *invitation_id).await,
        Mail::SiteInvitationReminder { invitation_id } => {
            desk.invitation("site-invitation-reminder", *invitation_id).await
        }
        Mail::AccountSuspended => desk.decided("account-suspended").await,
        Mail::AccountBanned => desk.decided("account-banned").await,
        Mail::AccountUnbanned => desk.decided("account-unbanned").await,
        _ => Ok(None),
    }
}

struct Desk<'c> {
    conn: &'c mut PgConnection,
    user: User,
    app: &'c App,
    now: OffsetDateTime,
}

impl Desk<'_> {
    fn plain(&self, template: &'static str, page: &str, facts: Value) -> Option<Content> {
        let link = format!("{}/{page}", self.app.mailer.frontend_url());
        Some(Content { to: self.user.email.clone(), template, link, facts })
    }

    /// A mail with a link that proves something.
    async fn with_token(
        &mut self,
        template: &'static str,
        page: &str,
        purpose: Purpose,
        subject: Option<uuid::Uuid>,
        expires_at: OffsetDateTime,
        facts: Value,
    ) -> domain::Result<Option<Content>> {
        let proof = Proof { user: self.user.id, purpose, subject };
        let token = auth_tokens::issue(self.conn, proof, self.now, expires_at).await?;
        let expires = paris::date_and_time(expires_at, &self.user.locale);
        Ok(self.plain(template, &format!("{page}?token={token}"), context! { expires, ..facts }))
    }

    async fn verify_email(&mut self) -> domain::Result<Option<Content>> {
        if self.user.email_verified_at.is_some() || self.user.status == Status::Banned {
            return Ok(None);
        }
        let expires_at = self.now + VERIFY_LIFETIME;
        self.with_token("verify-email", "verify-email", Purpose::VerifyEmail, None, expires_at, context! {})
            .await
    }

    async fn password_reset(&mut self) -> domain::Result<Option<Content>> {
        if self.user.status == Status::Banned {
            return Ok(None);
        }
        let expires_at = self.now + RESET_LIFETIME;
        let purpose = Purpose::PasswordReset;
        self.with_token("password-reset", "reset-password", purpose, None, expires_at, context! {}).await
    }

    async fn email_change(&mut self, mail: &Mail) -> domain::Result<Option<Content>> {
        let (change_id, template, purpose) = match mail {
            Mail::EmailChangeOld { change_id } => (change_id, "email-change-old", Purpose::EmailChangeOld),
            Mail::EmailChangeNew { change_id } => (change_id, "email-change-new", Purpose::EmailChangeNew),
            _ => return Ok(None),
        };
        let Some(change) = email_changes::find_open(self.conn, *change_id, self.now).await? else {
            return Ok(None);
        };
        let facts = context! { old_email => self.user.email, new_email => change.new_email };
        let subject = Some(change_id.0);
        let content =
            self.with_token(template, "verify-email", purpose, subject, change.expires_at, facts).await?;
        Ok(content.map(|content| match purpose {
            Purpose::EmailChangeNew => Content { to: change.new_email, ..content },
            _ => content,
        }))
    }

    async fn invitation(
        &mut self,
        template: &'static str,
        id: SiteInvitationId,
    ) -> domain::Result<Option<Content>> {
        let Some(invitation) = members::find_open_invitation(self.conn, id, self.now).await? else {
            return Ok(None);
        };
        let facts = context! {
            // One line, also where someone wrote several: it stands in a subject.
            site => invitation.site_name.split_whitespace().collect::<Vec<_>>().join(" "),
            inviter => invitation.inviter,
            is_new => self.user.usable_hash().is_none(),
        };
        let purpose = Purpose::SiteInvitation;
        self.with_token(template, "accept-invite", purpose, Some(id.0), invitation.expires_at, facts).await
    }

    async fn new_device(&mut self, id: SessionId) -> domain::Result<Option<Content>> {
        let session = sessions::get(self.conn, id).await?;
        let device = session.user_agent.map(|agent| agent.split_whitespace().collect::<Vec<_>>().join(" "));
        let facts = context! {
            device, address => session.ip, at => paris::date_and_time(session.created_at, &self.user.locale),
        };
        Ok(self.plain("new-device", "account/sessions", facts))
    }

    async fn decided(&mut self, template: &'static str) -> domain::Result<Option<Content>> {
        let reason = account_decisions::find_last(self.conn, self.user.id).await?.map(|last| last.reason);
        Ok(self.plain(template, "contact", context! { reason }))
    }
}
