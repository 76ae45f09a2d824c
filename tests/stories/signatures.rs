//! Signing contracts: codes by mail, tries, and two who sign at once.

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client};
use time::Duration;

use crate::contracts::{again, assigned, newest, told, weekday};
use crate::letters::letters;
use crate::world::World;

/// The newest code that was mailed to somebody.
pub async fn code(world: &World, person: &Client) -> String {
    codes(world, person).await.pop().expect("a code was sent")
}

/// All codes that were mailed to somebody, oldest first.
async fn codes(world: &World, person: &Client) -> Vec<String> {
    let email = person.get("/api/v1/auth/me").await.expect(200)["email"].clone();
    let mut mails: Vec<_> = letters(world)
        .into_iter()
        .filter(|letter| letter.to == email && letter.subject.starts_with("Votre code de signature"))
        .collect();
    mails.sort_by(|a, b| a.id.cmp(&b.id));
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    mails.iter().map(|letter| letter.text.lines().find(is_code).unwrap().to_owned()).collect()
}

/// Asks for a code and lets its mail arrive.
pub async fn ask(world: &World, person: &Client, contract: &str) -> String {
    person.act(&format!("{contract}/sign/request-code")).await.expect(202);
    world.drain().await;
    code(world, person).await
}

pub async fn confirm(person: &Client, contract: &str, code: &str) -> Answer {
    let hash = person.get(contract).await.expect(200)["termsSha256"].clone();
    person.post(&format!("{contract}/sign/confirm"), json!({ "code": code, "termsSha256": hash })).await
}

/// Signs as somebody who reads the mail.
pub async fn sign(world: &World, person: &Client, contract: &str) -> Value {
    let code = ask(world, person, contract).await;
    confirm(person, contract, &code).await.expect(200)
}

/// Any code but this one.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn cast() -> (World, Client, Client, String) {
    let world = World::new().await;
    let (client, nurse) = (world.client("lilas").await, world.nurse("nurse", 1.0).await);
    assigned(&world, &client, &nurse, weekday()).await;
    let contract = newest(&client).await;
    (world, client, nurse, contract)
}

async fn kinds(person: &Client, contract: &str) -> Vec<String> {
    let events = person.get(&format!("{contract}/events")).await.expect(200);
    let kinds =
        events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned());
    kinds.collect()
}

#[tokio::test]
async fn both_sign_and_everything_is_on_record() {
    let (world, client, nurse, contract) = cast().await;
    let half = sign(&world, &client, &contract).await;
    assert_eq!(half["status"], "PENDING_TALENT");
    world.drain().await;
    assert_eq!(told(&world, &nurse, "CONTRACT_HALF_SIGNED", "").await.0, 1);
    client.act(&format!("{contract}/sign/request-code")).await.expect_error(409, "ALREADY_SIGNED");
    let signed = sign(&world, &nurse, &contract).await;
    assert_eq!(signed["status"], "SIGNED");
    assert!(signed["signedAt"] == signed["talentSignedAt"] && signed["clientSignedAt"].is_string());
    world.drain().await;
    for person in [&client, &nurse] {
        assert_eq!(told(&world, person, "CONTRACT_SIGNED", "Contrat signé").await, (1, 1));
    }
    let mission =
        client.get(&format!("/api/v1/matching/missions/{}", signed["missionId"].as_str().unwrap())).await;
    let chat = mission.expect(200)["conversationId"].clone();
    let messages = client.get(&format!("/api/v1/conversations/{}/messages", chat.as_str().unwrap())).await;
    let messages = messages.expect(200);
    let said = |message: &&Value| message["content"].as_str().unwrap().starts_with("Contrat signé");
    assert_eq!(messages["items"].as_array().unwrap().iter().filter(said).count(), 1);

    let events = client.get(&format!("{contract}/events")).await.expect(200);
    let of_talent: Vec<_> =
        events["items"].as_array().unwrap().iter().filter(|event| event["side"] == "TALENT").collect();
    let expected = ["CODE_REQUESTED", "CODE_SENT", "SIGNED"];
    assert!(of_talent.iter().map(|event| &event["kind"]).eq(expected.iter()), "{events}");
    for event in [of_talent[0], of_talent[2]] {
        assert_eq!((&event["detail"], &event["actorId"]), (&signed["termsSha256"], &json!(nurse.id)));
        assert!(event["ip"].is_string(), "{event}");
    }
    world.end().await;
}

