//! Applying, and being chosen.

use serde_json::json;

use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";

#[tokio::test]
async fn an_application_is_accepted_and_the_others_are_rejected() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    let path = format!("{MISSIONS}/{}", posted["id"].as_str().unwrap());
    let (first, second) = (world.nurse("first", 1.0).await, world.nurse("second", 2.0).await);
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2600 });
    let applied = first.post(&format!("{path}/apply"), letter.clone()).await.expect(201);
    first.post(&format!("{path}/apply"), letter.clone()).await.expect_error(409, "ALREADY_APPLIED");
    second.post(&format!("{path}/apply"), letter.clone()).await.expect(201);
    let aide = world.nurse("aide", 1.0).await;
    aide.patch("/api/v1/me/profile", json!({ "jobId": "as" })).await.expect(200);
    aide.post(&format!("{path}/apply"), letter.clone()).await.expect_error(409, "PROFESSION_MISMATCH");
    assert_eq!(
        client.get(&format!("{path}/applications")).await.expect(200)["items"].as_array().unwrap().len(),
        2
    );

    let accept = format!("/api/v1/applications/{}/accept", applied["id"].as_str().unwrap());
    let assignment = client.post(&accept, json!({})).await.expect(200);
    assert_eq!(client.post(&accept, json!({})).await.expect(200)["id"], assignment["id"]);
    world.drain().await;
    assert_eq!(first.get("/api/v1/me/applications").await.expect(200)["items"][0]["status"], "ACCEPTED");
    assert_eq!(second.get("/api/v1/me/applications").await.expect(200)["items"][0]["status"], "REJECTED");
    second.post(&format!("{path}/apply"), letter).await.expect_error(409, "MISSION_NOT_OPEN");
    world.end().await;
}

#[tokio::test]
async fn fifty_of_both_kinds_at_once_and_exactly_the_slots_win() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let mut body = mission();
    body["slots"] = json!(3);
    let posted = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;
    let id = posted["id"].as_str().unwrap();
    let mut tries = Vec::new();
    for n in 0..50 {
        let talent = world.nurse(&format!("nurse-{n}"), 1.0).await;
        let path = if n % 2 == 0 {
            let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
            let filed = talent.post(&format!("{MISSIONS}/{id}/apply"), letter).await.expect(201);
            format!("/api/v1/applications/{}/accept", filed["id"].as_str().unwrap())
        } else {
            let invitation = uuid::Uuid::now_v7();
            sqlx::query("insert into invitations (id, mission_id, talent_id, wave, created_at) values ($1, $2::uuid, $3::uuid, 1, now())")
                .bind(invitation)
                .bind(id)
                .bind(&talent.id)
                .execute(&world.pool)
                .await
                .unwrap();
            format!("/api/v1/invitations/{invitation}/accept")
        };
        let who = if n % 2 == 0 { client.clone() } else { talent };
        // Fifty wait for twenty connections: whoever is told to try again in a moment does.
        tries.push(async move {
            loop {
                let answer = match n % 2 {
                    0 => who.post(&path, json!({})).await,
                    _ => who.act(&path).await,
                };
                if answer.status != 503 {
                    break answer;
                }
            }
        });
    }
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.expect_error(409, "MISSION_NOT_OPEN");
    }
    assert_eq!(world.count("select count(*) from assignments").await, 3);
    assert_eq!(world.count("select filled::int8 from missions").await, 3);
    world.end().await;
}

#[tokio::test]
async fn whoever_is_on_a_never_again_list_hears_that_the_mission_is_not_open() {
    let world = World::new().await;
    let (client, nurse) = (world.client("lilas").await, world.nurse("zoe", 1.0).await);
    let posted = client.post("/api/v1/matching/missions", mission()).await.expect(201);
    client.put(&format!("/api/v1/me/exclusions/{}", nurse.id), json!({})).await.expect(200);
    let apply = format!("/api/v1/matching/missions/{}/apply", posted["id"].as_str().unwrap());
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 2500 });
    nurse.post(&apply, letter).await.expect_error(409, "MISSION_NOT_OPEN");
    world.end().await;
}
