//! The devices that one is told on.

use std::sync::Arc;

use domain::push_subscriptions::{self, Keys, NewSubscription};
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use push::{BadKey, WebPush};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::guard::{Anyone, Auth};
use crate::wire::{self, Text};

#[derive(Debug)]
pub struct PushSubscriptionsApi;

/// The key that browsers subscribe with.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct PushKey {
    /// For `pushManager.subscribe`: an uncompressed point of P-256 in base64url.
    #[oai(validator(max_length = 100))]
    public_key: String,
}

/// What only the browser can read with.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct PushKeys {
    /// An uncompressed point of P-256, 65 bytes in base64url.
    #[oai(validator(min_length = 86, max_length = 100))]
    p256dh: Text,
    /// 16 bytes in base64url.
    #[oai(validator(min_length = 20, max_length = 30))]
    auth: Text,
}

/// A browser by the endpoint and keys of its `PushSubscription.toJSON()`, or an app by its token.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", deny_unknown_fields)]
struct NewPushSubscription {
    /// Where the browser's push service is: https, and not in a private network.
    #[oai(validator(min_length = 1, max_length = 2048))]
    endpoint: Option<Text>,
    keys: Option<PushKeys>,
    /// The app's registration token at FCM, instead of `endpoint` and `keys`.
    #[oai(validator(min_length = 1, max_length = 2048))]
    fcm_token: Option<Text>,
}

/// A device that is told.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
struct PushSubscriptionView {
    id: Uuid,
    created_at: OffsetDateTime,
}

#[derive(ApiResponse)]
enum Subscribed {
    /// It is told from now on
    #[oai(status = 201)]
    Created(Json<PushSubscriptionView>),
}

impl App {
    /// Who reaches browsers.
    fn web_push(&self) -> ApiResult<&Arc<WebPush>> {
        self.push.web.as_ref().ok_or(NOT_CONFIGURED)
    }
}

const NOT_CONFIGURED: ApiError =
    ApiError::Unavailable { code: "PUSH_NOT_CONFIGURED", message: "This platform sends no such pushes" };

#[OpenApi(prefix_path = "/api/v1/notifications", tag = "wire::Tag::Notifications")]
impl PushSubscriptionsApi {
    /// Read the key that browsers subscribe with
    ///
    /// 503 `PUSH_NOT_CONFIGURED` where there is none.
    #[oai(path = "/push/public-key", method = "get", operation_id = "getPushPublicKey")]
    async fn get_push_public_key(&self, app: Data<&App>, _caller: Auth<Anyone>) -> ApiResult<Json<PushKey>> {
        Ok(Json(PushKey { public_key: app.web_push()?.public_key().to_owned() }))
    }

    /// Be told on this device
    ///
    /// Until the session ends, the device is gone, or ten newer ones are there. Again is harmless. A browser that two people share has
    /// one endpoint: whoever subscribed last, with the same keys, has it; with other keys it is 409.
    #[oai(path = "/push-subscriptions", method = "post", operation_id = "subscribeToPush")]
    async fn subscribe_to_push(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        body: Json<NewPushSubscription>,
    ) -> ApiResult<Subscribed> {
        let new = match (&body.endpoint, &body.keys, &body.fcm_token) {
            (Some(endpoint), Some(keys), None) => browser(&app, endpoint.as_ref(), keys).await?,
            (None, None, Some(token)) => {
                app.push.fcm.as_ref().ok_or(NOT_CONFIGURED)?;
                NewSubscription { address: token.0.clone(), service: "fcm".into(), keys: None }
            }
            _ => return Err(ApiError::invalid("endpoint", "either endpoint and keys, or fcmToken")),
        };
        let mut tx = app.db.begin().await?;
        let subscription = push_subscriptions::subscribe(&mut tx, caller.0, new, app.clock.now()).await?;
        tx.commit().await?;
        let view = PushSubscriptionView { id: subscription.id.0, created_at: subscription.created_at };
        Ok(Subscribed::Created(Json(view)))
    }

    /// Be told on this device no more
    ///
    /// Harmless when it was not.
    #[oai(path = "/push-subscriptions", method = "delete", operation_id = "unsubscribeFromPush")]
    async fn unsubscribe_from_push(
        &self,
        app: Data<&App>,
        caller: Auth<Anyone>,
        /// The browser's endpoint, or the app's token.
        #[oai(validator(min_length = 1, max_length = 2048))]
        endpoint: Query<Text>,
    ) -> ApiResult<wire::Done> {
        let address = address(&app, endpoint.as_ref());
        let mut conn = app.db.conn().await?;
        push_subscriptions::unsubscribe(&mut conn, caller.0.user, &address).await?;
        Ok(wire::Done::NoContent)
    }
}

async fn browser(app: &App, endpoint: &str, keys: &PushKeys) -> ApiResult<NewSubscription> {
    let web = app.web_push()?;
    let keys = push::Keys::read(keys.p256dh.as_ref(), keys.auth.as_ref()).map_err(|bad| {
        let field = if bad == BadKey::Auth { "keys.auth" } else { "keys.p256dh" };
        ApiError::invalid(field, bad.to_string())
    })?;
    let read = web.reach().visit(endpoint).await;
    let read = read.map_err(|bad| ApiError::invalid("endpoint", bad.to_string()))?;
    if read.as_str().len() > push_subscriptions::LONGEST_ADDRESS {
        return Err(ApiError::invalid("endpoint", "has at most 2,048 characters"));
    }
    Ok(NewSubscription {
        address: read.as_str().to_owned(),
        service: read.service(),
        keys: Some(Keys { p256dh: keys.p256dh().to_vec(), auth: keys.auth().to_vec() }),
    })
}

/// As it is kept: of the spellings of an endpoint the one that URLs have, so that two of them are one browser; a token as it came.
fn address(app: &App, given: &str) -> String {
    let endpoint = app.push.web.as_ref().and_then(|web| web.reach().read(given).ok());
    endpoint.map_or_else(|| given.to_owned(), |endpoint| endpoint.as_str().to_owned())
}
