//! What Resend tells of mails that it has taken: that they bounced, or that their readers called them spam.

use domain::mail_suppressions::{self, Reason};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::svix::{self, Signature};
use crate::webhooks::{Received, Sender, Signed};
use crate::wire;

#[derive(Debug)]
pub struct MailWebhooksApi;

/// Resend, by way of Svix.
#[derive(Debug)]
enum ResendServer {}

const ID: &str = "svix-id";
const TIMESTAMP: &str = "svix-timestamp";

impl Sender for ResendServer {
    const HEADER: &'static str = "svix-signature";
    const CONTENT_TYPE: &'static str = "application/json";
    const DESCRIPTION: &'static str = "An event as Resend sends it; the signature covers every byte.";
}

/// An event, as far as it concerns us.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    data: Mail,
}

#[derive(Deserialize)]
struct Mail {
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    bounce: Bounce,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bounce {
    /// `Permanent`, `Transient` or `Undetermined`.
    #[serde(rename = "type")]
    kind: String,
    message: String,
}

/// One recipient per mail is what we send; more are not believed.
const MOST_RECIPIENTS: usize = 10;
/// Octets of an address.
const LONGEST_ADDRESS: usize = 320;

impl Event {
    /// Why its recipients are not written to any more, if they are not.
    fn closes(&self) -> Option<(Reason, &str)> {
        match self.kind.as_str() {
            "email.bounced" if self.data.bounce.kind == "Permanent" => {
                Some((Reason::Bounced, self.data.bounce.message.as_str()))
            }
            // It bounced there before, and Resend did not even try.
            "email.suppressed" => Some((Reason::Bounced, "on Resend's own list")),
            "email.complained" => Some((Reason::Complained, "")),
            _ => None,
        }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Notifications")]
impl MailWebhooksApi {
    /// Receive an event of Resend
    ///
    /// With the headers `svix-id`, `svix-timestamp` and `svix-signature` over the raw body, not older and not younger than five
    /// minutes. Who bounced for good, or complained, is not written to any more; events that concern nobody are answered in the same
    /// way.
    #[oai(path = "/mail/webhooks", method = "post", operation_id = "receiveMailEvent")]
    async fn receive_mail_event(&self, app: Data<&App>, signed: Signed<ResendServer>) -> ApiResult<Received> {
        let now = app.clock.now();
        if app.resend_webhook_secrets.is_empty() {
            return Err(ApiError::Unavailable {
                code: "MAIL_WEBHOOKS_NOT_CONFIGURED",
                message: "This platform takes no events of mails",
            });
        }
        let header = |name| signed.header(name).unwrap_or_default();
        let signature = Signature {
            id: header(ID),
            timestamp: header(TIMESTAMP),
            signatures: signed.signature.as_deref().unwrap_or_default(),
        };
        svix::verify(signature, &signed.body, &app.resend_webhook_secrets, now.unix_timestamp()).map_err(
            |error| {
                tracing::warn!(?error, "a webhook that Resend did not sign");
                ApiError::Unusable {
                    code: "BAD_SIGNATURE",
                    message: "The signature is not Resend's, or not of now",
                }
            },
        )?;
        let event: Event =
            serde_json::from_slice(&signed.body).map_err(|_| ApiError::invalid("", "not an event"))?;
        let Some((reason, detail)) = event.closes() else { return Ok(Received::Ok) };
        // What comes late closes nothing that was opened since; what comes early was not before now.
        let happened_at = domain::clock::to_micros(event.created_at.min(now));
        let is_address = |to: &&String| (3..=LONGEST_ADDRESS).contains(&to.len()) && !to.contains('\0');
        let mut tx = app.db.begin().await?;
        for to in event.data.to.iter().filter(is_address).take(MOST_RECIPIENTS) {
            mail_suppressions::insert(&mut tx, to, reason, detail, happened_at).await?;
        }
        tx.commit().await?;
        Ok(Received::Ok)
    }
}
