//! Waves, expiry, alerts, changes.

use serde_json::{Value, json};
use time::Duration;

use crate::world::{World, mission, rfc3339, tomorrow};

const MISSIONS: &str = "/api/v1/matching/missions";

fn path(mission: &Value) -> String {
    format!("{MISSIONS}/{}", mission["id"].as_str().unwrap())
}

/// Every handler once more, as after a lost acknowledgement.
async fn again(world: &World) {
    sqlx::query("update jobs set state = 'waiting', attempt = 0 where state = 'done' and kind not in ('send-mail', 'notify')")
        .execute(&world.pool)
        .await
        .unwrap();
    world.drain().await;
}

#[tokio::test]
async fn waves_go_out_at_their_times_and_stop_with_the_mission() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    for n in 0..16 {
        world.nurse(&format!("nurse-{n}"), 1.0 + f64::from(n)).await;
    }
    let mut body = mission();
    body["urgencyLevel"] = json!("CRITICAL");
    let posted = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;
    let invited = || world.count("select count(*) from invitations where status = 'PENDING'");
    assert_eq!(invited().await, 3);
    world.clock.advance(Duration::minutes(9));
    world.drain().await;
    assert_eq!(invited().await, 3);
    world.clock.advance(Duration::minutes(1) + Duration::SECOND);
    world.drain().await;
    assert_eq!(invited().await, 13);
    assert_eq!(world.count("select count(*) from invitations where wave = 2").await, 10);
    again(&world).await;
    assert_eq!(invited().await, 13, "a second delivery invites nobody else");

    client.post(&format!("{}/cancel", path(&posted)), json!({ "reason": "Erreur" })).await.expect(200);
    world.drain().await;
    world.clock.advance(Duration::minutes(30));
    world.drain().await;
    assert_eq!(world.count("select count(*) from invitations where status = 'EXPIRED'").await, 13);
    assert_eq!(world.count("select count(*) from invitations where wave = 3").await, 0);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_found_and_the_mission_expires_at_its_start() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let mut body = mission();
    body["startDate"] = json!(rfc3339(tomorrow() + Duration::DAY));
    let posted = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;
    world.clock.advance(Duration::hours(24) + Duration::MINUTE);
    world.drain().await;
    let of = async |kind: &'static str| {
        sqlx::query_scalar::<_, i64>("select count(*) from notifications where type = $1")
            .bind(kind)
            .fetch_one(&world.pool)
            .await
            .unwrap()
    };
    assert_eq!(of("MISSION_UNFILLED").await, 1);
    assert_eq!(of("MISSION_DEADLINE").await, 1);
    world.clock.advance(Duration::DAY);
    world.drain().await;
    again(&world).await;
    assert_eq!(of("MISSION_UNFILLED").await, 1);
    assert_eq!(of("MISSION_EXPIRED").await, 1);
    assert_eq!(world.count("select count(*) from missions where status = 'CANCELLED' and cancel_cause = 'EXPIRED' and cancellation_cents = 0").await, 1);
    assert_eq!(world.count("select count(*) from messages").await, 2, "{posted}");
    world.end().await;
}

#[tokio::test]
async fn some_were_found_and_it_takes_place_with_them() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let mut body = mission();
    body["slots"] = json!(2);
    let posted = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;
    let invitation = nurse.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();
    nurse.act(&format!("/api/v1/invitations/{}/accept", invitation.as_str().unwrap())).await.expect(200);
    assert_eq!(client.get(&path(&posted)).await.expect(200)["status"], "OPEN");
    world.clock.advance(Duration::DAY + Duration::MINUTE);
    world.drain().await;
    again(&world).await;
    let client = world.returning(&client).await;
    let view = client.get(&path(&posted)).await.expect(200);
    assert_eq!(
        (&view["status"], &view["slots"], &view["filled"]),
        (&json!("ASSIGNED"), &json!(1), &json!(1))
    );
    world.end().await;
}

#[tokio::test]
async fn a_change_previews_then_matches_again_and_says_nothing_twice() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    world.nurse("near", 1.0).await;
    let far = world.nurse("far", 20.0).await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let mut socket = client.socket().await;

    let narrow = json!({ "radiusKm": 5 });
    let preview = client.post(&format!("{}/preview", path(&posted)), narrow.clone()).await.expect(200);
    assert_eq!(preview["dropped"]["count"], 1);
    assert_eq!(preview["dropped"]["items"][0]["talentId"], far.id.as_str());
    assert_eq!(preview["matches"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&path(&posted)).await.expect(200)["radiusKm"], 30, "nothing was saved");

    client.patch(&path(&posted), narrow.clone()).await.expect(200);
    assert_eq!(socket.next("mission:matched").await["matches"].as_array().unwrap().len(), 1);
    world.drain().await;
    assert_eq!(world.count("select count(*) from invitations where status = 'EXPIRED'").await, 1);
    let messages = world.count("select count(*) from messages").await;
    client.patch(&path(&posted), narrow).await.expect(200);
    world.drain().await;
    again(&world).await;
    assert_eq!(world.count("select count(*) from messages").await, messages);

    client.patch(&path(&posted), json!({ "radiusKm": 40 })).await.expect(200);
    world.drain().await;
    assert_eq!(
        world.count("select count(*) from invitations where status = 'PENDING'").await,
        2,
        "invited anew"
    );
    client.patch(&path(&posted), json!({ "latitude": 1 })).await.expect_error(400, "INVALID_REQUEST");
    world.end().await;
}

#[tokio::test]
async fn a_mission_is_repeated_at_other_dates() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    let dates: Vec<_> =
        (1..=3).map(|n| json!({ "startDate": rfc3339(tomorrow() + Duration::days(n)) })).collect();
    let answer =
        client.post(&format!("{}/duplicate", path(&posted)), json!({ "dates": dates })).await.expect(201);
    assert_eq!(answer["items"].as_array().unwrap().len(), 3);
    world.drain().await;
    assert_eq!(world.count("select count(*) from missions where matching = 'NONE'").await, 4);
    let past = json!({ "dates": [{ "startDate": "2020-01-01T00:00:00Z" }] });
    client.post(&format!("{}/duplicate", path(&posted)), past).await.expect_error(400, "INVALID_REQUEST");
    world.end().await;
}
