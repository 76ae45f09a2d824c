//! The figures of matching: shares, parts, order, and how many are asked.

use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";

/// What the platform counts itself.
async fn set_counters(world: &World, talent: &Client, rating: i16, missions: i32) {
    sqlx::query("update profiles set average_rating = $2, total_missions = $3 where user_id = $1::uuid")
        .bind(&talent.id)
        .bind(rating)
        .bind(missions)
        .execute(&world.pool)
        .await
        .unwrap();
    let mut conn = world.pool.acquire().await.unwrap();
    let talent = talent.id.parse::<uuid::Uuid>().unwrap().into();
    domain::profiles::refresh_search(&mut conn, talent).await.unwrap();
}

async fn post(world: &World, client: &Client, body: Value) -> String {
    let posted = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;
    format!("{MISSIONS}/{}", posted["id"].as_str().unwrap())
}

async fn ranked(client: &Client, path: &str) -> Vec<String> {
    let matches = client.get(&format!("{path}/matches")).await.expect(200);
    let items = matches["items"].as_array().unwrap().iter();
    items.map(|item| item["talentId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn two_of_three_specialties_are_66_point_7_and_every_part_is_shown() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 3.0).await;
    nurse
        .patch("/api/v1/me/profile", json!({ "specialties": [" GÉRIATRIE ", "Autisme", "Hypnose"] }))
        .await
        .expect(200);
    set_counters(&world, &nurse, 400, 15).await;
    let mut body = mission();
    body["specialties"] = json!(["Geriatrie", "autisme", "psychiatrie"]);
    let path = post(&world, &client, body).await;
    let stored = client.get(&format!("{path}/matches")).await.expect(200)["items"][0].clone();
    assert_eq!((&stored["score"], &stored["distanceKm"]), (&json!(66.7), &json!(3.0)));
    assert_eq!(stored["matchedSpecialties"], json!(["autisme", "geriatrie"]));

    // 35 % of 66.7, 25 % of 4 in 5 stars, 25 % of 27 in 30 km, 15 % of 15 in 30 missions.
    let candidate = client.get(&format!("{path}/candidates")).await.expect(200)["items"][0].clone();
    let parts = json!({ "specialties": 66.7, "rating": 80.0, "closeness": 90.0, "experience": 50.0 });
    assert_eq!((&candidate["parts"], &candidate["score"]), (&parts, &json!(73.3)));
    // More than thirty missions count as thirty.
    set_counters(&world, &nurse, 400, 300).await;
    let candidate = client.get(&format!("{path}/candidates")).await.expect(200)["items"][0].clone();
    assert_eq!((&candidate["parts"]["experience"], &candidate["score"]), (&json!(100.0), &json!(80.8)));
    world.end().await;
}

#[tokio::test]
async fn ties_are_broken_by_rating_then_distance_then_experience() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let best = world.nurse("best", 20.0).await;
    let near = world.nurse("near", 1.0).await;
    let busy = world.nurse("busy", 2.0).await;
    let quiet = world.nurse("quiet", 2.0).await;
    for (nurse, rating, missions) in [(&best, 500, 0), (&near, 400, 0), (&busy, 400, 9), (&quiet, 400, 1)] {
        set_counters(&world, nurse, rating, missions).await;
    }
    let path = post(&world, &client, mission()).await;
    assert_eq!(ranked(&client, &path).await, [&*best.id, &*near.id, &*busy.id]);
    // Who fits better goes before who is rated better.
    best.patch("/api/v1/me/profile", json!({ "specialties": [] })).await.expect(200);
    let path = post(&world, &client, mission()).await;
    assert_eq!(ranked(&client, &path).await, [&*near.id, &*busy.id, &*quiet.id]);
    world.end().await;
}

#[tokio::test]
async fn a_wave_asks_at_least_three_for_each_free_place() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    for n in 0..20_u8 {
        world.nurse(&format!("nurse-{n}"), 1.0 + f64::from(n)).await;
    }
    let mut body = mission();
    body["urgencyLevel"] = json!("CRITICAL");
    body["slots"] = json!(5);
    post(&world, &client, body).await;
    assert_eq!(world.count("select count(*) from invitations").await, 3, "the first wave is the top three");
    world.clock.advance(Duration::minutes(10) + Duration::SECOND);
    world.drain().await;
    assert_eq!(world.count("select count(*) from invitations where wave = 2").await, 15);
    world.end().await;
}
