//! The end of a mission's chat, a day after the report.

use domain::conversations::{self, Address};
use domain::ids::MissionId;
use domain::messages::{self, NewMessage, Sent};
use domain::{Bus, Db};
use jobs::Job;
use serde_json::json;
use tests::Client;
use time::{Duration, OffsetDateTime};

use crate::account_cascade::WAITING;
use crate::chat::assigned;
use crate::faults::wait_until;
use crate::hub::{Shift, hub};
use crate::world::{World, rfc3339};

/// What the report sets off, as the platform does it.
async fn report(world: &World, mission: MissionId) -> OffsetDateTime {
    let redis = domain::bus::connect(&world.redis_url).unwrap();
    let db = Db::connect(&world.database_url, 1, Bus::new(redis, &world.prefix)).unwrap();
    let now = world.clock.now();
    let mut tx = db.begin().await.unwrap();
    jobs::effects::conversations::mission_reported(&mut tx, mission, now).await.unwrap();
    tx.commit().await.unwrap();
    now
}

/// A message as the statement takes it at this time.
async fn sent_at(world: &World, sender: &Client, mission: MissionId, now: OffsetDateTime) -> Sent {
    let session: uuid::Uuid = sqlx::query_scalar("select id from sessions where user_id = $1::uuid limit 1")
        .bind(&sender.id)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let new = NewMessage {
        room: Address::Mission(mission),
        sender: sender.id.parse::<uuid::Uuid>().unwrap().into(),
        session: session.into(),
        content: "À la minute".into(),
        attachments: vec![],
        client_message_id: None,
    };
    messages::send(&mut world.pool.acquire().await.unwrap(), &new, now).await.unwrap()
}

#[tokio::test]
async fn a_chat_closes_a_day_after_the_report_to_the_second_and_says_so_once() {
    let world = World::new().await;
    let (client, nurse, id) = assigned(&world).await;
    let mission: MissionId = id.parse::<uuid::Uuid>().unwrap().into();
    let mut socket = nurse.socket().await;
    let reported_at = report(&world, mission).await;
    let closes_at = reported_at + Duration::DAY;
    let closing = socket.next("mission:closing").await;
    assert_eq!((&closing["missionId"], &closing["closesAt"]), (&json!(id), &json!(rfc3339(closes_at))));
    let list = nurse.get("/api/v1/conversations").await.expect(200);
    assert_eq!(list["items"][0]["lockAt"], rfc3339(closes_at));
    // A second report changes nothing.
    world.clock.advance(Duration::MINUTE);
    report(&world, mission).await;

    assert!(matches!(sent_at(&world, &client, mission, closes_at - Duration::SECOND).await, Sent::Stored(_)));
    assert!(matches!(sent_at(&world, &client, mission, closes_at).await, Sent::Refused));

    world.clock.advance(Duration::DAY);
    let (client, nurse) = (world.returning(&client).await, world.returning(&nurse).await);
    let conversation = list["items"][0]["id"].as_str().unwrap();
    let messages = format!("/api/v1/conversations/{conversation}/messages");
    let late = json!({ "content": "Trop tard" });
    client.post(&messages, late).await.expect_error(403, "CHAT_LOCKED");
    let mut socket = nurse.socket().await;
    socket.emit("chat:send", json!({ "missionId": id, "content": "Trop tard" })).await;
    assert_eq!(socket.next("error").await["code"], "CHAT_LOCKED");

    for _ in 0..2 {
        world.drain().await;
        let history = nurse.get(&messages).await.expect(200);
        let last = history["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["kind"], "SYSTEM");
        assert!(last["content"].as_str().unwrap().starts_with("La conversation est close"), "{last}");
        for (rows, count) in [
            ("select count(*) from messages where content like 'La conversation est close%'", 1),
            ("select count(*) from feed_events where event = 'mission:closing'", 2),
            ("select count(*) from feed_events where event = 'mission:locked'", 2),
            ("select count(*) from conversations where locked_at = lock_at", 1),
        ] {
            assert_eq!(world.count(rows).await, count, "{rows}");
        }
        sqlx::query("update jobs set state = 'waiting', attempt = 0 where kind = $1")
            .bind(jobs::LockChat::POLICY.kind)
            .execute(&world.pool)
            .await
            .unwrap();
    }
    world.drain().await;
    // Read it may be all the same.
    socket.join(&id, None).await;
    world.end().await;
}

#[tokio::test]
async fn a_report_is_judged_while_its_chat_closes() {
    let mut shift = Shift::assigned().await;
    shift.begin().await;
    shift.report(480).await;
    let room = "select id, lock_at from conversations where lock_at is not null";
    let (id, lock_at): (uuid::Uuid, OffsetDateTime) =
        sqlx::query_as(room).fetch_one(&shift.world.pool).await.unwrap();
    let mut tx = shift.world.db().begin().await.unwrap();
    let locked = conversations::mark_locked(&mut tx, id.into(), lock_at).await.unwrap().unwrap();
    let (client, path) = (shift.client.clone(), hub(&shift.mission, "report/validate"));
    let judged = tokio::spawn(async move { client.post(&path, json!({})).await });
    wait_until(&shift.world, WAITING, 1).await;
    jobs::effects::conversations::chat_locked(&mut tx, locked, shift.world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    judged.await.unwrap().expect(200);
    shift.world.end().await;
}
