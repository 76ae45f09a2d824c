//! What the video server tells: believed when it is signed, counted once, and the same in any order.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use crate::market::{Market, Rooms, SECRET, signed, webhook};

/// A platform whose session is about to begin, and the session.
async fn about_to_begin() -> (Market, String, Rooms) {
    let rooms = Rooms::start(&[200]).await;
    let mut market = Market::with_video(&rooms.url).await;
    let start = market.ahead(Duration::days(2));
    let booking = market.paid(start).await;
    market.wait_until(start - Duration::minutes(5)).await;
    (market, booking, rooms)
}

impl Market {
    /// The event, and what comes of it.
    async fn tells(&self, event: &Value) {
        self.tell(event).await.expect(200);
        self.world.drain().await;
    }

    async fn joins(&self, n: u8, booking: &str, who: &Client) {
        self.tells(&self.event(&format!("EV_{n}"), "participant_joined", booking, Some(who))).await;
    }
}

#[tokio::test]
async fn a_session_starts_with_the_second_of_the_two_and_ends_with_its_room() {
    let (mut market, booking, _rooms) = about_to_begin().await;
    market.joins(1, &booking, &market.talent).await;
    assert_eq!(market.status(&booking).await, "PAID");
    // Somebody else in the room is not the client.
    let stranger = market.world.client("roses").await;
    market.joins(2, &booking, &stranger).await;
    assert_eq!(market.status(&booking).await, "PAID");
    market.joins(3, &booking, &market.client).await;
    let seen = market.see(&booking).await;
    assert_eq!(seen["status"], "IN_PROGRESS");
    assert!(seen["startedAt"].is_string());
    // Both lose their connection, and come back.
    market.tells(&market.event("EV_4", "participant_left", &booking, Some(&market.client))).await;
    market.tells(&market.event("EV_5", "room_finished", &booking, None)).await;
    assert_eq!(market.status(&booking).await, "IN_PROGRESS");
    market.client.get(&format!("{}/{booking}", crate::market::JOIN)).await.expect(200);
    market.wait(Duration::minutes(1)).await;
    market.joins(7, &booking, &market.client).await;
    market.joins(8, &booking, &market.talent).await;
    market.wait(Duration::minutes(60)).await;
    market.tells(&market.event("EV_6", "room_finished", &booking, None)).await;
    assert_eq!(market.status(&booking).await, "COMPLETED");
    market.wait(Duration::hours(2)).await;
    assert_eq!(market.status(&booking).await, "COMPLETED");
    for who in [&market.client, &market.talent] {
        assert_eq!(market.told(who, "BOOKING_COMPLETED").await, 1);
    }
    market.world.end().await;
}

#[tokio::test]
async fn a_session_whose_end_nobody_tells_is_completed_by_the_clock() {
    let (mut market, booking, rooms) = about_to_begin().await;
    market.joins(1, &booking, &market.talent).await;
    market.joins(2, &booking, &market.client).await;
    market.wait(Duration::minutes(65 + 14)).await;
    assert_eq!((market.status(&booking).await, rooms.closed().len()), (json!("IN_PROGRESS"), 0));
    market.wait(Duration::minutes(2)).await;
    assert_eq!(market.status(&booking).await, "COMPLETED");
    market.wait(Duration::minutes(15)).await;
    assert_eq!(rooms.closed(), [format!("booking-{booking} true")]);
    market.world.end().await;
}

