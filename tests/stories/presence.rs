//! Who of a room can be reached: over replicas, tabs and deaths.

use serde_json::{Value, json};
use tests::Socket;
use tokio::process::Child;

use crate::chat::assigned;
use crate::world::World;

/// Longer, in seconds and hence heartbeats, than it takes until somebody counts as gone.
const LONG: usize = 7;

/// Presences that a socket is told while this many heartbeats come.
async fn told_within(socket: &mut Socket, heartbeats: usize) -> Vec<Value> {
    let (mut told, mut beats) = (Vec::new(), 0);
    while beats < heartbeats {
        let frame = socket.frame().await;
        match frame["event"].as_str() {
            Some("heartbeat") => beats += 1,
            Some("presence") => told.push(frame["data"].clone()),
            _ => {}
        }
    }
    told
}

const EVERY_SECOND: &[&str] = &["--live-heartbeat-seconds", "1"];

#[tokio::test]
async fn a_room_learns_who_comes_and_who_is_gone_and_nothing_between() {
    let mut world = World::with_api_settings(EVERY_SECOND).await;
    world.start_worker();
    let replica = world.start_api(EVERY_SECOND).await;
    let (client, nurse, mission) = assigned(&world).await;
    let mut here = client.socket().await;
    let joined = here.join(&mission, None).await;
    assert_eq!(joined["online"], json!([client.id]));
    let presence = |online: bool| json!({ "conversationId": joined["conversationId"], "userId": nurse.id, "online": online });

    let mut there = nurse.at(&replica).socket().await;
    let both = there.join(&mission, None).await["online"].clone();
    assert_eq!(both, joined["members"], "in the order of ids");
    assert_eq!(here.next("presence").await, presence(true));

    // A second tab at the other replica, one closed, a quick return, an admin who reads along, a Redis that has forgotten all:
    // nobody came or went.
    let mut tab = nurse.socket().await;
    assert_eq!(tab.join(&mission, None).await["online"], both);
    drop(there);
    let mut admin = world.admin().await.socket().await;
    assert_eq!(admin.join(&mission, None).await["online"], both);
    drop(tab);
    let mut there = nurse.at(&replica).socket().await;
    there.join(&mission, None).await;
    let mut redis = domain::bus::connect(&world.redis_url).unwrap();
    let key = format!("{}:presence:{}", world.prefix, joined["conversationId"].as_str().unwrap());
    let forgotten: i64 = redis::cmd("DEL").arg(key).query_async(&mut redis).await.unwrap();
    assert_eq!(forgotten, 1);
    assert_eq!(told_within(&mut here, LONG).await, Vec::<Value>::new());

    // Leaving the room is enough; then the withdrawal of a member who is in it.
    there.emit("mission:leave", json!(mission)).await;
    assert_eq!(here.next("presence").await, presence(false));
    assert_eq!(admin.next("presence").await, presence(false));
    there.join(&mission, None).await;
    assert_eq!(here.next("presence").await, presence(true));
    nurse.post(&format!("/api/v1/matching/missions/{mission}/withdraw"), json!({})).await.expect(200);
    there.next("mission:left").await;
    assert_eq!(here.next("presence").await, presence(false));
    world.end().await;
}

#[tokio::test]
async fn who_was_on_a_replica_that_is_killed_is_gone_in_seconds() {
    let world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    let mut here = client.socket().await;
    here.join(&mission, None).await;
    let (mut replica, base) = replica(&world).await;
    let mut there = nurse.at(&base).socket().await;
    there.join(&mission, None).await;
    assert_eq!(here.next("presence").await["online"], true);
    replica.kill().await.unwrap();
    let gone = here.next("presence").await;
    assert_eq!((&gone["userId"], &gone["online"]), (&json!(nurse.id), &json!(false)));
    world.end().await;
}

#[tokio::test]
async fn without_redis_the_chat_goes_on_and_nobody_comes_or_goes() {
    let mut world = World::new().await;
    let (client, nurse, mission) = assigned(&world).await;
    let redis = std::mem::replace(&mut world.redis_url, "redis://127.0.0.1:1".into());
    let replica = world.start_api(EVERY_SECOND).await;
    world.redis_url = redis;
    let (mut here, mut there) = (client.at(&replica).socket().await, nurse.at(&replica).socket().await);
    assert_eq!(here.join(&mission, None).await["online"], json!([]));
    there.join(&mission, None).await;
    here.say(&mission, "Bonjour").await;
    assert_eq!(there.next("chat:message").await["content"], "Bonjour");
    assert_eq!(told_within(&mut here, 3).await, Vec::<Value>::new());
    world.end().await;
}

/// The API's own binary, as an operator would start it.
async fn replica(world: &World) -> (Child, String) {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut program = world.program("sociopulse-api");
    let process = program.arg("serve").env("PORT", port.to_string()).spawn().unwrap();
    let answers = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(tests::PATIENCE, answers).await.unwrap();
    (process, format!("http://127.0.0.1:{port}"))
}
