//! Conversations beyond a mission's room: lists, read marks, direct ones, and what a suspended account may finish.

use reqwest::Method;
use serde_json::json;

use crate::chat::assigned;
use crate::world::{World, mission};

#[tokio::test]
async fn the_list_counts_what_others_wrote_and_marks_move_forward_only() {
    let mut world = World::new().await;
    let replica = world.start_api(&[]).await;
    let (client, nurse, mission) = assigned(&world).await;
    let mut there = nurse.at(&replica).socket().await;
    let joined = there.join(&mission, None).await;
    assert!(joined["notice"].as_str().unwrap().contains("résident"));
    let id = joined["conversationId"].as_str().unwrap().to_owned();
    let messages = format!("/api/v1/conversations/{id}/messages");
    let message = json!({ "content": "Bonjour", "clientMessageId": "m-1" });
    let sent = client.post(&messages, message.clone()).await.expect(201);
    assert_eq!(client.post(&messages, message).await.expect(201), sent);
    assert_eq!(there.next("chat:message").await["id"], sent["id"]);
    // Under a key, the message is announced once the answer is kept.
    let keyed = client.request(Method::POST, &messages).header("idempotency-key", "k-1");
    let keyed = client.send(keyed.json(&json!({ "content": "Bonjour" }))).await.expect(201);
    assert_eq!(there.next("chat:message").await["id"], keyed["id"]);
    client.post(&messages, json!({ "content": "   " })).await.expect_error(400, "INVALID_REQUEST");

    let unread = async |who: &tests::Client| {
        let list = who.get("/api/v1/conversations").await.expect(200);
        assert_eq!(list["items"][0]["lastMessage"]["content"], "Bonjour");
        list["items"][0]["unread"].as_i64().unwrap()
    };
    assert_eq!((unread(&client).await, unread(&nurse).await), (0, 4));

    let mut here = client.socket().await;
    here.emit("mission:join", json!({ "conversationId": id })).await;
    assert_eq!(here.next("mission:joined").await["missionId"], mission.as_str());
    there.emit("chat:read", json!({ "conversationId": id, "seq": 2 })).await;
    there.next("ack").await;
    assert_eq!(here.next("chat:read").await, json!({ "conversationId": id, "userId": nurse.id, "seq": 2 }));
    assert_eq!(unread(&nurse).await, 2);
    // Back: nobody hears of it. Too far: up to the newest.
    let read = format!("/api/v1/conversations/{id}/read");
    nurse.post(&read, json!({ "seq": 1 })).await.expect(204);
    assert_eq!(unread(&nurse).await, 2);
    nurse.post(&read, json!({ "seq": 999 })).await.expect(204);
    assert_eq!(here.next("chat:read").await["seq"], 4);
    assert_eq!(unread(&nurse).await, 0);
    let outsider = world.client("roses").await;
    outsider.post(&read, json!({ "seq": 1 })).await.expect_error(403, "NOT_A_MEMBER");
    world.end().await;
}

#[tokio::test]
async fn two_whom_a_mission_brings_together_talk_alone() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let stranger = world.client("roses").await;
    let posted = client.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    let by_client = json!({ "missionId": posted["id"], "talentId": nurse.id });
    stranger.post("/api/v1/conversations", by_client.clone()).await.expect_error(403, "NOT_IN_CONTACT");
    let opened = client.post("/api/v1/conversations", by_client).await.expect(201);
    assert_eq!((&opened["kind"], &opened["title"]), (&json!("DIRECT"), &json!("Zoé M.")));
    let again = nurse.post("/api/v1/conversations", json!({ "missionId": posted["id"] })).await.expect(200);
    assert_eq!(again["id"], opened["id"]);

    // An applicant as well, from its own side.
    let far = world.nurse("far", 150.0).await;
    let to_the_poster = json!({ "missionId": posted["id"] });
    far.post("/api/v1/conversations", to_the_poster.clone()).await.expect_error(403, "NOT_IN_CONTACT");
    let application = json!({ "coverLetter": "Disponible demain.", "proposedRateCents": 2600 });
    let apply = format!("/api/v1/matching/missions/{}/apply", posted["id"].as_str().unwrap());
    far.post(&apply, application).await.expect(201);
    far.post("/api/v1/conversations", to_the_poster).await.expect(201);

    let room = json!({ "conversationId": opened["id"] });
    let mut socket = nurse.socket().await;
    socket.emit("mission:join", room.clone()).await;
    assert_eq!(socket.next("mission:joined").await["members"].as_array().unwrap().len(), 2);
    let path = format!("/api/v1/conversations/{}/messages", opened["id"].as_str().unwrap());
    client.post(&path, json!({ "content": "Êtes-vous libre ?" })).await.expect(201);
    assert_eq!(socket.next("chat:message").await["content"], "Êtes-vous libre ?");
    stranger.post(&path, json!({ "content": "Moi aussi" })).await.expect_error(403, "NOT_A_MEMBER");
    let mut outside = stranger.socket().await;
    outside.emit("mission:join", room).await;
    assert_eq!(outside.next("error").await["code"], "NOT_A_MEMBER");
    world.end().await;
}

#[tokio::test]
async fn a_suspended_account_only_finishes_a_mission_in_progress() {
    let world = World::new().await;
    let (_, nurse, mission) = assigned(&world).await;
    world.set_status(&nurse, "SUSPENDED").await;
    let mut socket = nurse.socket().await;
    socket.emit("mission:join", json!({ "missionId": mission })).await;
    assert_eq!(socket.next("error").await["code"], "ACCOUNT_SUSPENDED");
    socket.emit("chat:send", json!({ "missionId": mission, "content": "Bonjour" })).await;
    assert_eq!(socket.next("error").await["code"], "ACCOUNT_SUSPENDED");
    sqlx::query("update missions set status = 'IN_PROGRESS'").execute(&world.pool).await.unwrap();
    socket.join(&mission, None).await;
    socket.say(&mission, "Je termine.").await;
    world.end().await;
}

#[tokio::test]
async fn a_chat_closes_at_its_time_without_waiting_for_a_job() {
    let world = World::new().await;
    let (client, _, mission) = assigned(&world).await;
    sqlx::query("update conversations set lock_at = $1")
        .bind(world.clock.now() + time::Duration::minutes(5))
        .execute(&world.pool)
        .await
        .unwrap();
    let mut socket = client.socket().await;
    socket.say(&mission, "À temps").await;
    world.clock.advance(time::Duration::minutes(5));
    socket.emit("chat:send", json!({ "missionId": mission, "content": "Trop tard" })).await;
    assert_eq!(socket.next("error").await["code"], "CHAT_LOCKED");
    world.drain().await;
    world.end().await;
}

#[tokio::test]
async fn head_does_not_upgrade() {
    let world = World::without_worker().await;
    let request = world.anonymous().request(Method::HEAD, "/api/v1/ws");
    let request = request
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(request.send().await.unwrap().status(), 405);
    world.end().await;
}
