//! The stand-in for Stripe as a program of its own; `make run` starts it while no key of Stripe is set.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use domain::process;
use tests::stripe_sandbox::{NOTICE, Sandbox, Settings};

/// Speaks Stripe's HTTP for the calls that SocioPulse makes. It is a sandbox: no money moves.
#[derive(Debug, Parser)]
#[command(name = "stripe-sandbox", version)]
struct Cli {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, env = "STRIPE_SANDBOX_PORT", default_value_t = 12111)]
    port: u16,
    /// Where events are sent; nowhere when empty.
    #[arg(long, default_value = "")]
    webhook_url: String,
    /// Secrets that sign webhooks, comma-separated.
    #[arg(
        long,
        env = "STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = ""
    )]
    webhook_secret: Vec<String>,
    /// File that keeps what happened; without one it is forgotten at the end.
    #[arg(long)]
    state: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = Settings {
        webhook_url: Some(cli.webhook_url).filter(|url| !url.is_empty()),
        webhook_secrets: cli.webhook_secret.into_iter().filter(|secret| !secret.is_empty()).collect(),
        state: cli.state,
        ..Settings::default()
    };
    match Sandbox::start_on(cli.port, settings).await {
        Ok(sandbox) => {
            println!("{}", sandbox.url);
            eprintln!("stripe-sandbox: {NOTICE}");
            process::terminated().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("stripe-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}
