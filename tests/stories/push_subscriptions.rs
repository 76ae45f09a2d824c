//! Devices that are named: whose they are, and where they may not lead.

use serde_json::{Value, json};
use tests::push_service::{Browser, PushService};

use crate::push::{DEVICES, Pushing};
use crate::world::World;

fn query(browser: &Browser) -> String {
    format!("{DEVICES}?endpoint={}", browser.endpoint.replace(':', "%3A").replace('/', "%2F"))
}

#[tokio::test]
async fn without_a_key_nobody_subscribes() {
    let world = World::without_worker().await;
    let nurse = world.nurse("zoe", 1.0).await;
    let service = PushService::start().await;
    let code = "PUSH_NOT_CONFIGURED";
    nurse.get("/api/v1/notifications/push/public-key").await.expect_error(503, code);
    nurse.post(DEVICES, Browser::at(&service).subscription()).await.expect_error(503, code);
    nurse.post(DEVICES, json!({ "fcmToken": "device-1" })).await.expect_error(503, code);
    world.end().await;
}

#[tokio::test]
async fn what_is_no_subscription_is_refused_with_its_field() {
    let pushing = Pushing::start().await;
    let good = Browser::at(&pushing.service).subscription();
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        match field.strip_prefix("keys.") {
            Some(key) => body["keys"][key] = value,
            None => body[field] = value,
        }
        body
    };
    let long = format!("https://push.example/{}", "x".repeat(2048));
    for (field, value) in [
        ("endpoint", json!("http://push.example/x")),
        ("endpoint", json!("https://push.example:8443/x")),
        ("endpoint", json!("https://user:word@push.example/x")),
        ("endpoint", json!("https://10.0.0.1/x")),
        ("endpoint", json!("https://169.254.169.254/latest/meta-data")),
        ("endpoint", json!("https://[::1]/x")),
        ("endpoint", json!("https://2130706434/x")),
        ("endpoint", json!("https://localhost/x")),
        ("endpoint", json!("https://nobody.invalid/x")),
        ("endpoint", json!("push")),
        ("endpoint", json!(long)),
        ("endpoint", json!(7)),
        ("fcmToken", json!("both at once")),
        ("keys.p256dh", json!("A".repeat(87))),
        ("keys.p256dh", json!("BCVx")),
        ("keys.p256dh", json!("B".repeat(5_000))),
        ("keys.auth", json!("AAAAAAAAAAAAAAAAAAAAAAAA")),
        ("keys.auth", json!("not base64url at all!")),
        ("keys.more", json!("x")),
        ("userId", json!("x")),
    ] {
        let refused = pushing.nurse.post(DEVICES, with(field, value.clone())).await.expect(400);
        assert_eq!(refused["code"], "INVALID_REQUEST", "{field} {value}");
    }
    for body in [
        json!({}),
        json!({ "endpoint": good["endpoint"] }),
        json!({ "keys": good["keys"] }),
        json!({ "fcmToken": "" }),
    ] {
        pushing.nurse.post(DEVICES, body).await.expect(400);
    }
    assert_eq!(pushing.world.count("select count(*) from push_subscriptions").await, 0);
    pushing.world.end().await;
}

#[tokio::test]
async fn a_browser_belongs_to_who_sits_at_it() {
    let pushing = Pushing::start().await;
    let browser = pushing.subscribe(&pushing.nurse).await;
    pushing.nurse.post(DEVICES, browser.subscription()).await.expect(201);
    let count = "select count(*) from push_subscriptions";
    let mut otherwise = browser.subscription();
    otherwise["endpoint"] =
        json!(browser.endpoint.replace("http://", "HTTP://").replace("/push/", "/./push/"));
    pushing.nurse.post(DEVICES, otherwise.clone()).await.expect(201);
    assert_eq!(pushing.world.count(count).await, 1, "again is harmless, and in another spelling");

    // Somebody who has learned the endpoint, and not the keys.
    let mut stolen = Browser::at(&pushing.service).subscription();
    stolen["endpoint"] = json!(browser.endpoint);
    let thief = pushing.world.nurse("thief", 90.0).await;
    thief.post(DEVICES, stolen.clone()).await.expect_error(409, "PUSH_SUBSCRIPTION_TAKEN");
    thief.delete(&query(&browser)).await.expect(204);
    pushing.invite("HIGH").await;
    assert_eq!(browser.read(&pushing.service).len(), 1, "it is still hers");

    // The next one at the same browser, whom nothing reaches that is meant for the one before.
    pushing.client.post(DEVICES, browser.subscription()).await.expect(201);
    pushing.invite("HIGH").await;
    assert_eq!(browser.read(&pushing.service).len(), 1);
    pushing.client.delete(&query(&browser).replace("http", "HTTP")).await.expect(204);
    assert_eq!(pushing.world.count(count).await, 0);
    pushing.client.delete(&query(&browser)).await.expect(204);
    pushing.world.end().await;
}

#[tokio::test]
async fn ten_devices_are_enough() {
    let pushing = Pushing::start().await;
    let first = pushing.subscribe(&pushing.nurse).await;
    let others: Vec<_> = (0..12).map(|_| Browser::at(&pushing.service)).collect();
    let tasks = others.iter().map(|browser| {
        let (nurse, body) = (pushing.nurse.clone(), browser.subscription());
        tokio::spawn(async move { drop(nurse.post(DEVICES, body).await.expect(201)) })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(pushing.world.count("select count(*) from push_subscriptions").await, 10);
    pushing.invite("HIGH").await;
    assert_eq!((pushing.service.pushes(), first.read(&pushing.service).len()), (10, 0));
    pushing.world.end().await;
}
