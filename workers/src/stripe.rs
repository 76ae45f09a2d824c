//! What the handlers that ask Stripe have in common.

use std::sync::Arc;
use std::time::Duration;

use stripe_connect::{Fault, Payments};
use time::Duration as Span;

use crate::App;
use crate::engine::JobError;

/// Stripe promises to know a key for a day. A question older than this is looked up first.
const KEY_IS_KNOWN: Span = Span::hours(20);

/// Who moves money; without one a job waits for somebody to configure it.
pub fn provider(app: &App) -> Result<Arc<dyn Payments>, JobError> {
    let away = || JobError::RetryIn(Duration::from_secs(3600), "Stripe is not configured".to_owned());
    app.payments.clone().ok_or_else(away)
}

/// Whether Stripe may have forgotten the key of a question that was asked before, this long ago.
pub fn may_be_forgotten(asked_before: Option<Span>) -> bool {
    asked_before.is_some_and(|ago| ago >= KEY_IS_KNOWN)
}

/// An answer, or a refusal, which decides; whatever else went wrong is asked again with the same key.
pub fn decided<T>(answer: Result<T, Fault>) -> Result<Result<T, String>, JobError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(fault @ Fault::Refused { .. }) => Ok(Err(fault.to_string())),
        Err(Fault::Busy(pause)) => Err(JobError::RetryIn(pause, "Stripe is busy".to_owned())),
        Err(fault @ Fault::Unknown(_)) => Err(JobError::Retry(fault.to_string())),
    }
}
