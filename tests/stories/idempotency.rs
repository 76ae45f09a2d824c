//! The same request twice: one effect, one answer.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";
const POSTED: &str = "select count(*) from missions";
const KEYS: &str = "select count(*) from idempotency_keys";

/// Status, whether it is a replay, and the bytes.
async fn send(client: &Client, path: &str, key: &str, body: &Value) -> (StatusCode, bool, String) {
    let request = client.request(Method::POST, path).header("idempotency-key", key).json(body);
    let response = request.send().await.unwrap();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    (response.status(), replayed, response.text().await.unwrap())
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_also_from_another_replica() {
    let mut world = World::new().await;
    let elsewhere = world.start_api(&[]).await;
    let client = world.client("lilas").await;
    let body = mission();
    let first = send(&client, MISSIONS, "k-1", &body).await;
    assert_eq!((first.0.as_u16(), first.1), (201, false), "{}", first.2);
    for again in [&client, &client.at(&elsewhere)] {
        let answer = send(again, MISSIONS, "k-1", &body).await;
        assert_eq!(answer, (first.0, true, first.2.clone()));
    }
    assert_eq!(world.count(POSTED).await, 1);
    world.drain().await;
    assert_eq!(world.count("select count(*) from jobs where kind = 'match-mission'").await, 1);
    world.end().await;
}

#[tokio::test]
async fn twenty_at_once_have_one_effect_and_equal_answers() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let body = mission();
    let calls = (0..20).map(|_| send(&client, MISSIONS, "k-1", &body));
    let answers = futures_util::future::join_all(calls).await;
    assert!(
        answers.iter().all(|(status, _, text)| status.as_u16() == 201 && *text == answers[0].2),
        "{answers:?}"
    );
    assert_eq!(answers.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
    assert_eq!(world.count(POSTED).await, 1);
    // Many keys at once do not starve each other of connections.
    let keys: Vec<String> = (0..40).map(|n| format!("other-{n}")).collect();
    let calls = keys.iter().map(|key| send(&client, MISSIONS, key, &body));
    assert!(futures_util::future::join_all(calls).await.iter().all(|(status, ..)| status.as_u16() == 201));
    assert_eq!(world.count(POSTED).await, 41);
    world.end().await;
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller() {
    let world = World::new().await;
    let (lilas, roses) = (world.client("lilas").await, world.client("roses").await);
    let mut body = mission();
    send(&lilas, MISSIONS, "k-1", &body).await;
    assert_eq!(send(&roses, MISSIONS, "k-1", &body).await.0.as_u16(), 201);
    body["slots"] = json!(2);
    let request = lilas.request(Method::POST, MISSIONS).header("idempotency-key", "k-1").json(&body);
    lilas.send(request).await.expect_error(422, "IDEMPOTENCY_KEY_REUSED");
    for malformed in ["", "two words", "é", &"x".repeat(256)] {
        let request = lilas.request(Method::POST, MISSIONS).header("idempotency-key", malformed.as_bytes());
        let error = lilas.send(request.json(&body)).await.expect_error(400, "INVALID_REQUEST");
        assert_eq!(error["errors"][0]["field"], "Idempotency-Key");
    }
    assert_eq!(world.count(POSTED).await, 2);
    world.end().await;
}

#[tokio::test]
async fn refusals_are_kept_but_not_those_of_the_door() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let mut past = mission();
    past["startDate"] = json!("2020-01-01T08:00:00Z");
    let first = send(&client, MISSIONS, "past", &past).await;
    assert_eq!(first.0.as_u16(), 400);
    assert_eq!(send(&client, MISSIONS, "past", &past).await, (first.0, true, first.2));

    let pending = world.pending("pending", "CLIENT").await;
    assert_eq!(send(&pending, MISSIONS, "k", &mission()).await.0.as_u16(), 403);
    world.set_status(&pending, "VERIFIED").await;
    let body = mission();
    assert_eq!(send(&pending, MISSIONS, "k", &body).await.0.as_u16(), 201);
    // Nobody reads a stored answer without a living session.
    world.set_status(&pending, "BANNED").await;
    assert_eq!(send(&pending, MISSIONS, "k", &body).await.0.as_u16(), 401);
    world.end().await;
}

#[tokio::test]
async fn our_own_faults_are_not_kept_and_leave_nothing() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let body = mission();
    sqlx::query("alter table jobs add constraint broken check (kind <> 'match-mission')")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(send(&client, MISSIONS, "k", &body).await.0.as_u16(), 500);
    assert_eq!((world.count(POSTED).await, world.count(KEYS).await), (0, 0));
    sqlx::query("alter table jobs drop constraint broken").execute(&world.pool).await.unwrap();
    let answer = send(&client, MISSIONS, "k", &body).await;
    assert_eq!((answer.0.as_u16(), answer.1), (201, false));
    world.end().await;
}

#[tokio::test]
async fn answers_are_kept_for_a_day() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    send(&client, MISSIONS, "k", &mission()).await;
    let mut conn = world.pool.acquire().await.unwrap();
    let purge =
        async |conn: &mut _| domain::idempotency::purge(conn, world.clock.now(), 5_000).await.unwrap();
    world.clock.advance(Duration::hours(23));
    assert_eq!(purge(&mut *conn).await, 0);
    world.clock.advance(Duration::hours(2));
    assert_eq!(purge(&mut *conn).await, 1);
    assert_eq!(purge(&mut *conn).await, 0);
    world.stop().await;
}
