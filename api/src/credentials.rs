//! Proofs by mail and passwords: verifying an address, forgetting a password, accepting an invitation.

use domain::auth_tokens::{self, Purpose};
use domain::email_changes;
use domain::ids::{EmailChangeId, SiteInvitationId};
use domain::users::{self, User};
use domain::{members, network, profiles, sessions};
use jobs::effects;
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use crate::App;
use crate::auth::{self, SessionView};
use crate::error::{ApiError, ApiResult};
use crate::guard::{Active, Anyone, Auth};
use crate::password::Verdict;
use crate::wire::{self, Done, SiteRole, Text};

#[derive(Debug)]
pub struct CredentialsApi;

/// A token from a mail.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct MailedToken {
    #[oai(validator(min_length = 1, max_length = 200))]
    token: Text,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ForgottenPassword {
    #[oai(validator(min_length = 1, max_length = 254))]
    email: Text,
}

#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct PasswordReset {
    #[oai(validator(min_length = 1, max_length = 200))]
    token: Text,
    #[oai(validator(min_length = 8, max_length = 128))]
    password: Text,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordChange {
    #[oai(validator(min_length = 1, max_length = 128))]
    current_password: Text,
    #[oai(validator(min_length = 8, max_length = 128))]
    new_password: Text,
}

/// The answer to an invitation. Password and names belong to an account that has none yet.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct InviteAcceptance {
    #[oai(validator(min_length = 1, max_length = 200))]
    token: Text,
    /// Required when the invited address had no account; refused otherwise.
    #[oai(validator(min_length = 8, max_length = 128))]
    password: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 80))]
    first_name: Option<Text>,
    #[oai(validator(min_length = 1, max_length = 80))]
    last_name: Option<Text>,
}

/// The establishment that was joined.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct JoinedEstablishment {
    establishment_id: Uuid,
    role: SiteRole,
}

#[derive(ApiResponse)]
enum Accepted {
    /// If there is something to send, it is on its way
    #[oai(status = 202)]
    Sending,
}

const OF_ADDRESSES: &[Purpose] = &[Purpose::VerifyEmail, Purpose::EmailChangeOld, Purpose::EmailChangeNew];

