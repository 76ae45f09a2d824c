//! What a request costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::users::Role;

use crate::http::{Connection, request};
use crate::report::{Table, percentiles, rate};
use crate::servers::Place;
use crate::{Bench, Outcome, matching, platform};

const IN_FLIGHT: usize = 50;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let seconds = bench.size(6, 1);
    let mut table = Table::new(
        "requests",
        format!(
            "{IN_FLIGHT} in flight on kept connections of as many clients, {seconds} s after a warm-up, rate limit off, no worker"
        ),
    );
    let (api, base) = platform::api(place).await?;
    let db = place.db()?;
    // Nobody runs what is posted here, and nobody is sent away for it.
    jobs::ledger::pause(&mut *db.conn().await?, jobs::queues::CRITICAL.name()).await?;
    let (mut reads, mut posts) = (vec![], vec![]);
    for n in 0..IN_FLIGHT {
        let (_, client) = platform::person(&db, &base, &format!("client-{n}"), Role::Client).await?;
        reads.push(request(&client, "GET", "/api/v1/auth/me", None));
        posts.push(request(&client, "POST", "/api/v1/matching/missions", Some(&matching::mission(n)?)));
    }
    for (label, requests, status, target) in
        [("GET auth/me", reads, 200, 0.15), ("POST mission", posts, 201, 0.30)]
    {
        load(&base, &requests, status, Duration::from_millis(500)).await?;
        let usage = bench.meter.start();
        let mut times = load(&base, &requests, status, Duration::from_secs(seconds as u64)).await?;
        let usage = usage();
        let count = times.len();
        let value =
            format!("{}  {}", rate(count, usage.took, "requests"), percentiles(&mut times, &[50, 99]));
        table.at_most(format!("{label}, CPU"), usage.ms(count as f64), target, "ms");
        table.row(label, value, usage.per(count as f64, "request"));
    }
    api.end().await?;
    Ok(table)
}

/// Each request again and again on a connection of its own; returns how long each answer took.
async fn load(base: &str, requests: &[Vec<u8>], expected: u16, long: Duration) -> Outcome<Vec<Duration>> {
    let end = Instant::now() + long;
    let strange = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for request in requests {
        let mut connection = Connection::open(base).await?;
        let (request, strange) = (request.clone(), strange.clone());
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                if connection.exchange(&request).await? != expected {
                    strange.fetch_add(1, Ordering::Relaxed);
                }
                times.push(began.elapsed());
            }
            std::io::Result::Ok(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    match strange.load(Ordering::Relaxed) {
        0 => Ok(times),
        strange => Err(format!("{strange} of {} answers were not {expected}", times.len()).into()),
    }
}
