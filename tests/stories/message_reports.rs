//! A member reports what another has written.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::chat::assigned;
use crate::world::World;

#[tokio::test]
async fn a_reported_message_is_kept_and_told_to_those_who_judge_once() {
    let mut world = World::without_worker().await;
    world.start_worker_with(&["--worker-cron", "false", "--alert-email", "astreinte@example.org"]);
    let (client, nurse, mission) = assigned(&world).await;
    let admin = world.admin().await;
    let mut watching = admin.socket().await;
    let mut socket = client.socket().await;
    let conversation = socket.join(&mission, None).await["conversationId"].as_str().unwrap().to_owned();
    let said = socket.say(&mission, "Mme Roux, chambre 12, est diabétique.").await;
    let report = format!("/api/v1/conversations/{conversation}/report");
    let body = json!({ "messageId": said["messageId"], "reason": "Nomme une résidente" });

    let first = nurse.post(&report, body.clone()).await.expect(201);
    assert_eq!((&first["messageId"], &first["reason"]), (&said["messageId"], &json!("Nomme une résidente")));
    let again = json!({ "messageId": said["messageId"], "reason": "Autre chose" });
    assert_eq!(nurse.post(&report, again).await.expect(200), first, "the first report stays");
    // The same request under a key gets its answer again, byte for byte.
    for _ in 0..2 {
        let keyed = nurse.request(Method::POST, &report).header("idempotency-key", "r-1").json(&body);
        assert_eq!(nurse.send(keyed).await.expect(200), first);
    }
    world.drain().await;
    let told = watching.next("notification").await;
    assert_eq!(told["type"], "MESSAGE_REPORTED");
    assert_eq!(told["data"]["messageId"], said["messageId"]);
    assert_eq!(world.count("select count(*) from notifications where type = 'MESSAGE_REPORTED'").await, 1);
    let mails = world.mails();
    let alerts: Vec<_> = mails.iter().filter(|mail| mail.contains("To: astreinte@example.org")).collect();
    let [alert] = &alerts[..] else { panic!("one mail: {alerts:?}") };
    assert!(!alert.contains("Roux") && alert.contains(&conversation), "{alert}");
    let kept: (String, Uuid) = sqlx::query_as("select content, author_id from message_reports")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(kept, ("Mme Roux, chambre 12, est diabétique.".into(), client.id.parse().unwrap()));

    // Nobody's own, no SYSTEM message, none of another room, and no stranger.
    client.post(&report, body.clone()).await.expect_error(403, "NOT_REPORTABLE");
    let history = nurse.get(&format!("/api/v1/conversations/{conversation}/messages")).await.expect(200);
    let system = json!({ "messageId": history["items"][0]["id"], "reason": "x" });
    nurse.post(&report, system).await.expect_error(403, "NOT_REPORTABLE");
    let unknown = json!({ "messageId": Uuid::now_v7(), "reason": "x" });
    nurse.post(&report, unknown).await.expect_error(404, "NOT_FOUND");
    let stranger = world.client("roses").await;
    stranger.post(&report, body.clone()).await.expect_error(403, "NOT_A_MEMBER");
    admin.post(&report, body).await.expect_error(403, "NOT_A_MEMBER");
    for reason in ["".to_owned(), "x".repeat(501)] {
        let body = json!({ "messageId": said["messageId"], "reason": reason });
        nurse.post(&report, body).await.expect_error(400, "INVALID_REQUEST");
    }
    world.end().await;
}
