//! What a document costs.

use std::time::{Duration, Instant};

use tests::specimens::sheets;

use crate::report::{Table, percentiles};
use crate::{Bench, Outcome};

pub async fn measure(bench: &Bench) -> Outcome<Table> {
    let count = bench.size(200, 10);
    let mut table = Table::new(
        "paper",
        format!("each rendered {count} times in a row on one core, to PDF/A-3 with its fonts"),
    );
    for (name, sheet) in sheets() {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..count {
            let began = Instant::now();
            bytes = workers::paper::render(&sheet, None)?.len();
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let p99: Duration = times[times.len() * 99 / 100];
        table.row(name, format!("{} kB  {}", bytes / 1024, percentiles(&mut times, &[50, 99])), "");
        table.at_most(format!("{name}, p99"), p99.as_secs_f64() * 1e3, 150.0, "ms");
    }
    Ok(table)
}
