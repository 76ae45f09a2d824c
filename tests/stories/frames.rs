//! Who may send which frame over the socket, in one table. A frame that the protocol knows and the table does not fails.

use std::collections::BTreeMap;

use api::live::ClientEvent;
use serde_json::{Value, json};
use tests::{Client, Socket};

use crate::world::{World, mission};

/// Who sends, in the order of a row's answers.
const WHO: [&str; 11] = [
    "not signed in",
    "pending client",
    "other client",
    "other talent",
    "invited talent",
    "owner",
    "assigned talent",
    "suspended before the mission",
    "suspended while it is in progress",
    "banned",
    "admin",
];

/// No answer, and the socket goes on.
const SILENCE: &str = "-";

/// Accepts the only open invitation of a talent.
async fn accept(talent: &Client) {
    let invitations = talent.get("/api/v1/me/invitations").await.expect(200);
    let id = invitations["items"][0]["id"].as_str().unwrap().to_owned();
    talent.act(&format!("/api/v1/invitations/{id}/accept")).await.expect(200);
}

/// What comes back: an event, an error's code, a close code, or nothing.
async fn answer(who: &Client, event: &str, data: Value, expected: &str) -> String {
    let mut socket = match event {
        "auth" => Socket::open(&who.base, None).await,
        _ => Socket::open(&who.base, who.token.as_deref()).await,
    };
    if event != "auth" && who.token.is_some() {
        match socket.read().await {
            Ok(ready) => assert_eq!(ready["event"], "ready"),
            Err(code) => return code.to_string(),
        }
    }
    socket.emit(event, data).await;
    // What is answered to whoever is signed in, after the silence.
    let after =
        if expected == SILENCE { Some(socket.emit("mission:leave", json!(who.id)).await) } else { None };
    loop {
        match socket.read().await {
            Err(code) => return code.to_string(),
            Ok(frame) if after.is_some() && frame["id"] == json!(after) => return SILENCE.to_owned(),
            Ok(frame) => match frame["event"].as_str().unwrap() {
                "error" => return frame["data"]["code"].as_str().unwrap().to_owned(),
                event @ ("ack" | "ready" | "mission:joined") => return event.to_owned(),
                _ => {}
            },
        }
    }
}

#[tokio::test]
async fn every_frame_has_its_answer_for_everybody() {
    let world = World::new().await;
    let owner = world.client("owner").await;
    let [assigned, suspended, invited] = [
        world.nurse("assigned", 1.0).await,
        world.nurse("suspended", 2.0).await,
        world.nurse("invited", 3.0).await,
    ];
    let mut wanted = mission();
    wanted["slots"] = json!(3);
    let ahead = owner.post("/api/v1/matching/missions", wanted).await.expect(201);
    world.drain().await;
    for talent in [&assigned, &suspended] {
        accept(talent).await;
    }
    let finishing = world.nurse("finishing", 4.0).await;
    let running = owner.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    accept(&finishing).await;
    world.drain().await;
    sqlx::query("update missions set status = 'IN_PROGRESS' where id = $1::uuid")
        .bind(running["id"].as_str())
        .execute(&world.pool)
        .await
        .unwrap();
    let banned = world.client("banned").await;
    for (person, status) in [(&suspended, "SUSPENDED"), (&finishing, "SUSPENDED"), (&banned, "BANNED")] {
        world.set_status(person, status).await;
    }
    let people: [Client; 11] = [
        world.anonymous(),
        world.pending("pending", "CLIENT").await,
        world.client("other").await,
        world.nurse("other-talent", 150.0).await,
        invited,
        owner,
        assigned,
        suspended,
        finishing,
        banned,
        world.admin().await,
    ];

    let (unknown, outside, stopped, gone) = ("UNAUTHENTICATED", "NOT_A_MEMBER", "ACCOUNT_SUSPENDED", "4401");
    #[rustfmt::skip]
    let table: BTreeMap<&str, [&str; 11]> = [
        // event           nobody   pending  client   talent   invited  owner     assigned  susp.    finishing banned admin
        ("auth",          [gone,    "ready", "ready", "ready", "ready", "ready",  "ready",  "ready", "ready",  gone,  "ready"]),
        ("mission:join",  [unknown, outside, outside, outside, outside, "mission:joined", "mission:joined", stopped, "mission:joined", gone, "mission:joined"]),
        // Asks for no membership: also who has just lost it may leave.
        ("mission:leave", [unknown, "ack",   "ack",   "ack",   "ack",   "ack",    "ack",    "ack",   "ack",    gone,  "ack"]),
        ("chat:send",     [unknown, outside, outside, outside, outside, "ack",    "ack",    stopped, "ack",    gone,  outside]),
        ("chat:read",     [unknown, outside, outside, outside, outside, "ack",    "ack",    stopped, "ack",    gone,  outside]),
        ("chat:typing",   [unknown, outside, outside, outside, outside, SILENCE,  SILENCE,  stopped, SILENCE,  gone,  outside]),
    ]
    .into();

    let mut wrong = Vec::new();
    for event in ClientEvent::ALL.iter().map(|event| event.name()) {
        let Some(row) = table.get(event) else {
            wrong.push(format!("{event} has no row"));
            continue;
        };
        for ((who, person), expected) in WHO.iter().zip(&people).zip(row) {
            let place = if who.contains("in progress") { &running } else { &ahead };
            let data = match event {
                "auth" => json!({ "token": person.token.as_deref().unwrap_or("none") }),
                "mission:join" | "mission:leave" => json!({ "missionId": place["id"] }),
                "chat:send" => json!({ "missionId": place["id"], "content": "Bonjour" }),
                "chat:read" => json!({ "conversationId": place["conversationId"], "seq": 1 }),
                _ => json!({ "conversationId": place["conversationId"] }),
            };
            let answer = answer(person, event, data, expected).await;
            if answer != *expected {
                wrong.push(format!("{event} as {who}: {answer} instead of {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(table.len(), ClientEvent::ALL.len(), "rows of frames that are gone");
    world.end().await;
}
