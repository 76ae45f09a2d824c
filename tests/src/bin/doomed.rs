//! A worker that is killed where it stands: when a run of one kind would wait for the n-th time, it sends its own process SIGKILL.
//! A run that ends before is its last too. Only stories start it; the platform's programs have no such place.

use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::task::{Context, Poll};

use clap::Parser;
use domain::Clock;
use tokio_util::sync::CancellationToken;
use workers::engine::{JobResult, Underway};

#[derive(Debug, Parser)]
struct Doom {
    /// Kind of job whose first run is the last.
    #[arg(long)]
    kind: String,
    /// Dies when it would wait for this time.
    #[arg(long)]
    at: usize,
    #[command(flatten)]
    worker: workers::Config,
}

#[tokio::main]
async fn main() -> std::io::Result<ExitCode> {
    let Doom { kind, at, worker } = Doom::parse();
    let doomed = move |of: &'static str, run: Underway| -> Underway {
        if of == kind { Box::pin(Doomed { run, left: at }) } else { run }
    };
    let stop = CancellationToken::new();
    workers::run_with(worker, Clock::default(), stop, |handlers| handlers.around(doomed)).await?;
    Ok(ExitCode::FAILURE)
}

struct Doomed {
    run: Underway,
    left: usize,
}

impl Future for Doomed {
    type Output = JobResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobResult> {
        if self.run.as_mut().poll(context).is_ready() {
            // Its commit was its end; nobody hears of it.
            std::process::exit(0);
        }
        self.left -= 1;
        if self.left == 0 {
            die();
        }
        Poll::Pending
    }
}

/// Within the poll, so that the run takes no further step.
fn die() -> ! {
    let pid = std::process::id().to_string();
    let sent = Command::new("kill").args(["-KILL", &pid]).status();
    unreachable!("still here after SIGKILL: {sent:?}");
}