#[tokio::test]
async fn who_does_not_come_is_known_half_an_hour_after_the_end() {
    for (came, cause, due) in
        [("talent", "CLIENT_ABSENT", 9001), ("client", "TALENT_ABSENT", 0), ("nobody", "BOTH_ABSENT", 0)]
    {
        let (mut market, booking, _rooms) = about_to_begin().await;
        match came {
            "talent" => market.joins(1, &booking, &market.talent).await,
            "client" => market.joins(1, &booking, &market.client).await,
            _ => {}
        }
        market.wait(Duration::minutes(65 + 29)).await;
        assert_eq!(market.status(&booking).await, "PAID", "they may still come");
        market.wait(Duration::minutes(2)).await;
        let seen = market.see(&booking).await;
        assert_eq!((&seen["status"], &seen["endCause"]), (&json!("NO_SHOW"), &json!(cause)));
        assert_eq!((&seen["dueCents"], &seen["refundCents"]), (&json!(due), &json!(9001 - due)));
        for who in [&market.client, &market.talent] {
            assert_eq!(market.told(who, "BOOKING_MISSED").await, 1);
        }
        // What is told later does not undo it.
        market.joins(8, &booking, &market.client).await;
        market.joins(9, &booking, &market.talent).await;
        assert_eq!(market.status(&booking).await, "NO_SHOW");
        market.world.end().await;
    }
}

#[tokio::test]
async fn who_leaves_before_the_start_has_not_come() {
    for back in [false, true] {
        let (mut market, booking, _rooms) = about_to_begin().await;
        market.joins(1, &booking, &market.talent).await;
        market.wait(Duration::minutes(1)).await;
        market.tells(&market.event("EV_2", "participant_left", &booking, Some(&market.talent))).await;
        market.wait(Duration::minutes(1)).await;
        if back {
            market.joins(3, &booking, &market.talent).await;
        }
        market.joins(4, &booking, &market.client).await;
        assert_eq!(market.status(&booking).await, if back { "IN_PROGRESS" } else { "PAID" });
        market.wait(Duration::hours(2)).await;
        let seen = market.see(&booking).await;
        match back {
            true => assert_eq!(seen["status"], "COMPLETED"),
            false => assert_eq!(seen["endCause"], "TALENT_ABSENT"),
        }
        market.world.end().await;
    }
}

#[tokio::test]
async fn events_in_any_order_and_doubled_end_in_the_same_state() {
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1], [1, 3, 0, 2], [3, 0, 2, 1]];
    for order in orders {
        let (mut market, booking, _rooms) = about_to_begin().await;
        let mut events = [
            market.event("EV_0", "participant_joined", &booking, Some(&market.talent)),
            market.event("EV_1", "participant_joined", &booking, Some(&market.client)),
            market.event("EV_2", "participant_left", &booking, Some(&market.client)),
            market.event("EV_3", "room_finished", &booking, None),
        ];
        // Both at the end of the session, and all of it told afterwards.
        let end = (market.world.clock.now() + Duration::minutes(64)).unix_timestamp().to_string();
        events[2]["createdAt"] = json!(end);
        events[3]["createdAt"] = json!(end);
        market.wait(Duration::minutes(66)).await;
        for n in order {
            market.tells(&events[n]).await;
            market.tell(&events[n]).await.expect(200);
        }
        let again = "update jobs set state = 'waiting', token = null, worker = null, finished_at = null, run_at = clock_timestamp() where kind = 'process-video-event'";
        sqlx::query(again).execute(&market.world.pool).await.unwrap();
        market.world.drain().await;
        assert_eq!(market.status(&booking).await, "COMPLETED", "{order:?}");
        assert_eq!(market.told(&market.client, "BOOKING_COMPLETED").await, 1, "{order:?}");
        assert_eq!(market.world.count("select count(*) from attendances").await, 2);
        market.world.end().await;
    }
}

#[tokio::test]
async fn fifty_deliveries_at_once_are_one_event() {
    let (market, booking, _rooms) = about_to_begin().await;
    market.joins(1, &booking, &market.talent).await;
    let event = market.event("EV_2", "participant_joined", &booking, Some(&market.client));
    let answers = join_all((0..50).map(|_| market.tell(&event))).await;
    assert!(answers.iter().all(|answer| answer.status.as_u16() == 200));
    market.world.drain().await;
    assert_eq!(market.status(&booking).await, "IN_PROGRESS");
    assert_eq!(market.world.count("select count(*) from video_events where id = 'EV_2'").await, 1);
    assert_eq!(market.world.count("select count(*) from jobs where kind = 'process-video-event'").await, 2);
    assert_eq!(
        market.world.count("select count(*) from messages where content = 'La séance a commencé.'").await,
        1
    );
    market.world.end().await;
}

