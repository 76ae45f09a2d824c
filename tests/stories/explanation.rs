//! Why somebody was matched, or was not.

use serde_json::{Value, json};

use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";

fn outcome(explanation: &Value, filter: &str) -> String {
    let filters = explanation["filters"].as_array().unwrap();
    let found = filters.iter().find(|f| f["filter"] == filter).unwrap_or(&Value::Null);
    found["outcome"].as_str().unwrap_or("absent").to_owned()
}

#[tokio::test]
async fn a_decision_is_explained_from_what_was_stored() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 6.0).await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let path = format!("{MISSIONS}/{}/explanation", posted["id"].as_str().unwrap());
    let own = nurse.get(&path).await.expect(200);
    assert_eq!(own["basis"], "STORED");
    assert_eq!(own["matched"], true);
    assert_eq!((&own["rank"], &own["wave"]), (&json!(1), &json!(1)));
    assert_eq!(own["score"], 100.0);
    assert_eq!(own["distanceKm"], 6.0);
    assert_eq!(own["parts"][0], json!({ "part": "SPECIALTIES", "value": 100.0, "weight": 35.0 }));
    assert_eq!(own["parts"][2], json!({ "part": "CLOSENESS", "value": 80.0, "weight": 25.0 }));
    assert_eq!(own["weightedScore"], 55.0);
    assert_eq!(own["wouldChange"], json!([]));
    for filter in [
        "PLACE",
        "PROFESSION",
        "VERIFIED",
        "VISIBLE",
        "COMPLIANCE",
        "AVAILABILITY",
        "DOUBLE_BOOKING",
        "WORKING_TIME",
    ] {
        assert_eq!(outcome(&own, filter), "PASSED", "{filter}");
    }
    assert_eq!(outcome(&own, "DRIVER_LICENSE"), "NOT_ASKED");
    assert_eq!(outcome(&own, "NIGHT_SHIFT"), "NOT_ASKED");
    assert_eq!(outcome(&own, "NEVER_AGAIN"), "absent");

    // She moves away and loses her papers; the decision stays what it was.
    nurse
        .patch(
            "/api/v1/me/profile",
            json!({ "latitude": 43.3, "longitude": 5.4, "specialties": ["Autisme"] }),
        )
        .await
        .expect(200);
    sqlx::query("update profiles set compliance_status = 'EXPIRED'").execute(&world.pool).await.unwrap();
    assert_eq!(nurse.get(&path).await.expect(200), own);
    let theirs = client.get(&format!("{path}?talentId={}", nurse.id)).await.expect(200);
    assert_eq!(outcome(&theirs, "NEVER_AGAIN"), "PASSED");
    assert_eq!(theirs["distanceKm"], own["distanceKm"]);
    assert_eq!(theirs["decidedAt"], own["decidedAt"]);
    world.end().await;
}

#[tokio::test]
async fn who_was_not_matched_reads_which_filter_failed_and_what_would_change_it() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let far = world.nurse("far", 41.0).await;
    sqlx::query("update profiles set compliance_status = 'SUBMITTED'").execute(&world.pool).await.unwrap();
    far.patch("/api/v1/me/profile", json!({ "canDoNightShift": false, "hasDriverLicense": false }))
        .await
        .expect(200);
    let mut night = mission();
    night["isNightShift"] = json!(true);
    night["requiresCar"] = json!(true);
    let posted = client.post(MISSIONS, night).await.expect(201);
    world.drain().await;
    let path = format!("{MISSIONS}/{}/explanation", posted["id"].as_str().unwrap());
    let own = far.get(&path).await.expect(200);
    assert_eq!(own["basis"], "CURRENT");
    assert_eq!(own["matched"], false);
    assert!(own.get("rank").is_none() && own.get("decidedAt").is_none());
    for filter in ["PLACE", "COMPLIANCE", "NIGHT_SHIFT", "DRIVER_LICENSE"] {
        assert_eq!(outcome(&own, filter), "FAILED", "{filter}");
    }
    assert_eq!(
        own["filters"][0],
        json!({ "filter": "PLACE", "outcome": "FAILED", "wanted": "at most 30 km", "found": "41.0 km" })
    );
    assert_eq!(outcome(&own, "PROFESSION"), "PASSED");
    let advice = own["wouldChange"].as_array().unwrap();
    assert!(advice.contains(&json!("Validate your documents")), "{advice:?}");
    assert_eq!(advice.len(), 4);
    let theirs = client.get(&format!("{path}?talentId={}", far.id)).await.expect(200);
    assert!(theirs["wouldChange"].as_array().unwrap().contains(&json!("Extend the mission's radius")));
    world.end().await;
}

#[tokio::test]
async fn who_may_ask_about_whom() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let other = world.client("roses").await;
    let admin = world.admin().await;
    let nurse = world.nurse("nurse", 1.0).await;
    let colleague = world.nurse("colleague", 50.0).await;
    let hidden = world.nurse("hidden", 60.0).await;
    hidden.patch("/api/v1/me/profile", json!({ "isMarketplaceVisible": false })).await.expect(200);
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let path = format!("{MISSIONS}/{}/explanation", posted["id"].as_str().unwrap());
    let about = |who: &tests::Client| format!("{path}?talentId={}", who.id);
    client.get(&path).await.expect_error(400, "INVALID_REQUEST");
    client.get(&about(&nurse)).await.expect(200);
    client.get(&about(&colleague)).await.expect(200);
    client.get(&about(&hidden)).await.expect_error(404, "NOT_FOUND");
    client.get(&about(&other)).await.expect_error(404, "NOT_FOUND");
    admin.get(&about(&hidden)).await.expect(200);
    admin.get(&about(&other)).await.expect_error(404, "NOT_FOUND");
    other.get(&about(&nurse)).await.expect_error(403, "NOT_A_PARTICIPANT");
    nurse.get(&about(&nurse)).await.expect(200);
    nurse.get(&about(&colleague)).await.expect_error(403, "NOT_YOUR_EXPLANATION");
    colleague.get(&path).await.expect(200);
    world.end().await;
}
