//! Who brought whom: pending with the account, confirmed with a proof of identity, once, fifty at most, and gone with a ban.

use domain::ids::{ProofId, UserId};
use domain::proofs::{self, ProofType};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::Client;
use tokio::join;

use super::{ME, assert_summed, lines, log, points};
use crate::contracts::{again, told};
use crate::world::{PASSWORD, World};

const REFERRALS: &str = "/api/v1/growth/me/referrals";

async fn code_of(person: &Client) -> String {
    person.get(ME).await.expect(200)["referralCode"].as_str().unwrap().to_owned()
}

async fn register_with(world: &World, name: &str, code: &str) -> Client {
    let body = json!({
        "email": format!("{name}@example.org"), "password": PASSWORD, "role": "TALENT", "firstName": "Léa", "lastName": "Durand",
        "referrerCode": code,
    });
    let session = world.anonymous().post("/api/v1/auth/register", body).await.expect(201);
    world.anonymous().signed_in(&session)
}

/// A document that somebody has shown; its path for admins.
async fn shown(world: &World, who: &str, kind: ProofType) -> String {
    let mut conn = world.pool.acquire().await.unwrap();
    let user = UserId(who.parse().unwrap());
    let ProofId(id) = proofs::submit(&mut conn, user, kind, world.clock.now()).await.unwrap();
    format!("/api/v1/admin/documents/{id}/status")
}

fn approve() -> Value {
    json!({ "status": "APPROVED" })
}

#[tokio::test]
async fn a_referral_is_confirmed_with_the_identity_and_credited_once() {
    let world = World::new().await;
    let (admin, referrer) = (world.admin().await, world.nurse("referrer", 1.0).await);
    let invitee = register_with(&world, "lea", &code_of(&referrer).await.to_lowercase()).await;
    world.drain().await;
    let list = async || referrer.get(REFERRALS).await.expect(200)["items"].clone();
    let pending = list().await;
    assert_eq!((&pending[0]["status"], &pending[0]["firstName"]), (&json!("PENDING"), &json!("Léa")));
    assert_eq!(pending[0]["lastInitial"], "D");
    assert!(!pending.to_string().contains(&invitee.id) && !pending.to_string().contains("Durand"));
    assert_eq!(told(&world, &referrer, "REFERRAL_REGISTERED", "Votre filleul s’est inscrit").await, (1, 0));

    // Neither another document nor a rejected one says who somebody is.
    admin.patch(&shown(&world, &invitee.id, ProofType::Diploma).await, approve()).await.expect(200);
    let unreadable = json!({ "status": "REJECTED", "comment": "La pièce est illisible." });
    let rejected = shown(&world, &invitee.id, ProofType::IdCard).await;
    let seen = admin.patch(&rejected, unreadable).await.expect(200);
    assert_eq!((&seen["status"], &seen["comment"]), (&json!("REJECTED"), &json!("La pièce est illisible.")));
    admin.patch(&rejected, approve()).await.expect_error(409, "DOCUMENT_DECIDED");
    world.drain().await;
    assert_eq!(list().await[0]["status"], "PENDING");
    assert_eq!(told(&world, &invitee, "DOCUMENT_REJECTED", "Document refusé").await, (1, 1));

    // Two admins at once, and then a second document of the same person.
    let card = shown(&world, &invitee.id, ProofType::IdCard).await;
    let (one, other) = join!(admin.patch(&card, approve()), admin.patch(&card, approve()));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.body, other.body);
    let second = shown(&world, &invitee.id, ProofType::IdCard).await;
    admin.patch(&second, approve()).await.expect(200);
    world.drain().await;
    assert_eq!(list().await[0]["status"], "CONFIRMED");
    assert_eq!(log(&referrer).await, lines(&[("REFERRAL", 200)]));
    again(&world, "award-points").await;
    assert_eq!(points(&referrer).await, 200);
    let standing = referrer.get(ME).await.expect(200);
    assert_eq!((&standing["pendingReferrals"], &standing["confirmedReferrals"]), (&json!(0), &json!(1)));
    assert_summed(&world).await;

    // The invitee turns out to be none: banned, and what it gave is taken back, once.
    let ban = format!("/api/v1/admin/users/{}/ban", invitee.id);
    admin.patch(&ban, json!({ "reason": "Faux compte" })).await.expect(200);
    world.drain().await;
    again(&world, "enforce-account").await;
    again(&world, "award-points").await;
    assert_eq!(log(&referrer).await, lines(&[("REFERRAL", -200), ("REFERRAL", 200)]));
    assert_summed(&world).await;
    world.end().await;
}

#[tokio::test]
async fn who_is_banned_keeps_no_points_and_earns_none() {
    let world = World::new().await;
    let (admin, referrer) = (world.admin().await, world.nurse("referrer", 1.0).await);
    let invitee = register_with(&world, "lea", &code_of(&referrer).await).await;
    let adjust = format!("/api/v1/admin/users/{}/points", referrer.id);
    for points in [30, -10] {
        admin.post(&adjust, json!({ "points": points, "reason": "Essai" })).await.expect(201);
    }
    let ban = format!("/api/v1/admin/users/{}/ban", referrer.id);
    admin.patch(&ban, json!({ "reason": "Fraude" })).await.expect(200);
    admin.patch(&shown(&world, &invitee.id, ProofType::IdCard).await, approve()).await.expect(200);
    world.drain().await;
    for kind in ["enforce-account", "award-points"] {
        again(&world, kind).await;
        assert_eq!(world.count("select sum(points)::bigint from users").await, 0);
        assert_eq!(world.count("select count(*) from point_entries").await, 4, "{kind}");
    }
    assert_summed(&world).await;
    world.end().await;
}

