//! What a webhook of Stripe costs until it is answered: its signature is checked, it is stored together with its job.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stripe_connect::signature;
use tokio::time::MissedTickBehavior;

use crate::http::Connection;
use crate::report::{Table, percentile, percentiles, rate};
use crate::servers::Place;
use crate::{Bench, Outcome, platform};

const PER_SECOND: usize = 500;
const CONNECTIONS: usize = 25;
const IN_FLIGHT: usize = 50;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let seconds = bench.size(10, 1);
    let mut table = Table::new(
        "webhooks",
        format!(
            "signed payment_intent.succeeded of 1.6 kB, each another event, after a warm-up: {PER_SECOND}/s paced over {CONNECTIONS} kept \
             connections for {seconds} s, then five times as many with {IN_FLIGHT} always in flight; the queue is paused, so that what is measured ends \
             with the 200"
        ),
    );
    let (api, base) = platform::api(place).await?;
    let db = place.db()?;
    jobs::ledger::pause(&mut *db.conn().await?, jobs::queues::CRITICAL.name()).await?;
    let pace = Duration::from_secs_f64(CONNECTIONS as f64 / PER_SECOND as f64);
    let count = PER_SECOND * seconds;
    send(&base, "warm", PER_SECOND, CONNECTIONS, Some(pace)).await?;
    for (name, label, count, connections, pace) in [
        ("paced", format!("{PER_SECOND}/s"), count, CONNECTIONS, Some(pace)),
        ("flood", format!("{IN_FLIGHT} in flight"), 5 * count, IN_FLIGHT, None),
    ] {
        let usage = bench.meter.start();
        let mut times = send(&base, name, count, connections, pace).await?;
        let usage = usage();
        times.sort_unstable();
        if pace.is_some() {
            table.at_most(format!("webhook at {label}, p99"), percentile(&times, 99), 10.0, "ms");
        }
        table.at_most(format!("webhook, {label}, CPU"), usage.ms(count as f64), 0.2, "ms");
        let value =
            format!("{}  {}", rate(count, usage.took, "webhooks"), percentiles(&mut times, &[50, 99]));
        table.row(
            format!("verified, stored, job enqueued, 200; {label}"),
            value,
            usage.per(count as f64, "webhook"),
        );
    }
    api.end().await?;
    Ok(table)
}

/// Each connection sends its share, at its pace or as soon as it has its answer; how long each answer took from when it should have
/// been asked for.
async fn send(
    base: &str,
    name: &str,
    count: usize,
    connections: usize,
    pace: Option<Duration>,
) -> Outcome<Vec<Duration>> {
    let host: Arc<str> = base.trim_start_matches("http://").into();
    let mut tasks = Vec::new();
    for n in 0..connections {
        let mut connection = Connection::open(base).await?;
        let (host, name) = (host.clone(), name.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut ticks = None;
            if let Some(pace) = pace {
                // Spread, as events come.
                tokio::time::sleep(pace * n as u32 / connections as u32).await;
                let mut paced = tokio::time::interval(pace);
                paced.set_missed_tick_behavior(MissedTickBehavior::Burst);
                ticks = Some(paced);
            }
            let mut times = Vec::new();
            for event in (n..count).step_by(connections) {
                let due = match &mut ticks {
                    Some(ticks) => ticks.tick().await.into_std(),
                    None => Instant::now(),
                };
                let request = webhook(&host, &format!("{name}_{event}"));
                match connection.exchange(&request).await? {
                    200 => times.push(due.elapsed()),
                    status => return Err(std::io::Error::other(format!("a webhook was answered {status}"))),
                }
            }
            Ok(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(times)
}

/// As Stripe sends it, with as much around it as there is in its own.
fn webhook(host: &str, id: &str) -> Vec<u8> {
    let now = domain::Clock::default().now().unix_timestamp();
    let body = serde_json::json!({
        "id": id, "object": "event", "api_version": stripe_connect::API_VERSION, "created": now, "livemode": false,
        "type": "payment_intent.succeeded", "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": format!("pi_{id}"), "object": "payment_intent", "amount": 20_000, "amount_received": 20_000, "currency": "eur",
            "status": "succeeded", "latest_charge": format!("ch_{id}"), "description": "x".repeat(1_000),
            "metadata": { "paymentId": "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7" },
        } },
    })
    .to_string();
    let header = signature::sign(body.as_bytes(), crate::platform::SECRET, now);
    format!(
        "POST /api/v1/payments/webhooks HTTP/1.1\r\nhost: {host}\r\nstripe-signature: {header}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