#[OpenApi(prefix_path = "/api/v1/auth", tag = "wire::Tag::Auth")]
impl CredentialsApi {
    /// Confirm an address
    ///
    /// Takes the tokens of a registration and of both mails of a change of address. 409 when the new address was taken
    /// meanwhile.
    #[oai(path = "/verify-email", method = "post", operation_id = "verifyEmail")]
    async fn verify_email(&self, app: Data<&App>, body: Json<MailedToken>) -> ApiResult<Done> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let proof = auth_tokens::redeem(&mut tx, body.token.as_ref(), OF_ADDRESSES, now).await?;
        match (proof.purpose, proof.subject) {
            (Purpose::EmailChangeOld | Purpose::EmailChangeNew, Some(change)) => {
                email_changes::confirm(&mut tx, EmailChangeId(change), proof.purpose, now).await?;
            }
            _ => users::mark_email_verified(&mut tx, proof.user, now).await?,
        }
        tx.commit().await?;
        Ok(Done::NoContent)
    }

    /// Ask for the confirmation mail again
    ///
    /// Answered at once; the mail follows.
    #[oai(path = "/verify-email/resend", method = "post", operation_id = "resendVerification")]
    async fn resend_verification(&self, app: Data<&App>, caller: Auth<Anyone>) -> ApiResult<Accepted> {
        let mut tx = app.db.begin().await?;
        effects::accounts::email_unverified(&mut tx, caller.0.user).await?;
        tx.commit().await?;
        Ok(Accepted::Sending)
    }

    /// Ask for a link to reset a password
    ///
    /// Answers alike for every address.
    #[oai(path = "/forgot-password", method = "post", operation_id = "forgotPassword")]
    async fn forgot_password(&self, app: Data<&App>, body: Json<ForgottenPassword>) -> ApiResult<Accepted> {
        let mut tx = app.db.begin().await?;
        effects::accounts::password_forgotten(&mut tx, body.0.email.into()).await?;
        tx.commit().await?;
        Ok(Accepted::Sending)
    }

    /// Set a new password by a mailed link
    ///
    /// Ends all sessions.
    #[oai(path = "/reset-password", method = "post", operation_id = "resetPassword")]
    async fn reset_password(
        &self,
        request: &Request,
        app: Data<&App>,
        body: Json<PasswordReset>,
    ) -> ApiResult<Done> {
        const PURPOSE: &[Purpose] = &[Purpose::PasswordReset];
        let (body, now) = (body.0, app.clock.now());
        // Looked at first: nobody makes us hash for a token that was never ours.
        auth_tokens::look(&mut *app.db.conn().await?, body.token.as_ref(), PURPOSE, now).await?;
        let hash = app.passwords.hash(body.password.0).await.map_err(ApiError::Internal)?;
        let mut tx = app.db.begin().await?;
        let user = auth_tokens::redeem(&mut tx, body.token.as_ref(), PURPOSE, now).await?.user;
        users::set_proven_password(&mut tx, user, &hash, now).await?;
        // Who was locked out by strangers comes in again from here.
        sessions::know_network(&mut tx, user, auth::address(request).as_deref(), now).await?;
        sessions::revoke_all(&mut tx, user, now).await?;
        effects::accounts::password_changed(&mut tx, user).await?;
        tx.commit().await?;
        Ok(Done::NoContent)
    }

    /// Change one's password
    ///
    /// Ends all sessions and answers with a new one.
    #[oai(path = "/change-password", method = "post", operation_id = "changePassword")]
    async fn change_password(
        &self,
        request: &Request,
        app: Data<&App>,
        caller: Auth<Active>,
        body: Json<PasswordChange>,
    ) -> ApiResult<Json<SessionView>> {
        let (body, id) = (body.0, caller.0.user);
        let user = users::get(&mut *app.db.conn().await?, id).await?;
        // A stolen session guesses no faster than a stranger; where one is signed in, one is known.
        let network = auth::address(request).and_then(|address| network::neighbourhood(&address));
        let pseudonym = app.tokens.pseudonym(&users::normalise_email(&user.email));
        let attempt = app.limiter.attempt(&pseudonym, Some(network.as_deref().unwrap_or("session"))).await?;
        let stored = user.usable_hash().map(str::to_owned);
        let verdict =
            app.passwords.verify(body.current_password.0, stored).await.map_err(ApiError::Internal)?;
        if verdict == Verdict::Wrong {
            return Err(ApiError::Forbidden {
                code: "WRONG_PASSWORD",
                message: "The current password is wrong",
            });
        }
        app.limiter.forgive(attempt).await;
        let hash = app.passwords.hash(body.new_password.0).await.map_err(ApiError::Internal)?;
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        if !users::replace_password_hash(&mut tx, id, &user.password_hash, &hash).await? {
            return Err(ApiError::Conflict {
                code: "PASSWORD_CHANGED",
                message: "The password was changed meanwhile",
            });
        }
        auth_tokens::void(&mut tx, id, &[Purpose::PasswordReset], now).await?;
        sessions::revoke_all(&mut tx, id, now).await?;
        effects::accounts::password_changed(&mut tx, id).await?;
        Ok(Json(auth::open_session(&app, tx, request, user).await?))
    }

    /// Accept an invitation to an establishment
    ///
    /// With the mailed token. An account that has no password yet sets one here; one that has a password must not send another.
    #[oai(path = "/accept-invite", method = "post", operation_id = "acceptInvite")]
    async fn accept_invite(
        &self,
        app: Data<&App>,
        body: Json<InviteAcceptance>,
    ) -> ApiResult<Json<JoinedEstablishment>> {
        const PURPOSE: &[Purpose] = &[Purpose::SiteInvitation];
        let (body, now) = (body.0, app.clock.now());
        let mut conn = app.db.conn().await?;
        let proof = auth_tokens::look(&mut conn, body.token.as_ref(), PURPOSE, now).await?;
        let fits = |user: &User| match (user.usable_hash(), &body.password) {
            (None, None) => Err(ApiError::invalid("password", "needed: this account has none yet")),
            (Some(_), Some(_)) => {
                Err(ApiError::invalid("password", "this account has one already; sign in with it"))
            }
            _ => Ok(()),
        };
        fits(&users::get(&mut conn, proof.user).await?)?;
        drop(conn);
        let hash = match body.password.clone() {
            Some(password) => Some(app.passwords.hash(password.0).await.map_err(ApiError::Internal)?),
            None => None,
        };

        let mut tx = app.db.begin().await?;
        let proof = auth_tokens::redeem(&mut tx, body.token.as_ref(), PURPOSE, now).await?;
        // Again under the account's lock: the password may have come by another way meanwhile.
        fits(&users::get(&mut tx, proof.user).await?)?;
        if let Some(hash) = hash {
            users::set_proven_password(&mut tx, proof.user, &hash, now).await?;
            let names = profiles::ProfilePatch {
                first_name: body.first_name.map(Into::into),
                last_name: body.last_name.map(Into::into),
                ..Default::default()
            };
            profiles::update(&mut tx, proof.user, names).await?;
        }
        let invitation = SiteInvitationId(proof.subject.unwrap_or_default());
        let joined = members::accept(&mut tx, invitation, proof.user, now).await?;
        tx.commit().await?;
        Ok(Json(JoinedEstablishment { establishment_id: joined.site.0, role: joined.role.into() }))
    }
}
