//! `make chaos`: the platform as real processes, under load, while its servers and processes are killed, stopped, cut off and
//! wiped; then a checker compares what was promised with what is there. The exit status is the verdict.

mod books;
mod check;
mod deals;
mod doubt;
mod engine;
mod faults;
mod history;
mod post;
mod processes;
mod servers;
mod sink;
mod snapshot;
mod socket;
mod world;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use check::{Harm, Violation, check};
use clap::{Parser, Subcommand};
use faults::{Fault, Targets};
use history::{Book, Promise};
use post::Poster;
use processes::{Process, Recipe};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use servers::Servers;
use snapshot::Snapshot;
use sqlx::PgPool;
use tests::stripe_sandbox::Sandbox;
use tokio::sync::Mutex;
use world::World;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// After the last fault of a phase, until all of its missions are matched.
const RECOVERY: Duration = Duration::from_secs(90);
/// At the end: mails that were asked to come back later take longest.
const SETTLING: Duration = Duration::from_secs(180);

/// Hurts the platform on the servers of DATABASE_URL and REDIS_URL, in databases `chaos_*` of its own.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// Missions posted in all phases together.
    #[arg(long, default_value_t = 2000)]
    missions: usize,
    /// Of all random decisions of the harness; a new one each time.
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value_t = 30)]
    clients: usize,
    #[arg(long, default_value_t = 200)]
    talents: usize,
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Leaves out the deaths of workers in the middle of probe jobs.
    #[arg(long)]
    without_engine: bool,
    /// Nothing but these deaths.
    #[arg(long, conflicts_with = "without_engine")]
    engine_alone: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// A worker that runs probe jobs (the harness starts it).
    #[command(hide = true)]
    Probe,
}

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    let args = Args::parse();
    if let Some(Role::Probe) = args.role {
        engine::probe().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let seed = args.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("chaos: seed {seed} (again: make chaos ARGS=\"--missions {} --seed {seed}\")", args.missions);
    let began = Instant::now();
    let servers = Servers::find().await?;
    let mut sound = true;
    if !args.without_engine {
        sound &= engine::deaths(&servers).await?;
    }
    if !args.engine_alone {
        sound &= platform(&args, seed, servers).await?;
    }
    println!("\nall of it: {:.0} s", began.elapsed().as_secs_f64());
    println!("{}", if sound { "chaos: nothing lost, nothing doubled" } else { "chaos: FAILED" });
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Directory of this program and of the product's.
pub fn programs() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("a program without a directory")?.to_owned())
}

