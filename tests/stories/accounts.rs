//! Accounts: proofs by mail, sessions, members of sites, decisions of admins.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client};
use time::Duration;

use crate::world::{PASSWORD, World};

const OTHER: &str = "another long password";

pub async fn register(world: &World, email: &str, role: &str) -> Client {
    let body = json!({ "email": email, "password": PASSWORD, "role": role, "firstName": "Léa", "lastName": "Durand" });
    let session = world.anonymous().post("/api/v1/auth/register", body).await.expect(201);
    world.drain().await;
    world.anonymous().signed_in(&session)
}

/// The tokens mailed to an address under a page of the front end.
pub fn tokens(world: &World, to: &str, page: &str) -> Vec<String> {
    let mails = world.mails().into_iter().filter(|mail| mail.to_lowercase().contains(&format!("to: {to}")));
    let token = |mail: String| {
        // Quoted-printable breaks lines at will and writes = as =3D.
        let text = mail.replace("=\r\n", "").replace("=3D", "=");
        let at = text.find(&format!("{page}?token="))? + page.len() + "?token=".len();
        text.get(at..at + 64).map(str::to_owned)
    };
    mails.filter_map(token).collect()
}

pub async fn delete(client: &Client, path: &str) -> Answer {
    client.send(client.request(Method::DELETE, path)).await
}

async fn verify(world: &World, token: &str) -> Answer {
    world.anonymous().post("/api/v1/auth/verify-email", json!({ "token": token })).await
}

#[tokio::test]
async fn an_address_is_confirmed_once_and_in_time() {
    let world = World::new().await;
    let lea = register(&world, "lea@example.org", "TALENT").await;
    lea.act("/api/v1/auth/verify-email/resend").await.expect(202);
    world.drain().await;
    let sent = tokens(&world, "lea@example.org", "verify-email");
    assert_eq!(sent.len(), 2);
    verify(&world, &"0".repeat(64)).await.expect_error(400, "TOKEN_INVALID");
    // Both at once: one of the two counts.
    let (first, second) = tokio::join!(verify(&world, &sent[0]), verify(&world, &sent[1]));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400]);
    assert_eq!(lea.get("/api/v1/auth/me").await.expect(200)["isEmailVerified"], true);

    register(&world, "zoe@example.org", "TALENT").await;
    world.clock.advance(Duration::days(3));
    let late = &tokens(&world, "zoe@example.org", "verify-email")[0];
    verify(&world, late).await.expect_error(410, "TOKEN_EXPIRED");
    world.end().await;
}

#[tokio::test]
async fn a_forgotten_password_is_reset_and_everybody_is_signed_out() {
    let world = World::new().await;
    let lea = register(&world, "lea@example.org", "TALENT").await;
    let forgot = async |email: &str| {
        world.anonymous().post("/api/v1/auth/forgot-password", json!({ "email": email })).await
    };
    let known = forgot("Lea@example.org").await;
    let unknown = forgot("nobody@example.org").await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    assert_eq!(known.status, 202);
    for _ in 0..4 {
        world.drain().await;
        forgot("lea@example.org").await.expect(202);
    }
    world.drain().await;
    let sent = tokens(&world, "lea@example.org", "reset-password");
    assert_eq!(sent.len(), 3, "no mailbox is flooded");
    assert!(tokens(&world, "nobody@example.org", "reset-password").is_empty());
    let plain = world.count("select count(*) from jobs where body::text like '%token%'").await;
    assert_eq!(plain, 0, "the plain token never rests");

    let reset = async |token: &str| {
        let body = json!({ "token": token, "password": OTHER });
        world.anonymous().post("/api/v1/auth/reset-password", body).await
    };
    reset(&sent[1]).await.expect(204);
    for spent in &sent {
        reset(spent).await.expect_error(400, "TOKEN_INVALID");
    }
    lea.get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    world.anonymous().login("lea@example.org", OTHER).await;
    world.drain().await;
    assert!(world.mails().iter().any(|mail| mail.contains("forgot-password")), "the notice");
    world.end().await;
}

