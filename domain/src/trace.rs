//! The request that is being served, carried from the click to the job, the mail and the log.

use std::future::Future;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::{Instrument, Span};
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

/// Work under way for a context, and its span.
#[derive(Clone, Debug)]
pub struct Scope {
    context: Context,
    span: Span,
}

impl Scope {
    /// The span becomes the continuation of the trace that the context came with.
    pub fn new(context: Context, span: Span) -> Self {
        if let Some(parent) = context.traceparent.as_deref().and_then(parse) {
            // It fails where no traces are collected, and on a span that is filtered out.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
        Self { context, span }
    }

    /// What is logged or enqueued by this future carries the context on.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self.context, future).instrument(self.span).await
    }

    /// The context to be carried on by what is not run in here.
    pub fn context(&self) -> Context {
        passed_on(self.context.clone(), &self.span)
    }
}

/// The context of this task; empty outside of one.
pub fn current() -> Context {
    passed_on(CURRENT.try_with(Clone::clone).unwrap_or_default(), &Span::current())
}

/// Where traces are collected, the `traceparent` of what follows is the span that causes it.
fn passed_on(context: Context, span: &Span) -> Context {
    let open = span.context().span().span_context().clone();
    match open.is_valid() {
        true => Context { traceparent: Some(format(&open)), ..context },
        false => context,
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
