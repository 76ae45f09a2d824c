//! Pushes: of a notification, and of messages that somebody does not see.

use jobs::PushMessages;
use jobs::ledger::NewJob;
use serde_json::json;

use super::Delivered;
use crate::push::Pushing;

pub(super) async fn play(twice: &mut Delivered) {
    let pushing = Pushing::start().await;
    let (world, client, nurse) = (&pushing.world, &pushing.client, &pushing.nurse);
    pushing.subscribe(nurse).await;
    let posted = client.post("/api/v1/matching/missions", pushing.mission()).await.expect(201);
    twice.again(world).await;
    let path = format!("/api/v1/conversations/{}/messages", posted["conversationId"].as_str().unwrap());
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    let accept = format!("/api/v1/invitations/{}/accept", invitations["items"][0]["id"].as_str().unwrap());
    nurse.act(&accept).await.expect(200);
    twice.again(world).await;
    client.post(&path, json!({ "content": "Bonjour" })).await.expect(201);
    world.enqueue(NewJob::of(&PushMessages {})).await;
    twice.again(world).await;
    pushing.world.end().await;
}
