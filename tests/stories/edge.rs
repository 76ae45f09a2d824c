//! What every request meets before an operation: half requests, budgets, headers.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, mission};

const HALF: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Sl";

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap()
}

/// What comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is closed");
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn half_a_header_is_not_waited_for_and_sockets_and_idle_connections_are_left_alone() {
    let world = World::with_api_settings(&["--header-timeout", "0.3"]).await;
    let client = world.client("lea").await;
    let mut socket = client.socket().await;
    let mut idle = connect(&world).await;
    let mut second = connect(&world).await;
    second.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    second.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    second.write_all(HALF).await.unwrap();

    let mut first = connect(&world).await;
    first.write_all(HALF).await.unwrap();
    assert_eq!(rest(&mut first).await, "", "closed without an answer");
    rest(&mut second).await;

    // One that drips is no better.
    let mut dripping = connect(&world).await;
    for byte in HALF.iter().cycle() {
        if dripping.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"), "it had said nothing, and may wait");
    socket.emit("no-such-event", json!({})).await;
    socket.frame().await;
    world.end().await;
}

#[tokio::test]
async fn half_a_request_does_not_hold_up_a_stop() {
    let world = World::without_worker().await;
    let mut header = connect(&world).await;
    header.write_all(HALF).await.unwrap();
    let mut body = connect(&world).await;
    let half = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    body.write_all(half).await.unwrap();
    // The server has read both when it has answered who came after them.
    world.anonymous().get("/health/live").await.expect(200);

    let began = Instant::now();
    world.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "far from the ten seconds of requests in flight");
    assert_eq!(rest(&mut header).await, "");
    let answer = rest(&mut body).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("RESTARTING"), "{answer}");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_browsers_heed() {
    let world = World::without_worker().await;
    let client = world.anonymous();
    for (path, status) in
        [("/health/live", 200), ("/api/v1/jobs", 200), ("/api/v1/me/profile", 401), ("/nowhere", 404)]
    {
        let answer = client.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=63072000"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let world = World::without_worker().await;
    let client = world.client("lea").await;
    for (field, value) in [("title", json!(null)), ("postalCode", json!("7500")), ("slots", json!("2"))] {
        let mut body = mission();
        body[field] = value;
        let refused =
            client.post("/api/v1/matching/missions", body).await.expect_error(400, "INVALID_REQUEST");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let long = format!("{}@example.org", "z".repeat(65));
    let refused =
        client.patch("/api/v1/me", json!({ "email": long })).await.expect_error(400, "INVALID_REQUEST");
    assert_eq!(refused["errors"][0]["field"], "email", "{refused}");
    world.end().await;
}

#[tokio::test]
async fn a_head_opens_no_socket() {
    let world = World::without_worker().await;
    let client = world.client("lea").await;
    let upgrade = client
        .request(Method::HEAD, "/api/v1/ws")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = client.send(upgrade).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "GET");
    world.end().await;
}

#[tokio::test]
async fn an_address_opens_twenty_sockets_in_ten_seconds() {
    let world = World::with_api_settings(&["--rate-limit", "short=3/1s"]).await;
    let client = world.anonymous();
    let budget = "\"upgrade\";q=20;w=10";
    for _ in 0..20 {
        let answer = client.get("/api/v1/ws").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "counted, and not an upgrade");
        assert_eq!(answer.headers["ratelimit-policy"], budget);
    }
    let refused = client.get("/api/v1/ws").await;
    assert_eq!(refused.headers["ratelimit-policy"], budget);
    assert!(refused.headers.contains_key("retry-after"));
    refused.expect_error(429, "RATE_LIMITED");
    world.end().await;
}

#[tokio::test]
async fn who_waits_as_long_as_told_is_never_refused_twice() {
    let world = World::with_api_settings(&["--rate-limit", "short=3/1s,medium=20/10s"]).await;
    let client = world.client("lea").await;
    let (mut served, mut waited) = (0, false);
    while served < 25 {
        let answer = client.get("/api/v1/auth/me").await;
        assert_eq!(answer.headers["ratelimit-policy"], "\"short\";q=3;w=1, \"medium\";q=20;w=10");
        assert!(answer.headers.contains_key("ratelimit"));
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(!waited, "refused after {served} although it had waited");
            let seconds = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            waited = true;
        } else {
            answer.expect(200);
            (served, waited) = (served + 1, false);
        }
    }
    // Refusals of the edge itself are answers of a counted call, too.
    let twice = client.request(Method::POST, "/api/v1/auth/logout-all").header("x-request-id", "x");
    assert!(client.send(twice).await.headers.contains_key("ratelimit"));
    let keyed =
        world.anonymous().request(Method::POST, "/api/v1/matching/missions").header("idempotency-key", "");
    assert!(world.anonymous().send(keyed.json(&mission())).await.headers.contains_key("ratelimit"));
    world.end().await;
}
