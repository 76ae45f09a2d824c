//! The jobs of a mission that is held: told of beforehand, near, late, unreported, on paper, and accepted by time.

use serde_json::json;
use time::Duration;

use super::Delivered;
use crate::hub::Shift;

pub(super) async fn play(twice: &mut Delivered) {
    let mut shift = Shift::assigned().await;
    shift.sign().await;
    let [instructions, acknowledge] =
        ["instructions", "acknowledge"].map(|what| format!("/api/v1/missions/{}/{what}", shift.mission));
    shift.client.post(&instructions, json!({ "content": "Badge à l’accueil." })).await.expect(201);
    shift.wait_until(shift.start - Duration::minutes(119)).await;
    twice.again(&shift.world).await;
    shift.nurse.post(&acknowledge, json!({ "version": 1 })).await.expect(200);
    shift.wait_until(shift.start + Duration::minutes(16)).await;
    twice.again(&shift.world).await;
    shift.nurse.act(&format!("/api/v1/missions/{}/start", shift.mission)).await.expect(200);
    shift.wait_until(shift.start + Duration::hours(11)).await;
    twice.again(&shift.world).await;
    let late = shift.report(600).await;
    assert_eq!(late["needsClient"], true);
    twice.again(&shift.world).await;
    shift.pass(Duration::hours(73)).await;
    twice.again(&shift.world).await;
    shift.next().await;
    shift.begin().await;
    shift.report(480).await;
    shift.pass(Duration::hours(73)).await;
    twice.again(&shift.world).await;
    let reports = shift.client.get(&format!("/api/v1/missions/{}/reports", shift.mission)).await.expect(200);
    assert_eq!(reports["items"][0]["validatedBy"], json!("TIME"));
    shift.world.end().await;
}
