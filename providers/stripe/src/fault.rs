use std::time::Duration;

use stripe::StripeError;
use thiserror::Error;

/// Stripe does not say for how long; its limits are per second.
const PAUSE: Duration = Duration::from_secs(2);

const REUSED: &str = "idempotency_error";

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

/// A key is refused only where Stripe has decided about the request. 401 is about who asks: a rotated secret decides no payout.
/// A key that was used with other parameters was used: what it did then nobody knows here. 409 is another request with the same key under way; of a 5xx and an unreadable answer nobody knows what was done before it.
pub(crate) fn read(error: StripeError) -> Fault {
    match error {
        StripeError::Stripe(_, 429) => Fault::Busy(PAUSE),
        StripeError::Stripe(said, status @ 400..=499)
            if !matches!(status, 401 | 408 | 409 | 424) && code(&said) != REUSED =>
        {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As async-stripe reads an answer of this status and body.
    fn answered(status: u16, body: &str) -> Fault {
        let error = match miniserde::json::from_str::<stripe_shared::Error>(body) {
            Ok(said) => StripeError::Stripe(said.error, status),
            Err(_) => StripeError::JSONDeserialize("error deserializing Stripe error".into()),
        };
        read(error)
    }

    fn refused(code: &str, message: &str) -> Fault {
        Fault::Refused { code: code.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn only_what_stripe_decided_is_refused() {
        let invalid =
            r#"{"error":{"type":"invalid_request_error","code":"resource_missing","message":"No such"}}"#;
        assert_eq!(answered(404, invalid), refused("resource_missing", "No such"));
        let declined =
            r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"generic_decline"}}"#;
        assert_eq!(answered(402, declined), refused("card_declined", ""));
        let other = r#"{"error":{"type":"idempotency_error","message":"other parameters"}}"#;
        assert!(matches!(answered(400, other), Fault::Unknown(_)), "the key was used");
        let new = r#"{"error":{"type":"invalid_request_error","code":"never_heard_of"}}"#;
        assert_eq!(answered(400, new), refused("never_heard_of", ""));
        for status in [401, 408, 409, 424, 500, 502, 503, 504] {
            assert!(matches!(answered(status, invalid), Fault::Unknown(_)), "{status}");
        }
        assert!(matches!(answered(429, invalid), Fault::Busy(_)));
        assert!(matches!(answered(502, "<html>Bad gateway</html>"), Fault::Unknown(_)));
        assert!(matches!(read(StripeError::Timeout), Fault::Unknown(_)));
        assert!(matches!(read(StripeError::ClientError("reset".into())), Fault::Unknown(_)));
    }
}
