//! What Stripe tells: believed by its signature alone, kept once by its id together with the job that acts on it.

use domain::payments::events::StripeEvent;
use domain::{Clock, Db, Result};
use jobs::stripe_events::{self, Arrival};
use poem::web::Data;
use poem_openapi::OpenApi;
use stripe_connect::signature;

use crate::App;
use crate::batcher::{BatchStore, Batcher};
use crate::error::{ApiError, ApiResult};
use crate::webhooks::{Received, Sender, Signed};
use crate::wire;

#[derive(Debug)]
pub struct StripeWebhooksApi;

/// Stripe.
#[derive(Debug)]
enum StripeServer {}

impl Sender for StripeServer {
    const HEADER: &'static str = "stripe-signature";
    const CONTENT_TYPE: &'static str = "application/json";
    const DESCRIPTION: &'static str = "An event as Stripe sends it; the signature covers every byte.";
}

/// Events that come at once are stored at once.
pub type Intake = Batcher<Events>;

#[derive(Clone, Debug)]
pub struct Events {
    pub db: Db,
    pub clock: Clock,
}

impl BatchStore for Events {
    type Item = Arrival;
    type Stored = ();

    async fn store_batch(&self, arrivals: &[&Arrival]) -> Result<Vec<Option<()>>> {
        stripe_events::take_in(&self.db, arrivals, false, self.clock.now()).await?;
        Ok(vec![Some(()); arrivals.len()])
    }

    async fn store_one(&self, arrival: &Arrival) -> Result<()> {
        stripe_events::take_in(&self.db, &[arrival], false, self.clock.now()).await
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "wire::Tag::Payments")]
impl StripeWebhooksApi {
    /// Receive an event of Stripe
    ///
    /// With the header `Stripe-Signature` over the raw body, not older and not younger than five minutes. An event that is known, of a
    /// type that concerns nobody, or of the other mode is answered in the same way.
    #[oai(path = "/payments/webhooks", method = "post", operation_id = "receiveStripeEvent")]
    async fn receive_stripe_event(
        &self,
        app: Data<&App>,
        signed: Signed<StripeServer>,
    ) -> ApiResult<Received> {
        let now = app.clock.now();
        if app.stripe_webhook_secrets.is_empty() {
            return Err(ApiError::Unavailable {
                code: "PAYMENTS_NOT_CONFIGURED",
                message: "This platform takes no payments",
            });
        }
        let (header, body) = (signed.signature.as_deref().unwrap_or_default(), &*signed.body);
        signature::verify(header, body, &app.stripe_webhook_secrets, now.unix_timestamp()).map_err(
            |error| {
                tracing::warn!(%error, "a webhook that Stripe did not sign");
                ApiError::Unusable {
                    code: "BAD_SIGNATURE",
                    message: "The signature is not Stripe's, or not of now",
                }
            },
        )?;
        let event: StripeEvent =
            serde_json::from_slice(body).map_err(|_| ApiError::invalid("", "not an event"))?;
        if event.livemode != app.stripe_is_live {
            tracing::info!(id = event.id, "an event of the other mode");
            return Ok(Received::Ok);
        }
        app.stripe_events.submit(Arrival::of(event)).await?;
        Ok(Received::Ok)
    }
}
