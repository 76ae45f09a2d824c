//! People to play with, and the main job as two of them live it.

mod play;
mod seed;
mod story;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The demo of SocioPulse.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill an empty, migrated database with people; a database that has people is left alone.
    Seed {
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
    },
    /// Play the main job against a running platform, from the urgent mission to the chat.
    Play {
        /// Where the API answers, such as http://127.0.0.1:4000.
        #[arg(long)]
        url: String,
        /// How often; the first time is told, of all the latencies are summed up.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=500))]
        repeat: u32,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Seed { database_url } => seed::seed(&database_url).await.map_err(|error| error.to_string()),
        Command::Play { url, repeat } => play::play(&url, repeat).await.map_err(|error| error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}
