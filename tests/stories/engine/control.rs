//! What operators and the clock do to jobs: limits, cancellation, pruning, ticks, pressure, metrics.

use std::time::Duration;

use jobs::ledger::{self, Cron, Every, JobState, NewJob};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Act, Bench, Probe, Rare};
use crate::world::{World, mission};

#[tokio::test]
async fn a_limited_kind_runs_so_many_at_once_over_all_workers() {
    let mut bench = Bench::new().await;
    bench.enqueue((0..6).map(|n| NewJob::of(&Rare(n)))).await;
    bench.enqueue((10..13).map(|n| NewJob::of(&Probe::new(n, Act::Work)))).await;
    bench.start(8);
    bench.start(8);
    // Two rare ones have started and wait; the others pass them by.
    let mut started = Vec::new();
    while started.len() < 5 {
        started.push(bench.started.recv().await.unwrap());
    }
    started.sort_unstable();
    assert_eq!(started, [0, 1, 10, 11, 12]);
    for n in 2..6 {
        bench.lab.gate.add_permits(1);
        assert_eq!(bench.started.recv().await, Some(n));
        assert_eq!(
            bench
                .world
                .count("select count(*) from jobs where kind = 'rare-probe' and state = 'running'")
                .await,
            2
        );
    }
    bench.lab.gate.add_permits(2);
    bench.world.drain().await;
    bench.end().await;
}

#[tokio::test]
async fn a_cancelled_job_does_not_run_and_a_running_one_is_dropped() {
    let mut bench = Bench::new().await;
    bench.start(4);
    let hour = bench.world.clock.now() + time::Duration::HOUR;
    let waiting = Probe { key: Some("reminder:1".into()), ..Probe::new(1, Act::Work) };
    bench.enqueue([NewJob::of(&waiting).at(hour)]).await;
    assert!(ledger::cancel_by_key(&mut *bench.conn().await, "reminder:1", "moved on").await.unwrap());
    assert!(!ledger::cancel_by_key(&mut *bench.conn().await, "reminder:1", "again").await.unwrap());
    let job = bench.job().await;
    assert_eq!((job.state, &job.causes[0]["error"]), (JobState::Cancelled, &json!("moved on")));
    sqlx::query("delete from jobs").execute(&bench.world.pool).await.unwrap();

    bench.enqueue([NewJob::of(&Probe::new(2, Act::Hang))]).await;
    assert_eq!(bench.started.recv().await, Some(2));
    let id = bench.job().await.id;
    let cancelled = ledger::cancel(&mut *bench.conn().await, id, "not wanted").await.unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    // Its slot is free again: with all four taken and cancelled, a fifth can start.
    bench.enqueue((3..6).map(|n| NewJob::of(&Probe::new(n, Act::Hang)))).await;
    for _ in 3..6 {
        bench.started.recv().await;
    }
    let running: Vec<Uuid> = sqlx::query_scalar("select id from jobs where state = 'running'")
        .fetch_all(&bench.world.pool)
        .await
        .unwrap();
    for id in running {
        ledger::cancel(&mut *bench.conn().await, id.into(), "not wanted").await.unwrap();
    }
    bench.enqueue((10..14).map(|n| NewJob::of(&Probe::new(n, Act::Work)))).await;
    bench.world.drain().await;
    bench.assert_effects(4).await;
    assert!(ledger::cancel(&mut *bench.conn().await, id, "twice").await.is_err());
    bench.end().await;
}

#[tokio::test]
async fn rows_that_ended_long_ago_are_pruned_and_their_keys_are_free() {
    let mut bench = Bench::new().await;
    let keyed = || NewJob::of(&Probe { key: Some("once".into()), ..Probe::new(1, Act::Work) });
    bench.start(4);
    bench.enqueue([keyed(), NewJob::of(&Probe::new(2, Act::GiveUp))]).await;
    bench.world.drain().await;
    bench.enqueue([keyed()]).await;
    assert_eq!(bench.world.count("select count(*) from jobs").await, 2, "the key is taken");
    let now = bench.world.clock.now();
    let (past, future) = (now - time::Duration::HOUR, now + time::Duration::HOUR);
    assert_eq!(ledger::prune(&mut *bench.conn().await, past, past, 10).await.unwrap(), 0, "too young");
    assert_eq!(ledger::prune(&mut *bench.conn().await, future, past, 10).await.unwrap(), 1, "the dead stay");
    bench.enqueue([keyed()]).await;
    bench.world.drain().await;
    assert_eq!(bench.world.count("select count(*) from effects").await, 2);
    assert_eq!(
        ledger::prune(&mut *bench.conn().await, future, future, 1).await.unwrap(),
        2,
        "so many of each"
    );
    bench.end().await;
}

