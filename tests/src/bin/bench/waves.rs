//! How long the last of fifty talents of a wave waits for the live event and for the push.

use std::time::Instant;

use domain::users::Role;
use jobs::ledger::DOORBELL;
use jobs::{DispatchWave, Job, queues};
use serde_json::json;
use tests::push_service::{Browser, PushService};
use tests::{Client, Socket};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::report::{Table, percentile, percentiles};
use crate::servers::Place;
use crate::{Bench, Outcome, matching, platform};

/// Of a CRITICAL mission: the first three waves, of which the third is measured.
const WAVES: [usize; 3] = [3, 10, 50];

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let rounds = bench.size(20, 2);
    let service = PushService::start().await;
    let (api, base) = platform::api(place).await?;
    let worker = platform::worker_with(place, &service.settings())?;
    let (_, client) = platform::person(&place.db()?, &base, "client", Role::Client).await?;
    let (heard, mut shown) = mpsc::unbounded_channel();
    let talents: usize = WAVES.iter().sum();
    for n in 0..talents {
        listen(&talent(place, &base, n).await?, heard.clone()).await;
    }
    name_devices(place, &service).await?;

    let mut table = Table::new(
        "a wave of 50",
        format!(
            "{rounds} times: from the moment when the wave is due to the last of fifty live events on sockets, and to the last of fifty pushes, \
             encrypted, at a push service; with fifty rows and fifty mails besides"
        ),
    );
    let (mut live, mut pushed, mut cpu, mut pushes) = (vec![], vec![], 0.0, 0);
    for _ in 0..rounds {
        let mut mission = matching::mission(0)?;
        mission["urgencyLevel"] = json!("CRITICAL");
        client.post("/api/v1/matching/missions", mission).await.expect(201);
        for (wave, people) in (1..).zip(WAVES) {
            let usage = bench.meter.start();
            let began = Instant::now();
            // The first is the match's own, which schedules the next.
            if wave > 1 {
                let_go(place).await?;
            }
            let last_live = last(&mut shown, people).await?;
            pushes += people;
            service.wait_for(pushes).await;
            if wave == WAVES.len() {
                let last_push = service.parcels().last().map_or(began, |parcel| parcel.at);
                live.push(last_live - began);
                pushed.push(last_push - began);
                cpu += usage().ms(1.0);
            }
        }
    }
    worker.end().await?;
    api.end().await?;
    live.sort_unstable();
    pushed.sort_unstable();
    table.at_most("wave of 50 to the last live event, p99", percentile(&live, 99), 250.0, "ms");
    table.at_most("wave of 50 to the last push, p99", percentile(&pushed, 99), 1_000.0, "ms");
    table.row("last live event", percentiles(&mut live, &[50, 99]), "");
    table.row(
        "last push",
        percentiles(&mut pushed, &[50, 99]),
        format!("{:.0} ms CPU a wave", cpu / rounds as f64),
    );
    Ok(table)
}

/// Somebody whom the missions of this figure fit.
async fn talent(place: &Place, base: &str, n: usize) -> Outcome<Client> {
    let (user, talent) = platform::person(&place.db()?, base, &format!("talent-{n}"), Role::Talent).await?;
    sqlx::query("update profiles set compliance_status = 'VALIDATED' where user_id = $1")
        .bind(user.0)
        .execute(&place.pool)
        .await?;
    let profile = json!({ "jobId": "ide", "city": "Paris", "latitude": 48.86, "longitude": 2.35 });
    talent.patch("/api/v1/me/profile", profile).await.expect(200);
    Ok(talent)
}

/// Says when this talent is shown that there is a notification.
async fn listen(talent: &Client, heard: UnboundedSender<Instant>) {
    let mut socket: Socket = talent.socket().await;
    tokio::spawn(async move {
        while let Ok(frame) = socket.read().await {
            if frame["event"] == "notification" && heard.send(Instant::now()).is_err() {
                return;
            }
        }
    });
}

async fn last(shown: &mut UnboundedReceiver<Instant>, people: usize) -> Outcome<Instant> {
    let mut last = None;
    for _ in 0..people {
        last = Some(shown.recv().await.ok_or("the sockets have closed")?);
    }
    last.ok_or_else(|| "nobody was told".into())
}

/// A browser each, all with the same keys.
async fn name_devices(place: &Place, service: &PushService) -> Outcome {
    let (p256dh, auth) = Browser::at(service).keys();
    sqlx::query(
        "insert into push_subscriptions (id, user_id, session_id, address, service, p256dh, auth, created_at)
         select gen_random_uuid(), s.user_id, s.id, $1 || '/push/' || s.id, '127.0.0.1', $2, $3, now()
           from sessions s join users u on u.id = s.user_id where u.role = 'TALENT'",
    )
    .bind(&service.url)
    .bind(p256dh)
    .bind(auth)
    .execute(&place.pool)
    .await?;
    Ok(())
}

/// The wave that waits for its time goes now.
async fn let_go(place: &Place) -> Outcome {
    let mut tx = place.db()?.begin().await?;
    let waiting = "update jobs set run_at = clock_timestamp() where kind = $1 and state = 'waiting'";
    sqlx::query(waiting).bind(DispatchWave::POLICY.kind).execute(&mut *tx).await?;
    tx.announce(DOORBELL.into(), queues::DEFAULT.name().into());
    Ok(tx.commit().await?)
}
