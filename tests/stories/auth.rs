//! Accounts and sessions.

use serde_json::json;
use time::Duration;

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_talent_registers_signs_in_and_out() {
    let world = World::new().await;
    let anonymous = world.anonymous();
    let registration = json!({
        "email": "Lea@Example.org", "password": PASSWORD, "role": "TALENT", "firstName": "Léa", "lastName": "Durand",
    });
    let session = anonymous.post("/api/v1/auth/register", registration.clone()).await.expect(201);
    assert_eq!(session["user"]["status"], "PENDING");
    anonymous.post("/api/v1/auth/register", registration).await.expect_error(409, "EMAIL_TAKEN");

    let lea = anonymous.login("lea@example.org", PASSWORD).await;
    let me = lea.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["profile"]["firstName"], "Léa");
    assert_eq!(me["referralCode"].as_str().unwrap().len(), 8);
    assert!(me.get("passwordHash").is_none());

    lea.act("/api/v1/auth/logout").await.expect(204);
    lea.get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    anonymous.signed_in(&session).get("/api/v1/auth/me").await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn registration_refuses_what_it_cannot_take() {
    let world = World::new().await;
    let anonymous = world.anonymous();
    let with = |field: &str, value: serde_json::Value| {
        let mut body = json!({ "email": "a@example.org", "password": PASSWORD, "role": "CLIENT" });
        body[field] = value;
        body
    };
    for (field, value) in [
        ("email", json!("not an address")),
        ("email", json!(7)),
        ("password", json!("short")),
        ("password", json!("x".repeat(129))),
        ("role", json!("ADMIN")),
        ("role", json!("client")),
        ("clientType", json!("OTHER")),
        ("firstName", json!("nul\u{0}nul")),
        ("referrerCode", json!("NOTACODE")),
        ("isAdmin", json!(true)),
    ] {
        let error = anonymous
            .post("/api/v1/auth/register", with(field, value.clone()))
            .await
            .expect_error(400, "INVALID_REQUEST");
        assert_eq!(error["errors"][0]["field"], field, "{error}");
    }
    assert_eq!(world.count("select count(*) from users").await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let world = World::new().await;
    let anonymous = world.anonymous();
    let registration = json!({ "email": "a@example.org", "password": PASSWORD, "role": "CLIENT" });
    anonymous.post("/api/v1/auth/register", registration).await.expect(201);
    let login = |email: &str| json!({ "email": email, "password": "wrong password" });
    let wrong = anonymous
        .post("/api/v1/auth/login", login("a@example.org"))
        .await
        .expect_error(401, "INVALID_CREDENTIALS");
    let unknown = anonymous
        .post("/api/v1/auth/login", login("b@example.org"))
        .await
        .expect_error(401, "INVALID_CREDENTIALS");
    assert_eq!(wrong["message"], unknown["message"]);
    world.end().await;
}

#[tokio::test]
async fn a_refresh_token_has_one_successor() {
    let world = World::new().await;
    let anonymous = world.anonymous();
    let registration = json!({ "email": "a@example.org", "password": PASSWORD, "role": "CLIENT" });
    let first = anonymous.post("/api/v1/auth/register", registration).await.expect(201);
    let refresh = |session: &serde_json::Value| {
        let body = json!({ "refreshToken": session["refreshToken"] });
        let anonymous = anonymous.clone();
        async move { anonymous.post("/api/v1/auth/refresh", body).await }
    };
    let second = refresh(&first).await.expect(200);
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    // A lost response: the same token within ten seconds gets the same successor.
    let again = refresh(&first).await.expect(200);
    assert_eq!(again["refreshToken"], second["refreshToken"]);
    let third = refresh(&second).await.expect(200);

    // A theft: the spent token later. The whole session ends, and its owner is told.
    world.clock.advance(Duration::seconds(11));
    refresh(&second).await.expect_error(401, "REFRESH_REFUSED");
    refresh(&third).await.expect_error(401, "REFRESH_REFUSED");
    anonymous.signed_in(&third).get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    world.drain().await;
    let alerts = world.mails().into_iter().filter(|mail| !mail.contains("verify-email"));
    assert_eq!(alerts.count(), 1);
    world.end().await;
}

#[tokio::test]
async fn tokens_expire_and_forgeries_are_refused() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    client.get("/api/v1/auth/me").await.expect(200);
    let mut forged = client.clone();
    forged.token = client.token.as_ref().map(|token| format!("{}AAAA", &token[..token.len() - 4]));
    forged.get("/api/v1/auth/me").await.expect_error(401, "TOKEN_INVALID");
    let anonymous = world.anonymous().get("/api/v1/auth/me").await;
    assert_eq!(anonymous.headers["www-authenticate"], "Bearer");
    anonymous.expect_error(401, "TOKEN_MISSING");
    world.clock.advance(Duration::minutes(15));
    client.get("/api/v1/auth/me").await.expect_error(401, "TOKEN_EXPIRED");
    world.end().await;
}

