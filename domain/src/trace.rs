//! The request that is being served, carried from the click to the job, the mail and the log.

use std::future::Future;

tokio::task_local! {
    static CURRENT: Context;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// `X-Request-Id` of the request that began it all.
    pub request_id: Option<String>,
    /// W3C `traceparent` of the same.
    pub traceparent: Option<String>,
}

/// Runs a future inside a context; what it enqueues carries the context on.
pub async fn within<F: Future>(context: Context, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

/// The context of this task; empty outside of one.
pub fn current() -> Context {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}
