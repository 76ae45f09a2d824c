//! Changes to one's own account.

use domain::{account, email_changes, users};
use jobs::effects;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use crate::App;
use crate::auth::Me;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Active, Auth};
use crate::wire;

#[derive(Debug)]
pub struct MeApi;

/// Language of mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
enum Locale {
    Fr,
    En,
}

/// Changes to an account; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct AccountChange {
    phone: Option<wire::Phone>,
    locale: Option<Locale>,
    /// Counts once both the old and the new address have confirmed by mail.
    email: Option<wire::Email>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Auth")]
impl MeApi {
    /// Change one's own account
    ///
    /// A new address counts once both the old and the new one have confirmed by mail; the rest counts at once.
    #[oai(path = "/me", method = "patch", operation_id = "updateMe")]
    async fn update_me(
        &self,
        app: Data<&App>,
        caller: Auth<Active>,
        body: Json<AccountChange>,
    ) -> ApiResult<Json<Me>> {
        let (change, user, now) = (body.0, caller.0.user, app.clock.now());
        let locale = change.locale.map(|locale| if locale == Locale::Fr { "fr" } else { "en" });
        let mut tx = app.db.begin().await?;
        users::lock(&mut tx, user).await?;
        users::update_contact(&mut tx, user, change.phone.as_ref().map(AsRef::as_ref), locale).await?;
        if let Some(email) = &change.email {
            let present = users::get(&mut tx, user).await?.email;
            if users::normalise_email(email.as_ref()) == users::normalise_email(&present) {
                email_changes::withdraw(&mut tx, user, now).await?;
            } else {
                let id = email_changes::request(&mut tx, user, email.as_ref(), now).await?;
                effects::accounts::email_change_requested(&mut tx, user, id).await?;
            }
        }
        let account = account::find(&mut tx, caller.0.session, now).await?;
        tx.commit().await?;
        account.map(|account| Json(account.into())).ok_or(ApiError::NotFound { what: "account" })
    }
}
