//! What a suspended or banned account leaves behind, also when the worker that tidies up is killed in the middle.

use serde_json::{Value, json};
use tests::Client;
use time::Duration;
use tokio::process::Child;

use crate::faults::{wait_until, worker};
use crate::world::{World, mission, rfc3339, tomorrow};

const MISSIONS: &str = "/api/v1/matching/missions";
/// Backends that wait for somebody's row.
pub const WAITING: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
/// Zero, and not below it, once nothing is left, nor what a dead worker held: that comes back within seconds.
const UNFINISHED: &str = "select -count(*) from jobs where state in ('waiting', 'dispatched', 'running')
                             and run_at < clock_timestamp() + interval '10 seconds'";

/// Missions of the next weeks, in the order of their ids, and who accepted each; a worker has run until here.
struct Planned {
    world: World,
    admin: Client,
    client: Client,
    nurse: Client,
    paths: Vec<String>,
    worker: Child,
}

impl Planned {
    async fn new(missions: i64) -> Self {
        let world = World::without_worker().await;
        let worker = worker(&world, &world.redis_url);
        let (admin, client) = (world.admin().await, world.client("lilas").await);
        let nurse = world.nurse("nurse", 1.0).await;
        let mut paths = Vec::new();
        for week in 0..missions {
            let mut body = mission();
            body["startDate"] = json!(rfc3339(tomorrow() + Duration::weeks(week)));
            let posted = client.post(MISSIONS, body).await.expect(201);
            world.drain().await;
            let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
            let invitation = invitations["items"][0]["id"].as_str().unwrap();
            nurse.act(&format!("/api/v1/invitations/{invitation}/accept")).await.expect(200);
            paths.push(format!("{MISSIONS}/{}", posted["id"].as_str().unwrap()));
        }
        world.drain().await;
        Self { world, admin, client, nurse, paths, worker }
    }

    async fn suspend(&self, who: &Client) {
        let path = format!("/api/v1/admin/users/{}/suspend", who.id);
        self.admin.patch(&path, json!({ "reason": "Plainte en cours" })).await.expect(200);
    }

    async fn statuses(&self) -> Vec<Value> {
        let mut statuses = Vec::new();
        for path in &self.paths {
            statuses.push(self.admin.get(path).await.expect(200)["status"].clone());
        }
        statuses
    }

    /// Lets a worker come as far as a row that somebody else holds, kills it there, and lets another one finish.
    async fn kill_at(&mut self, row: &'static str, suspended: &Client, in_between: &[&str]) {
        self.worker.kill().await.unwrap();
        let mut holder = self.world.pool.begin().await.unwrap();
        sqlx::query(row).execute(&mut *holder).await.unwrap();
        self.suspend(suspended).await;
        let mut victim = worker(&self.world, &self.world.redis_url);
        wait_until(&self.world, WAITING, 1).await;
        assert_eq!(self.statuses().await, in_between);
        victim.kill().await.unwrap();
        holder.rollback().await.unwrap();
        self.worker = worker(&self.world, &self.world.redis_url);
        wait_until(&self.world, UNFINISHED, 0).await;
        // And once more from the beginning, as after a crash behind the last step.
        let again = "update jobs set state = 'waiting', attempt = 0 where kind in ('enforce-account', 'cancel-cascade')";
        sqlx::query(again).execute(&self.world.pool).await.unwrap();
        wait_until(&self.world, UNFINISHED, 0).await;
    }

    /// How many of the missions a person was told this about, none of them twice.
    async fn told(&self, who: &Client, kind: &str) -> usize {
        let page = who.get("/api/v1/notifications?limit=100").await.expect(200);
        let items = page["items"].as_array().unwrap().iter().filter(|item| item["type"] == kind);
        let mut missions: Vec<_> = items.map(|item| item["data"]["missionId"].to_string()).collect();
        let all = missions.len();
        missions.sort();
        missions.dedup();
        assert_eq!(missions.len(), all, "{kind} twice");
        all
    }

    async fn end(mut self) {
        self.worker.kill().await.unwrap();
        self.world.stop().await;
    }
}

#[tokio::test]
async fn a_talents_missions_are_given_back_one_by_one_whatever_dies() {
    let mut planned = Planned::new(3).await;
    let (nurse, client) = (planned.nurse.clone(), planned.client.clone());
    let second =
        "select from missions where id = (select id from missions order by id offset 1 limit 1) for update";
    // What was done before the death stays done.
    planned.kill_at(second, &nurse, &["OPEN", "ASSIGNED", "ASSIGNED"]).await;
    assert_eq!(planned.statuses().await, ["OPEN"; 3]);
    assert_eq!(planned.told(&client, "ASSIGNMENT_WITHDRAWN").await, 3);
    let said =
        "select count(*) from messages where content = 'Un talent s’est désisté. La recherche reprend.'";
    assert_eq!(planned.world.count(said).await, 3, "once in each room");
    let mails = planned.world.mails();
    let told = mails
        .iter()
        .filter(|mail| mail.contains("To: nurse@example.org") && mail.contains("Plainte en cours"));
    assert_eq!(told.count(), 1, "the person hears of it once");
    planned.end().await;
}

