//! Video sessions: who may enter when, and with what.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::market::{JOIN, KEY, Market, Rooms, SECRET, SERVICES, id, offer};
use crate::world::{World, rfc3339};

const UPCOMING: &str = "/api/v1/video/upcoming";

fn claims(token: &str) -> Value {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[KEY]);
    validation.validate_exp = false;
    jsonwebtoken::decode(token, &DecodingKey::from_secret(SECRET.as_bytes()), &validation).unwrap().claims
}

#[tokio::test]
async fn a_session_is_joined_within_its_time_and_paid() {
    let rooms = Rooms::start(&[200]).await;
    let mut market = Market::with_video(&rooms.url).await;
    let start = market.ahead(Duration::days(3));
    let booking = market.asked(start).await;
    let join = format!("{JOIN}/{booking}");
    let closed = async |market: &Market| {
        for who in [&market.client, &market.talent] {
            let refused = who.get(&join).await.expect_error(403, "SESSION_NOT_OPEN");
            let opens = json!({ "field": "opensAt", "message": rfc3339(start - Duration::minutes(10)) });
            assert_eq!(refused["errors"], json!([opens]));
        }
    };
    closed(&market).await;
    market.accept(&booking).await.expect(200);
    closed(&market).await;
    market.pay(&booking).await;
    closed(&market).await;
    market.wait_until(start - Duration::minutes(10) - Duration::seconds(15)).await;
    closed(&market).await;
    let upcoming = market.talent.get(UPCOMING).await.expect(200);
    assert_eq!(
        (&upcoming["items"][0]["bookingId"], &upcoming["items"][0]["isOpen"]),
        (&json!(booking), &json!(false))
    );

    market.wait_until(start - Duration::minutes(10) + Duration::SECOND).await;
    let (guest, host) =
        (market.client.get(&join).await.expect(200), market.talent.get(&join).await.expect(200));
    assert_eq!((&guest["url"], &guest["isHost"]), (&json!(rooms.url), &json!(false)));
    assert_eq!((&host["name"], &host["isHost"]), (&json!("Zoé M."), &json!(true)));
    assert_eq!(market.client.get(UPCOMING).await.expect(200)["items"][0]["isOpen"], true);
    for (access, who, admin) in [(&guest, &market.client, None), (&host, &market.talent, Some(true))] {
        let claims = claims(access["token"].as_str().unwrap());
        assert_eq!((&claims["sub"], &claims["name"]), (&json!(who.id), &json!("Zoé M.")));
        let mut grants = json!({
            "room": format!("booking-{booking}"), "roomJoin": true, "canPublish": true, "canSubscribe": true,
            "canPublishData": true,
        });
        if admin.is_some() {
            grants["roomAdmin"] = json!(true);
        }
        assert_eq!(claims["video"], grants);
        // The end and half an hour, which is sooner than in two hours.
        let expires = (start + Duration::minutes(90)).unix_timestamp();
        assert_eq!(claims["exp"], expires);
        assert_eq!(access["expiresAt"], rfc3339(start + Duration::minutes(90)));
    }
    let stranger = market.world.client("roses").await;
    stranger.get(&join).await.expect_error(403, "NOT_A_PARTICIPANT");
    stranger.get(&format!("{JOIN}/{}", uuid::Uuid::now_v7())).await.expect_error(404, "NOT_FOUND");
    let admin = market.world.admin().await;
    admin.get(&join).await.expect_error(403, "NOT_A_PARTICIPANT");

    // Who only comes at the end may still enter until it is judged; the clock alone closes the door.
    market
        .world
        .clock
        .advance(start + Duration::minutes(90) - Duration::seconds(15) - market.world.clock.now());
    sqlx::query("update jobs set run_at = run_at + interval '1 hour' where kind = 'conclude-booking'")
        .execute(&market.world.pool)
        .await
        .unwrap();
    let client = market.world.returning(&market.client).await;
    client.get(&join).await.expect(200);
    market.world.clock.advance(Duration::seconds(16));
    client.get(&join).await.expect_error(403, "SESSION_NOT_OPEN");
    assert_eq!(client.get(UPCOMING).await.expect(200)["items"], json!([]));
    market.world.drain().await;
    let seen = format!("booking-{booking} true");
    assert!(rooms.closed().contains(&seen), "{:?}", rooms.closed());
    market.world.end().await;
}

