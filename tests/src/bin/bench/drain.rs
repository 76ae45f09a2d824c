//! How fast one worker empties a queue.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jobs::Job;

use crate::probes::{self, DoNothing, InsertRow, Starts};
use crate::report::{Table, per_second, rate, thousands};
use crate::servers::Place;
use crate::{Bench, Outcome};

/// The default of a worker, and more than a claim takes at once.
const SLOTS: usize = 32;
const NO_OP: &str = "no-op";
const MANY_SLOTS: usize = 200;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let mut table = Table::new(
        "queue drain",
        "a backlog in the ledger, then one worker starts; from its start to the last row done (stock apalis-redis stops at about \
         8,000 waiting jobs)",
    );
    sqlx::query(
        "create table bench_rows (job uuid primary key, at timestamptz not null default clock_timestamp())",
    )
    .execute(&place.pool)
    .await?;
    let nothing = |n| DoNothing { n };
    let small = bench.size(10_000, 1000);
    let large = bench.size(100_000, 5000);
    run(bench, place, &mut table, NO_OP, small, SLOTS, nothing).await?;
    run(bench, place, &mut table, NO_OP, large, SLOTS, nothing).await?;
    run(bench, place, &mut table, NO_OP, large, MANY_SLOTS, nothing).await?;
    run(bench, place, &mut table, "one row each", bench.size(20_000, 1000), SLOTS, |n| InsertRow { n })
        .await?;
    Ok(table)
}

async fn run<J: Job>(
    bench: &Bench,
    place: &Place,
    table: &mut Table,
    what: &str,
    backlog: usize,
    slots: usize,
    job: impl Fn(usize) -> J,
) -> Outcome {
    sqlx::query("truncate jobs").execute(&place.pool).await?;
    probes::fill(&place.db()?, backlog, job).await?;
    let starts = Starts::default();
    let count = starts.count.clone();

    let usage = bench.meter.start();
    let worker = probes::worker(place, slots, starts)?;
    while count.load(Ordering::Relaxed) < backlog {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    probes::drained(place).await?;
    let usage = usage();
    worker.end().await?;

    let again = match count.load(Ordering::Relaxed) - backlog {
        0 => String::new(),
        again => format!(", {again} started twice"),
    };
    let label = format!("{what}, backlog {}, {slots} slots{again}", thousands(backlog));
    if what == NO_OP && (backlog > 10_000 || bench.quick) {
        let figure = format!("drain, {what}, {slots} slots");
        table.at_least(figure.clone(), per_second(backlog, usage.took), 10_000, "/s");
        table.at_most(figure + ", CPU per job", usage.ms(backlog as f64), 0.12, "ms");
    }
    table.row(label, rate(backlog, usage.took, "jobs"), usage.per(backlog as f64, "job"));
    Ok(())
}