#[tokio::test]
async fn fifty_referrals_count_and_no_more_however_many_come_at_once() {
    let world = World::new().await;
    let (admin, referrer) = (world.admin().await, world.nurse("referrer", 1.0).await);
    let referred = "insert into users (id, email, password_hash, role, referral_code, referred_by, created_at)
                    select gen_random_uuid(), 'invitee-' || n || '@example.org', '!', 'TALENT', 'CODE' || lpad(n::text, 4, '0'), $1::uuid, now()
                      from generate_series(1, 55) as n returning id::text";
    let invitees: Vec<String> =
        sqlx::query_scalar(referred).bind(&referrer.id).fetch_all(&world.pool).await.unwrap();
    sqlx::query("insert into profiles (user_id) select id from users on conflict do nothing")
        .execute(&world.pool)
        .await
        .unwrap();
    let mut cards = Vec::new();
    for invitee in &invitees {
        cards.push(shown(&world, invitee, ProofType::IdCard).await);
    }
    // As many at once as the API has connections.
    for cards in cards.chunks(10) {
        for answer in join_all(cards.iter().map(|card| admin.patch(card, approve()))).await {
            answer.expect(200);
        }
    }
    world.drain().await;
    assert_eq!(points(&referrer).await, 50 * 200);
    let standing = referrer.get(ME).await.expect(200);
    assert_eq!((&standing["pendingReferrals"], &standing["confirmedReferrals"]), (&json!(0), &json!(50)));
    assert_eq!(world.count("select count(*) from referrals where status = 'CAPPED'").await, 5);
    let page = referrer.get(&format!("{REFERRALS}?limit=100")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 55);
    assert_summed(&world).await;
    world.end().await;
}

#[tokio::test]
async fn a_code_that_nobody_has_refers_nobody_and_documents_are_decided_with_sense() {
    let world = World::new().await;
    let admin = world.admin().await;
    let body = json!({ "email": "lea@example.org", "password": PASSWORD, "role": "TALENT", "referrerCode": "ZZZZZZZZ" });
    let refused = world.anonymous().post("/api/v1/auth/register", body).await.expect(400);
    assert_eq!(refused["errors"][0]["field"], "referrerCode");
    let nurse = world.nurse("zoe", 1.0).await;
    let card = shown(&world, &nurse.id, ProofType::IdCard).await;
    for bad in [
        json!({}),
        json!({ "status": "PENDING" }),
        json!({ "status": "EXPIRED" }),
        json!({ "status": "REJECTED" }),
        json!({ "status": "REJECTED", "comment": "  " }),
        json!({ "status": "APPROVED", "comment": "Oui" }),
    ] {
        admin.patch(&card, bad).await.expect(400);
    }
    let nowhere = format!("/api/v1/admin/documents/{}/status", uuid::Uuid::now_v7());
    admin.patch(&nowhere, approve()).await.expect_error(404, "NOT_FOUND");
    let pending = admin.get("/api/v1/admin/documents?status=PENDING").await.expect(200);
    assert_eq!(
        (&pending["items"][0]["type"], &pending["items"][0]["userId"]),
        (&json!("ID_CARD"), &json!(nurse.id))
    );
    assert_eq!(world.count("select count(*) from referrals").await, 0);
    world.end().await;
}

#[tokio::test]
async fn compliance_follows_from_the_last_document_that_was_missing() {
    let world = World::new().await;
    let (admin, nurse) = (world.admin().await, world.nurse("zoe", 1.0).await);
    let unset = "update profiles set compliance_status = 'PENDING' where user_id = $1::uuid";
    sqlx::query(unset).bind(&nurse.id).execute(&world.pool).await.unwrap();
    let compliance = async || nurse.get("/api/v1/me/profile").await.expect(200)["complianceStatus"].clone();
    let professions = world.anonymous().get("/api/v1/jobs").await.expect(200);
    let nurses =
        professions["items"].as_array().unwrap().iter().find(|job| job["id"] == "ide").unwrap().clone();
    let required = nurses["requiredDocuments"].as_array().unwrap().clone();
    let mut paths = Vec::new();
    for kind in &required {
        assert_eq!(compliance().await, "PENDING", "something is missing");
        paths.push(shown(&world, &nurse.id, serde_json::from_value(kind.clone()).unwrap()).await);
    }
    assert_eq!(compliance().await, "SUBMITTED");
    let (last, first) = paths.split_last().unwrap();
    // All at once: whichever comes last finds the others.
    for answer in join_all(first.iter().map(|path| admin.patch(path, approve()))).await {
        answer.expect(200);
    }
    assert_eq!(compliance().await, "SUBMITTED");
    let why = json!({ "status": "REJECTED", "comment": "Périmé." });
    admin.patch(last, why).await.expect(200);
    assert_eq!(compliance().await, "REJECTED");
    let again = serde_json::from_value(required.last().unwrap().clone()).unwrap();
    admin.patch(&shown(&world, &nurse.id, again).await, approve()).await.expect(200);
    assert_eq!(compliance().await, "VALIDATED");
    let search = "select count(*) from talent_search where compliant";
    assert_eq!(world.count(search).await, 1);
    world.end().await;
}
