//! How fast jobs are written into the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::Db;
use jobs::ledger::{self, NewJob};

use crate::probes::{self, DoNothing};
use crate::process::Process;
use crate::report::{Table, rate};
use crate::servers::Place;
use crate::{Bench, Outcome};

const IN_FLIGHT: usize = 16;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let mut table =
        Table::new("enqueue", "into an empty ledger, durable commits, doorbell after each; no worker runs");
    let caller = Process::start("caller")?;
    let place = place.clone();
    let db = caller.spawn(async move { place.db() }).await??;

    let many = bench.size(100_000, 5000);
    let usage = bench.meter.start();
    let bulk = db.clone();
    caller.spawn(async move { probes::fill(&bulk, many, |n| DoNothing { n }).await }).await??;
    let usage = usage();
    table.row(
        "1,000 per statement, one caller",
        rate(many, usage.took, "jobs"),
        usage.per(many as f64, "job"),
    );

    let single = bench.size(10_000, 500);
    let next = Arc::new(AtomicUsize::new(0));
    let usage = bench.meter.start();
    let callers: Vec<_> =
        (0..IN_FLIGHT).map(|_| caller.spawn(one_by_one(db.clone(), next.clone(), single))).collect();
    for task in callers {
        task.await??;
    }
    let usage = usage();
    let label = format!("one per transaction, {IN_FLIGHT} in flight");
    table.row(label, rate(single, usage.took, "jobs"), usage.per(single as f64, "job"));
    caller.end(tokio::spawn(async { Ok(()) })).await?;
    Ok(table)
}

async fn one_by_one(db: Db, next: Arc<AtomicUsize>, end: usize) -> Outcome {
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= end {
            return Ok(());
        }
        let mut tx = db.begin().await?;
        ledger::enqueue(&mut tx, [NewJob::of(&DoNothing { n })]).await?;
        tx.commit().await?;
    }
}