#[tokio::test]
async fn what_the_video_server_did_not_sign_now_for_this_is_refused() {
    let (market, booking, _rooms) = about_to_begin().await;
    let now = market.world.clock.now();
    let anonymous = market.world.anonymous();
    let body = market.event("EV_1", "participant_joined", &booking, Some(&market.client)).to_string();
    let other = market.event("EV_2", "participant_joined", &booking, Some(&market.talent)).to_string();
    for (what, signature) in [
        ("missing", None),
        ("no token", Some("LiveKit".to_owned())),
        ("of another body", Some(signed(&other, now, SECRET))),
        ("by another key", Some(signed(&body, now, "another-another-another-another-"))),
        ("old", Some(signed(&body, now - Duration::seconds(310), SECRET))),
        ("of the future", Some(signed(&body, now + Duration::minutes(2), SECRET))),
        ("a session's token", market.client.token.clone()),
        ("cut short", Some(signed(&body, now, SECRET)[..90].to_owned())),
    ] {
        let refused = webhook(&anonymous, signature.as_deref(), body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["code"]),
            (400, &json!("BAD_SIGNATURE")),
            "{what}"
        );
    }
    for body in ["", "[]", "{}", r#"{"event":"participant_joined"}"#] {
        let refused = webhook(&anonymous, Some(&signed(body, now, SECRET)), body.into()).await;
        refused.expect_error(400, "INVALID_REQUEST");
    }
    assert_eq!(market.world.count("select count(*) from video_events").await, 0);
    webhook(&anonymous, Some(&signed(&body, now, SECRET)), body.clone()).await.expect(200);
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn what_is_none_of_ours_is_taken_and_ignored() {
    let (market, booking, _rooms) = about_to_begin().await;
    let mut events = vec![
        market.event("EV_1", "egress_ended", &booking, None),
        market.event("EV_2", "participant_joined", &uuid::Uuid::now_v7().to_string(), Some(&market.client)),
        market.event("EV_3", "participant_joined", &booking, None),
        market.event("EV_4", "room_started", &booking, None),
        json!({ "event": "invented", "id": "EV_5", "createdAt": market.world.clock.now().unix_timestamp() }),
    ];
    let mut elsewhere = market.event("EV_6", "participant_joined", &booking, Some(&market.client));
    elsewhere["room"]["name"] = json!("somebody-elses");
    let mut robot = market.event("EV_7", "participant_joined", &booking, None);
    robot["participant"] = json!({ "identity": "recorder" });
    events.extend([elsewhere, robot]);
    for event in &events {
        market.tell(event).await.expect(200);
        market.tell(event).await.expect(200);
    }
    market.world.drain().await;
    assert_eq!(market.world.count("select count(*) from video_events").await, 7);
    assert_eq!(market.world.count("select count(*) from jobs where kind = 'process-video-event'").await, 0);
    assert_eq!(market.status(&booking).await, "PAID");
    market.world.end().await;
}

#[tokio::test]
async fn webhooks_are_not_counted_by_budgets() {
    let rooms = Rooms::start(&[200]).await;
    let keys = ["--livekit-url", &rooms.url, "--livekit-api-key", "stories", "--livekit-api-secret", SECRET];
    let limit = ["--rate-limit", "short=3/1s"];
    let world = crate::world::World::with_api_settings(&[&keys[..], &limit[..]].concat()).await;
    for n in 0..10 {
        let body = json!({ "event": "room_started", "id": format!("EV_{n}") }).to_string();
        let signature = signed(&body, world.clock.now(), SECRET);
        let answer = webhook(&world.anonymous(), Some(&signature), body).await;
        assert!(!answer.headers.contains_key("ratelimit"));
        answer.expect(200);
    }
    world.end().await;
}