#[tokio::test]
async fn a_changed_password_leaves_one_session() {
    let mut world = World::new().await;
    let replica = world.start_api(&[]).await;
    let lea = register(&world, "lea@example.org", "CLIENT").await;
    let elsewhere = world.anonymous().login("lea@example.org", PASSWORD).await;
    let (mut here, mut there) = (lea.socket().await, elsewhere.at(&replica).socket().await);
    let change = |current: &str| json!({ "currentPassword": current, "newPassword": OTHER });
    let path = "/api/v1/auth/change-password";
    lea.post(path, change("wrong password")).await.expect_error(403, "WRONG_PASSWORD");
    let session = lea.post(path, change(PASSWORD)).await.expect(200);
    assert_eq!((here.closed().await, there.closed().await), (4401, 4401));
    elsewhere.get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    let lea = lea.signed_in(&session);
    assert_eq!(lea.get("/api/v1/auth/sessions").await.expect(200)["items"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let world = World::new().await;
    let lea = register(&world, "lea@example.org", "CLIENT").await;
    let other = world.anonymous().login("lea@example.org", PASSWORD).await;
    let page = lea.get("/api/v1/auth/sessions?limit=1").await.expect(200);
    let newest = page["items"][0].clone();
    assert_eq!((&newest["isCurrent"], &newest["ip"]), (&json!(false), &json!("127.0.0.1")));
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = lea.get(&format!("/api/v1/auth/sessions?cursor={cursor}")).await.expect(200);
    assert_eq!(rest["items"][0]["isCurrent"], true);

    let mut socket = other.socket().await;
    let path = format!("/api/v1/auth/sessions/{}", newest["id"].as_str().unwrap());
    delete(&world.client("stranger").await, &path).await.expect_error(404, "NOT_FOUND");
    delete(&lea, &path).await.expect(204);
    assert_eq!(socket.closed().await, 4401);
    lea.act("/api/v1/auth/logout-all").await.expect(204);
    lea.get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    world.end().await;
}

#[tokio::test]
async fn an_address_changes_when_both_have_confirmed() {
    let world = World::new().await;
    let lea = register(&world, "lea@example.org", "CLIENT").await;
    let change = json!({ "email": "new@example.org", "locale": "en", "phone": "+33 6 12 34 56 78" });
    let me = lea.patch("/api/v1/me", change).await.expect(200);
    assert_eq!((&me["email"], &me["pendingEmail"]), (&json!("lea@example.org"), &json!("new@example.org")));
    world.drain().await;
    let old = tokens(&world, "lea@example.org", "verify-email");
    let new = tokens(&world, "new@example.org", "verify-email");
    verify(&world, &new[0]).await.expect(204);
    assert_eq!(lea.get("/api/v1/auth/me").await.expect(200)["email"], "lea@example.org");
    // The address is taken meanwhile: the change waits, and the token stays good.
    let thief = register(&world, "new@example.org", "CLIENT").await;
    let mut taken = 0;
    for token in &old {
        taken += u32::from(verify(&world, token).await.status == 409);
    }
    assert_eq!(taken, 1, "one of the two mails to the old address is of the change");
    sqlx::query("update users set email = 'gone@example.org' where id = $1::uuid")
        .bind(&thief.id)
        .execute(&world.pool)
        .await
        .unwrap();
    for token in &old {
        verify(&world, token).await;
    }
    assert_eq!(lea.get("/api/v1/auth/me").await.expect(200)["email"], "new@example.org");
    world.end().await;
}

#[tokio::test]
async fn a_site_has_members_and_keeps_an_owner() {
    let world = World::new().await;
    let (owner, colleague) = (world.client("owner").await, world.client("colleague").await);
    let site = owner.get("/api/v1/me/establishment").await.expect(200)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/establishments/{site}/members");
    let invite = |email: &str, role: &str| json!({ "email": email, "role": role });
    colleague.post(&path, invite("x@example.org", "OWNER")).await.expect_error(403, "NOT_AN_OWNER");
    owner.post(&path, invite("colleague@example.org", "OWNER")).await.expect(201);
    owner.post(&path, invite("new@example.org", "VIEWER")).await.expect(201);
    owner.post(&path, invite("New@example.org", "VIEWER")).await.expect_error(409, "ALREADY_INVITED");
    world.drain().await;
    assert_eq!(world.count("select count(*) from users where status = 'INVITED'").await, 1);

    let accept = async |body: Value| world.anonymous().post("/api/v1/auth/accept-invite", body).await;
    let token = &tokens(&world, "colleague@example.org", "accept-invite")[0];
    accept(json!({ "token": token, "password": OTHER })).await.expect_error(400, "INVALID_REQUEST");
    accept(json!({ "token": token })).await.expect(200);
    accept(json!({ "token": token })).await.expect_error(400, "TOKEN_INVALID");
    let token = &tokens(&world, "new@example.org", "accept-invite")[0];
    accept(json!({ "token": token })).await.expect_error(400, "INVALID_REQUEST");
    let body = json!({ "token": token, "password": OTHER, "firstName": "Ana", "lastName": "Roy" });
    assert_eq!(accept(body).await.expect(200)["role"], "VIEWER");
    let viewer = world.anonymous().login("new@example.org", OTHER).await;
    assert_eq!(viewer.get("/api/v1/auth/me").await.expect(200)["status"], "PENDING");
    let seen = viewer.get(&path).await.expect(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 3);
    assert!(seen["items"][0].get("email").is_none(), "addresses are for owners");
    viewer.patch(&format!("{path}/{}", owner.id), json!({ "role": "VIEWER" })).await.expect(403);

    // Two owners remove each other at once: one stays.
    let (one, other) = (format!("{path}/{}", owner.id), format!("{path}/{}", colleague.id));
    let (a, b) = tokio::join!(delete(&owner, &other), delete(&colleague, &one));
    assert_eq!(u8::from(a.status == 204) + u8::from(b.status == 204), 1);
    let owners = "select count(*) from establishment_members where establishment_id = (select establishment_id from establishment_invitations limit 1) and role = 'OWNER'";
    assert_eq!(world.count(owners).await, 1);
    let (last, own) = if a.status == 204 { (&owner, one) } else { (&colleague, other) };
    delete(last, &own).await.expect_error(409, "LAST_OWNER");
    last.patch(&own, json!({ "role": "MANAGER" })).await.expect_error(409, "LAST_OWNER");
    world.clock.advance(Duration::days(15));
    world.end().await;
}

#[tokio::test]
async fn an_invitation_is_reminded_of_and_ends() {
    let world = World::new().await;
    let owner = world.client("owner").await;
    let site = owner.get("/api/v1/me/establishment").await.expect(200)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/establishments/{site}/members");
    owner.post(&path, json!({ "email": "new@example.org", "role": "MANAGER" })).await.expect(201);
    world.drain().await;
    world.clock.advance(Duration::days(3));
    world.drain().await;
    let sent = tokens(&world, "new@example.org", "accept-invite");
    assert_eq!(sent.len(), 2, "the mail and its reminder");
    world.clock.advance(Duration::days(11));
    world.drain().await;
    assert_eq!(
        world.count("select count(*) from establishment_invitations where status = 'EXPIRED'").await,
        1
    );
    let body = json!({ "token": sent[0], "password": OTHER });
    world.anonymous().post("/api/v1/auth/accept-invite", body).await.expect_error(410, "TOKEN_EXPIRED");
    world.end().await;
}

#[tokio::test]
async fn bans_and_suspensions_act_at_once_and_everywhere() {
    let mut world = World::new().await;
    let replica = world.start_api(&[]).await;
    let (admin, nurse) = (world.admin().await, world.nurse("nurse", 1.0).await);
    let decide = async |user: &Client, what: &str| {
        let path = format!("/api/v1/admin/users/{}/{what}", user.id);
        admin.patch(&path, json!({ "reason": "Signalements répétés" })).await
    };
    let (mut here, mut there) = (nurse.socket().await, nurse.at(&replica).socket().await);
    decide(&nurse, "unban").await.expect_error(409, "USER_NOT_BANNED");
    assert_eq!(decide(&nurse, "suspend").await.expect(200)["status"], "SUSPENDED");
    assert_eq!((here.closed().await, there.closed().await), (4403, 4403));
    decide(&nurse, "suspend").await.expect_error(409, "USER_NOT_SUSPENDABLE");
    assert_eq!(world.count("select count(*) from talent_search").await, 0, "matching forgets at once");
    world.drain().await;
    decide(&nurse, "ban").await.expect(200);
    nurse.get("/api/v1/auth/me").await.expect_error(401, "SESSION_ENDED");
    world.drain().await;
    // Twice is as once.
    let before = world.mails().len();
    let redis = domain::bus::connect(&world.redis_url).unwrap();
    let bus = domain::Bus::new(redis, &world.prefix);
    let db = domain::Db::connect(&world.database_url, 1, bus).unwrap();
    let mut tx = db.begin().await.unwrap();
    let user_id = nurse.id.parse::<uuid::Uuid>().unwrap().into();
    jobs::effects::accounts::decided(&mut tx, user_id).await.unwrap();
    tx.commit().await.unwrap();
    world.drain().await;
    assert_eq!(world.mails().len(), before);
    assert_eq!(before, 2, "one mail for each decision");
    assert_eq!(world.count("select count(*) from sessions s join users u on u.id = s.user_id where u.status = 'BANNED' and revoked_at is null").await, 0);
    assert_eq!(decide(&nurse, "unban").await.expect(200)["status"], "SUSPENDED");
    decide(&admin, "ban").await.expect_error(409, "LAST_ADMIN");
    decide(&admin, "suspend").await.expect_error(409, "LAST_ADMIN");
    world.end().await;
}
