//! The request that is being served, carried from the click to the job, the mail and the log.

use std::future::Future;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing_opentelemetry::OpenTelemetrySpanExt;

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

/// The context of this task; empty outside of one. Where traces are collected, its `traceparent` is the span that is open.
pub fn current() -> Context {
    let context = CURRENT.try_with(Clone::clone).unwrap_or_default();
    let open = tracing::Span::current().context();
    let open = open.span().span_context().clone();
    match open.is_valid() {
        true => Context { traceparent: Some(format(&open)), ..context },
        false => context,
    }
}

/// Makes a span the continuation of the trace that a context came with.
pub fn follow(span: &tracing::Span, context: &Context) {
    if let Some(parent) = context.traceparent.as_deref().and_then(parse) {
        // It fails where no traces are collected, and on a span that is filtered out.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
}

/// `00-<trace, 32 hex>-<span, 16 hex>-<flags, 2 hex>` (W3C Trace Context).
fn format(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::default())).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_survives_its_text_form() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(parse(text).map(|span| format(&span)).as_deref(), Some(text));
        assert!(parse("00-00000000000000000000000000000000-b7ad6b7169203331-01").is_none());
    }
}
