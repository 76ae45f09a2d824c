//! Cancelling, with its price; leaving a mission.

use domain::surcharges;
use serde_json::{Value, json};
use tests::Client;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::contracts::newest;
use crate::signatures::sign;
use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";

async fn filled(world: &World, client: &Client, nurse: &Client) -> (String, Value) {
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let invitation = nurse.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();
    nurse.act(&format!("/api/v1/invitations/{}/accept", invitation.as_str().unwrap())).await.expect(200);
    world.drain().await;
    (format!("{MISSIONS}/{}", posted["id"].as_str().unwrap()), posted)
}

#[test]
fn the_price_changes_exactly_at_24_and_2_hours_and_when_nobody_came() {
    // A Tuesday by day: what nights and feast days add is told in `domain::surcharges`.
    let start = time::macros::datetime!(2026-06-02 08:00 UTC);
    let price = |notice: Duration, amounts: &[i64]| {
        let mission = domain::missions::Mission {
            id: domain::ids::MissionId::new(),
            client_id: domain::ids::UserId::new(),
            establishment_id: None,
            conversation_id: domain::ids::ConversationId::new(),
            profession_id: 1,
            job_id: "ide".into(),
            title: String::new(),
            description: None,
            hourly_rate_cents: 2_500,
            urgency_level: domain::missions::UrgencyLevel::High,
            start_date: start,
            end_date: start + Duration::hours(8),
            is_night_shift: false,
            requires_diploma: true,
            requires_car: false,
            specialties: vec![],
            address: None,
            city: String::new(),
            postal_code: String::new(),
            latitude: None,
            longitude: None,
            radius_km: 30,
            slots: 3,
            filled: 2,
            status: domain::missions::MissionStatus::Open,
            matching: domain::missions::MatchingState::Matched,
            round: 1,
            wave: 1,
            matched_at: None,
            cancel_cause: None,
            cancel_reason: None,
            cancelled_at: None,
            cancellation_cents: None,
            created_at: start,
        };
        let price = domain::missions::price(&mission, amounts, start - notice);
        (price.planned_cents, price.share_bps, price.price_cents)
    };
    let micro = Duration::microseconds(1);
    let two = [20_000, 20_000];
    assert_eq!(price(Duration::hours(24), &two), (40_000, 0, 0));
    assert_eq!(price(Duration::hours(24) - micro, &two), (40_000, 5_000, 20_000));
    assert_eq!(price(Duration::hours(2), &two), (40_000, 5_000, 20_000));
    assert_eq!(price(Duration::hours(2) - micro, &two), (40_000, 10_000, 40_000));
    assert_eq!(price(-Duration::minutes(15) + micro, &two), (40_000, 10_000, 40_000));
    assert_eq!(price(-Duration::minutes(15), &two), (40_000, 0, 0), "nobody came");
    assert_eq!(price(Duration::HOUR, &[]), (0, 10_000, 0), "nobody had signed");
    assert_eq!(price(Duration::hours(3), &[1_001, 1_001]), (2_002, 5_000, 1_002), "half a cent up, for each");
}

#[tokio::test]
async fn a_cancelled_mission_frees_its_talent_and_tells_everybody_once() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let (path, posted) = filled(&world, &client, &nurse).await;
    let contract = newest(&client).await;
    let unsigned = client.get(&format!("{path}/cancellation")).await.expect(200);
    assert_eq!(
        (&unsigned["plannedCents"], &unsigned["priceCents"]),
        (&json!(0), &json!(0)),
        "nobody is contracted"
    );
    sign(&world, &client, &contract).await;
    sign(&world, &nurse, &contract).await;
    world.drain().await;
    world.clock.advance(Duration::hours(1));
    let (client, nurse) = (world.returning(&client).await, world.returning(&nurse).await);
    let price = client.get(&format!("{path}/cancellation")).await.expect(200);
    let at = |field: &str| OffsetDateTime::parse(posted[field].as_str().unwrap(), &Rfc3339).unwrap();
    let planned = surcharges::price(at("startDate"), at("endDate"), 2_500).total_cents;
    let half = (planned + 1) / 2;
    assert_eq!((&price["plannedCents"], &price["priceCents"]), (&json!(planned), &json!(half)));
    let mut socket = nurse.socket().await;
    let cancelled =
        client.post(&format!("{path}/cancel"), json!({ "reason": "Fermeture" })).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["cancellationCents"]), (&json!("CANCELLED"), &json!(half)));
    assert_eq!(
        world.count("select count(*) from assignments where status = 'CANCELLED'").await,
        1,
        "at once"
    );
    assert_eq!(socket.next("mission:updated").await["status"], "CANCELLED");
    world.drain().await;
    let notices = world.count("select count(*) from notifications").await;
    sqlx::query("update jobs set state = 'waiting', attempt = 0 where kind = 'cancel-cascade'")
        .execute(&world.pool)
        .await
        .unwrap();
    world.drain().await;
    assert_eq!(world.count("select count(*) from notifications").await, notices);
    client
        .post(&format!("{path}/cancel"), json!({ "reason": "Encore" }))
        .await
        .expect_error(409, "MISSION_NOT_CANCELLABLE");
    client.get(&format!("{path}/cancellation")).await.expect_error(409, "MISSION_NOT_CANCELLABLE");
    world.clock.advance(Duration::days(2));
    world.end().await;
}