#[tokio::test]
async fn a_clients_missions_are_called_off_together_and_told_one_by_one() {
    let mut planned = Planned::new(3).await;
    let (nurse, client) = (planned.nurse.clone(), planned.client.clone());
    let room = "select from conversations where mission_id = (select id from missions order by id offset 1 limit 1) for update";
    planned.kill_at(room, &client, &["CANCELLED"; 3]).await;
    assert_eq!(planned.statuses().await, ["CANCELLED"; 3]);
    assert_eq!(planned.told(&nurse, "MISSION_CANCELLED").await, 3);
    assert_eq!(planned.told(&client, "MISSION_CANCELLED").await, 3);
    let price = "select count(*) from missions where cancellation_cents = 0 and cancel_cause = 'ACCOUNT'";
    assert_eq!(planned.world.count(price).await, 3);
    planned.end().await;
}

#[tokio::test]
async fn a_mission_in_progress_goes_on_whoever_is_suspended() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses = [world.nurse("early", 1.0).await, world.nurse("late", 2.0).await];
    let mut body = mission();
    body["slots"] = json!(2);
    let begun = client.post(MISSIONS, body.clone()).await.expect(201);
    body["startDate"] = json!(rfc3339(tomorrow() + Duration::weeks(1)));
    world.drain().await;
    for nurse in &nurses {
        let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
        let invitation = invitations["items"][0]["id"].as_str().unwrap();
        nurse.act(&format!("/api/v1/invitations/{invitation}/accept")).await.expect(200);
    }
    let planned = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;

    // Half an hour before its start one of the two has begun.
    world.clock.advance(Duration::minutes(23 * 60 + 30));
    world.drain().await;
    sqlx::query("update missions set status = 'IN_PROGRESS' where id = $1::uuid")
        .bind(begun["id"].as_str().unwrap())
        .execute(&world.pool)
        .await
        .unwrap();
    sqlx::query("update assignments set status = 'IN_PROGRESS' where talent_id = $1::uuid")
        .bind(&nurses[0].id)
        .execute(&world.pool)
        .await
        .unwrap();
    let path = |mission: &Value| format!("{MISSIONS}/{}", mission["id"].as_str().unwrap());
    let late = world.returning(&nurses[1]).await;
    late.post(&format!("{}/withdraw", path(&begun)), json!({})).await.expect_error(409, "MISSION_STARTED");
    let admin = world.admin().await;
    for who in [&nurses[0], &nurses[1], &client] {
        let suspend = format!("/api/v1/admin/users/{}/suspend", who.id);
        admin.patch(&suspend, json!({ "reason": "Plainte en cours" })).await.expect(200);
        world.drain().await;
    }
    let seen = admin.get(&path(&begun)).await.expect(200);
    assert_eq!((&seen["status"], &seen["filled"]), (&json!("IN_PROGRESS"), &json!(2)));
    assert_eq!(admin.get(&path(&planned)).await.expect(200)["status"], "CANCELLED");
    for who in [&nurses[0], &late, &client] {
        let mut socket = world.returning(who).await.socket().await;
        socket.join(begun["id"].as_str().unwrap(), None).await;
        socket.say(begun["id"].as_str().unwrap(), "Je termine.").await;
    }
    world.end().await;
}

#[tokio::test]
async fn who_is_suspended_while_posting_has_posted_nothing() {
    let world = World::new().await;
    let (admin, client) = (world.admin().await, world.client("lilas").await);
    // The request is past its door, and waits.
    let mut holder = world.pool.begin().await.unwrap();
    sqlx::query("lock table conversations in share mode").execute(&mut *holder).await.unwrap();
    let suspend = format!("/api/v1/admin/users/{}/suspend", client.id);
    let posting = tokio::spawn(async move { client.post(MISSIONS, mission()).await });
    wait_until(&world, WAITING, 1).await;
    admin.patch(&suspend, json!({ "reason": "Plainte en cours" })).await.expect(200);
    world.drain().await;
    holder.rollback().await.unwrap();
    posting.await.unwrap().expect_error(403, "ACCOUNT_SUSPENDED");
    assert_eq!(world.count("select count(*) from missions").await, 0);
    world.end().await;
}