/// Where processes of a run write what they have to say.
pub fn logs() -> Outcome<PathBuf> {
    let directory = programs()?.join("chaos-logs");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

async fn platform(args: &Args, seed: u64, servers: Servers) -> Outcome<bool> {
    let mut dice = StdRng::seed_from_u64(seed);
    let database_url = servers.database("chaos_platform").await?;
    let pool = servers::pool(&database_url)?;
    let book = Book::default();
    let (clients, talents, dealers) = {
        let mut conn = pool.acquire().await?;
        let clients = world::clients(&mut conn, args.clients).await?;
        let talents = world::talents(&mut conn, args.talents).await?;
        (clients, talents, world::dealers(&mut conn, deals::PAIRS).await?)
    };
    let smtp = sink::start(book.clone(), seed).await?;
    let bank = deals::bank().await?;
    let (targets, ports) = start(args, &servers, &database_url, smtp, &bank.url).await?;
    let world = World::new(book.clone(), ports)?;
    for talent in talents {
        socket::live(world.clone(), talent);
    }
    let posters: Vec<_> = clients
        .into_iter()
        .map(|(person, colleague)| {
            let ears = [socket::live(world.clone(), person), socket::live(world.clone(), colleague)];
            Arc::new(Poster { world: world.clone(), person, ears })
        })
        .collect();
    posters[0].probe().await;
    let key = if world.replays.load(Ordering::Relaxed) { "answered" } else { "unknown to this API" };
    println!(
        "\n{} missions, {} clients, {} talents; Idempotency-Key is {key}",
        args.missions, args.clients, args.talents
    );

    let dealing = deals::begin(&world, &bank, &pool, deals::db(&servers, &database_url)?, dealers).await?;

    let mut recovered = Vec::new();
    let (next, mut end, started) = (Arc::new(AtomicUsize::new(0)), 0, Instant::now());
    for (phase, fault) in faults::ALL.iter().copied().enumerate() {
        book.write().phase = phase;
        deals::tell_replica(&bank, &world, phase);
        // The mixed phase counts for three.
        let share = args.missions / (faults::ALL.len() + 2);
        end = if fault == Fault::Mixed { args.missions } else { end + share };
        let count = end - next.load(Ordering::Relaxed).min(end);
        let pace = fault.load().mul_f64(posters.len() as f64 / count.max(1) as f64);
        let load: Vec<_> = posters
            .iter()
            .map(|poster| tokio::spawn(Arc::clone(poster).run(next.clone(), end, pace)))
            .collect();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        match fault {
            Fault::Mixed => targets.suffer_all(&book, seed, Duration::from_secs(45)).await?,
            fault => targets.suffer(fault, &book, &mut dice).await?,
        }
        let over = Instant::now();
        let matched = matched(&pool, over).await;
        for task in load {
            task.await?;
        }
        // The next number was taken by each poster that found the share used up.
        next.store(end, Ordering::Relaxed);
        println!("  {:32} {:>6.0} s", fault.name(), started.elapsed().as_secs_f64());
        recovered.push(matched);
    }
    world.closing.store(true, Ordering::Relaxed);
    let dealt = tokio::time::timeout(SETTLING, futures_util::future::join_all(dealing)).await;
    if dealt.is_err() {
        book.write().strange.push("a deal does not end".into());
    }
    let settled = settle(&pool, &world, &bank).await;
    for missing in targets.missing().await {
        book.write().strange.push(missing);
    }
    let rows = Snapshot::take(&pool, &bank).await?;
    world.over.store(true, Ordering::Relaxed);
    let history = book.write().clone();
    let found = check(&history, &rows);
    print(&history, &rows, &recovered, &found);
    println!(
        "\nat rest {} after the last post",
        settled.map_or("NEVER".into(), |took| format!("{:.1} s", took.as_secs_f64()))
    );
    let seen = doubt::doubt(&history, &rows);
    match &seen {
        Ok(count) => println!("the checker sees {count} kinds of damage that it was shown"),
        Err(error) => println!("THE CHECKER IS BLIND: {error}"),
    }
    Ok(found.is_empty() && settled.is_some() && recovered.iter().all(Option::is_some) && seen.is_ok())
}

/// Two replicas of the API and the workers.
async fn start(
    args: &Args,
    servers: &Servers,
    database_url: &str,
    smtp: u16,
    bank_url: &str,
) -> Outcome<(Targets, Vec<u16>)> {
    let files = logs()?.join("files");
    let environment = BTreeMap::from(
        [
            ("DATABASE_URL", database_url),
            ("REDIS_URL", &servers.redis_url),
            ("REDIS_PREFIX", "chaos"),
            ("JWT_SECRET", world::SECRET),
            ("RATE_LIMIT", "off"),
            ("SMTP_URL", &format!("smtp://127.0.0.1:{smtp}")),
            ("STRIPE_SECRET_KEY", tests::stripe_sandbox::KEY),
            ("STRIPE_WEBHOOK_SECRET", deals::SECRET),
            ("STRIPE_API_BASE", bank_url),
            ("FRONTEND_URL", "https://app.example"),
            ("STORAGE_URL", &files.to_string_lossy()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let (programs, logs) = (programs()?, logs()?);
    let (mut apis, mut ports, mut workers) = (vec![], vec![], vec![]);
    for n in 0..2 {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut environment = environment.clone();
        environment.insert("PORT".into(), port.to_string());
        let recipe = Recipe {
            program: programs.join("sociopulse-api"),
            arguments: vec!["serve".into()],
            environment,
            port: Some(port),
            log: logs.join(format!("api-{n}.log")),
        };
        apis.push(Process::start(&format!("API {n}"), recipe).await?);
        ports.push(port);
    }
    for n in 0..args.workers {
        let recipe = Recipe {
            program: programs.join("sociopulse-worker"),
            arguments: vec![],
            environment: environment.clone(),
            port: None,
            log: logs.join(format!("worker-{n}.log")),
        };
        workers.push(Process::start(&format!("worker {n}"), recipe).await?);
    }
    let targets = Targets {
        servers: servers.clone(),
        apis: Arc::new(Mutex::new(apis)),
        workers: Arc::new(Mutex::new(workers)),
    };
    Ok((targets, ports))
}

/// How long until every mission that was there when the fault was over has been matched.
async fn matched(pool: &PgPool, over: Instant) -> Option<Duration> {
    let posted = "select id from missions where matching = 'PENDING'";
    let waiting: Vec<uuid::Uuid> = loop {
        match sqlx::query_scalar(posted).fetch_all(pool).await {
            Ok(waiting) => break waiting,
            Err(_) if over.elapsed() < RECOVERY => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(_) => return None,
        }
    };
    let left = "select count(*) from missions where id = any($1) and matching = 'PENDING'";
    while over.elapsed() < RECOVERY {
        if let Ok(0_i64) = sqlx::query_scalar(left).bind(&waiting).fetch_one(pool).await {
            return Some(over.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// Waits until no job is due any more, every message acknowledged, every feed read and all money where it belongs.
async fn settle(pool: &PgPool, world: &World, bank: &Sandbox) -> Option<Duration> {
    let began = Instant::now();
    let busy = "select exists (select from jobs where state in ('dispatched', 'running')
                                  or state = 'waiting' and run_at < clock_timestamp() + interval '1 minute')";
    while began.elapsed() < SETTLING {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Ok(false) = sqlx::query_scalar::<_, bool>(busy).fetch_one(pool).await else { continue };
        if !books::at_rest(pool, bank).await {
            continue;
        }
        let Ok(rows) = Snapshot::take(pool, bank).await else { continue };
        let history = world.book.write();
        let acknowledged = history.says.values().all(|say| say.ack.is_some());
        let read = rows.feed_heads.iter().all(|(user, head)| {
            history.feeds.get(user).and_then(|feed| feed.last()).is_some_and(|(seq, _)| seq >= head)
        });
        let heard = history.rooms.iter().all(|((_, mission), read)| {
            rows.room_heads.get(mission).is_none_or(|head| read.last().is_some_and(|(seq, _)| seq >= head))
        });
        if acknowledged && read && heard {
            return Some(began.elapsed());
        }
    }
    None
}

fn print(history: &history::History, rows: &Snapshot, recovered: &[Option<Duration>], found: &[Violation]) {
    println!(
        "\n{:32} {:>8} {:>7} {:>7} {:>7} {:>6} {:>7}  recovered",
        "phase", "missions", "unknown", "accepts", "chat", "lost", "doubled"
    );
    for (phase, fault) in faults::ALL.iter().enumerate() {
        let posts = |kept: bool| {
            let posts = history.posts.iter().filter(|post| post.phase == phase);
            posts
                .filter(|post| {
                    matches!(post.outcome, Promise::Kept(_)) == kept
                        && !matches!(post.outcome, Promise::Refused(_))
                })
                .count()
        };
        let harmed = |harm| found.iter().filter(|v| v.phase == Some(phase) && v.harm == harm).count();
        println!(
            "{:32} {:>8} {:>7} {:>7} {:>7} {:>6} {:>7}  {}",
            fault.name(),
            posts(true),
            posts(false),
            history
                .accepts
                .iter()
                .filter(|accept| accept.phase == phase && accept.outcome == Promise::Kept(()))
                .count(),
            history.says.values().filter(|say| say.phase == phase && say.ack.is_some()).count(),
            harmed(Harm::Lost),
            harmed(Harm::Doubled),
            recovered
                .get(phase)
                .copied()
                .flatten()
                .map_or("NEVER".into(), |took| format!("{:.1} s", took.as_secs_f64())),
        );
    }
    let moved = |event| rows.movements.iter().filter(|movement| movement.event == event).count();
    println!(
        "{} deals: {} charges, {} transfers, {} taken back, {} refunds",
        history.deals.len(),
        moved("PAID"),
        moved("PAID_OUT"),
        moved("PAYOUT_REVERSED"),
        moved("REFUNDED"),
    );
    let again = history.mails.iter().map(|mail| mail.job).collect::<std::collections::BTreeSet<_>>().len();
    println!(
        "{} faults; {} mails, of them {} again under the same Message-ID; {} frames read",
        history.faults.len(),
        history.mails.len(),
        history.mails.len() - again,
        history.rooms.values().map(Vec::len).sum::<usize>()
            + history.feeds.values().map(Vec::len).sum::<usize>(),
    );
    let mut by_rule: BTreeMap<&str, Vec<&Violation>> = BTreeMap::new();
    for violation in found {
        by_rule.entry(violation.rule).or_default().push(violation);
    }
    for (rule, violations) in by_rule {
        println!("BROKEN, {} times: {rule}", violations.len());
        for violation in violations.iter().take(5) {
            println!("    {}", violation.what);
        }
    }
}