#[tokio::test]
async fn a_talent_withdraws_and_the_next_one_is_asked() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let (path, posted) = filled(&world, &client, &nurse).await;
    let contacts = format!("/api/v1/missions/{}/contacts", posted["id"].as_str().unwrap());
    assert_eq!(nurse.get(&contacts).await.expect(200)["items"].as_array().unwrap().len(), 2);
    let other = world.nurse("other", 2.0).await;
    nurse.post(&format!("{path}/withdraw"), json!({})).await.expect(200);
    world.drain().await;
    assert_eq!(client.get(&path).await.expect(200)["status"], "OPEN");
    let items = client.get(&format!("{path}/matches")).await.expect(200)["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1, "without the one who left");
    assert_eq!(items[0]["talentId"], other.id.as_str());
    nurse.post(&format!("{path}/withdraw"), json!({})).await.expect_error(403, "NOT_A_PARTICIPANT");
    client.get(&contacts).await.expect_error(409, "MISSION_NOT_ASSIGNED");
    nurse.get(&contacts).await.expect_error(403, "NOT_A_PARTICIPANT");
    world.end().await;
}

#[tokio::test]
async fn a_suspended_talents_missions_look_for_somebody_else() {
    let world = World::new().await;
    let (admin, client, first) =
        (world.admin().await, world.client("lilas").await, world.nurse("first", 1.0).await);
    let (path, _) = filled(&world, &client, &first).await;
    let second = world.nurse("second", 2.0).await;
    let suspend = format!("/api/v1/admin/users/{}/suspend", first.id);
    admin.patch(&suspend, json!({ "reason": "Plainte en cours" })).await.expect(200);
    world.drain().await;
    // Once more, as after a crash behind the last step.
    let again = "update jobs set state = 'waiting', token = null, worker = null, finished_at = null, run_at = clock_timestamp() where kind = 'enforce-account'";
    sqlx::query(again).execute(&world.pool).await.unwrap();
    world.drain().await;

    let reopened = client.get(&path).await.expect(200);
    assert_eq!((&reopened["status"], &reopened["filled"]), (&json!("OPEN"), &json!(0)));
    let invited = second.get("/api/v1/me/invitations").await.expect(200);
    assert_eq!(invited["items"][0]["status"], "PENDING");
    let told = "select count(*) from messages where content like 'Un talent s’est désisté%'";
    assert_eq!(world.count(told).await, 1, "once, however often the cascade runs");
    assert_eq!(world.count("select count(*) from assignments where status = 'WITHDRAWN'").await, 1);
    world.end().await;
}

#[tokio::test]
async fn a_banned_clients_missions_are_called_off_without_a_price() {
    let world = World::new().await;
    let (admin, client, nurse) =
        (world.admin().await, world.client("lilas").await, world.nurse("zoe", 1.0).await);
    let (path, _) = filled(&world, &client, &nurse).await;
    let ban = format!("/api/v1/admin/users/{}/ban", client.id);
    admin.patch(&ban, json!({ "reason": "Fraude" })).await.expect(200);
    world.drain().await;
    let mission = admin.get(&path).await.expect(200);
    assert_eq!((&mission["status"], &mission["cancelCause"]), (&json!("CANCELLED"), &json!("ACCOUNT")));
    assert_eq!(mission["cancellationCents"], 0);
    assert_eq!(world.count("select count(*) from assignments where status = 'CANCELLED'").await, 1);
    client.get("/api/v1/auth/me").await.expect(401);
    world.end().await;
}
