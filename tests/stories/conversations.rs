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
    world.end().await;
}

#[tokio::test]
async fn a_chat_is_open_until_exactly_24_hours_after_the_report() {
    let world = World::new().await;
    let (client, _, mission) = assigned(&world).await;
    let lock_at = domain::clock::to_micros(world.clock.now()) + time::Duration::hours(24);
    sqlx::query("update conversations set lock_at = $1").bind(lock_at).execute(&world.pool).await.unwrap();
    let session: uuid::Uuid = sqlx::query_scalar("select id from sessions where user_id = $1::uuid")
        .bind(&client.id)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let mut conn = world.pool.acquire().await.unwrap();
    let mut may_write = async |at: time::OffsetDateTime| {
        let new = domain::messages::NewMessage {
            room: domain::conversations::Address::Mission(mission.parse::<uuid::Uuid>().unwrap().into()),
            sender: client.id.parse::<uuid::Uuid>().unwrap().into(),
            session: session.into(),
            content: "À temps ?".into(),
            attachments: vec![],
            client_message_id: None,
        };
        let sent = domain::messages::send(&mut conn, &new, at).await.unwrap();
        matches!(sent, domain::messages::Sent::Stored(_))
    };
    assert!(may_write(lock_at - time::Duration::MICROSECOND).await);
    assert!(!may_write(lock_at).await);
    world.end().await;
}

#[tokio::test]
async fn ten_messages_in_ten_seconds_and_no_more() {
    let mut world = World::with_api_settings(&["--rate-limit", "short=1000/1s"]).await;
    world.start_worker();
    let replica = world.start_api(&["--rate-limit", "short=1000/1s"]).await;
    let (client, _, mission) = assigned(&world).await;
    // The budget is the user's, over all connections and replicas.
    let mut sockets = [client.socket().await, client.at(&replica).socket().await];
    for n in 0..10 {
        sockets[n % 2].say(&mission, &format!("message {n}")).await;
    }
    sockets[0].emit("chat:send", json!({ "missionId": mission, "content": "Encore" })).await;
    let error = sockets[0].next("error").await;
    assert_eq!(error["code"], "RATE_LIMITED");
    assert!((1..=10_000).contains(&error["retryAfterMs"].as_i64().unwrap()), "{error}");
    assert_eq!(world.count("select count(*) from messages where kind = 'TEXT'").await, 10);
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

#[tokio::test]
async fn the_room_hears_who_types_and_beats_with_its_heads() {
    let world = World::with_api_settings(&["--live-heartbeat-seconds", "1"]).await;
    let mut world = world;
    world.start_worker();
    let replica = world.start_api(&["--live-heartbeat-seconds", "1"]).await;
    let (client, nurse, mission) = assigned(&world).await;
    let (mut here, mut there) = (client.socket().await, nurse.at(&replica).socket().await);
    let joined = here.join(&mission, None).await;
    there.join(&mission, None).await;
    let id = &joined["conversationId"];
    here.emit("chat:typing", json!({ "conversationId": id })).await;
    assert_eq!(there.next("chat:typing").await, json!({ "conversationId": id, "userId": client.id }));
    let outsider = world.client("roses").await;
    let mut outside = outsider.socket().await;
    outside.emit("chat:typing", json!({ "conversationId": id })).await;
    assert_eq!(outside.next("error").await["code"], "NOT_A_MEMBER");

    here.say(&mission, "Bonjour").await;
    loop {
        let beat = there.next("heartbeat").await;
        if beat["heads"][id.as_str().unwrap()].as_i64() == Some(joined["seq"].as_i64().unwrap() + 1) {
            assert!(beat["feedHead"].as_i64().unwrap() > 0);
            break;
        }
    }
    world.end().await;
}

#[tokio::test]
async fn who_withdraws_hears_the_room_no_more() {
    let world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    let (mut here, mut there) = (client.socket().await, nurse.socket().await);
    let joined = here.join(&mission, None).await;
    there.join(&mission, None).await;
    nurse.post(&format!("/api/v1/matching/missions/{mission}/withdraw"), json!({})).await.expect(200);
    assert_eq!(there.next("mission:left").await["conversationId"], joined["conversationId"]);
    here.say(&mission, "Entre nous").await;
    // What comes to the former member after that is not of the room.
    nurse.act("/api/v1/notifications/mark-all-read").await.expect(200);
    loop {
        let frame = there.frame().await;
        assert_ne!(frame["data"]["content"], "Entre nous");
        if frame["event"] == "notification:count" && frame["data"]["unread"] == 0 {
            break;
        }
    }
    world.end().await;
}
