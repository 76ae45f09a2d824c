//! Addresses that bounced: closed for everything but the safety of an account, until an admin or another address opens them.

use api::svix;
use serde_json::{Value, json};
use tests::{Answer, Client};
use time::Duration;

use crate::letters::letters;
use crate::mail_answers::write;
use crate::mail_server::{MailServer, Mood, Step};
use crate::world::World;

const SUPPRESSIONS: &str = "/api/v1/admin/mail-suppressions";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn closed(admin: &Client) -> Vec<Value> {
    admin.get(SUPPRESSIONS).await.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_address_that_bounced_is_not_written_to_until_it_is_opened() {
    let server = MailServer::start(Mood::Says(Step::Rcpt, "550 5.1.1 nobody of that name")).await;
    let world = server.world().await;
    let admin = world.admin().await;
    let client = world.client("lilas").await;
    write(&world, &client).await;
    world.drain().await;
    let [bounced] = &closed(&admin).await[..] else { panic!("one address is closed") };
    assert_eq!((&bounced["email"], &bounced["reason"]), (&json!("lilas@example.org"), &json!("BOUNCED")));
    assert!(bounced["detail"].as_str().unwrap().contains("550 5.1.1 nobody"), "{bounced}");
    let one = admin.get(&format!("{SUPPRESSIONS}?email=Lilas@example.org")).await.expect(200);
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let none = admin.get(&format!("{SUPPRESSIONS}?email=other@example.org")).await.expect(200);
    assert_eq!(none["items"], json!([]));

    server.set(Mood::Takes);
    write(&world, &client).await;
    world.drain().await;
    assert!(server.letters().is_empty());
    let told = "select count(*) from jobs where kind = 'send-mail' and state = 'cancelled' and causes->0->>'error' like '%bounced%'";
    assert_eq!(world.count(told).await, 1, "whoever looks for the mail reads why");

    // What its owner asks for now goes all the same: perhaps the mailbox is back.
    let forgotten = json!({ "email": "lilas@example.org" });
    world.anonymous().post("/api/v1/auth/forgot-password", forgotten).await.expect(202);
    world.drain().await;
    assert_eq!(server.letters().len(), 1);

    let lift = format!("{SUPPRESSIONS}/{}/lift", bounced["id"].as_str().unwrap());
    let lifted = admin.act(&lift).await.expect(200);
    assert_eq!(admin.act(&lift).await.expect(200), lifted);
    assert!(lifted["liftedAt"].is_string() && closed(&admin).await.is_empty());
    admin.act(&format!("{SUPPRESSIONS}/{}/lift", uuid::Uuid::now_v7())).await.expect(404);
    write(&world, &client).await;
    world.drain().await;
    assert_eq!(server.letters().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn another_address_is_free() {
    let server = MailServer::start(Mood::Says(Step::Rcpt, "550 5.1.1 nobody of that name")).await;
    let world = server.world().await;
    let client = world.client("lilas").await;
    write(&world, &client).await;
    world.drain().await;
    server.set(Mood::Takes);
    sqlx::query("update users set email = 'new@example.org' where email = 'lilas@example.org'")
        .execute(&world.pool)
        .await
        .unwrap();
    write(&world, &client).await;
    world.drain().await;
    let [letter] = &server.letters()[..] else { panic!("one mail") };
    assert_eq!(letter.to, "new@example.org");
    world.stop().await;
}

async fn tell(world: &World, event: &Value, secret: &str, at: i64) -> Answer {
    let body = event.to_string();
    let stranger = world.anonymous();
    let signature = svix::sign("msg_1", at, body.as_bytes(), &svix::read_secret(secret).unwrap());
    let request = stranger
        .request(reqwest::Method::POST, "/api/v1/mail/webhooks")
        .header("content-type", "application/json")
        .header("svix-id", "msg_1")
        .header("svix-timestamp", at.to_string())
        .header("svix-signature", signature)
        .body(body);
    stranger.send(request).await
}

fn event(world: &World, kind: &str, to: &str, bounce: &str) -> Value {
    let at = world.clock.now().format(&time::format_description::well_known::Rfc3339).unwrap();
    json!({ "type": kind, "created_at": at, "data": {
        "email_id": "56761188-7520-42d8-8898-ff6fc54ce618", "from": "SocioPulse <x@example.org>", "to": [to], "subject": "Bonjour",
        "bounce": { "type": bounce, "subType": "General", "message": "The recipient's mailbox does not exist." },
    } })
}

#[tokio::test]
async fn resend_says_later_who_bounced_and_who_complained() {
    let secrets = format!("whsec_{},{SECRET}", "A".repeat(32));
    let mut world = World::with_api_settings(&["--resend-webhook-secret", &secrets]).await;
    world.start_worker();
    let admin = world.admin().await;
    let now = world.clock.now().unix_timestamp();
    for (kind, to, bounce) in [
        ("email.bounced", "Gone@example.org", "Permanent"),
        ("email.bounced", "full@example.org", "Transient"),
        ("email.complained", "angry@example.org", ""),
        ("email.suppressed", "known@example.org", ""),
        ("email.delivered", "happy@example.org", ""),
        ("email.of_tomorrow", "other@example.org", ""),
    ] {
        for _ in 0..2 {
            tell(&world, &event(&world, kind, to, bounce), SECRET, now).await.expect(200);
        }
    }
    let mut told: Vec<_> =
        closed(&admin).await.into_iter().map(|row| (row["email"].clone(), row["reason"].clone())).collect();
    told.sort_by_key(|row| row.0.to_string());
    let expected = [
        ("angry@example.org", "COMPLAINED"),
        ("gone@example.org", "BOUNCED"),
        ("known@example.org", "BOUNCED"),
    ];
    assert_eq!(told, expected.map(|(email, reason)| (json!(email), json!(reason))));

    // An event of before that comes after an admin has opened the address.
    let old = event(&world, "email.bounced", "gone@example.org", "Permanent");
    world.clock.advance(Duration::minutes(1));
    let gone = admin.get(&format!("{SUPPRESSIONS}?email=gone@example.org")).await.expect(200);
    admin.act(&format!("{SUPPRESSIONS}/{}/lift", gone["items"][0]["id"].as_str().unwrap())).await.expect(200);
    tell(&world, &old, SECRET, now + 60).await.expect(200);
    assert_eq!(closed(&admin).await.len(), 2);
    world.clock.advance(Duration::minutes(1));
    let again = event(&world, "email.bounced", "gone@example.org", "Permanent");
    tell(&world, &again, SECRET, now + 120).await.expect(200);
    assert_eq!(closed(&admin).await.len(), 3, "it bounced again");
    world.end().await;
}

#[tokio::test]
async fn who_cannot_sign_is_not_believed_about_mails() {
    let world = World::with_api_settings(&["--resend-webhook-secret", SECRET]).await;
    let now = world.clock.now().unix_timestamp();
    let gone = event(&world, "email.bounced", "gone@example.org", "Permanent");
    let other = format!("whsec_{}", "B".repeat(32));
    tell(&world, &gone, &other, now).await.expect_error(400, "BAD_SIGNATURE");
    tell(&world, &gone, SECRET, now - 400).await.expect_error(400, "BAD_SIGNATURE");
    tell(&world, &gone, SECRET, now + 400).await.expect_error(400, "BAD_SIGNATURE");
    let unsigned = world.anonymous().post("/api/v1/mail/webhooks", gone.clone()).await;
    unsigned.expect_error(400, "BAD_SIGNATURE");
    for body in [json!([]), json!({}), json!({ "type": "email.bounced", "created_at": "soon", "data": {} })] {
        tell(&world, &body, SECRET, now).await.expect_error(400, "INVALID_REQUEST");
    }
    assert_eq!(world.count("select count(*) from mail_suppressions").await, 0);
    world.end().await;

    let world = World::without_worker().await;
    tell(&world, &gone, SECRET, now).await.expect_error(503, "MAIL_WEBHOOKS_NOT_CONFIGURED");
    world.end().await;
}

#[tokio::test]
async fn a_complaint_ends_what_one_may_do_without_too() {
    let mut world = World::with_api_settings(&["--resend-webhook-secret", SECRET]).await;
    world.start_worker();
    let client = world.client("lilas").await;
    let now = world.clock.now().unix_timestamp();
    tell(&world, &event(&world, "email.complained", "lilas@example.org", ""), SECRET, now).await.expect(200);
    write(&world, &client).await;
    world.drain().await;
    assert!(letters(&world).is_empty());
    world.end().await;
}
