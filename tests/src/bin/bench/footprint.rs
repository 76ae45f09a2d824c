//! Memory of processes that have nothing to do, and of sockets that say nothing.

use std::sync::Arc;
use std::time::Duration;

use domain::users::Role;
use tests::Socket;

use crate::report::{Table, thousands};
use crate::servers::Place;
use crate::spawned::Spawned;
use crate::{Bench, Outcome, platform};

const MIB: f64 = 1024.0;
/// Opened at the same time.
const AT_ONCE: usize = 20;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let (rest, count) = (bench.size(10, 2), bench.size(5000, 500));
    let rest = Duration::from_secs(rest as u64);
    let mut table = Table::new(
        "memory",
        format!(
            "the programs as processes of their own, resident {} s after their start; then {} sockets of as many users at one API, \
             growth of its resident memory {} s after the last",
            rest.as_secs(),
            thousands(count),
            rest.as_secs(),
        ),
    );
    let (api, base) = Spawned::api(place).await?;
    let worker = Spawned::worker(place)?;
    tokio::time::sleep(rest).await;
    for (name, process) in [("API", &api), ("worker", &worker)] {
        let mib = process.resident()? / MIB;
        table.at_most(format!("idle {name}, resident"), mib, 40.0, "MiB");
        table.row(format!("{name}, idle"), format!("{mib:.1} MiB"), "");
    }
    worker.end().await?;

    // What the first sockets bring with them, such as connections to PostgreSQL, is not theirs alone.
    let early = open(place, &base, "early", AT_ONCE).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = api.resident()?;
    let sockets = open(place, &base, "idle", count).await?;
    tokio::time::sleep(rest).await;
    let each = (api.resident()? - before) / sockets.len() as f64;
    table.at_most(format!("idle socket, {} of them", thousands(count)), each, 20.0, "KiB");
    table.row(
        "each idle socket",
        format!("{each:.1} KiB"),
        format!("API at {:.1} MiB", api.resident()? / MIB),
    );
    drop((early, sockets));
    api.end().await?;
    Ok(table)
}

async fn open(place: &Place, base: &str, name: &str, count: usize) -> Outcome<Vec<Socket>> {
    let db = place.db()?;
    let base = Arc::<str>::from(base);
    let shares = (0..AT_ONCE).map(|share| {
        let (db, base, name) = (db.clone(), base.clone(), name.to_owned());
        tokio::spawn(async move {
            let mut sockets = Vec::new();
            for n in (share..count).step_by(AT_ONCE) {
                let name = format!("{name}-{n}");
                let (_, talent) = platform::person(&db, &base, &name, Role::Talent).await?;
                sockets.push(talent.socket().await);
            }
            Outcome::Ok(sockets)
        })
    });
    let mut all = Vec::new();
    for share in shares.collect::<Vec<_>>() {
        all.extend(share.await??);
    }
    Ok(all)
}
