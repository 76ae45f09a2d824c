//! Every job is delivered twice, and the second time nothing happens: no row, no mail, no further job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use domain::ids::MissionId;
use jobs::ledger::{DOORBELL, NewJob};
use jobs::purge::{Purge, Stale};
use jobs::{DigestUnread, DraftMissingContracts, effects};
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use crate::accounts::register;
use crate::letters::letters;
use crate::places::{Reply, Service, placeless};
use crate::world::{World, mission};

mod bookings;
mod chorus;
mod growth;
mod hub;
mod money;
mod push;

const MISSIONS: &str = "/api/v1/matching/missions";

/// What there is: a digest of each table, how many jobs of each kind, and every mail by its id.
async fn everything(world: &World) -> BTreeMap<String, String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select tablename::text from pg_tables
          where schemaname = 'public' and tablename not in ('jobs', 'workers', '_sqlx_migrations')",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let digests = tables.iter().map(|table| {
        format!(
            "select '{table}', md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) from {table} t"
        )
    });
    // In one statement: what is looked at this often must not be a question for each table.
    let digests = digests.collect::<Vec<_>>().join(" union all ");
    let digests: Vec<(String, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(digests)).fetch_all(&world.pool).await.unwrap();
    let mut digests: BTreeMap<_, _> = digests.into_iter().collect();
    let jobs: Vec<(String, i64)> =
        sqlx::query_as("select kind, count(*) from jobs group by kind").fetch_all(&world.pool).await.unwrap();
    digests.extend(jobs.into_iter().map(|(kind, count)| (format!("jobs: {kind}"), count.to_string())));
    digests.extend(letters(world).into_iter().map(|letter| (letter.id, letter.to + " " + &letter.subject)));
    digests
}

/// The jobs that were delivered twice, by kind.
#[derive(Default)]
struct Delivered(BTreeMap<String, BTreeSet<Uuid>>);

