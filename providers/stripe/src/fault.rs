use std::time::Duration;

use stripe::StripeError;
use thiserror::Error;

/// Stripe does not say for how long; its limits are per second.
const PAUSE: Duration = Duration::from_secs(2);

/// Why there is no answer, and what that means for the effect.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// Decided: nothing happened, and asking again with the same key would not change it.
    #[error("Stripe refuses ({code}): {message}")]
    Refused { code: String, message: String },
    /// It may have happened: ask again with the same key.
    #[error("the outcome at Stripe is unknown: {0}")]
    Unknown(String),
    /// Nothing happened: ask again with the same key, later.
    #[error("Stripe is busy: again in {0:?}")]
    Busy(Duration),
}

impl Fault {
    /// Whether the same question may be answered another time.
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

/// A key is refused only where Stripe has decided about the request. 401 is about who asks: a rotated secret decides no payout.
/// 409 is another request with the same key under way; of a 5xx and an unreadable answer nobody knows what was done before it.
pub(crate) fn read(error: StripeError) -> Fault {
    match error {
        StripeError::Stripe(_, 429) => Fault::Busy(PAUSE),
        StripeError::Stripe(said, status @ 400..=499) if !matches!(status, 401 | 408 | 409 | 424) => {
            Fault::Refused { code: code(&said), message: said.message.unwrap_or_default() }
        }
        StripeError::Stripe(said, status) => {
            let message = said.message.as_deref().unwrap_or_default();
            Fault::Unknown(format!("{status} {}: {message}", code(&said)))
        }
        StripeError::Timeout => Fault::Unknown("no answer in time".to_owned()),
        StripeError::JSONDeserialize(_) => Fault::Unknown("the answer is unreadable".to_owned()),
        StripeError::ClientError(said) => Fault::Unknown(said),
        StripeError::ConfigError(said) => Fault::Refused { code: "not_sent".to_owned(), message: said },
    }
}

/// Its code, or where it has none its type (`idempotency_error`: the same key with other parameters).
fn code(said: &stripe::ApiErrors) -> String {
    match &said.code {
        Some(code) => code.as_str().to_owned(),
        None => said.type_.as_str().to_owned(),
    }
}
