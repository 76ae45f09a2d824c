//! What a mission costs once it is posted.

use std::sync::Arc;

use clap::Parser;
use domain::ids::UserId;
use domain::missions::{self, NewMission, UrgencyLevel};
use domain::users::Role;
use domain::{Clock, Db};
use jobs::{SendMail, effects, queues};
use workers::engine::{self, Run};

use crate::process::Serving;
use crate::report::{Table, rate, thousands};
use crate::servers::Place;
use crate::talents::{self, WORDS};
use crate::{Bench, Outcome, platform, probes};

const CLIENTS: usize = 100;

pub async fn measure(bench: &Bench, place: &Place) -> Outcome<Table> {
    let (count, crowd) = (bench.size(5000, 200), bench.size(100_000, 5000));
    let mut table = Table::new(
        "missions drained",
        format!(
            "{} missions of {CLIENTS} clients wait, {} talents; one worker ({} slots per queue) matches, invites three and notifies; \
             mails are jobs that do nothing; the POST is not in it",
            thousands(count),
            thousands(crowd),
            bench.slots
        ),
    );
    talents::fill(place, crowd).await?;
    let db = place.db()?;
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        clients.push(platform::person(&db, "", &format!("client-{n}"), Role::Client).await?.0);
    }
    let clients = Arc::new(clients);
    let posters: Vec<_> = (0..10)
        .map(|share| tokio::spawn(post(db.clone(), clients.clone(), (share..count).step_by(10))))
        .collect();
    for poster in posters {
        poster.await??;
    }

    let usage = bench.meter.start();
    let worker = worker(place, bench.slots)?;
    probes::drained(place).await?;
    let usage = usage();
    worker.end().await?;
    let invited: i64 = sqlx::query_scalar("select count(*) from invitations").fetch_one(&place.pool).await?;
    table.at_most("drained mission, CPU", usage.ms(count as f64), 1.5, "ms");
    let label = format!(
        "{} invitations, each with feed, notification, mail job",
        thousands(usize::try_from(invited)?)
    );
    table.row(label, rate(count, usage.took, "missions"), usage.per(count as f64, "mission"));
    Ok(table)
}

async fn post(db: Db, clients: Arc<Vec<UserId>>, numbers: impl Iterator<Item = usize>) -> Outcome {
    let now = Clock::default().now();
    for n in numbers {
        let new = NewMission {
            client_id: clients[n % clients.len()],
            establishment_id: None,
            job_id: ["ide", "as", "kine", "ergo", "es", "me", "eje", "tisf"][n % 8].into(),
            title: None,
            description: None,
            hourly_rate_cents: 2500,
            urgency_level: UrgencyLevel::High,
            start_date: now + time::Duration::days(1),
            end_date: None,
            is_night_shift: false,
            requires_diploma: true,
            requires_car: false,
            specialties: vec![
                WORDS[n % 12].into(),
                WORDS[n / 12 % 12].into(),
                WORDS[(n / 5 + 3) % 12].into(),
            ],
            address: None,
            city: "Paris".into(),
            postal_code: "75001".into(),
            latitude: Some(48.8566),
            longitude: Some(2.3522),
            radius_km: 30,
            slots: 1,
        };
        let mut tx = db.begin().await?;
        let posted = missions::post(&mut tx, new, now).await?;
        effects::missions::posted(&mut tx, &posted).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The worker as it comes, but for its mails.
fn worker(place: &Place, slots: usize) -> Outcome<Serving> {
    let place = place.clone();
    Serving::start("worker", move |stop| async move {
        let mails = place.mails().display().to_string();
        let config = workers::Config::parse_from([
            "worker",
            "--database-url",
            &place.database_url,
            "--redis-url",
            &place.redis_url,
            "--redis-prefix",
            &place.prefix,
            "--mail-dir",
            &mails,
            "--storage-url",
            &mails,
        ]);
        let app = workers::App::new(&config, Clock::default())?;
        let no_mail = |_: SendMail, run: Run<workers::App>| async move { run.done_without_effects() };
        let config = engine::Config {
            database_url: place.database_url,
            redis_url: place.redis_url,
            db: app.db.clone(),
            clock: Clock::default(),
            handlers: workers::handlers(app).on(no_mail),
            crons: Vec::new(),
            slots: queues::ALL.map(|queue| (queue, slots)).to_vec(),
            drain: std::time::Duration::from_secs(5),
        };
        engine::run(config, stop).await
    })
}
