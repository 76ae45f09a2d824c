//! The job engine, rule by rule, with jobs that know nothing of the product. Where a rule is about a death, the dead worker
//! is played by the ledger's own statements: it registers, claims, and is never heard of again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::ids::WorkerId;
use domain::{Bus, Db};
use jobs::ledger::{self, Covered, Fence, Job, JobState, NewJob, Policy, Queue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use workers::engine::{self, Handlers, JobError, JobResult, Run};

use crate::world::World;

mod control;
mod together;

const QUEUE: Queue = Queue::new("probes");

/// A job whose behaviour is its payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Probe {
    n: i64,
    act: Act,
    key: Option<String>,
    debounce: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Act {
    /// Inserts a row and ends.
    Work,
    /// Inserts a row, has the job taken away, and tries to end.
    WorkAndLose,
    NothingToDo,
    Fail,
    FailOnce,
    RetryIn,
    GiveUp,
    Cancel,
    Outage,
    Panic,
    /// Never ends by itself.
    Hang,
}

impl Probe {
    fn new(n: i64, act: Act) -> Self {
        Self { n, act, key: None, debounce: None }
    }
}

impl Job for Probe {
    const POLICY: Policy = Policy::new("probe", QUEUE).attempts(2);

    fn unique_key(&self) -> Option<String> {
        self.key.clone()
    }

    fn debounce_key(&self) -> Option<String> {
        self.debounce.clone()
    }
}

/// Only two at once.
#[derive(Serialize, Deserialize)]
struct Rare(i64);

impl Job for Rare {
    const POLICY: Policy = Policy::new("rare-probe", QUEUE).at_most(2);
}

/// Never ends by itself, and is not waited for.
#[derive(Serialize, Deserialize)]
struct Hanging;

impl Job for Hanging {
    const POLICY: Policy =
        Policy::new("hanging-probe", QUEUE).attempts(2).timeout(Duration::from_millis(300));
}

/// The same with another priority each.
macro_rules! ranked {
    ($name:ident, $kind:literal, $rank:ident) => {
        #[derive(Serialize, Deserialize)]
        struct $name(i64);

        impl Job for $name {
            const POLICY: Policy = Policy::new($kind, QUEUE).$rank();
        }
    };
}

ranked!(Urgent, "urgent-probe", high);
ranked!(Idle, "idle-probe", low);

/// What handlers of probes work with.
#[derive(Clone, Debug)]
struct Lab {
    started: mpsc::UnboundedSender<i64>,
    starts: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

async fn probe(job: Probe, run: Run<Lab>) -> JobResult {
    run.app.starts.fetch_add(1, Ordering::Relaxed);
    let _ = run.app.started.send(job.n);
    let fail = || Err(JobError::Retry("as told".into()));
    match job.act {
        Act::NothingToDo => return run.done_without_effects(),
        Act::Fail => return fail(),
        Act::FailOnce if run.app.starts.load(Ordering::Relaxed) == 1 => return fail(),
        Act::RetryIn => return Err(JobError::RetryIn(Duration::from_secs(3600), "later".into())),
        Act::GiveUp => return Err(JobError::GiveUp("hopeless".into())),
        Act::Cancel => return Err(JobError::Cancel("not wanted".into())),
        Act::Outage => return Err(JobError::Outage("the database is away".into())),
        Act::Panic => panic!("as told"),
        Act::Hang => std::future::pending::<()>().await,
        Act::Work | Act::WorkAndLose | Act::FailOnce => {}
    }
    let mut tx = run.begin().await?;
    sqlx::query("insert into effects (n) values ($1)").bind(job.n).execute(&mut *tx).await?;
    if job.act == Act::WorkAndLose {
        sqlx::query("update jobs set token = gen_random_uuid() where kind = 'probe'")
            .execute(&mut *tx)
            .await?;
    }
    run.done(tx).await
}

async fn ranked(n: i64, run: Run<Lab>) -> JobResult {
    let _ = run.app.started.send(n);
    run.done_without_effects()
}

/// Starts, and ends when the story lets it.
async fn rare(job: Rare, run: Run<Lab>) -> JobResult {
    let _ = run.app.started.send(job.0);
    run.app.gate.acquire().await.unwrap().forget();
    run.done_without_effects()
}

/// A ledger, and engines to run it.
struct Bench {
    world: World,
    db: Db,
    lab: Lab,
    started: mpsc::UnboundedReceiver<i64>,
    engines: Vec<(CancellationToken, JoinHandle<std::io::Result<()>>)>,
}

impl Bench {
    async fn new() -> Self {
        let world = World::without_worker().await;
        sqlx::query("create table effects (n bigint not null)").execute(&world.pool).await.unwrap();
        let bus = Bus::new(domain::bus::connect(&world.redis_url).unwrap(), &world.prefix);
        let db = Db::connect(&world.database_url, 30, bus).unwrap();
        let (sender, started) = mpsc::unbounded_channel();
        let lab = Lab { started: sender, starts: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
        Self { world, db, lab, started, engines: Vec::new() }
    }

    fn start(&mut self, slots: usize) {
        let config = engine::Config {
            database_url: self.world.database_url.clone(),
            redis_url: self.world.redis_url.clone(),
            db: self.db.clone(),
            clock: self.world.clock.clone(),
            handlers: Handlers::new(self.lab.clone())
                .on(probe)
                .on(|_: Hanging, _: Run<Lab>| std::future::pending())
                .on(rare)
                .on_together(8, together::crowd)
                .on(|job: Urgent, run| ranked(job.0, run))
                .on(|job: Idle, run| ranked(job.0, run)),
            crons: Vec::new(),
            slots: vec![(QUEUE, slots)],
            drain: Duration::from_millis(200),
        };
        let stop = CancellationToken::new();
        self.engines.push((stop.clone(), tokio::spawn(engine::run(config, stop))));
    }

    async fn stop_engines(&mut self) {
        for (stop, engine) in self.engines.drain(..) {
            stop.cancel();
            tokio::time::timeout(tests::PATIENCE, engine).await.expect("it stops").unwrap().unwrap();
        }
    }

    async fn end(mut self) {
        self.stop_engines().await;
        self.world.stop().await;
    }

    async fn enqueue(&self, jobs: impl IntoIterator<Item = NewJob>) {
        let mut tx = self.db.begin().await.unwrap();
        ledger::enqueue(&mut tx, jobs).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn work(&self, numbers: std::ops::Range<i64>) {
        self.enqueue(numbers.map(|n| NewJob::of(&Probe::new(n, Act::Work)))).await;
    }

    async fn conn(&self) -> domain::db::Conn {
        self.db.conn().await.unwrap()
    }

    /// Every number had its effect once.
    async fn assert_effects(&self, expected: i64) {
        let distinct = self.world.count("select count(distinct n) from effects").await;
        let all = self.world.count("select count(*) from effects").await;
        assert_eq!((distinct, all), (expected, expected));
    }

    async fn job(&self) -> ledger::JobRow {
        let page = domain::page::Page { after: None, limit: 1 };
        let (mut rows, _) = ledger::list(&mut *self.conn().await, None, None, page).await.unwrap();
        rows.pop().unwrap()
    }

    /// Waits until the newest job satisfies a condition.
    async fn job_when(&self, condition: impl Fn(&ledger::JobRow) -> bool) -> ledger::JobRow {
        let waited = tokio::time::timeout(tests::PATIENCE, async {
            loop {
                let job = self.job().await;
                if condition(&job) {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        match waited.await {
            Ok(job) => job,
            Err(_) => panic!("it stays {:?}", self.job().await),
        }
    }

    /// A worker that registers, claims everything it may, and dies.
    async fn claim_and_die(&self, known: &'static str, covered_seconds: f64) -> Vec<Fence> {
        let worker = WorkerId::new();
        let mut conn = self.conn().await;
        ledger::register(&mut conn, worker, "mortal").await.unwrap();
        let ids: Vec<uuid::Uuid> =
            sqlx::query_scalar("select id from jobs").fetch_all(&mut *conn).await.unwrap();
        let ids: Vec<_> = ids.into_iter().map(Into::into).collect();
        let known = [Covered { kind: known, seconds: covered_seconds }];
        let ahead = time::Duration::ZERO;
        let mut claimed = ledger::claim(&mut conn, &ids, &known, worker, false, ahead).await.unwrap();
        claimed.extend(ledger::claim(&mut conn, &ids, &known, worker, true, ahead).await.unwrap());
        claimed.into_iter().map(|claimed| claimed.fence).collect()
    }
}

/// Makes every dead worker's last beat old enough.
async fn let_beats_grow_old(conn: &mut PgConnection) {
    sqlx::query("update workers set beat_at = clock_timestamp() - interval '5 s' where name = 'mortal'")
        .execute(conn)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_and_its_cause_commit_together_or_not_at_all() {
    let mut bench = Bench::new().await;
    bench.start(4);
    let mut tx = bench.db.begin().await.unwrap();
    sqlx::query("insert into effects (n) values (-1)").execute(&mut *tx).await.unwrap();
    ledger::enqueue(&mut tx, [NewJob::of(&Probe::new(1, Act::Work))]).await.unwrap();
    drop(tx);
    bench.work(2..3).await;
    bench.world.drain().await;
    bench.assert_effects(1).await;
    assert_eq!(bench.started.recv().await, Some(2));
    bench.end().await;
}

#[tokio::test]
async fn three_workers_and_ids_pushed_thrice_run_each_job_once() {
    let mut bench = Bench::new().await;
    for _ in 0..3 {
        bench.start(8);
    }
    bench.work(0..500).await;
    // Strangers in the lists: repetitions and ids that never were.
    let ids: Vec<uuid::Uuid> =
        sqlx::query_scalar("select id from jobs").fetch_all(&bench.world.pool).await.unwrap();
    let mut redis = domain::bus::connect(&bench.world.redis_url).unwrap();
    let list = format!("{}:queue:probes:normal:active", bench.world.prefix);
    for id in ids.iter().chain(&ids).chain(&[uuid::Uuid::now_v7()]) {
        redis::cmd("RPUSH")
            .arg(&list)
            .arg(id.simple().to_string())
            .query_async::<()>(&mut redis)
            .await
            .unwrap();
    }
    redis::cmd("RPUSH").arg(&list).arg("not an id").query_async::<()>(&mut redis).await.unwrap();
    bench.world.drain().await;
    bench.assert_effects(500).await;
    // On a crowded machine a connection may come too late; that is a cause, and written down.
    let again =
        bench.world.count("select coalesce(sum(jsonb_array_length(causes)), 0)::bigint from jobs").await;
    assert_eq!(bench.lab.starts.load(Ordering::Relaxed) as i64, 500 + again);
    bench.end().await;
}

#[tokio::test]
async fn keys_keep_jobs_single() {
    let mut bench = Bench::new().await;
    let unique = Probe { key: Some("tick".into()), ..Probe::new(1, Act::Work) };
    let debounced = Probe { debounce: Some("storm".into()), ..Probe::new(2, Act::FailOnce) };
    for _ in 0..3 {
        bench.enqueue([NewJob::of(&unique), NewJob::of(&debounced), NewJob::of(&debounced)]).await;
    }
    assert_eq!(bench.world.count("select count(*) from jobs").await, 2);
    // Once it is claimed, a debounced job makes room for the next, and its own retry then ends as superseded.
    let fences = bench.claim_and_die("probe", 60.0).await;
    bench.enqueue([NewJob::of(&debounced), NewJob::of(&unique)]).await;
    assert_eq!(bench.world.count("select count(*) from jobs").await, 3);
    let setback =
        ledger::Setback { error: "failed".into(), costs_attempt: true, delay: time::Duration::ZERO };
    let verdicts: Vec<_> =
        fences.iter().map(|fence| (*fence, ledger::Verdict::Postpone(setback.clone()))).collect();
    assert!(ledger::settle(&mut *bench.conn().await, &verdicts).await.unwrap().is_empty());
    let superseded =
        "select count(*) from jobs where state = 'cancelled' and causes::text like '%superseded%'";
    assert_eq!(bench.world.count(superseded).await, 1);
    bench.start(4);
    bench.world.drain().await;
    bench.enqueue([NewJob::of(&unique)]).await;
    assert_eq!(
        bench.world.count("select count(*) from jobs where unique_key = 'tick'").await,
        1,
        "also once done"
    );
    bench.end().await;
}

#[tokio::test]
async fn a_dead_workers_debounced_jobs_make_way_for_the_newer_one() {
    let bench = Bench::new().await;
    let debounced = NewJob::of(&Probe { debounce: Some("storm".into()), ..Probe::new(1, Act::Work) });
    let another = NewJob::of(&Probe { debounce: Some("storm".into()), ..Probe::new(2, Act::Work) });
    // Two of one key in the hands of the dead, a third waiting, and a job that has nothing to do with it.
    bench.enqueue([debounced, NewJob::of(&Probe::new(9, Act::Work))]).await;
    assert_eq!(bench.claim_and_die("probe", 60.0).await.len(), 2);
    bench.enqueue([another]).await;
    assert_eq!(bench.claim_and_die("probe", 60.0).await.len(), 1);
    let_beats_grow_old(&mut *bench.conn().await).await;
    assert_eq!(ledger::sweep(&mut *bench.conn().await).await.unwrap().len(), 3);
    let states = "select count(*) from jobs where state = 'waiting'";
    assert_eq!(bench.world.count(states).await, 2, "one of the key, and the stranger");
    assert_eq!(bench.world.count("select count(*) from jobs where state = 'cancelled'").await, 1);
    bench.end().await;
}

#[tokio::test]
async fn what_redis_loses_is_pushed_again() {
    let mut bench = Bench::new().await;
    bench.work(0..50).await;
    // A relay that died between its commit and its push, and a Redis that was wiped: dispatched, and nowhere to be found.
    let chosen =
        ledger::choose(&mut *bench.conn().await, QUEUE, [333; 3], &[], time::Duration::ZERO).await.unwrap();
    assert_eq!(chosen.len(), 50);
    bench.start(4);
    bench.world.drain().await;
    bench.assert_effects(50).await;
    bench.end().await;
}

#[tokio::test]
async fn a_claim_takes_only_what_is_due_known_and_not_paused() {
    let bench = Bench::new().await;
    let hour = bench.world.clock.now() + time::Duration::HOUR;
    bench.enqueue([NewJob::of(&Probe::new(1, Act::Work)).at(hour)]).await;
    assert!(bench.claim_and_die("probe", 60.0).await.is_empty(), "early");
    bench.work(2..3).await;
    assert!(bench.claim_and_die("another-kind", 60.0).await.is_empty(), "unknown");
    ledger::pause(&mut *bench.conn().await, QUEUE.name()).await.unwrap();
    assert!(bench.claim_and_die("probe", 60.0).await.is_empty(), "paused");
    let mut tx = bench.db.begin().await.unwrap();
    ledger::resume(&mut tx, QUEUE.name()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bench.claim_and_die("probe", 60.0).await.len(), 1);
    assert!(bench.claim_and_die("probe", 60.0).await.is_empty(), "taken");
    bench.end().await;
}

#[tokio::test]
async fn a_dead_workers_job_runs_again_counted_and_fenced() {
    let mut bench = Bench::new().await;
    bench.work(1..2).await;
    let [fence] = bench.claim_and_die("probe", 60.0).await[..] else { panic!("one job") };
    let_beats_grow_old(&mut *bench.conn().await).await;
    // The engine judges others only after four seconds of beats of its own.
    bench.start(4);
    assert_eq!(bench.started.recv().await, Some(1));
    bench.world.drain().await;
    let job = bench.job().await;
    assert_eq!((job.crashes, job.attempt, job.state), (1, 2, JobState::Done));
    assert!(job.causes[0]["error"].as_str().unwrap().contains("mortal"), "{}", job.causes);
    // The dead one wakes up: nothing that it writes counts.
    assert_eq!(ledger::finish(&mut *bench.conn().await, &[fence]).await.unwrap(), 0);
    let late = (fence, ledger::Verdict::Abandon(JobState::Dead, "late".into()));
    assert!(ledger::settle(&mut *bench.conn().await, &[late]).await.unwrap().is_empty());
    assert_eq!(bench.job().await.state, JobState::Done);
    bench.assert_effects(1).await;
    bench.end().await;
}

#[tokio::test]
async fn a_job_that_kills_its_workers_is_set_apart_and_then_dead() {
    let bench = Bench::new().await;
    bench.work(1..2).await;
    let mut redis_lists = Vec::new();
    for crash in 1..=5 {
        assert_eq!(bench.claim_and_die("probe", 60.0).await.len(), 1, "claim {crash}");
        let_beats_grow_old(&mut *bench.conn().await).await;
        let swept = ledger::sweep(&mut *bench.conn().await).await.unwrap();
        assert_eq!(swept.len(), 1);
        assert_eq!(swept[0].dead, crash == 5);
        sqlx::query("update jobs set run_at = clock_timestamp()").execute(&bench.world.pool).await.unwrap();
        let tickets =
            ledger::choose(&mut *bench.conn().await, QUEUE, [9; 3], &[], time::Duration::ZERO).await.unwrap();
        redis_lists.extend(tickets.into_iter().map(|ticket| ticket.suspect));
    }
    assert_eq!(redis_lists, [false, true, true, true], "alone from its second crash");
    let job = bench.job().await;
    assert_eq!((job.state, job.causes.as_array().unwrap().len()), (JobState::Dead, 5));

    // An admin's retry starts the count anew and keeps the causes.
    let mut tx = bench.db.begin().await.unwrap();
    let retried = ledger::retry_dead(&mut tx, job.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((retried.state, retried.crashes, retried.attempt), (JobState::Waiting, 0, 0));
    assert_eq!(retried.causes.as_array().unwrap().len(), 5);
    bench.end().await;
}

#[tokio::test]
async fn a_suspect_runs_alone_and_others_go_on() {
    let mut bench = Bench::new().await;
    bench.work(0..20).await;
    sqlx::query("update jobs set crashes = 2 where (body->'job'->>'n')::int < 3")
        .execute(&bench.world.pool)
        .await
        .unwrap();
    bench.start(8);
    bench.world.drain().await;
    bench.assert_effects(20).await;
    bench.end().await;
}

#[tokio::test]
async fn a_job_that_outlives_its_cover_is_taken_from_a_living_worker() {
    let mut bench = Bench::new().await;
    bench.work(1..2).await;
    let [fence] = bench.claim_and_die("probe", 0.0).await[..] else { panic!("one job") };
    // Its worker beats on; only this job is lost to it.
    let swept = ledger::sweep(&mut *bench.conn().await).await.unwrap();
    assert_eq!(swept.len(), 1);
    assert_eq!(ledger::finish(&mut *bench.conn().await, &[fence]).await.unwrap(), 0);
    bench.start(2);
    bench.job_when(|job| job.state == JobState::Done).await;
    bench.assert_effects(1).await;
    bench.end().await;
}

#[tokio::test]
async fn effects_of_a_lost_job_are_rolled_back() {
    let mut bench = Bench::new().await;
    bench.enqueue([NewJob::of(&Probe::new(1, Act::WorkAndLose))]).await;
    bench.start(1);
    assert_eq!(bench.started.recv().await, Some(1));
    bench.stop_engines().await;
    assert_eq!(bench.world.count("select count(*) from effects").await, 0);
    bench.end().await;
}

#[tokio::test]
async fn how_a_run_ends_is_a_value() {
    for (act, state, attempt, cause) in [
        (Act::Work, JobState::Done, 1, None),
        (Act::NothingToDo, JobState::Done, 1, None),
        (Act::Fail, JobState::Dead, 2, Some("as told")),
        (Act::FailOnce, JobState::Done, 2, Some("as told")),
        (Act::RetryIn, JobState::Waiting, 1, Some("later")),
        (Act::GiveUp, JobState::Dead, 1, Some("hopeless")),
        (Act::Cancel, JobState::Cancelled, 1, Some("not wanted")),
        (Act::Panic, JobState::Dead, 2, Some("panic: as told")),
    ] {
        let mut bench = Bench::new().await;
        bench.enqueue([NewJob::of(&Probe::new(1, act.clone()))]).await;
        bench.start(2);
        let job = bench.job_when(|job| job.state == state && job.attempt == attempt).await;
        assert_eq!(job.causes[0]["error"].as_str(), cause, "{act:?}");
        bench.end().await;
    }
}

#[tokio::test]
async fn a_run_past_its_time_out_is_dropped_and_counts() {
    let mut bench = Bench::new().await;
    bench.enqueue([NewJob::of(&Hanging)]).await;
    bench.start(2);
    let job = bench.job_when(|job| job.state == JobState::Dead).await;
    assert_eq!((job.attempt, job.causes[1]["error"].as_str()), (2, Some("timed out after 300ms")));
    bench.end().await;
}

#[tokio::test]
async fn an_outage_costs_no_attempt() {
    let mut bench = Bench::new().await;
    bench.enqueue([NewJob::of(&Probe::new(1, Act::Outage))]).await;
    bench.start(2);
    // More failures than the policy's two attempts.
    let job = bench.job_when(|job| job.causes.as_array().unwrap().len() >= 3).await;
    assert!(job.state != JobState::Dead && job.attempt <= 1, "{job:?}");
    bench.end().await;
}

#[tokio::test]
async fn an_unreadable_job_dies_alone() {
    let mut bench = Bench::new().await;
    bench.work(0..10).await;
    for (n, body) in [
        (0, json!({})),
        (1, json!({ "version": 2, "job": {} })),
        (2, json!({ "version": 1, "job": { "n": "x" } })),
    ] {
        sqlx::query("update jobs set body = $2 where (body->'job'->>'n')::int = $1")
            .bind(n)
            .bind(body)
            .execute(&bench.world.pool)
            .await
            .unwrap();
    }
    bench.start(4);
    bench.world.drain().await;
    bench.assert_effects(7).await;
    let dead = "select count(*) from jobs where state = 'dead' and attempt = 1 and causes::text like '%unreadable body%'";
    assert_eq!(bench.world.count(dead).await, 3);
    bench.end().await;
}

#[tokio::test]
async fn higher_priorities_go_first() {
    let mut bench = Bench::new().await;
    bench.enqueue((0..5).map(|n| NewJob::of(&Idle(n)))).await;
    bench.enqueue((5..10).map(|n| NewJob::of(&Probe::new(n, Act::NothingToDo)))).await;
    bench.enqueue((10..15).map(|n| NewJob::of(&Urgent(n)))).await;
    bench.start(1);
    let mut order = Vec::new();
    for _ in 0..15 {
        order.push(bench.started.recv().await.unwrap());
    }
    assert_eq!(order, [10, 11, 12, 13, 14, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4]);
    bench.end().await;
}

#[tokio::test]
async fn a_delayed_job_waits_for_its_time() {
    let mut bench = Bench::new().await;
    bench.start(2);
    let hour = bench.world.clock.now() + time::Duration::HOUR;
    bench
        .enqueue([NewJob::of(&Probe::new(1, Act::Work)).at(hour), NewJob::of(&Probe::new(2, Act::Work))])
        .await;
    bench.world.drain().await;
    assert_eq!(bench.started.recv().await, Some(2));
    assert!(bench.started.try_recv().is_err());
    bench.world.clock.advance(time::Duration::HOUR);
    assert_eq!(bench.started.recv().await, Some(1));
    bench.world.drain().await;
    bench.end().await;
}

#[tokio::test]
async fn a_stopping_worker_gives_back_what_it_cannot_finish() {
    let mut bench = Bench::new().await;
    bench.enqueue((0..3).map(|n| NewJob::of(&Probe::new(n, Act::Hang)))).await;
    bench.start(4);
    bench.started.recv().await;
    bench.stop_engines().await;
    let given_back =
        "select count(*) from jobs where state in ('waiting', 'dispatched') and attempt = 0 and crashes = 0";
    assert_eq!(bench.world.count(given_back).await, 3);
    assert_eq!(bench.world.count("select count(*) from workers").await, 0, "it retired");
    bench.end().await;
}

#[tokio::test]
async fn a_request_id_leads_to_its_jobs() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    let request = client.request(reqwest::Method::POST, "/api/v1/matching/missions");
    let request = request.header("x-request-id", "click-0000-0001").json(&crate::world::mission());
    client.send(request).await.expect(201);
    let carried = "select count(*) from jobs where request_id = 'click-0000-0001' and kind = 'match-mission'";
    assert_eq!(world.count(carried).await, 1);
    world.stop().await;
}
