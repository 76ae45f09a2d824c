//! From which status an account may come to which, and what is left of a session on the way.

use serde_json::json;
use tests::Client;
use time::Duration;

use crate::accounts::register;
use crate::world::{PASSWORD, World};

const STATUSES: [&str; 6] = ["PENDING", "VERIFIED", "SUSPENDED", "BANNED", "PENDING_INVITE", "INVITED"];

#[tokio::test]
async fn every_decision_leads_from_where_it_may_and_nowhere_else() {
    let world = World::new().await;
    let admin = world.admin().await;
    let user = world.pending("lea", "TALENT").await;
    // What each decision makes of each status; a dash is a conflict.
    let table = [
        ("validate", ["VERIFIED", "VERIFIED", "VERIFIED", "-", "-", "-"], "USER_NOT_VALIDATABLE"),
        ("suspend", ["-", "SUSPENDED", "-", "-", "-", "-"], "USER_NOT_SUSPENDABLE"),
        ("ban", ["BANNED", "BANNED", "BANNED", "-", "-", "-"], "USER_NOT_BANNABLE"),
        ("unban", ["-", "-", "-", "SUSPENDED", "-", "-"], "USER_NOT_BANNED"),
    ];
    for (decision, outcomes, conflict) in table {
        for (from, to) in STATUSES.into_iter().zip(outcomes) {
            world.set_status(&user, from).await;
            let path = format!("/api/v1/admin/users/{}/{decision}", user.id);
            let request = admin.request(reqwest::Method::PATCH, &path);
            let answer = match decision {
                "validate" => admin.send(request).await,
                _ => admin.send(request.json(&json!({ "reason": "Signalement" }))).await,
            };
            match to {
                "-" => drop(answer.expect_error(409, conflict)),
                _ => assert_eq!(answer.expect(200)["status"], to, "{decision} from {from}"),
            }
        }
    }
    world.end().await;
}

#[tokio::test]
async fn who_is_banned_cannot_sign_in_and_comes_back_through_suspension() {
    let world = World::new().await;
    let admin = world.admin().await;
    let user = register(&world, "lea@example.org", "CLIENT").await;
    let login = async || {
        let body = json!({ "email": "lea@example.org", "password": PASSWORD });
        world.anonymous().post("/api/v1/auth/login", body).await
    };
    let decide = async |what: &str| {
        let path = format!("/api/v1/admin/users/{}/{what}", user.id);
        admin.patch(&path, json!({ "reason": "Signalement" })).await.expect(200);
        world.drain().await;
    };
    decide("ban").await;
    login().await.expect_error(403, "ACCOUNT_BANNED");
    // Whoever does not know the password does not learn of the ban.
    let guess = json!({ "email": "lea@example.org", "password": "a wrong guess" });
    world.anonymous().post("/api/v1/auth/login", guess).await.expect_error(401, "INVALID_CREDENTIALS");
    decide("unban").await;
    user.get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    let back = user.signed_in(&login().await.expect(200));
    assert_eq!(back.get("/api/v1/auth/me").await.expect(200)["status"], "SUSPENDED");
    back.patch("/api/v1/me", json!({ "locale": "en" })).await.expect_error(403, "ACCOUNT_SUSPENDED");
    let validate = format!("/api/v1/admin/users/{}/validate", user.id);
    admin.send(admin.request(reqwest::Method::PATCH, &validate)).await.expect(200);
    back.patch("/api/v1/me", json!({ "locale": "en" })).await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn two_tabs_refresh_at_once_and_stay_signed_in() {
    let mut world = World::new().await;
    let elsewhere = world.start_api(&[]).await;
    let anonymous = world.anonymous();
    let registration = json!({ "email": "lea@example.org", "password": PASSWORD, "role": "CLIENT" });
    let mut session = anonymous.post("/api/v1/auth/register", registration).await.expect(201);
    let refresh = async |at: Client, token: &serde_json::Value| {
        at.post("/api/v1/auth/refresh", json!({ "refreshToken": token })).await
    };
    for _ in 0..5 {
        let token = &session["refreshToken"];
        let tabs = (0..10).map(|n| {
            let replica = if n % 2 == 0 { anonymous.clone() } else { anonymous.at(&elsewhere) };
            refresh(replica, token)
        });
        let mut answers = Vec::new();
        for answer in futures_util::future::join_all(tabs).await {
            answers.push(answer.expect(200));
        }
        assert!(answers.iter().all(|answer| answer["refreshToken"] == answers[0]["refreshToken"]));
        session = answers.remove(0);
    }
    // It lasts for a week without use, and no longer.
    world.clock.advance(Duration::days(7) - Duration::MINUTE);
    session = refresh(anonymous.clone(), &session["refreshToken"]).await.expect(200);
    world.clock.advance(Duration::days(7) + Duration::MINUTE);
    refresh(anonymous, &session["refreshToken"]).await.expect_error(401, "REFRESH_REFUSED");
    world.end().await;
}

#[tokio::test]
async fn a_weak_hash_is_renewed_at_the_next_sign_in() {
    let world = World::new().await;
    world.client("lilas").await;
    let strong = "select count(*) from users where password_hash like '$argon2id$v=19$m=47104,t=1,p=1$%'";
    assert_eq!(world.count(strong).await, 0);
    let wrong = json!({ "email": "lilas@example.org", "password": "a wrong guess" });
    world.anonymous().post("/api/v1/auth/login", wrong).await.expect(401);
    assert_eq!(world.count(strong).await, 0);
    for _ in 0..2 {
        world.anonymous().login("lilas@example.org", PASSWORD).await;
        assert_eq!(world.count(strong).await, 1);
    }
    world.end().await;
}

#[tokio::test]
async fn a_friend_is_named_by_code_however_it_is_written() {
    let world = World::new().await;
    let friend = register(&world, "lea@example.org", "TALENT").await;
    let code = friend.get("/api/v1/auth/me").await.expect(200)["referralCode"].as_str().unwrap().to_owned();
    for (n, written) in [code.clone(), code.to_lowercase()].into_iter().enumerate() {
        let body = json!({
            "email": format!("new-{n}@example.org"), "password": PASSWORD, "role": "CLIENT", "referrerCode": written,
        });
        world.anonymous().post("/api/v1/auth/register", body).await.expect(201);
    }
    let referred =
        "select count(*) from users u join users f on f.id = u.referred_by where f.email = 'lea@example.org'";
    assert_eq!(world.count(referred).await, 2);
    world.end().await;
}
