//! Deaths of whole processes: a real worker is killed, Redis is flushed and restarted, and the mission is matched once.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";

/// The worker's own binary, as an operator would start it.
pub fn worker(world: &World, redis_url: &str) -> Child {
    world.program("sociopulse-worker").env("REDIS_URL", redis_url).spawn().unwrap()
}

/// Everything that matching sets off is there, once.
async fn assert_matched_once(world: &World, matched: &Value) {
    assert_eq!(matched["matches"].as_array().unwrap().len(), 3);
    world.drain().await;
    for (rows, count) in [
        ("select count(*) from mission_matches", 3),
        ("select count(*) from invitations", 3),
        ("select count(*) from notifications", 3),
        ("select count(*) from messages", 1),
        ("select count(*) from feed_events where event = 'mission:matched'", 1),
        ("select count(*) from jobs where kind = 'send-mail'", 3),
    ] {
        assert_eq!(world.count(rows).await, count, "{rows}");
    }
}

async fn with_three_nurses() -> (World, tests::Client) {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    for (name, km) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
        world.nurse(name, km).await;
    }
    (world, client)
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_a_match() {
    let (world, client) = with_three_nurses().await;
    let mut socket = client.socket().await;
    // The handler waits for the conversation's row, which this transaction holds: it is in the middle.
    let mut blocker = world.pool.begin().await.unwrap();
    client.post(MISSIONS, mission()).await.expect(201);
    sqlx::query("select from conversations for update").execute(&mut *blocker).await.unwrap();
    let mut victim = worker(&world, &world.redis_url);
    wait_until(&world, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'", 1).await;
    victim.kill().await.unwrap();
    blocker.rollback().await.unwrap();
    assert_eq!(world.count("select count(*) from invitations").await, 0, "nothing half done");

    let _successor = worker(&world, &world.redis_url);
    let matched = socket.next("mission:matched").await;
    assert_matched_once(&world, &matched).await;
    let crashed: (i32, i32, Value) =
        sqlx::query_as("select crashes, attempt, causes from jobs where kind = 'match-mission'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!((crashed.0, crashed.1), (1, 2));
    assert!(crashed.2[0]["error"].as_str().unwrap().starts_with("worker died"));
    world.stop().await;
}

#[tokio::test]
async fn redis_flushed_between_enqueue_and_fetch() {
    let redis = PrivateRedis::start(None).await;
    let (mut world, client) = with_three_nurses().await;
    world.redis_url = redis.url();
    world.base = world.start_api(&[]).await;
    let client = client.at(&world.base);
    let mut socket = client.socket().await;
    client.post(MISSIONS, mission()).await.expect(201);
    // Dispatched, pushed, and wiped before anybody fetched.
    let mut conn = world.pool.acquire().await.unwrap();
    let tickets =
        jobs::ledger::choose(&mut conn, jobs::queues::CRITICAL, [333; 3], &[], time::Duration::ZERO)
            .await
            .unwrap();
    let [ticket] = &tickets[..] else { panic!("one job: {tickets:?}") };
    let mut connection = domain::bus::connect(&redis.url()).unwrap();
    let list = format!("{}:queue:critical:high:active", world.prefix);
    redis::cmd("RPUSH")
        .arg(list)
        .arg(ticket.id.0.simple().to_string())
        .exec_async(&mut connection)
        .await
        .unwrap();
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    drop(conn);

    world.start_worker();
    let matched = socket.next("mission:matched").await;
    assert_matched_once(&world, &matched).await;
    world.end().await;
}

#[tokio::test]
async fn redis_killed_and_restarted_under_load() {
    let redis = PrivateRedis::start(None).await;
    let (mut world, client) = with_three_nurses().await;
    world.redis_url = redis.url();
    world.base = world.start_api(&[]).await;
    let client = client.at(&world.base);
    let mut socket = client.socket().await;
    let _worker = worker(&world, &redis.url());
    for _ in 0..20 {
        client.post(MISSIONS, mission()).await.expect(201);
    }
    let port = redis.port;
    redis.kill().await;
    // Without Redis requests are still accepted: the truth is in PostgreSQL.
    for _ in 0..20 {
        client.post(MISSIONS, mission()).await.expect(201);
    }
    let _redis = PrivateRedis::start(Some(port)).await;
    for _ in 0..10 {
        client.post(MISSIONS, mission()).await.expect(201);
    }
    for _ in 0..50 {
        assert_eq!(socket.next("mission:matched").await["matches"].as_array().unwrap().len(), 3);
    }
    world.drain().await;
    assert_eq!(world.count("select count(*) from invitations").await, 150);
    assert_eq!(world.count("select count(*) from messages").await, 50);
    assert_eq!(
        world.count("select count(*) from jobs where kind = 'send-mail' and state = 'done'").await,
        150
    );
    world.stop().await;
}

pub async fn wait_until(world: &World, count: &str, at_least: i64) {
    let reached = async {
        while world.count(count).await < at_least {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(tests::PATIENCE, reached).await.unwrap_or_else(|_| panic!("never: {count}"));
}

/// A Redis that may be killed without hurting other tests. Nothing is persisted: a restart forgets everything.
struct PrivateRedis {
    process: Child,
    port: u16,
}

impl PrivateRedis {
    async fn start(port: Option<u16>) -> Self {
        let free = || std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let port = port.unwrap_or_else(free);
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(tests::PATIENCE, answers).await.unwrap();
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}
