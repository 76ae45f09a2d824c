//! How long a client looks at the screen between posting a mission and seeing who was invited.

use std::time::{Duration, Instant};

use domain::users::Role;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::report::{Table, percentile, percentiles, thousands};
use crate::servers::Place;
use crate::talents::{self, WORDS};
use crate::{Bench, Outcome, platform};

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let (count, crowd) = (bench.size(200, 20), bench.size(100_000, 5000));
    let mut table = Table::new(
        "posted to matched",
        format!(
            "{count} missions over HTTP, one at a time, {} talents; until `mission:matched` (three invitations stored, notified, \
             their mails enqueued) is on the client's socket",
            thousands(crowd)
        ),
    );
    talents::fill(place, crowd).await?;
    let (api, base) = platform::api(place).await?;
    let worker = platform::worker(place)?;
    let (_, client) = platform::person(&place.db()?, &base, "client", Role::Client).await?;
    let mut socket = client.socket().await;
    let (mut answered, mut matched, mut invited) = (vec![], vec![], 0);
    for n in 0..count + 5 {
        // So that the mails of the mission before are out.
        tokio::time::sleep(Duration::from_millis(40)).await;
        let mission = mission(n)?;
        let began = Instant::now();
        let post = async {
            client.post("/api/v1/matching/missions", mission).await.expect(201);
            began.elapsed()
        };
        let seen = async { (socket.next("mission:matched").await, began.elapsed()) };
        let (post, (told, seen)) = tokio::join!(post, seen);
        if n >= 5 {
            answered.push(post);
            matched.push(seen);
            invited += told["matches"].as_array().map_or(0, Vec::len);
        }
    }
    drop(socket);
    worker.end().await?;
    api.end().await?;
    matched.sort_unstable();
    table.at_most("posted to matched, p50", percentile(&matched, 50), 20.0, "ms");
    table.row("POST answered", percentiles(&mut answered, &[50, 99]), "");
    table.row("matched on the socket", percentiles(&mut matched, &[50, 99]), "");
    table.row("talents invited", thousands(invited), "");
    Ok(table)
}

/// A mission in Paris tomorrow; the n-th asks for another profession and other specialties than its neighbours.
pub fn mission(n: usize) -> Outcome<Value> {
    let professions =
        ["ide", "as", "aes-medical", "kine", "ergo", "psycho-medical", "es", "me", "eje", "tisf"];
    let start = domain::Clock::default().now() + time::Duration::DAY;
    Ok(json!({
        "jobId": professions[n % professions.len()], "hourlyRateCents": 2500, "city": "Paris", "postalCode": "75001",
        "latitude": 48.8566, "longitude": 2.3522, "startDate": start.format(&Rfc3339)?,
        "specialties": [WORDS[n % 12], WORDS[n / 12 % 12], WORDS[(n / 5 + 3) % 12]],
    }))
}
