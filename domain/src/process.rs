//! What both processes do alike: logs, traces, and the wish to end.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct Log {
    /// `text` for people, `json` for machines.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// What is logged, in the syntax of tracing's EnvFilter.
    #[arg(long, env = "RUST_LOG", default_value = "info,apalis_core=warn,sqlx=warn")]
    pub log: String,
    /// Collector of traces, by OTLP over HTTP (`http://localhost:4318`); none when empty.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "")]
    pub otlp_endpoint: String,
}

/// Sends the last traces when it is dropped.
#[derive(Debug)]
#[must_use = "traces end with it"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last traces are lost");
        }
    }
}

impl Log {
    /// Logs to standard error, and traces to the collector, from now on.
    pub fn start(&self, service: &'static str) -> io::Result<Telemetry> {
        let logs = fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
        let logs = match self.log_format {
            LogFormat::Text => logs.boxed(),
            LogFormat::Json => logs.json().flatten_event(true).boxed(),
        };
        let provider = match self.otlp_endpoint.trim_end_matches('/') {
            "" => None,
            endpoint => {
                let exporter =
                    SpanExporter::builder().with_http().with_endpoint(format!("{endpoint}/v1/traces"));
                let exporter = exporter.build().map_err(io::Error::other)?;
                let resource = Resource::builder().with_service_name(service).build();
                Some(
                    SdkTracerProvider::builder()
                        .with_batch_exporter(exporter)
                        .with_resource(resource)
                        .build(),
                )
            }
        };
        let traces = provider
            .as_ref()
            .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("sociopulse")));
        tracing_subscriber::registry().with(traces).with(logs).with(EnvFilter::new(&self.log)).init();
        Ok(Telemetry(provider))
    }
}

/// Completes at SIGTERM or Ctrl-C.
pub async fn terminated() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "no signal handlers; only SIGKILL ends this process");
            std::future::pending().await
        }
    }
}