#[tokio::test]
async fn a_token_of_a_long_session_is_good_for_two_hours() {
    let rooms = Rooms::start(&[404]).await;
    let mut market = Market::with_video(&rooms.url).await;
    let mut long = offer();
    long["options"] = json!([{ "name": "Une heure", "priceCents": 30_000, "durationMinutes": 240 }]);
    market.service = id(&market.talent.post(SERVICES, long).await.expect(201));
    let start = market.ahead(Duration::days(1));
    let booking = market.paid(start).await;
    market.wait_until(start).await;
    let before = market.world.clock.now() + Duration::hours(2);
    let access = market.client.get(&format!("{JOIN}/{booking}")).await.expect(200);
    let expires = time::OffsetDateTime::parse(access["expiresAt"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!((before..=market.world.clock.now() + Duration::hours(2)).contains(&expires));
    // A room that is not there is closed.
    market.wait(Duration::hours(6)).await;
    assert_eq!(rooms.closed().len(), 1);
    market.world.end().await;
}

#[tokio::test]
async fn without_a_video_server_nothing_is_pretended() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::days(1));
    let booking = market.paid(start).await;
    market.wait_until(start).await;
    let join = format!("{JOIN}/{booking}");
    market.client.get(&join).await.expect_error(503, "VIDEO_NOT_CONFIGURED");
    market.world.client("roses").await.get(&join).await.expect_error(403, "NOT_A_PARTICIPANT");
    let event = market.event("EV_1", "participant_joined", &booking, Some(&market.client));
    market.tell(&event).await.expect_error(503, "VIDEO_NOT_CONFIGURED");
    market.wait(Duration::hours(2)).await;
    assert_eq!(market.status(&booking).await, "NO_SHOW");
    market.world.end().await;
}

#[tokio::test]
async fn a_workshop_has_no_room() {
    let rooms = Rooms::start(&[200]).await;
    let mut market = Market::with_video(&rooms.url).await;
    let mut workshop = offer();
    workshop["type"] = json!("WORKSHOP");
    market.service = id(&market.talent.post(SERVICES, workshop).await.expect(201));
    let start = market.ahead(Duration::days(1));
    let booking = market.paid(start).await;
    market.wait_until(start).await;
    market.client.get(&format!("{JOIN}/{booking}")).await.expect_error(409, "NOT_A_VIDEO_SESSION");
    assert_eq!(market.client.get(UPCOMING).await.expect(200)["items"], json!([]));
    market.wait(Duration::hours(3)).await;
    assert_eq!((market.status(&booking).await, rooms.closed().len()), (json!("COMPLETED"), 0));
    market.world.end().await;
}

#[tokio::test]
async fn a_room_that_cannot_be_closed_is_tried_again() {
    let rooms = Rooms::start(&[500, 200]).await;
    let mut market = Market::with_video(&rooms.url).await;
    let start = market.ahead(Duration::days(1));
    market.paid(start).await;
    market.wait_until(start + Duration::minutes(91)).await;
    market.world.clock.advance(Duration::minutes(5));
    market.world.drain().await;
    assert_eq!(rooms.closed().len(), 2);
    market.world.end().await;
}

#[tokio::test]
async fn upcoming_sessions_come_in_pages_the_next_one_first() {
    let world = World::new().await;
    let market = Market::of(world).await;
    let mut expected = Vec::new();
    for n in [3, 1, 2] {
        expected.push((n, market.paid(market.ahead(Duration::days(n))).await));
    }
    expected.sort();
    let first = market.client.get(&format!("{UPCOMING}?limit=2")).await.expect(200);
    let second = format!("{UPCOMING}?limit=2&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = market.client.get(&second).await.expect(200);
    let seen = [&first, &second].map(|page| page["items"].as_array().unwrap().clone()).concat();
    assert!(seen.iter().zip(&expected).all(|(item, (_, booking))| item["bookingId"] == booking.as_str()));
    assert_eq!((seen.len(), second.get("nextCursor")), (3, None));
    market.world.end().await;
}

#[test]
fn a_video_server_that_is_set_by_half_stops_the_start() {
    let set = |url: &str, key: &str, secret: &str| livekit_settings(url, key, secret).is_err();
    assert!(
        set("wss://live.example", KEY, "") && set("wss://live.example", KEY, "short") && set("", KEY, SECRET)
    );
    assert!(!set("", "", "") && !set("wss://live.example", KEY, SECRET));
}

fn livekit_settings(url: &str, key: &str, secret: &str) -> std::io::Result<()> {
    use clap::Parser;
    let config = api::Config::parse_from([
        "api",
        "--database-url",
        "postgres://nobody@127.0.0.1:1/none",
        "--redis-url",
        "redis://127.0.0.1:1",
        "--jwt-secret",
        SECRET,
        "--livekit-url",
        url,
        "--livekit-api-key",
        key,
        "--livekit-api-secret",
        secret,
    ]);
    config.livekit.connect().map(drop).map_err(std::io::Error::other)
}
