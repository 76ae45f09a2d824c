//! How soon a job starts when nothing else is to do.

use std::time::{Duration, Instant};

use jobs::ledger::{self, NewJob};
use rand::RngExt;
use tokio::sync::mpsc;

use crate::probes::{self, DoNothing, Starts};
use crate::report::{Table, percentile, percentiles};
use crate::servers::Place;
use crate::{Bench, Outcome};

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let count = bench.size(300, 30);
    let mut table = Table::new(
        "enqueue to start",
        format!(
            "{count} jobs, one at a time, 5 to 30 ms after the one before; until the handler's first line"
        ),
    );
    let (times, mut started) = mpsc::unbounded_channel();
    let worker = probes::worker(place, 32, Starts { times: Some(times), ..Starts::default() })?;
    let db = place.db()?;
    let (mut from_begin, mut from_commit) = (vec![], vec![]);
    for n in 0..count + 5 {
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(5..30))).await;
        let began = Instant::now();
        let mut tx = db.begin().await?;
        ledger::enqueue(&mut tx, [NewJob::of(&DoNothing { n })]).await?;
        tx.commit().await?;
        let committed = Instant::now();
        let at = started.recv().await.ok_or("the worker ended")?;
        // The first open connections and prepare statements.
        if n >= 5 {
            from_begin.push(at - began);
            from_commit.push(at.saturating_duration_since(committed));
        }
    }
    worker.end().await?;
    from_begin.sort_unstable();
    table.at_most("enqueue to start, p50", percentile(&from_begin, 50), 5.0, "ms");
    table.at_most("enqueue to start, p99", percentile(&from_begin, 99), 25.0, "ms");
    table.row("from the begin of the transaction", percentiles(&mut from_begin, &[50, 90, 99]), "");
    table.row("from its commit", percentiles(&mut from_commit, &[50, 90, 99]), "");
    Ok(table)
}