#[tokio::test]
async fn a_tick_runs_once_however_many_processes_offer_it() {
    const LINES: [Cron; 1] =
        [Cron { name: "probe", every: Every::Minutes(10), job: || NewJob::of(&Probe::new(7, Act::Work)) }];
    let mut bench = Bench::new().await;
    let start = bench.world.clock.now();
    let offer = async |now| {
        let mut tx = bench.db.begin().await.unwrap();
        ledger::offer(&mut tx, &LINES, now).await.unwrap();
        tx.commit().await.unwrap();
    };
    // Three processes at one tick, and again after an absence of an hour: one job for each of the two.
    for now in [start, start, start, start + time::Duration::HOUR, start + time::Duration::HOUR] {
        offer(now).await;
    }
    bench.start(4);
    bench.world.drain().await;
    assert_eq!(bench.world.count("select count(*) from effects").await, 2);
    bench.end().await;
}

#[tokio::test]
async fn the_platforms_own_schedule_tidies_up() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    client.post("/api/v1/matching/missions", mission()).await.expect(201);
    let stale = "insert into feed_events select $1::uuid, n, 'old', '{}', now() - interval '8 days' from generate_series(1, 6000) n";
    sqlx::query(stale).bind(&client.id).execute(&world.pool).await.unwrap();
    sqlx::query("update jobs set state = 'done', finished_at = now() - interval '8 days'")
        .execute(&world.pool)
        .await
        .unwrap();
    let lines = i64::try_from(jobs::schedule::SCHEDULE.len()).unwrap();
    let stop = CancellationToken::new();
    let config = world.worker_config(&["--worker-cron", "true"]);
    let worker = tokio::spawn(workers::run(config, world.clock.clone(), stop.clone()));
    let ticked = "select count(distinct split_part(unique_key, ':', 2)) from jobs where unique_key like 'cron:%' and state = 'done'";
    while world.count(ticked).await < lines {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
    assert_eq!(world.count("select count(*) from feed_events where event = 'old'").await, 0);
    assert_eq!(world.count("select count(*) from jobs where kind = 'match-mission'").await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_breaks_its_promise_sends_away_who_feeds_it() {
    let mut world = World::without_worker().await;
    let client = world.client("lilas").await;
    let missions = "/api/v1/matching/missions";
    client.post(missions, mission()).await.expect(201);
    sqlx::query("update jobs set run_at = run_at - interval '6 seconds'").execute(&world.pool).await.unwrap();
    let overloaded = loop {
        let answer = client.post(missions, mission()).await;
        if answer.status.as_u16() == 503 {
            break answer;
        }
        sqlx::query("update jobs set run_at = run_at - interval '6 seconds'")
            .execute(&world.pool)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(overloaded.headers.contains_key("retry-after"));
    overloaded.expect_error(503, "QUEUE_OVERLOADED");
    client.get(missions).await.expect(200);
    world.start_worker();
    world.drain().await;
    // It recovers by itself.
    while client.post(missions, mission()).await.status.as_u16() == 503 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.end().await;
}

#[tokio::test]
async fn operators_see_pause_cancel_and_discard() {
    let world = World::new().await;
    let (admin, client) = (world.admin().await, world.client("lilas").await);
    let queue = admin.act("/api/v1/admin/queues/critical/pause").await.expect(200);
    assert_eq!(queue["paused"], true);
    client.post("/api/v1/matching/missions", mission()).await.expect(201);
    let job = admin.get("/api/v1/admin/jobs?kind=match-mission").await.expect(200)["items"][0].clone();
    let path = format!("/api/v1/admin/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.expect(200)["attempt"], 0, "a paused queue starts nothing");
    let cancelled = admin.act(&format!("{path}/cancel")).await.expect(200);
    assert_eq!(cancelled["state"], "CANCELLED");
    admin.act(&format!("{path}/cancel")).await.expect_error(409, "JOB_NOT_CANCELLABLE");
    admin.act(&format!("{path}/discard")).await.expect_error(409, "JOB_NOT_DEAD");
    sqlx::query("update jobs set state = 'dead' where kind = 'match-mission'")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(admin.act(&format!("{path}/discard")).await.expect(200)["state"], "CANCELLED");
    assert_eq!(admin.act("/api/v1/admin/queues/critical/resume").await.expect(200)["paused"], false);
    admin.act("/api/v1/admin/queues/nothing/resume").await.expect(404);
    client.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.end().await;
}

#[tokio::test]
async fn metrics_say_what_the_ledger_holds() {
    api::metrics::recorder();
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    client.post("/api/v1/matching/missions", mission()).await.expect(201);
    let answer = world.anonymous().get("/metrics").await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let text = answer.body.as_str().unwrap().to_owned();
    for line in [
        "jobs_enqueued_total{kind=\"match-mission\"}",
        "jobs{kind=\"send-mail\",state=\"dead\"}",
        "queue_oldest_due_seconds{queue=\"critical\"}",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let ready = world.anonymous().get("/health/ready").await.expect(200);
    assert!(ready["queues"]["critical"].is_number());
    world.stop().await;
}
