//! `make bench`: figures of the platform on this machine, each with its method. Nothing is asserted of times.
//!
//! Load generator, API and worker share this process, each on a runtime (threads) of its own, so that their CPU can be told
//! apart; PostgreSQL and Redis are real servers, with databases and prefixes made for each figure and dropped after it.

mod accept;
mod backlog;
mod chat;
mod cpu;
mod drain;
mod enqueue;
mod footprint;
mod http;
mod machine;
mod matching;
mod missions;
mod paper;
mod platform;
mod probes;
mod proc;
mod process;
mod report;
mod requests;
mod rooms;
mod servers;
mod spawned;
mod start;
mod talents;
mod top3;
mod waves;
mod webhooks;

use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use cpu::Meter;
use report::{Mark, Table, print_marks};
use servers::{Place, Servers};

/// For one figure; many times what it takes.
const PATIENCE: Duration = Duration::from_secs(300);

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the platform against the servers of DATABASE_URL and REDIS_URL, in databases `bench_*` of its own.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// Measures these figures alone (comma-separated).
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Figure>,
    /// Small sizes: shows that everything works, in seconds.
    #[arg(long)]
    quick: bool,
    /// Takes `backlog` to a million jobs among ten million finished ones; it needs minutes and 10 GiB of disk.
    #[arg(long)]
    full: bool,
    /// Talents of the figure `top3`.
    #[arg(long, default_value_t = 1_000_000)]
    talents: usize,
    /// Slots per queue of the worker that drains `missions`; few of them tell what each statement costs alone.
    #[arg(long, default_value_t = 32)]
    slots: usize,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// A worker that runs probe jobs (the harness starts it).
    #[command(hide = true)]
    Probe { prefix: String, slots: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Figure {
    Drain,
    Enqueue,
    Start,
    Matching,
    Missions,
    Waves,
    Top3,
    Requests,
    Webhooks,
    Paper,
    Chat,
    Accept,
    Footprint,
    Backlog,
}

/// What every figure is given.
#[derive(Debug)]
struct Bench {
    servers: Servers,
    meter: Meter,
    quick: bool,
    full: bool,
    talents: usize,
    slots: usize,
}

impl Bench {
    /// The full size, or the one that is enough to see that it works.
    fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    async fn measure(&self, figure: Figure, place: &Place) -> Outcome<Table> {
        match figure {
            Figure::Drain => drain::measure(self, place).await,
            Figure::Enqueue => enqueue::measure(self, place).await,
            Figure::Start => start::measure(self, place).await,
            Figure::Matching => matching::measure(self, place).await,
            Figure::Missions => missions::measure(self, place).await,
            Figure::Waves => waves::measure(self, place).await,
            Figure::Top3 => top3::measure(self, place).await,
            Figure::Requests => requests::measure(self, place).await,
            Figure::Webhooks => webhooks::measure(self, place).await,
            Figure::Paper => paper::measure(self).await,
            Figure::Chat => chat::measure(self, place).await,
            Figure::Accept => accept::measure(self, place).await,
            Figure::Footprint => footprint::measure(self, place).await,
            Figure::Backlog => backlog::measure(self, place).await,
        }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let args = Args::parse();
    if let Some(Role::Probe { prefix, slots }) = args.role {
        return backlog::probe(&prefix, slots).await;
    }
    let began = Instant::now();
    let servers = Servers::find().await?;
    let meter = Meter::find(&servers).await?;
    let bench = Bench {
        servers,
        meter,
        quick: args.quick,
        full: args.full,
        talents: args.talents,
        slots: args.slots,
    };
    let patience = if args.full { PATIENCE * 6 } else { PATIENCE };
    let mut marks: Vec<Mark> = Vec::new();
    println!("{}", machine::header(&bench.servers).await?);
    for figure in Figure::value_variants() {
        if !args.only.is_empty() && !args.only.contains(figure) {
            continue;
        }
        let name = figure.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let place = bench.servers.place(&name).await?;
        let measured = tokio::time::timeout(patience, bench.measure(*figure, &place)).await;
        bench.servers.remove(place).await?;
        let table = measured.map_err(|_| format!("{name} does not end"))??;
        table.print();
        marks.extend(table.marks());
    }
    print_marks(&marks);
    println!("\nall of it: {:.0} s; {}", began.elapsed().as_secs_f64(), machine::load());
    Ok(())
}
