//! What one wants to be told, how, and when not.

use domain::notifications::preferences;
use domain::notifications::{NotificationType, Preference, Preferences, QuietHours};
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Anyone, Auth};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct NotificationPreferencesApi;

/// Hours, on the clocks of Paris, in which pushes wait. What is in the app is never late, and what is urgent of a CRITICAL mission does
/// not wait.
#[derive(Debug, Object)]
#[oai(rename = "QuietHours", deny_unknown_fields)]
struct QuietHoursView {
    enabled: bool,
    /// The hour that they begin with.
    #[oai(validator(minimum(value = "0"), maximum(value = "23")))]
    from: i16,
    /// The hour that they end with; another one than `from`.
    #[oai(validator(minimum(value = "0"), maximum(value = "23")))]
    to: i16,
}

/// The channels of a type.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NotificationPreference {
    /// As notifications have it.
    #[oai(rename = "type", validator(min_length = 1, max_length = 60))]
    kind: Text,
    in_app: bool,
    push: bool,
    mail: bool,
}

/// All that one wants.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewPreferences {
    quiet_hours: QuietHoursView,
    /// A type that is missing goes back to what is usual.
    #[oai(validator(max_items = 200))]
    types: Vec<NotificationPreference>,
}

/// All that one wants, type by type.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct PreferencesView {
    quiet_hours: QuietHoursView,
    /// Every type there is.
    #[oai(validator(max_items = 200))]
    types: Vec<NotificationPreference>,
    /// Types whose mail cannot be switched off: they bind, or the law asks for them. (Mails about the security of an account are none
    /// of these types, and cannot be switched off either.)
    #[oai(validator(max_items = 200, max_length = 60))]
    mandatory_mails: Vec<String>,
}

impl From<Preferences> for PreferencesView {
    fn from(Preferences { quiet, types }: Preferences) -> Self {
        let mandatory = types.iter().filter(|own| own.kind.manner().must_mail());
        Self {
            quiet_hours: QuietHoursView { enabled: quiet.enabled, from: quiet.from, to: quiet.to },
            mandatory_mails: mandatory.map(|own| own.kind.code().to_owned()).collect(),
            types: types
                .into_iter()
                .map(|own| NotificationPreference {
                    kind: Text(own.kind.code().to_owned()),
                    in_app: own.in_app,
                    push: own.push,
                    mail: own.mail,
                })
                .collect(),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/notifications", tag = "wire::Tag::Notifications")]
impl NotificationPreferencesApi {
    /// Read what one is told, and how
    ///
    /// Every type with its channels, as they are for who has said nothing or as one has said. A mail is mostly a fallback, for what is
    /// still unread after 15 minutes.
    #[oai(path = "/preferences", method = "get", operation_id = "getNotificationPreferences")]
    async fn get_notification_preferences(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
    ) -> ApiResult<Json<PreferencesView>> {
        Ok(Json(preferences::get(&mut *app.db.conn().await?, caller.0.user).await?.into()))
    }

    /// Say what one wants to be told, and how
    ///
    /// Replaces all that was said before. It counts from the next notification on, and for mails and pushes that still wait.
    #[oai(path = "/preferences", method = "put", operation_id = "replaceNotificationPreferences")]
    async fn replace_notification_preferences(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        body: Json<NewPreferences>,
    ) -> ApiResult<Json<PreferencesView>> {
        let preference = |own: &NotificationPreference| {
            let kind = NotificationType::of(own.kind.as_ref());
            let kind = kind.ok_or_else(|| ApiError::invalid("types", "there is no such type"))?;
            Ok(Preference { kind, in_app: own.in_app, push: own.push, mail: own.mail })
        };
        let types = body.types.iter().map(preference).collect::<ApiResult<Vec<_>>>()?;
        let QuietHoursView { enabled, from, to } = body.quiet_hours;
        let mut tx = app.db.begin().await?;
        let quiet = QuietHours { enabled, from, to };
        let kept = preferences::replace(&mut tx, caller.0.user, quiet, &types).await?;
        tx.commit().await?;
        Ok(Json(kept.into()))
    }
}
