//! Push messages to devices: Web Push for browsers, FCM for apps, behind one trait.

mod encryption;
mod endpoint;
mod fcm;
mod jwt;
mod settings;
mod vapid;
mod web_push;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use encryption::{BadKey, Keys, LARGEST_TEXT};
pub use endpoint::{BadEndpoint, Endpoint, Reach, is_public};
pub use fcm::Fcm;
pub use settings::PushSettings;
pub use web_push::WebPush;

/// How soon a message matters (RFC 8030, section 5.3): a device that saves its battery may wait with the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Low,
    Normal,
    High,
}

/// What a device shows, and how its push service treats it.
#[derive(Clone, Debug)]
pub struct Message {
    pub title: String,
    pub body: String,
    /// Where a tap leads.
    pub url: String,
    /// For the app to know what it is about.
    pub kind: String,
    pub notification_id: Option<String>,
    /// A later message with the same tag takes the place of this one, on its way and on the screen: at most 32 characters of
    /// base64url (RFC 8030, section 5.4).
    pub tag: String,
    /// Whether several are likely to wait under one tag. FCM keeps four such per device.
    pub collapses: bool,
    /// How long it is worth being delivered.
    pub ttl: Duration,
    pub urgency: Urgency,
}

impl Message {
    /// What the page's service worker reads.
    fn json(&self) -> String {
        let Self { title, body, url, tag, kind, notification_id, .. } = self;
        let mut payload =
            serde_json::json!({ "title": title, "body": body, "url": url, "tag": tag, "type": kind });
        if let Some(id) = notification_id {
            payload["notificationId"] = id.as_str().into();
        }
        payload.to_string()
    }
}

/// A device.
#[derive(Clone, Debug)]
pub enum Target {
    /// A browser: where its push service is reached, and the keys that only it can read with.
    Browser { endpoint: String, keys: Keys },
    /// An app: the token that it was registered with at FCM.
    App { token: String },
}

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The device is not there any more: never again.
    #[error("the device is gone: {0}")]
    Gone(String),
    /// Not like this: the same message is refused again.
    #[error("refused: {0}")]
    Refused(String),
    /// Later; the service may have said when (`Retry-After`, as it was sent).
    #[error("not now: {why}")]
    Later { retry_after: Option<String>, why: String },
}

impl Fault {
    fn later(why: impl fmt::Display) -> Self {
        Self::Later { retry_after: None, why: why.to_string() }
    }
}

pub type Sending<'a> = BoxFuture<'a, Result<(), Fault>>;

/// A push service. No transaction may be open during a call.
pub trait Push: fmt::Debug + Send + Sync {
    fn send<'a>(&'a self, to: &'a Target, message: &'a Message) -> Sending<'a>;
}

/// What is configured of the two.
#[derive(Clone, Debug, Default)]
pub struct Services {
    pub web: Option<Arc<WebPush>>,
    pub fcm: Option<Arc<Fcm>>,
}

impl Services {
    /// Who reaches this device; nobody, when that is not configured (any more).
    pub fn of(&self, target: &Target) -> Option<&dyn Push> {
        match target {
            Target::Browser { .. } => self.web.as_deref().map(|web| web as &dyn Push),
            Target::App { .. } => self.fcm.as_deref().map(|fcm| fcm as &dyn Push),
        }
    }
}

/// The header of a refusal that says when to come back.
fn retry_after(response: &reqwest::Response) -> Option<String> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?;
    value.to_str().ok().map(str::to_owned)
}

/// Causes are kept and read by operators: the address of a device is none of theirs.
fn unreachable(error: reqwest::Error) -> Fault {
    match error.is_timeout() {
        true => Fault::later("the push service does not answer"),
        false => Fault::later(format_args!("the push service cannot be reached: {}", error.without_url())),
    }
}
