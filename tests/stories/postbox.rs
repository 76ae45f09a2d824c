//! Messages that come at once are stored at once, and each is judged for itself.

use domain::conversations::Address;
use domain::ids::MissionId;
use domain::messages::{self, NewMessage};
use serde_json::json;
use tests::Client;
use uuid::Uuid;

use crate::world::{World, mission};

/// Two missions of one client with their chats, and the client's session.
async fn missions(world: &World) -> (Client, [MissionId; 2], Uuid) {
    let client = world.client("lilas").await;
    let mut posted = Vec::new();
    for _ in 0..2 {
        let mission = client.post("/api/v1/matching/missions", mission()).await.expect(201);
        posted.push(MissionId(mission["id"].as_str().unwrap().parse().unwrap()));
    }
    let session = sqlx::query_scalar("select id from sessions where user_id = $1::uuid limit 1");
    let session = session.bind(&client.id).fetch_one(&world.pool).await.unwrap();
    (client, [posted[0], posted[1]], session)
}

fn message(client: &Client, mission: MissionId, session: Uuid, content: &str) -> NewMessage {
    NewMessage {
        room: Address::Mission(mission),
        sender: client.id.parse::<Uuid>().unwrap().into(),
        session: session.into(),
        content: content.into(),
        attachments: vec![],
        client_message_id: Some(content.into()),
    }
}

/// The numbers that the messages got, as far as they were stored.
async fn stored(world: &World, new: &[NewMessage]) -> Vec<Option<i64>> {
    let mut conn = world.pool.acquire().await.unwrap();
    let new: Vec<_> = new.iter().collect();
    let stored = messages::send_together(&mut conn, &new, world.clock.now()).await.unwrap();
    stored.into_iter().map(|message| message.map(|message| message.seq)).collect()
}

#[tokio::test]
async fn each_of_a_batch_is_numbered_and_judged_for_itself() {
    let world = World::without_worker().await;
    let (client, [day, night], session) = missions(&world).await;
    let say = |mission, content: &str| message(&client, mission, session, content);
    let stranger = world.client("stranger").await;
    let theirs: Uuid = sqlx::query_scalar("select id from sessions where user_id = $1::uuid limit 1")
        .bind(&stranger.id)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let batch = [
        say(day, "a"),
        say(night, "b"),
        message(&stranger, day, theirs, "let me in"),
        NewMessage { session: theirs.into(), ..say(day, "with another's session") },
        say(MissionId::new(), "nowhere"),
        NewMessage {
            attachments: vec![Uuid::now_v7().to_string(), Uuid::now_v7().to_string()],
            ..say(day, "c")
        },
    ];
    assert_eq!(stored(&world, &batch).await, [Some(1), Some(1), None, None, None, Some(2)]);
    // A resend is left to be sent alone, and undoes nobody.
    assert_eq!(stored(&world, &[say(day, "a"), say(night, "d")]).await, [None, Some(2)]);
    // Twice in one batch: all of them go alone.
    assert_eq!(stored(&world, &[say(day, "e"), say(day, "e"), say(night, "f")]).await, [None, None, None]);

    let day_chat = client.get(&format!("/api/v1/matching/missions/{day}")).await.expect(200);
    let chat = format!("/api/v1/conversations/{}", day_chat["conversationId"].as_str().unwrap());
    let history = client.get(&format!("{chat}/messages")).await.expect(200);
    let said: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| &item["content"]).collect();
    assert_eq!(said, ["a", "c"]);
    assert_eq!(history["items"][1]["attachments"].as_array().unwrap().len(), 2);
    let list = client.get("/api/v1/conversations").await.expect(200);
    assert!(list["items"].as_array().unwrap().iter().all(|chat| chat["unread"] == 0), "who writes has read");
    world.stop().await;
}

#[tokio::test]
async fn a_conversation_that_is_held_holds_up_no_other() {
    let world = World::without_worker().await;
    let (client, [day, night], session) = missions(&world).await;
    let mut held = world.pool.begin().await.unwrap();
    sqlx::query("select from conversations where mission_id = $1 for update")
        .bind(day.0)
        .execute(&mut *held)
        .await
        .unwrap();
    let batch = [message(&client, day, session, "a"), message(&client, night, session, "b")];
    assert_eq!(stored(&world, &batch).await, [None, Some(1)]);

    // Over the socket the held one waits for its turn, alone.
    let mut socket = client.socket().await;
    socket.emit("chat:send", json!({ "missionId": day, "content": "c" })).await;
    let mut other = client.socket().await;
    other.emit("chat:send", json!({ "missionId": night, "content": "d" })).await;
    assert_eq!(other.next("ack").await["seq"], 2);
    held.rollback().await.unwrap();
    assert_eq!(socket.next("ack").await["seq"], 1);
    world.stop().await;
}

#[tokio::test]
async fn a_crowd_that_speaks_at_once_is_heard_once_and_in_order() {
    const CROWD: usize = 12;
    const EACH: usize = 10;
    let world = World::without_worker().await;
    let (client, [day, _], _) = missions(&world).await;
    let mut sockets = Vec::new();
    for _ in 0..CROWD {
        let mut socket = client.socket().await;
        socket.join(&day.to_string(), None).await;
        sockets.push(socket);
    }
    let speaking = sockets.into_iter().enumerate().map(|(n, mut socket)| {
        tokio::spawn(async move {
            for m in 0..EACH {
                let content = format!("{n}/{m}");
                socket
                    .emit(
                        "chat:send",
                        json!({ "missionId": day, "content": content, "clientMessageId": content }),
                    )
                    .await;
            }
            let (mut heard, mut acked) = (Vec::new(), 0);
            while heard.len() < CROWD * EACH || acked < EACH {
                let frame = socket.frame().await;
                match frame["event"].as_str().unwrap() {
                    "chat:message" => heard.push(frame["data"]["seq"].as_i64().unwrap()),
                    "ack" => acked += 1,
                    "presence" => {}
                    other => panic!("{other}: {frame}"),
                }
            }
            assert!(heard.iter().copied().eq(1..=(CROWD * EACH) as i64), "{heard:?}");
        })
    });
    for spoken in speaking.collect::<Vec<_>>() {
        spoken.await.unwrap();
    }
    world.stop().await;
}
