//! The page that shows the sandbox's mails: only where it was asked for, and it runs nothing of what it shows.

use clap::Parser;
use reqwest::Method;
use serde_json::json;
use tests::Client;

use crate::world::{World, mission};

const MAILBOX: &str = "/dev/mailbox";

async fn html(client: &Client, path: &str) -> (String, String) {
    let answer = client.send(client.request(Method::GET, path)).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let policy = answer.headers["content-security-policy"].to_str().unwrap().to_owned();
    (answer.body.as_str().unwrap().to_owned(), policy)
}

#[tokio::test]
async fn there_is_no_such_page_unless_it_is_asked_for() {
    let world = World::new().await;
    for path in [MAILBOX, "/dev/mailbox/x", "/dev/mailbox/x/page", "/dev"] {
        world.anonymous().get(path).await.expect_error(404, "NOT_FOUND");
    }
    world.end().await;
}

#[tokio::test]
async fn it_shows_what_was_sent_and_runs_nothing_of_it() {
    let mut world = World::new().await;
    let folder = world.mail_folder();
    let base = world.start_api(&["--dev-mailbox", folder.to_str().unwrap()]).await;
    let visitor = Client::new(&base);
    let (empty, _) = html(&visitor, MAILBOX).await;
    assert!(empty.contains("No mail yet"), "{empty}");

    let client = world.client("lilas").await;
    world.nurse("nurse", 1.0).await;
    let mut hostile = mission();
    hostile["title"] = json!("Relève <script>alert(1)</script> d’été");
    client.post("/api/v1/matching/missions", hostile).await.expect(201);
    world.drain().await;
    let (list, policy) = html(&visitor, MAILBOX).await;
    assert!(list.contains("nurse@example.org") && list.contains("Relève &lt;script&gt;"), "{list}");
    assert!(!list.contains("<script") && policy.starts_with("default-src 'none'"), "{policy}");
    let mail = list.split("href=\"").nth(1).unwrap().split('"').next().unwrap();

    let (shown, _) = html(&visitor, mail).await;
    for part in ["Message-ID", "List-Unsubscribe", "Bonjour Zoé,", "sandbox=\"allow-popups", "À bientôt,"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("<a href=\"http://127.0.0.1:3000/invitations/") && !shown.contains("<script"));
    let (page, policy) = html(&visitor, &format!("{mail}/page")).await;
    assert!(page.starts_with("<!doctype html>") && page.contains("<base target=\"_blank\">"), "{page}");
    assert!(policy.starts_with("sandbox allow-popups") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!page.contains("<script"), "{page}");

    for other in [
        "/dev/mailbox/nobody",
        "/dev/mailbox/..%2f..%2fetc%2fpasswd",
        "/dev/mailbox/%2e%2e",
        "/dev/mailbox/a.b",
    ] {
        visitor.get(other).await.expect_error(404, "NOT_FOUND");
    }
    visitor.post(MAILBOX, json!({})).await.expect(405);
    world.end().await;
}

#[tokio::test]
async fn it_is_refused_where_others_could_look() {
    let world = World::without_worker().await;
    let start = |settings: &[&str]| {
        let base =
            ["api", "--database-url", &world.database_url, "--redis-url", &world.redis_url, "--jwt-secret"];
        let secret = [crate::world::JWT_SECRET, "--dev-mailbox", "mail"];
        let config = api::Config::parse_from([&base[..], &secret, settings].concat());
        api::App::new(&config, world.clock.clone()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(start(&["--host", "127.0.0.1"]), Ok(()));
    assert_eq!(start(&["--host", "::1"]), Ok(()));
    for settings in [
        &["--host", "0.0.0.0"][..],
        &["--host", "api.example"],
        &["--stripe-secret-key", "sk_live_x", "--stripe-webhook-secret", "whsec_0123456789abcdef"],
    ] {
        let refused = start(settings).unwrap_err();
        assert!(refused.starts_with("DEV_MAILBOX"), "{refused}");
    }
    world.end().await;
}
