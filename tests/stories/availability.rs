//! When talents can work, on the wall clock in Paris.

use serde_json::{Value, json};
use tests::Client;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::world::{World, mission, rfc3339};

const AVAILABILITY: &str = "/api/v1/me/availability";

/// What PostgreSQL answers to the question that ranking asks.
async fn is_available(world: &World, talent: &Client, from: OffsetDateTime, to: OffsetDateTime) -> bool {
    sqlx::query_scalar("select is_available($1::uuid, $2, $3)")
        .bind(&talent.id)
        .bind(from)
        .bind(to)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_put_is_read_and_replaces_what_was_there() {
    let world = World::without_worker().await;
    let nurse = world.nurse("nurse", 1.0).await;
    let nothing = json!({ "timezone": "Europe/Paris", "weekly": [], "exceptions": [] });
    assert_eq!(nurse.get(AVAILABILITY).await.expect(200), nothing);
    let week = json!({
        "timezone": "Europe/Paris",
        "weekly": [{ "weekday": 1, "from": "08:00", "to": "16:30" }, { "weekday": 7, "from": "22:00", "to": "06:00" }],
        "exceptions": [{ "from": "2026-12-24T00:00:00Z", "to": "2026-12-27T00:00:00Z", "available": false }],
    });
    assert_eq!(nurse.put(AVAILABILITY, week.clone()).await.expect(200), week);
    assert_eq!(nurse.get(AVAILABILITY).await.expect(200), week);
    assert_eq!(nurse.put(AVAILABILITY, json!({})).await.expect(200), nothing);
    assert_eq!(nurse.get(AVAILABILITY).await.expect(200), nothing);
    world.end().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::without_worker().await;
    let nurse = world.nurse("nurse", 1.0).await;
    let slot = |weekday: Value, from: &str, to: &str| json!({ "weekly": [{ "weekday": weekday, "from": from, "to": to }] });
    let many = |count| {
        (0..count).map(|_| json!({ "weekday": 1, "from": "08:00", "to": "09:00" })).collect::<Vec<_>>()
    };
    let leave =
        |from: &str, to: &str| json!({ "exceptions": [{ "from": from, "to": to, "available": false }] });
    for body in [
        slot(json!(0), "08:00", "16:00"),
        slot(json!(8), "08:00", "16:00"),
        slot(json!("1"), "08:00", "16:00"),
        slot(json!(1), "8:00", "16:00"),
        slot(json!(1), "08:00", "24:00"),
        slot(json!(1), "08:60", "16:00"),
        json!({ "weekly": many(51) }),
        json!({ "timezone": "Europe/London" }),
        json!({ "colour": "red" }),
        leave("2026-12-24T00:00:00Z", "2026-12-24T00:00:00Z"),
        leave("2026-12-25T00:00:00Z", "2026-12-24T00:00:00Z"),
        leave("2026-12-24", "2026-12-25"),
        json!({ "exceptions": (0..201).map(|_| json!({ "from": "2026-12-24T00:00:00Z", "to": "2026-12-25T00:00:00Z", "available": true })).collect::<Vec<_>>() }),
    ] {
        nurse.put(AVAILABILITY, body.clone()).await.expect_error(400, "INVALID_REQUEST");
    }
    nurse.put(AVAILABILITY, json!({ "weekly": many(50) })).await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn weekly_slots_hold_over_midnight_and_over_both_clock_changes() {
    let world = World::without_worker().await;
    let nurse = world.nurse("nurse", 1.0).await;
    // Saturday and Sunday nights, and Monday mornings.
    let week = json!({ "weekly": [
        { "weekday": 6, "from": "22:00", "to": "06:00" },
        { "weekday": 7, "from": "22:00", "to": "06:00" },
        { "weekday": 1, "from": "06:00", "to": "12:00" },
    ] });
    nurse.put(AVAILABILITY, week).await.expect(200);
    for (from, to, expected, why) in [
        // Winter: Paris is UTC+1. 7 and 8 February 2026 are a Saturday and a Sunday.
        (datetime!(2026-02-07 21:00 UTC), datetime!(2026-02-08 05:00 UTC), true, "a whole Saturday night"),
        (datetime!(2026-02-07 20:59 UTC), datetime!(2026-02-08 05:00 UTC), false, "a minute early"),
        (datetime!(2026-02-07 21:00 UTC), datetime!(2026-02-08 05:01 UTC), false, "a minute late"),
        (
            datetime!(2026-02-08 21:00 UTC),
            datetime!(2026-02-09 09:00 UTC),
            true,
            "two slots that meet, over the week's end",
        ),
        (
            datetime!(2026-02-09 01:00 UTC),
            datetime!(2026-02-09 04:00 UTC),
            true,
            "Monday morning belongs to Sunday's slot",
        ),
        (datetime!(2026-02-10 01:00 UTC), datetime!(2026-02-10 04:00 UTC), false, "no slot at all"),
        // 29 March 2026: 02:00 becomes 03:00, the night has seven hours.
        (datetime!(2026-03-28 21:00 UTC), datetime!(2026-03-29 04:00 UTC), true, "22:00 to 06:00 in spring"),
        (datetime!(2026-03-28 21:00 UTC), datetime!(2026-03-29 04:30 UTC), false, "06:30 in spring"),
        (datetime!(2026-03-29 20:00 UTC), datetime!(2026-03-30 04:00 UTC), true, "22:00 to 06:00 in summer"),
        // 25 October 2026: 03:00 becomes 02:00, the night has nine hours.
        (datetime!(2026-10-24 20:00 UTC), datetime!(2026-10-25 05:00 UTC), true, "22:00 to 06:00 in autumn"),
        (datetime!(2026-10-24 19:30 UTC), datetime!(2026-10-25 05:00 UTC), false, "21:30 in autumn"),
        (datetime!(2026-10-24 20:00 UTC), datetime!(2026-10-25 05:30 UTC), false, "06:30 in autumn"),
    ] {
        assert_eq!(is_available(&world, &nurse, from, to).await, expected, "{why}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_hour_that_is_missing_and_the_hour_that_comes_twice() {
    let world = World::without_worker().await;
    let nurse = world.nurse("nurse", 1.0).await;
    nurse
        .put(AVAILABILITY, json!({ "weekly": [{ "weekday": 7, "from": "02:00", "to": "03:00" }] }))
        .await
        .expect(200);
    for (from, to, expected, why) in [
        (datetime!(2026-10-25 00:00 UTC), datetime!(2026-10-25 01:00 UTC), true, "the first time"),
        (datetime!(2026-10-25 01:00 UTC), datetime!(2026-10-25 02:00 UTC), true, "the second time"),
        (datetime!(2026-10-25 00:00 UTC), datetime!(2026-10-25 02:00 UTC), true, "both"),
        (datetime!(2026-10-25 00:00 UTC), datetime!(2026-10-25 02:01 UTC), false, "and a minute"),
        (datetime!(2026-03-29 00:30 UTC), datetime!(2026-03-29 01:00 UTC), false, "01:30 to 02:00"),
        (datetime!(2026-03-29 01:00 UTC), datetime!(2026-03-29 01:30 UTC), false, "03:00 to 03:30"),
    ] {
        assert_eq!(is_available(&world, &nurse, from, to).await, expected, "{why}");
    }
    nurse
        .put(AVAILABILITY, json!({ "weekly": [{ "weekday": 7, "from": "01:00", "to": "04:00" }] }))
        .await
        .expect(200);
    let (from, to) = (datetime!(2026-03-29 00:00 UTC), datetime!(2026-03-29 02:00 UTC));
    assert!(is_available(&world, &nurse, from, to).await, "nobody is asked for the hour that does not exist");
    world.end().await;
}

#[tokio::test]
async fn exceptions_close_and_open_and_closing_wins() {
    let world = World::without_worker().await;
    let nurse = world.nurse("nurse", 1.0).await;
    let (from, to) = (datetime!(2026-12-02 08:00 UTC), datetime!(2026-12-02 16:00 UTC));
    let exception = |from: OffsetDateTime, to: OffsetDateTime, available: bool| json!({ "from": rfc3339(from), "to": rfc3339(to), "available": available });
    let noon = datetime!(2026-12-02 12:00 UTC);
    let tuesdays = json!([{ "weekday": 2, "from": "00:00", "to": "00:00" }]);
    let mornings = json!([{ "weekday": 3, "from": "09:00", "to": "13:00" }]);
    for (body, expected, why) in [
        (json!({}), true, "nothing is said"),
        (json!({ "exceptions": [exception(noon, to, false)] }), false, "half of it is closed"),
        (
            json!({ "exceptions": [exception(to, to + time::Duration::DAY, false)] }),
            true,
            "closed afterwards",
        ),
        (json!({ "weekly": tuesdays }), false, "it is a Wednesday"),
        (json!({ "weekly": tuesdays, "exceptions": [exception(from, to, true)] }), true, "opened"),
        (
            json!({ "weekly": tuesdays, "exceptions": [exception(from, noon, true)] }),
            false,
            "half of it opened",
        ),
        (
            json!({ "weekly": mornings, "exceptions": [exception(noon, to, true)] }),
            true,
            "a slot and an opening that meet",
        ),
        (
            json!({ "weekly": tuesdays, "exceptions": [exception(from, to, true), exception(noon, to, false)] }),
            false,
            "closing wins",
        ),
    ] {
        nurse.put(AVAILABILITY, body).await.expect(200);
        assert_eq!(is_available(&world, &nurse, from, to).await, expected, "{why}");
    }
    world.end().await;
}

#[tokio::test]
async fn who_is_away_is_passed_over_and_the_clients_screen_says_so() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let away = world.nurse("away", 1.0).await;
    let there = world.nurse("there", 5.0).await;
    let leave = json!({ "from": rfc3339(world.clock.now()), "to": rfc3339(world.clock.now() + time::Duration::days(3)), "available": false });
    away.put(AVAILABILITY, json!({ "exceptions": [leave] })).await.expect(200);
    let posted = client.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    let path = format!("/api/v1/matching/missions/{}", posted["id"].as_str().unwrap());
    let matches = client.get(&format!("{path}/matches")).await.expect(200);
    assert_eq!(matches["items"].as_array().unwrap().len(), 1);
    assert_eq!(matches["items"][0]["talentId"], there.id.as_str());
    let candidates = client.get(&format!("{path}/candidates")).await.expect(200);
    assert_eq!(candidates["items"][0]["talentId"], away.id.as_str());
    assert_eq!(candidates["items"][0]["available"], false);
    assert_eq!(candidates["items"][1]["available"], true);
    world.end().await;
}
