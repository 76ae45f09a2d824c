//! In-app notifications: read over REST, told live, counted.

use domain::notifications::{NewNotification, NotificationType};
use domain::{Bus, Db};
use jobs::effects;

use crate::letters::letters;
use crate::world::{World, mission};

const PATH: &str = "/api/v1/notifications";

/// The counter that is kept, and the rows that are there.
pub async fn assert_counted(world: &World) {
    let drift = "select count(*) from feeds f where unread <> (select count(*) from notifications n
                                                                where n.user_id = f.user_id and n.read_at is null)";
    assert_eq!(world.count(drift).await, 0, "a counter differs from a recount");
}

#[tokio::test]
async fn a_talent_reads_what_it_was_told() {
    let world = World::new().await;
    let (client, nurse) = (world.client("lilas").await, world.nurse("zoe", 1.0).await);
    let mut socket = nurse.socket().await;
    for _ in 0..3 {
        client.post("/api/v1/matching/missions", mission()).await.expect(201);
    }
    world.drain().await;
    // Missions that are matched together count together.
    let mut unread = 0;
    while unread < 3 {
        let told = socket.next("notification:count").await["unread"].as_i64().unwrap();
        assert!((unread + 1..=3).contains(&told), "{told} after {unread}");
        unread = told;
    }
    let page = nurse.get(&format!("{PATH}?limit=2&unreadOnly=true")).await.expect(200);
    let first = &page["items"][0];
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&first["type"], first["title"].as_str()),
        (&"MISSION_INVITATION".into(), Some("Une mission pour vous"))
    );
    assert!(first["data"]["missionId"].is_string() && first.get("readAt").is_none());
    let rest =
        nurse.get(&format!("{PATH}?cursor={}", page["nextCursor"].as_str().unwrap())).await.expect(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);

    let read = format!("{PATH}/{}/read", first["id"].as_str().unwrap());
    let once = nurse.act(&read).await.expect(200);
    assert!(once["readAt"].is_string());
    assert_eq!(nurse.act(&read).await.expect(200), once, "again is harmless");
    assert_eq!(socket.next("notification:count").await["unread"], 2);
    assert_eq!(nurse.get(&format!("{PATH}/unread-count")).await.expect(200)["unread"], 2);
    client.act(&read).await.expect(404);
    assert_counted(&world).await;

    assert_eq!(nurse.act(&format!("{PATH}/mark-all-read")).await.expect(200)["unread"], 0);
    assert_eq!(socket.next("notification:count").await["unread"], 0);
    assert_eq!(
        nurse.get(&format!("{PATH}?unreadOnly=true")).await.expect(200)["items"].as_array().unwrap().len(),
        0
    );
    nurse.get(&format!("{PATH}?cursor=nonsense")).await.expect(400);
    assert_counted(&world).await;
    world.end().await;
}

#[tokio::test]
async fn the_count_holds_while_some_write_and_some_read() {
    let world = World::without_worker().await;
    let nurse = world.nurse("zoe", 1.0).await;
    let user: domain::ids::UserId = nurse.id.parse::<uuid::Uuid>().unwrap().into();
    let bus = Bus::new(domain::bus::connect(&world.redis_url).unwrap(), &world.prefix);
    let db = Db::connect(&world.database_url, 8, bus).unwrap();
    let now = world.clock.now();
    let write = |n: usize| {
        let db = db.clone();
        async move {
            let mut tx = db.begin().await.unwrap();
            let new = NewNotification {
                user,
                kind: NotificationType::MissionInvitation,
                data: serde_json::json!({}),
                // Every other cause comes twice.
                cause: format!("cause:{}", n / 2),
            };
            effects::notices::tell(&mut tx, &[new], now).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let writers = (0..40).map(|n| tokio::spawn(write(n)));
    let path = format!("{PATH}/mark-all-read");
    let readers = (0..10).map(|_| {
        let (nurse, path) = (nurse.clone(), path.clone());
        tokio::spawn(async move { drop(nurse.act(&path).await.expect(200)) })
    });
    for task in writers.chain(readers).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(world.count("select count(*) from notifications").await, 20);
    assert_counted(&world).await;
    nurse.act(&path).await.expect(200);
    assert_counted(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn everybody_reads_in_the_own_language() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let (french, english) = (world.nurse("zoe", 1.0).await, world.nurse("ann", 2.0).await);
    english.patch("/api/v1/me", serde_json::json!({ "locale": "en" })).await.expect(200);
    client.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    for (nurse, title, subject) in [
        (
            &french,
            "Une mission pour vous",
            "Renfort – Infirmier diplômé d’État à Paris : une mission pour vous",
        ),
        (&english, "A mission for you", "Renfort – Infirmier diplômé d’État in Paris: a mission for you"),
    ] {
        let page = nurse.get(PATH).await.expect(200);
        assert_eq!(page["items"][0]["title"], title);
        let me = nurse.get("/api/v1/auth/me").await.expect(200);
        let letters = letters(&world);
        let mut theirs = letters.iter().filter(|letter| letter.to == me["email"]);
        assert_eq!(theirs.next().map(|letter| &*letter.subject), Some(subject));
        assert!(theirs.next().is_none());
    }
    world.end().await;
}
