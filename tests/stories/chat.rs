//! The mission's chat and the live connection, over replicas.

use serde_json::{Value, json};
use tests::{Client, Socket};
use time::Duration;

use crate::world::{World, mission};

/// A client and an assigned nurse in one mission.
pub async fn assigned(world: &World) -> (Client, Client, String) {
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let posted = client.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    let id = invitations["items"][0]["id"].as_str().unwrap().to_owned();
    nurse.act(&format!("/api/v1/invitations/{id}/accept")).await.expect(200);
    world.drain().await;
    (client, nurse, posted["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn both_talk_live_over_two_replicas() {
    let mut world = World::new().await;
    world.start_worker();
    let replica = world.start_api(&[]).await;
    let (client, nurse, mission) = assigned(&world).await;
    let mut here = client.socket().await;
    let mut there = nurse.at(&replica).socket().await;
    let joined = here.join(&mission, None).await;
    assert_eq!(joined["seq"], 2, "two SYSTEM messages");
    assert_eq!(joined["members"].as_array().unwrap().len(), 2);
    there.join(&mission, Some(0)).await;
    assert_eq!(there.next("chat:message").await["kind"], "SYSTEM");
    assert_eq!(there.next("chat:message").await["seq"], 2);
    assert_eq!(here.next("presence").await["userId"], nurse.id.as_str());

    let id = here.emit("chat:send", json!({ "missionId": mission, "content": "Bonjour, à demain ?" })).await;
    let ack = here.frame().await;
    assert_eq!((&ack["event"], &ack["id"], &ack["data"]["seq"]), (&json!("ack"), &json!(id), &json!(3)));
    let own = here.next("chat:message").await;
    let received = there.next("chat:message").await;
    assert_eq!(own, received);
    assert_eq!(received["content"], "Bonjour, à demain ?");
    assert_eq!(received["senderId"], client.id.as_str());

    there.say(&mission, "Oui, à 8 h.").await;
    assert_eq!(here.next("chat:message").await["seq"], 4);
    let history =
        format!("/api/v1/conversations/{}/messages?after=2", joined["conversationId"].as_str().unwrap());
    assert_eq!(nurse.get(&history).await.expect(200)["items"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_resend_is_harmless_and_another_content_is_a_conflict() {
    let world = World::new().await;
    let (client, _, mission) = assigned(&world).await;
    let mut socket = client.socket().await;
    socket.join(&mission, None).await;
    let message = json!({ "missionId": mission, "content": "Une fois", "clientMessageId": "m-1" });
    socket.emit("chat:send", message.clone()).await;
    let first = socket.next("ack").await;
    socket.emit("chat:send", message.clone()).await;
    assert_eq!(socket.next("ack").await, first);
    let mut other = message;
    other["content"] = json!("Autre chose");
    socket.emit("chat:send", other).await;
    assert_eq!(socket.next("error").await["code"], "CLIENT_MESSAGE_ID_REUSED");
    let next = socket.say(&mission, "Encore").await;
    assert_eq!(next["seq"], 4, "the numbers have no gap");
    assert_eq!(world.count("select count(*) from messages where kind = 'TEXT'").await, 2);
    world.end().await;
}

#[tokio::test]
async fn whoever_comes_back_misses_nothing() {
    let world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    let mut socket = nurse.socket().await;
    let seq = socket.join(&mission, None).await["seq"].as_i64().unwrap();
    drop(socket);
    let mut sender = client.socket().await;
    for n in 0..20 {
        sender.say(&mission, &format!("message {n}")).await;
    }
    let mut socket = nurse.socket().await;
    socket.join(&mission, Some(seq)).await;
    for n in 0..20 {
        let message = socket.next("chat:message").await;
        assert_eq!(message["content"], format!("message {n}"));
        assert_eq!(message["seq"], seq + 1 + n);
    }
    socket.emit("mission:leave", json!(mission)).await;
    socket.next("ack").await;
    sender.say(&mission, "unheard").await;
    // The user's feed as well: everything since the first event, however the socket signed in.
    for mut socket in [Socket::open(&world.base, None).await, socket] {
        socket.emit("auth", json!({ "token": nurse.token, "afterEventSeq": 0 })).await;
        let ready = socket.next("ready").await;
        for seq in 1..=ready["eventSeq"].as_i64().unwrap() {
            assert_eq!(socket.frame().await["data"]["eventSeq"], seq);
        }
    }
    world.end().await;
}

#[tokio::test]
async fn messages_that_pub_sub_loses_are_refilled() {
    let world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    let mut socket = nurse.socket().await;
    socket.join(&mission, None).await;
    // Written by a process whose signals go nowhere.
    let redis = domain::bus::connect(&world.redis_url).unwrap();
    let silent = domain::Db::connect(&world.database_url, 1, domain::Bus::new(redis, "elsewhere")).unwrap();
    let session: uuid::Uuid = sqlx::query_scalar("select id from sessions where user_id = $1::uuid")
        .bind(&client.id)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    for n in 0..3 {
        let mut tx = silent.begin().await.unwrap();
        let new = domain::messages::NewMessage {
            room: domain::conversations::Address::Mission(mission.parse::<uuid::Uuid>().unwrap().into()),
            sender: client.id.parse::<uuid::Uuid>().unwrap().into(),
            session: session.into(),
            content: format!("silent {n}"),
            attachments: vec![],
            client_message_id: None,
        };
        let sent = domain::messages::send(&mut tx, &new, world.clock.now()).await.unwrap();
        assert!(matches!(sent, domain::messages::Sent::Stored(_)));
        tx.commit().await.unwrap();
    }
    for n in 0..3 {
        assert_eq!(socket.next("chat:message").await["content"], format!("silent {n}"));
    }
    world.end().await;
}

#[tokio::test]
async fn outsiders_neither_join_nor_send() {
    let world = World::new().await;
    let (client, _, mission) = assigned(&world).await;
    let invited_only = world.nurse("other-nurse", 2.0).await;
    for outsider in [world.client("roses").await, invited_only] {
        let mut socket = outsider.socket().await;
        socket.emit("mission:join", json!({ "missionId": mission })).await;
        assert_eq!(socket.next("error").await["code"], "NOT_A_MEMBER");
        let id = socket.emit("chat:send", json!({ "missionId": mission, "content": "Coucou" })).await;
        let error = socket.next("error").await;
        assert_eq!((&error["code"], &error["id"]), (&json!("NOT_A_MEMBER"), &json!(id)));
        socket.emit("mission:join", json!({ "missionId": uuid::Uuid::now_v7() })).await;
        assert_eq!(socket.next("error").await["code"], "NOT_FOUND");
    }
    // The seed's clients send the bare id; an admin may read along, not write.
    let mut admin = world.admin().await.socket().await;
    admin.emit("mission:join", json!(mission)).await;
    admin.next("mission:joined").await;
    admin.emit("chat:send", json!({ "missionId": mission, "content": "Bonjour" })).await;
    assert_eq!(admin.next("error").await["code"], "NOT_A_MEMBER");
    sqlx::query("update conversations set locked_at = now()").execute(&world.pool).await.unwrap();
    let mut socket = client.socket().await;
    socket.emit("chat:send", json!({ "missionId": mission, "content": "Trop tard" })).await;
    assert_eq!(socket.next("error").await["code"], "CHAT_LOCKED");
    world.end().await;
}

#[tokio::test]
async fn faulty_frames_have_their_answers_and_the_socket_stays_open() {
    let world = World::new().await;
    let (client, _, mission) = assigned(&world).await;
    let mut socket = client.socket().await;
    let send = |field: &str, value: Value| {
        let mut data = json!({ "missionId": mission, "content": "x" });
        data[field] = value;
        json!({ "event": "chat:send", "data": data }).to_string()
    };
    for (frame, code) in [
        ("not json".to_owned(), "INVALID_FRAME"),
        ("[]".to_owned(), "INVALID_FRAME"),
        (json!({ "event": "dance", "data": {} }).to_string(), "UNKNOWN_EVENT"),
        (json!({ "event": "mission:join", "data": "7" }).to_string(), "INVALID_FRAME"),
        (send("content", json!("")), "INVALID_FRAME"),
        (send("content", json!("   ")), "INVALID_FRAME"),
        (send("content", json!("x".repeat(2001))), "INVALID_FRAME"),
        (send("content", json!("a\u{0}b")), "INVALID_FRAME"),
        (send("content", json!(7)), "INVALID_FRAME"),
        (send("conversationId", json!(mission)), "INVALID_FRAME"),
        (send("attachments", json!([1])), "INVALID_FRAME"),
        (send("attachments", json!(vec![&mission; 6])), "INVALID_FRAME"),
        (send("shout", json!(true)), "INVALID_FRAME"),
        (
            json!({ "event": "mission:join", "data": { "missionId": mission, "afterSeq": i64::MIN } })
                .to_string(),
            "INVALID_FRAME",
        ),
    ] {
        socket.emit_text(frame.clone()).await;
        assert_eq!(socket.next("error").await["code"], code, "{frame}");
    }
    socket.emit_text(send("attachments", json!(vec![&mission; 5]))).await;
    socket.next("ack").await;
    socket.say(&mission, &"x".repeat(2000)).await;
    socket.emit_text(send("content", json!("x".repeat(17 * 1024)))).await;
    assert_eq!(socket.closed().await, 1009);
    world.end().await;
}

#[tokio::test]
async fn sockets_need_a_living_session() {
    let world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    // Before authentication: nothing but auth.
    let mut socket = Socket::open(&world.base, None).await;
    socket.emit("mission:join", json!({ "missionId": mission })).await;
    assert_eq!(socket.next("error").await["code"], "UNAUTHENTICATED");
    assert_eq!(socket.closed().await, 4401, "not signed in within 5 s");
    // Forged.
    let mut socket = Socket::open(&world.base, Some("not.a.token")).await;
    assert_eq!(socket.closed().await, 4401);
    // Signed out meanwhile.
    let mut socket = client.socket().await;
    client.act("/api/v1/auth/logout").await.expect(204);
    assert_eq!(socket.closed().await, 4401);
    // Suspended meanwhile: closed once.
    let mut socket = nurse.socket().await;
    world.set_status(&nurse, "SUSPENDED").await;
    assert_eq!(socket.closed().await, 4403);
    // Expired.
    let other = world.client("roses").await;
    let socket = other.socket().await;
    drop(socket);
    world.clock.advance(Duration::minutes(15));
    let mut socket = Socket::open(&world.base, other.token.as_deref()).await;
    assert_eq!(socket.closed().await, 4401);
    // Her profile has settled meanwhile.
    world.end().await;
}

#[tokio::test]
async fn a_stopping_replica_says_so() {
    let world = World::new().await;
    let mut socket = world.client("lilas").await.socket().await;
    let closed = tokio::spawn(async move { socket.closed().await });
    world.end().await;
    assert_eq!(closed.await.unwrap(), 1012);
}

#[tokio::test]
async fn a_feed_that_was_pruned_meanwhile_is_read_anew() {
    let world = World::new().await;
    let (_, nurse, _) = assigned(&world).await;
    sqlx::query("delete from feed_events where user_id = $1::uuid and event_seq = 1")
        .bind(&nurse.id)
        .execute(&world.pool)
        .await
        .unwrap();
    let mut socket = Socket::open(&world.base, None).await;
    socket.emit("auth", json!({ "token": nurse.token, "afterEventSeq": 0 })).await;
    let ready = socket.next("ready").await;
    assert_eq!(
        socket.frame().await,
        json!({ "event": "resync", "data": { "after": 0, "head": ready["eventSeq"] } })
    );
    world.end().await;
}

#[tokio::test]
async fn who_is_more_than_five_hundred_behind_reads_the_history() {
    let world = World::new().await;
    let (client, _, mission) = assigned(&world).await;
    sqlx::query(
        "with place as (update conversations set head = head + 600 returning id, head)
         insert into messages (conversation_id, seq, id, sender_id, kind, content, created_at)
         select id, head - n, gen_random_uuid(), $1::uuid, 'TEXT', 'message', now() from place, generate_series(0, 599) as n",
    )
    .bind(&client.id)
    .execute(&world.pool)
    .await
    .unwrap();
    let mut socket = client.socket().await;
    let joined = socket.join(&mission, Some(101)).await;
    assert_eq!(joined["seq"], 602);
    let resync = json!({ "conversationId": joined["conversationId"], "after": 101, "head": 602 });
    assert_eq!(socket.frame().await, json!({ "event": "resync", "data": resync }));
    socket.emit("mission:leave", json!(mission)).await;
    socket.next("ack").await;
    socket.join(&mission, Some(102)).await;
    for seq in 103..=602 {
        assert_eq!(socket.frame().await["data"]["seq"], seq, "five hundred are sent");
    }
    world.end().await;
}

#[tokio::test]
async fn a_sign_in_ends_with_its_token_and_goes_on_with_a_newer_one() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let (mut renewed, mut expired) = (client.socket().await, client.socket().await);
    world.clock.advance(Duration::minutes(14));
    let later = world.returning(&client).await;
    renewed.emit("auth", json!({ "token": later.token })).await;
    renewed.next("ready").await;
    world.clock.advance(Duration::minutes(1));
    // The end is looked for with each frame: business time is not the time that sockets wait by.
    for socket in [&mut renewed, &mut expired] {
        socket.emit("no-such-event", json!({})).await;
        assert_eq!(socket.next("error").await["code"], "UNKNOWN_EVENT");
    }
    assert_eq!(expired.closed().await, 4401);
    renewed.emit("auth", json!({ "token": world.client("roses").await.token })).await;
    assert_eq!(renewed.closed().await, 4401, "it stays the same person's");
    world.end().await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_comes_back_without_a_gap() {
    let world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    // A narrow window, so that what she does not read waits at the server soon.
    let narrow = tokio::net::TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(4096).unwrap();
    let address = world.base.trim_start_matches("http://").parse().unwrap();
    let connection = narrow.connect(address).await.unwrap();
    let mut slow = Socket::over(connection, &world.base, nurse.token.as_deref()).await;
    let joined = slow.join(&mission, None).await;
    let mut watching = client.socket().await;
    watching.join(&mission, None).await;

    // More than an outbox and the buffers before it hold; someone who reads has heard it all.
    let room: uuid::Uuid = joined["conversationId"].as_str().unwrap().parse().unwrap();
    let redis = domain::bus::connect(&world.redis_url).unwrap();
    let bus = domain::Bus::new(redis, &world.prefix);
    let frame = json!({ "event": "noise", "data": "x".repeat(1024) }).to_string();
    let noise = domain::live::Delivery { seq: None, except: vec![], frame };
    for _ in 0..40 {
        for _ in 0..100 {
            domain::live::ring(&bus, domain::live::Channel::Conversation(room.into()), &noise);
        }
        for _ in 0..100 {
            watching.next("noise").await;
        }
    }
    watching.say(&mission, "Entre-temps").await;
    let code = slow.closed().await;
    assert!(matches!(code, 1013 | 1006), "{code}: cut, with a reason where it still came through");
    let mut back = nurse.socket().await;
    back.join(&mission, joined["seq"].as_i64()).await;
    assert_eq!(back.next("chat:message").await["content"], "Entre-temps");
    world.end().await;
}
