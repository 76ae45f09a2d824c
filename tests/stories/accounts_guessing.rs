//! Guessing passwords and rotating keys.

use serde_json::{Value, json};
use tests::Answer;

use crate::accounts::register;
use crate::world::{PASSWORD, World};

const LIMITED: [&str; 4] = ["--rate-limit", "general=1000/1s", "--trusted-proxies", "127.0.0.1"];

async fn login(world: &World, from: &str, email: &str, password: &str) -> Answer {
    let client = world.anonymous();
    let request = client.request(reqwest::Method::POST, "/api/v1/auth/login").header("x-forwarded-for", from);
    client.send(request.json(&json!({ "email": email, "password": password }))).await
}

#[tokio::test]
async fn strangers_are_locked_out_and_the_owner_is_not() {
    let mut world = World::with_api_settings(&LIMITED).await;
    world.start_worker();
    register(&world, "lea@example.org", "TALENT").await;
    // At home once: from now on the account is known there.
    login(&world, "203.0.113.7", "lea@example.org", PASSWORD).await.expect(200);
    let mut answers: Vec<Vec<(u16, Value)>> = vec![vec![], vec![]];
    for n in 0..7 {
        for (email, seen) in ["lea@example.org", "nobody@example.org"].iter().zip(&mut answers) {
            let answer = login(&world, &format!("198.51.{n}.1"), email, "a guess").await;
            if answer.status == 429 {
                let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((800..=900).contains(&wait), "{wait}");
            }
            seen.push((answer.status.as_u16(), answer.body["code"].clone()));
        }
    }
    assert_eq!(answers[0], answers[1], "known and unknown look alike");
    let statuses: Vec<u16> = answers[0].iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    // Another spelling of the same address is no way around.
    login(&world, "198.51.100.1", "LEA@example.org ", PASSWORD).await.expect_error(429, "RATE_LIMITED");
    // The owner at home, and anywhere in its neighbourhood.
    for _ in 0..3 {
        login(&world, "203.0.113.99", "lea@example.org", PASSWORD).await.expect(200);
    }
    world.end().await;
}

#[tokio::test]
async fn networks_of_ipv6_count_as_one_address() {
    let world = World::with_api_settings(&LIMITED).await;
    for n in 0..10 {
        login(&world, &format!("2001:db8:1:2::{n}"), &format!("{n}@example.org"), "x").await.expect(401);
    }
    login(&world, "2001:db8:1:2:ffff::1", "z@example.org", "x").await.expect_error(429, "RATE_LIMITED");
    login(&world, "2001:db8:1:3::1", "z@example.org", "x").await.expect(401);
    world.end().await;
}

#[tokio::test]
async fn keys_rotate_under_living_sessions() {
    const OLD: &str = "stories-stories-stories-stories-";
    const NEW: &str = "another-key-another-key-another-key";
    let mut world = World::new().await;
    let rotating = world.start_api_with_secret(NEW, &["--jwt-previous-secrets", OLD]).await;
    let rotated = world.start_api_with_secret(NEW, &[]).await;
    let registration = json!({ "email": "a@example.org", "password": PASSWORD, "role": "CLIENT" });
    let old = world.anonymous().post("/api/v1/auth/register", registration).await.expect(201);
    let me = "/api/v1/auth/me";
    world.anonymous().at(&rotating).signed_in(&old).get(me).await.expect(200);
    world.anonymous().at(&rotated).signed_in(&old).get(me).await.expect_error(401, "TOKEN_INVALID");
    let refresh = json!({ "refreshToken": old["refreshToken"] });
    let path = "/api/v1/auth/refresh";
    world.anonymous().at(&rotated).post(path, refresh.clone()).await.expect_error(401, "REFRESH_REFUSED");
    let new = world.anonymous().at(&rotating).post(path, refresh).await.expect(200);
    // Signed by the new key: who only knows the new one takes both of its tokens.
    world.anonymous().at(&rotated).signed_in(&new).get(me).await.expect(200);
    let refresh = json!({ "refreshToken": new["refreshToken"] });
    world.anonymous().at(&rotated).post(path, refresh).await.expect(200);
    world.end().await;
}