impl Delivered {
    /// Lets everything that is due end, then delivers each job of it once more, alone.
    async fn again(&mut self, world: &World) {
        world.drain().await;
        let db = world.db();
        let ended: Vec<(Uuid, String, String)> =
            sqlx::query_as("select id, kind, queue from jobs where state = 'done' order by id")
                .fetch_all(&world.pool)
                .await
                .unwrap();
        let mut before = everything(world).await;
        for (id, kind, queue) in ended {
            if !self.0.entry(kind.clone()).or_default().insert(id) {
                continue;
            }
            let mut tx = db.begin().await.unwrap();
            sqlx::query("update jobs set state = 'waiting', attempt = 0 where id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.announce(DOORBELL.into(), queue);
            tx.commit().await.unwrap();
            world.drain().await;
            let after = everything(world).await;
            let mut keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            keys.retain(|key| before.get(*key) != after.get(*key));
            if kind == "send-mail" {
                // A second copy carries a link of its own; nobody has kept the first in plain.
                keys.retain(|key| *key != "auth_tokens");
            }
            if kind == "digest-unread" {
                // How far it has looked moves with the clock.
                keys.retain(|key| *key != "unread_digest_progress");
            }
            if kind == "push-messages" {
                keys.retain(|key| *key != "message_push_progress");
            }
            assert!(keys.is_empty(), "{kind} has done more the second time: {keys:?}");
            before = after;
        }
    }

    /// The end of a part of these stories; with the last of them every kind of job has been delivered twice.
    fn end(self) {
        let mut played = PLAYED.lock().unwrap();
        played.parts += 1;
        played.kinds.extend(self.0.into_keys());
        if played.parts == PARTS {
            let kinds = jobs::KINDS.iter().map(|policy| policy.kind);
            let missing: Vec<_> = kinds.filter(|kind| !played.kinds.contains(*kind)).collect();
            assert!(missing.is_empty(), "not played here: {missing:?}");
        }
    }
}

/// How many tests play together.
const PARTS: usize = 7;
static PLAYED: Mutex<Played> = Mutex::new(Played { parts: 0, kinds: BTreeSet::new() });

struct Played {
    parts: usize,
    kinds: BTreeSet<String>,
}

#[tokio::test]
async fn every_job_of_bookings_is_harmless_the_second_time() {
    let mut twice = Delivered::default();
    bookings::play(&mut twice).await;
    twice.end();
}

#[tokio::test]
async fn every_job_of_work_is_harmless_the_second_time() {
    let mut twice = Delivered::default();
    hub::play(&mut twice).await;
    twice.end();
}

#[tokio::test]
async fn every_job_of_growth_is_harmless_the_second_time() {
    let mut twice = Delivered::default();
    growth::play(&mut twice).await;
    twice.end();
}

#[tokio::test]
async fn every_job_of_chorus_is_harmless_the_second_time() {
    let mut twice = Delivered::default();
    chorus::play(&mut twice).await;
    twice.end();
}

#[tokio::test]
async fn every_job_of_money_is_harmless_the_second_time() {
    let mut twice = Delivered::default();
    money::play(&mut twice).await;
    twice.end();
}

#[tokio::test]
async fn every_job_of_pushes_is_harmless_the_second_time() {
    let mut twice = Delivered::default();
    push::play(&mut twice).await;
    twice.end();
}

#[tokio::test]
async fn every_job_of_missions_is_harmless_the_second_time() {
    let service = Service::start(&[Reply::Found(48.85, 2.35, 0.97)]).await;
    let mut world = World::without_worker().await;
    let settings =
        ["--worker-cron", "false", "--geocoder-url", &service.url, "--alert-email", "ops@example.org"];
    world.start_worker_with(&settings);
    let mut twice = Delivered::default();

    let admin = world.admin().await;
    let client = world.client("lilas").await;
    let mut nurses = Vec::new();
    for n in 0..5_u8 {
        nurses.push(world.nurse(&format!("nurse-{n}"), 2.0 + f64::from(n)).await);
    }
    crate::invoices::issued(&world, &nurses[0], &client, "payment").await;
    register(&world, "lea@example.org", "TALENT").await;
    let forgotten = json!({ "email": "lea@example.org" });
    world.anonymous().post("/api/v1/auth/forgot-password", forgotten).await.expect(202);
    let site = json!({ "address": "1 rue de Rivoli", "city": "Paris", "postalCode": "75004" });
    let site = client.patch("/api/v1/me/establishment", site).await.expect(200);
    let members = format!("/api/v1/establishments/{}/members", site["id"].as_str().unwrap());
    client.post(&members, json!({ "email": "new@example.org", "role": "VIEWER" })).await.expect(201);
    twice.again(&world).await;

    let mut urgent = placeless();
    urgent["urgencyLevel"] = json!("CRITICAL");
    let urgent = client.post(MISSIONS, urgent).await.expect(201);
    let urgent = format!("{MISSIONS}/{}", urgent["id"].as_str().unwrap());
    let called_off = client.post(MISSIONS, mission()).await.expect(201);
    let called_off = format!("{MISSIONS}/{}/cancel", called_off["id"].as_str().unwrap());
    twice.again(&world).await;
    client.post(&called_off, json!({ "reason": "Erreur" })).await.expect(200);
    // Better than who was invited: the mission is matched again.
    world.nurse("nearest", 1.0).await;
    twice.again(&world).await;
    // One quote is accepted, whose contract nobody signs, and one is forgotten.
    let offer = json!({ "clientId": client.id, "title": "Atelier", "lines": [{
        "description": "Séance", "quantityMilli": 1_000, "unit": "h", "unitPriceCents": 4_500, "vatBps": 0,
    }] });
    let mut quotes = Vec::new();
    for _ in 0..2 {
        let draft = nurses[0].post("/api/v1/quotes", offer.clone()).await.expect(201);
        quotes.push(format!("/api/v1/quotes/{}", draft["id"].as_str().unwrap()));
        nurses[0].act(&format!("{}/send", quotes.last().unwrap())).await.expect(200);
    }
    let accepted = client.act(&format!("{}/accept", quotes[0])).await.expect(200);
    let contract = format!("/api/v1/contracts/{}", accepted["contractId"].as_str().unwrap());
    client.act(&format!("{contract}/sign/request-code")).await.expect(202);
    twice.again(&world).await;
    world.clock.advance(Duration::seconds(61));
    twice.again(&world).await;
    world.clock.advance(Duration::minutes(10));
    twice.again(&world).await;
    assert_eq!(world.count("select count(*) from invitations where wave = 2").await, 2);

    let winner = nurses[0].clone();
    let invitations = winner.get("/api/v1/me/invitations").await.expect(200);
    let mut invitations = invitations["items"].as_array().unwrap().iter();
    let invitation = invitations.find(|item| item["status"] == "PENDING").unwrap();
    let accept = format!("/api/v1/invitations/{}/accept", invitation["id"].as_str().unwrap());
    let assignment = winner.act(&accept).await.expect(200);
    twice.again(&world).await;
    let mission_id: Uuid = assignment["missionId"].as_str().unwrap().parse().unwrap();
    let mission = client.get(&format!("{MISSIONS}/{mission_id}")).await.expect(200);
    let chat = format!("/api/v1/conversations/{}", mission["conversationId"].as_str().unwrap());
    let said = winner
        .post(&format!("{chat}/messages"), json!({ "content": "Mme Petit va mieux." }))
        .await
        .expect(201);
    let report = json!({ "messageId": said["id"], "reason": "Elle nomme une résidente." });
    client.post(&format!("{chat}/report"), report).await.expect(201);
    let mut tx = world.db().begin().await.unwrap();
    effects::conversations::mission_reported(&mut tx, MissionId(mission_id), world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    twice.again(&world).await;
    let suspend = format!("/api/v1/admin/users/{}/suspend", winner.id);
    admin.patch(&suspend, json!({ "reason": "Plainte en cours" })).await.expect(200);
    twice.again(&world).await;
    assert_eq!(client.get(&urgent).await.expect(200)["status"], "OPEN", "looked for again");

    world.clock.advance(Duration::minutes(16));
    world.enqueue(NewJob::of(&DraftMissingContracts {})).await;
    world.enqueue(NewJob::of(&DigestUnread {})).await;
    twice.again(&world).await;
    world.clock.advance(Duration::hours(13));
    twice.again(&world).await;
    assert_eq!(world.count("select count(*) from notifications where type = 'MISSION_UNFILLED'").await, 1);
    world.clock.advance(Duration::hours(11));
    twice.again(&world).await;
    assert_eq!(world.count("select count(*) from notifications where type = 'MISSION_EXPIRED'").await, 1);
    world.enqueue(NewJob::of(&Purge { stale: Stale::Feeds })).await;
    twice.again(&world).await;
    world.clock.advance(Duration::days(14));
    twice.again(&world).await;
    let expired = "select count(*) from establishment_invitations where status = 'EXPIRED'";
    assert_eq!(world.count(expired).await, 1);
    let over = "select count(*) from contracts where cancel_cause = 'TIME_OUT'";
    assert_eq!(world.count(over).await, 1);
    world.clock.advance(Duration::days(17));
    twice.again(&world).await;
    assert_eq!(world.count("select count(*) from quotes where status = 'EXPIRED'").await, 1);
    twice.end();
    world.end().await;
}