#[tokio::test]
async fn three_wrong_codes_and_another_one_is_needed() {
    let (world, client, _, contract) = cast().await;
    let first = ask(&world, &client, &contract).await;
    for _ in 0..3 {
        confirm(&client, &contract, &wrong(&first)).await.expect_error(400, "SIGNATURE_CODE_WRONG");
    }
    confirm(&client, &contract, &first).await.expect_error(409, "SIGNATURE_CODE_SPENT");
    let second = ask(&world, &client, &contract).await;
    if first != second {
        confirm(&client, &contract, &first).await.expect_error(400, "SIGNATURE_CODE_WRONG");
    }
    confirm(&client, &contract, &second).await.expect(200);
    confirm(&client, &contract, &second).await.expect_error(409, "ALREADY_SIGNED");
    let wrongs = kinds(&client, &contract).await.into_iter().filter(|kind| kind == "WRONG_CODE").count();
    assert!((3..=4).contains(&wrongs), "{wrongs}");
    world.end().await;
}

#[tokio::test]
async fn a_wrong_try_under_a_key_counts_once() {
    let (world, client, _, contract) = cast().await;
    let code = ask(&world, &client, &contract).await;
    let hash = client.get(&contract).await.expect(200)["termsSha256"].clone();
    let body = json!({ "code": wrong(&code), "termsSha256": hash });
    for _ in 0..4 {
        let request = client.request(Method::POST, &format!("{contract}/sign/confirm"));
        let answer = client.send(request.header("idempotency-key", "k-1").json(&body)).await;
        answer.expect_error(400, "SIGNATURE_CODE_WRONG");
    }
    assert_eq!(world.count("select tries::bigint from signature_codes").await, 1);
    confirm(&client, &contract, &code).await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn fifty_guesses_at_once_are_three_tries() {
    let (world, client, _, contract) = cast().await;
    let code = ask(&world, &client, &contract).await;
    let guess = wrong(&code);
    let answers = join_all((0..50).map(|_| confirm(&client, &contract, &guess))).await;
    let counted = |code: &str| answers.iter().filter(|answer| answer.body["code"] == code).count();
    assert_eq!((counted("SIGNATURE_CODE_WRONG"), counted("SIGNATURE_CODE_SPENT")), (3, 47));
    assert_eq!(kinds(&client, &contract).await.into_iter().filter(|kind| kind == "WRONG_CODE").count(), 3);
    confirm(&client, &contract, &code).await.expect_error(409, "SIGNATURE_CODE_SPENT");
    world.end().await;
}

#[tokio::test]
async fn a_code_is_good_for_fifteen_minutes_and_five_are_enough() {
    let (world, client, _, contract) = cast().await;
    let code = ask(&world, &client, &contract).await;
    world.clock.advance(Duration::minutes(15));
    let client = world.returning(&client).await;
    confirm(&client, &contract, &code).await.expect_error(410, "SIGNATURE_CODE_EXPIRED");
    for _ in 0..4 {
        ask(&world, &client, &contract).await;
    }
    let request = format!("{contract}/sign/request-code");
    client.act(&request).await.expect_error(409, "TOO_MANY_CODES");
    world.clock.advance(Duration::minutes(46));
    let client = world.returning(&client).await;
    sign(&world, &client, &contract).await;
    world.end().await;
}

#[tokio::test]
async fn a_code_that_has_expired_is_not_sent() {
    let (mut world, client, _, contract) = cast().await;
    let admin = world.admin().await;
    admin.act("/api/v1/admin/queues/critical/pause").await.expect(200);
    client.act(&format!("{contract}/sign/request-code")).await.expect(202);
    confirm(&client, &contract, "123456").await.expect_error(409, "SIGNATURE_CODE_NOT_SENT");
    world.clock.advance(Duration::minutes(15));
    world.returning(&admin).await.act("/api/v1/admin/queues/critical/resume").await.expect(200);
    world.drain().await;
    let client = world.returning(&client).await;
    assert!(codes(&world, &client).await.is_empty());
    assert_eq!(world.count("select count(*) from signature_codes where hash is not null").await, 0);
    world.start_worker();
    sign(&world, &client, &contract).await;
    world.end().await;
}

#[tokio::test]
async fn another_text_is_not_signed() {
    let (world, client, nurse, contract) = cast().await;
    let code = ask(&world, &client, &contract).await;
    let path = format!("{contract}/sign/confirm");
    let other = json!({ "code": code, "termsSha256": "0".repeat(64) });
    client.post(&path, other).await.expect_error(409, "CONTRACT_CHANGED");
    assert_eq!(
        world.count("select count(*) from signature_codes where tries > 0").await,
        0,
        "no try is lost"
    );
    // Somebody with the keys of the database rewrites the text, and forgets or remembers its hash.
    let seen = client.get(&contract).await.expect(200)["termsSha256"].clone();
    for forged in [
        "update contracts set terms = terms || 'Gratuit.'",
        "update contracts set terms_sha256 = encode(sha256(convert_to(terms, 'UTF8')), 'hex')",
    ] {
        sqlx::raw_sql("alter table contracts disable trigger contract_stays_as_issued")
            .execute(&world.pool)
            .await
            .unwrap();
        sqlx::query(forged).execute(&world.pool).await.unwrap();
        let body = json!({ "code": code, "termsSha256": seen });
        client.post(&path, body).await.expect_error(409, "CONTRACT_CHANGED");
    }
    assert_eq!(client.get(&contract).await.expect(200)["status"], "PENDING");
    assert!(nurse.get(&contract).await.expect(200)["clientSignedAt"].is_null());
    world.end().await;
}

#[tokio::test]
async fn a_code_is_good_for_who_asked_for_it() {
    let (world, client, nurse, contract) = cast().await;
    let code = ask(&world, &nurse, &contract).await;
    confirm(&client, &contract, &code).await.expect_error(409, "SIGNATURE_CODE_NOT_SENT");
    // A manager of the site signs for it, with a code of one's own.
    let manager = world.client("manager").await;
    let stranger = world.client("stranger").await;
    sqlx::query(
        "insert into establishment_members (establishment_id, user_id, role, joined_at)
         select establishment_id, $1::uuid, 'MANAGER', now() from contracts",
    )
    .bind(&manager.id)
    .execute(&world.pool)
    .await
    .unwrap();
    let hash = client.get(&contract).await.expect(200)["termsSha256"].clone();
    let body = json!({ "code": code, "termsSha256": hash });
    stranger.post(&format!("{contract}/sign/confirm"), body).await.expect_error(403, "NOT_A_PARTY");
    confirm(&manager, &contract, &code).await.expect_error(409, "SIGNATURE_CODE_NOT_SENT");
    assert_eq!(sign(&world, &manager, &contract).await["status"], "PENDING_TALENT");
    assert_eq!(confirm(&nurse, &contract, &code).await.expect(200)["status"], "SIGNED");
    let signed = client.get(&format!("{contract}/events")).await.expect(200);
    let signed =
        signed["items"].as_array().unwrap().iter().find(|event| event["kind"] == "SIGNED").cloned().unwrap();
    assert_eq!((&signed["side"], &signed["actorId"]), (&json!("CLIENT"), &json!(manager.id)));
    world.end().await;
}

#[tokio::test]
async fn both_sign_at_once() {
    let (world, client, nurse, contract) = cast().await;
    let codes = (ask(&world, &client, &contract).await, ask(&world, &nurse, &contract).await);
    // Each tries five times: one of each side is the signature.
    let of_client = join_all((0..5).map(|_| confirm(&client, &contract, &codes.0)));
    let of_nurse = join_all((0..5).map(|_| confirm(&nurse, &contract, &codes.1)));
    let (of_client, of_nurse) = join(of_client, of_nurse).await;
    for answers in [of_client, of_nurse] {
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    }
    world.drain().await;
    assert_eq!(client.get(&contract).await.expect(200)["status"], "SIGNED");
    assert_eq!(world.count("select count(*) from messages where content like 'Contrat signé%'").await, 1);
    assert_eq!(kinds(&client, &contract).await.into_iter().filter(|kind| kind == "SIGNED").count(), 2);
    for person in [&client, &nurse] {
        assert_eq!(told(&world, person, "CONTRACT_SIGNED", "Contrat signé").await, (1, 1));
    }
    world.end().await;
}

#[tokio::test]
async fn a_code_rests_nowhere_and_is_sent_once() {
    let (world, client, _, contract) = cast().await;
    let code = ask(&world, &client, &contract).await;
    let kept: i64 = sqlx::query_scalar("select count(*) from jobs where body::text like '%' || $1 || '%'")
        .bind(&code)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(kept, 0);
    again(&world, "send-signature-code").await;
    assert_eq!(codes(&world, &client).await.len(), 1);
    confirm(&client, &contract, &code).await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn what_is_no_code_and_no_hash_is_refused() {
    let (world, client, nurse, contract) = cast().await;
    let path = format!("{contract}/sign/confirm");
    let hash = client.get(&contract).await.expect(200)["termsSha256"].clone();
    let upper = hash.as_str().unwrap().to_uppercase();
    for (code, hash) in [
        ("12345", &hash),
        ("abcdef", &hash),
        ("1234567", &hash),
        ("123456", &json!(upper)),
        ("123456", &json!("")),
    ] {
        client
            .post(&path, json!({ "code": code, "termsSha256": hash }))
            .await
            .expect_error(400, "INVALID_REQUEST");
    }
    client.post(&path, json!({ "code": 123_456, "termsSha256": hash })).await.expect(400);
    client.post(&path, json!({ "code": "123456" })).await.expect(400);
    client.post(&path, json!({ "code": "123456", "termsSha256": hash, "side": "TALENT" })).await.expect(400);
    world.set_status(&nurse, "SUSPENDED").await;
    nurse.act(&format!("{contract}/sign/request-code")).await.expect_error(403, "ACCOUNT_SUSPENDED");
    assert_eq!(world.count("select count(*) from signature_codes").await, 0);
    world.end().await;
}
