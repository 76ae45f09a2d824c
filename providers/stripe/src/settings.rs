use std::sync::Arc;

use crate::{Payments, Stripe};

/// How to reach Stripe; both processes take the same.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct StripeSettings {
    /// Stripe's secret key; without one nothing is charged or paid out, and its routes answer 503.
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true, default_value = "")]
    pub stripe_secret_key: String,
    /// Where Stripe's API is; Stripe itself when empty.
    #[arg(long, env = "STRIPE_API_BASE", default_value = "")]
    pub stripe_api_base: String,
}

impl StripeSettings {
    pub fn connect(&self) -> Result<Option<Arc<dyn Payments>>, String> {
        if self.stripe_secret_key.is_empty() {
            return Ok(None);
        }
        let base = Some(self.stripe_api_base.as_str()).filter(|base| !base.is_empty());
        Ok(Some(Arc::new(Stripe::new(&self.stripe_secret_key, base)?)))
    }

    /// Whether the key moves real money. Events of the other mode are not ours.
    pub fn is_live(&self) -> bool {
        self.stripe_secret_key.contains("_live_")
    }
}