#[tokio::test]
async fn every_layer_answers_in_the_same_shape() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let shape = |body: &serde_json::Value| {
        for field in ["statusCode", "message", "timestamp", "code", "path", "requestId"] {
            assert!(body.get(field).is_some(), "{field} is missing: {body}");
        }
    };
    shape(&client.get("/nowhere").await.expect_error(404, "NOT_FOUND"));
    let wrong_method =
        client.send(client.request(reqwest::Method::DELETE, "/api/v1/matching/missions")).await;
    assert_eq!(wrong_method.headers["allow"], "GET, POST");
    shape(&wrong_method.expect_error(405, "METHOD_NOT_ALLOWED"));
    let text = client.request(reqwest::Method::POST, "/api/v1/auth/login").body("email=a");
    shape(&client.send(text).await.expect_error(415, "UNSUPPORTED_MEDIA_TYPE"));
    let broken = client
        .request(reqwest::Method::POST, "/api/v1/auth/login")
        .header("content-type", "application/json")
        .body("{");
    shape(&client.send(broken).await.expect_error(400, "INVALID_REQUEST"));
    let large = json!({ "email": "a@example.org", "password": "x".repeat(1 << 20) });
    shape(&client.post("/api/v1/auth/login", large).await.expect_error(413, "PAYLOAD_TOO_LARGE"));
    let stray = client
        .get("/api/v1/matching/missions?scope=mine&color=red")
        .await
        .expect_error(400, "INVALID_REQUEST");
    assert_eq!(stray["errors"][0]["field"], "color");
    let id = client.get("/api/v1/matching/missions/seven").await.expect_error(400, "INVALID_REQUEST");
    assert_eq!(id["errors"][0]["field"], "id");

    let request = client.request(reqwest::Method::GET, "/nowhere").header("x-request-id", "my-own-request-1");
    let answer = client.send(request).await;
    assert_eq!(answer.headers["x-request-id"], "my-own-request-1");
    assert_eq!(answer.body["requestId"], "my-own-request-1");
    world.end().await;
}

#[tokio::test]
async fn budgets_are_shared_by_replicas_and_obeyed_clients_are_served() {
    let mut world = World::with_api_settings(&["--rate-limit", "short=3/1s,medium=20/10s"]).await;
    let other = world.start_api(&["--rate-limit", "short=3/1s,medium=20/10s"]).await;
    let client = world.client("lilas").await;
    let elsewhere = client.at(&other);
    let me = "/api/v1/auth/me";
    for replica in [&client, &elsewhere, &client] {
        let answer = replica.get(me).await;
        assert_eq!(answer.headers["ratelimit-policy"], r#""short";q=3;w=1, "medium";q=20;w=10"#);
        answer.expect(200);
    }
    let refused = elsewhere.get(me).await;
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    refused.expect_error(429, "RATE_LIMITED");
    // Another operation and another user have budgets of their own.
    client.get("/api/v1/matching/missions").await.expect(200);
    world.client("roses").await.get(me).await.expect(200);
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    client.get(me).await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn only_configured_origins_may_call_from_a_browser() {
    let world = World::with_api_settings(&["--cors-origins", "https://app.example"]).await;
    let ask = |origin: &'static str| {
        let client = world.anonymous();
        let request = client.request(reqwest::Method::OPTIONS, "/api/v1/auth/login");
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        async move { client.send(request).await }
    };
    let allowed = ask("https://app.example").await;
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://app.example");
    allowed.expect(204);
    let refused = ask("https://evil.example").await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    // Errors carry the header too, or the page could not read them.
    let request =
        world.anonymous().request(reqwest::Method::GET, "/nowhere").header("origin", "https://app.example");
    let answer = world.anonymous().send(request).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example");
    world.stop().await;
}
