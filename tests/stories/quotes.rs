//! Quotes: written, sent, read, answered, revised, forgotten; and what their lines add up to.

use domain::totals::{self, Line, VAT_RATES};
use futures_util::future::{join, join_all};
use rand::RngExt;
use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use crate::contracts::{again, newest, told, weekday};
use crate::market::{SERVICES, offer};
use crate::papers::download;
use crate::signatures::sign;
use crate::world::World;

const QUOTES: &str = "/api/v1/quotes";

/// A client and a nurse who know each other by an invitation.
async fn acquainted(world: &World) -> (Client, Client) {
    let (client, nurse) = (world.client("lilas").await, world.nurse("nurse", 1.0).await);
    client.post("/api/v1/matching/missions", weekday()).await.expect(201);
    world.drain().await;
    (client, nurse)
}

fn quote(client: &Client) -> Value {
    json!({
        "clientId": client.id, "title": "Atelier mémoire",
        "lines": [
            { "description": "Séance", "quantityMilli": 1_500, "unit": "h", "unitPriceCents": 4_333, "vatBps": 2_000 },
            { "description": "Carnets", "quantityMilli": 12_000, "unit": "pièce", "unitPriceCents": 199, "vatBps": 550 },
            { "description": "Bilan", "quantityMilli": 1_000, "unit": "forfait", "unitPriceCents": 5_000, "vatBps": 0 },
        ],
    })
}

/// Writes and sends a quote; its path.
async fn sent(client: &Client, nurse: &Client) -> String {
    let draft = nurse.post(QUOTES, quote(client)).await.expect(201);
    let path = format!("{QUOTES}/{}", draft["id"].as_str().unwrap());
    nurse.act(&format!("{path}/send")).await.expect(200);
    path
}

#[tokio::test]
async fn a_quote_from_its_draft_to_its_signed_contract() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let draft = nurse.post(QUOTES, quote(&client)).await.expect(201);
    assert_eq!((&draft["status"], &draft["version"]), (&json!("DRAFT"), &json!(1)));
    assert!(draft["reference"].is_null() && draft["parties"].is_null());
    let path = format!("{QUOTES}/{}", draft["id"].as_str().unwrap());
    client.get(&path).await.expect_error(404, "NOT_FOUND");
    client.get(&format!("{path}/pdf")).await.expect_error(404, "NOT_FOUND");
    nurse.get(&format!("{path}/pdf")).await.expect_error(409, "QUOTE_NOT_SENT");
    assert!(client.get(QUOTES).await.expect(200)["items"].as_array().unwrap().is_empty());
    assert_eq!(nurse.get(QUOTES).await.expect(200)["items"].as_array().unwrap().len(), 1);
    // 64.995 → 65.00, 23.88, 50.00; less 10 %.
    assert_eq!(draft["subtotalCents"], 6_500 + 2_388 + 5_000);
    let changed =
        nurse.patch(&path, json!({ "discountCents": 1_389, "title": "Ateliers" })).await.expect(200);
    assert_eq!((&changed["title"], &changed["lines"]), (&json!("Ateliers"), &draft["lines"]));
    let bases: Vec<_> =
        changed["vat"].as_array().unwrap().iter().map(|group| group["baseCents"].as_i64().unwrap()).collect();
    assert_eq!(bases.iter().sum::<i64>(), 13_888 - 1_389);
    assert_eq!(changed["vatMention"], "Exonération de TVA, art. 261, 4-1° du CGI");

    let sent = nurse.act(&format!("{path}/send")).await.expect(200);
    let year = domain::paris::year(world.clock.now());
    assert_eq!((&sent["status"], &sent["reference"]), (&json!("SENT"), &json!(format!("DEVIS-{year}-0001"))));
    assert_eq!(sent["parties"]["client"]["name"], "EHPAD lilas@example.org");
    assert!(sent["parties"]["talent"]["email"].is_null(), "not before they have agreed");
    nurse.patch(&path, json!({ "title": "Autre" })).await.expect_error(409, "QUOTE_NOT_DRAFT");
    nurse.delete(&path).await.expect_error(409, "QUOTE_NOT_DRAFT");
    nurse.act(&format!("{path}/send")).await.expect_error(409, "QUOTE_NOT_DRAFT");
    client.patch("/api/v1/me/establishment", json!({ "name": "EHPAD Les Lilas" })).await.expect(200);
    world.drain().await;
    assert_eq!(told(&world, &client, "QUOTE_RECEIVED", "Un devis vous attend").await, (1, 1));

    let paper = download(&client, &format!("{path}/pdf")).await;
    assert!(paper.0 == 200 && paper.2.starts_with(b"%PDF"));
    assert_eq!(nurse.get(&path).await.expect(200)["status"], "SENT", "its own talent's look is none");
    let viewed = client.get(&path).await.expect(200);
    assert_eq!((&viewed["status"], &viewed["parties"]), (&json!("VIEWED"), &sent["parties"]), "frozen");
    client.get(&path).await.expect(200);
    assert_eq!(told(&world, &nurse, "QUOTE_VIEWED", "").await.0, 1);

    let accepted = client.act(&format!("{path}/accept")).await.expect(200);
    assert_eq!(accepted["status"], "ACCEPTED");
    assert_eq!(client.act(&format!("{path}/accept")).await.expect(200), accepted, "harmless");
    world.drain().await;
    assert_eq!(told(&world, &nurse, "QUOTE_ACCEPTED", "Devis accepté").await, (1, 1));
    assert_eq!(told(&world, &client, "CONTRACT_TO_SIGN", "Un contrat à signer").await, (1, 1));
    let contract = newest(&nurse).await;
    let issued = nurse.get(&contract).await.expect(200);
    assert_eq!((&issued["kind"], &issued["quoteId"]), (&json!("FRAMEWORK"), &sent["id"]));
    assert_eq!((&issued["amountCents"], &issued["lines"]), (&sent["totalCents"], &sent["lines"]));
    assert_eq!(issued["id"], accepted["contractId"]);
    assert_eq!(issued["parties"]["client"]["name"], "EHPAD lilas@example.org", "as in the quote");
    let terms = issued["terms"].as_str().unwrap();
    assert!(terms.contains("– Séance : 1,5 h × 43,33\u{a0}€ = 65,00\u{a0}€\n"), "{terms}");
    assert!(terms.contains("– Remise : – 13,89\u{a0}€\n"), "{terms}");
    sign(&world, &client, &contract).await;
    assert_eq!(sign(&world, &nurse, &contract).await["status"], "SIGNED");
    client
        .post(&format!("{path}/reject"), json!({ "reason": "Non" }))
        .await
        .expect_error(409, "QUOTE_NOT_OPEN");
    nurse.act(&format!("{path}/revise")).await.expect_error(409, "QUOTE_NOT_OPEN");
    world.end().await;
}

#[tokio::test]
async fn what_is_no_quote_is_refused() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let line = |field: &str, value: Value| {
        let mut body = quote(&client);
        body["lines"][0][field] = value;
        body
    };
    let field = |name: &str, value: Value| {
        let mut body = quote(&client);
        body[name] = value;
        body
    };
    let bad = [
        line("vatBps", json!(1_960)),
        line("vatBps", json!(-1)),
        line("quantityMilli", json!(0)),
        line("quantityMilli", json!(1.5)),
        line("unitPriceCents", json!(-1)),
        line("unitPriceCents", json!("43")),
        line("description", json!("")),
        line("description", json!("x".repeat(301))),
        line("amountCents", json!(1)),
        line("quantityMilli", json!(1_000_000_000)),
        field("lines", json!([])),
        field("lines", json!(vec![quote(&client)["lines"][0].clone(); 101])),
        field("discountCents", json!(13_889)),
        field("discountCents", json!(-1)),
        field("totalCents", json!(1)),
        field("clientId", json!("nobody")),
        field("title", json!("a\u{0}b")),
    ];
    for body in bad {
        nurse.post(QUOTES, body.clone()).await.expect_error(400, "INVALID_REQUEST");
    }
    let foreign = world.client("foreign").await;
    let site = foreign.get("/api/v1/me/establishment").await.expect(200)["id"].clone();
    let answer =
        nurse.post(QUOTES, field("establishmentId", site)).await.expect_error(400, "INVALID_REQUEST");
    assert_eq!(answer["errors"][0]["field"], "establishmentId");
    for stranger in [foreign.id.as_str(), nurse.id.as_str(), &uuid::Uuid::now_v7().to_string()] {
        nurse.post(QUOTES, field("clientId", json!(stranger))).await.expect_error(403, "NOT_IN_CONTACT");
    }
    // About a service of one's own, which one offers now.
    let other = world.nurse("other-nurse", 2.0).await;
    let own = nurse.post(SERVICES, offer()).await.expect(201)["id"].clone();
    let foreign = other.post(SERVICES, offer()).await.expect(201)["id"].clone();
    let service = format!("{SERVICES}/{}", own.as_str().unwrap());
    nurse.patch(&service, json!({ "isActive": false })).await.expect(200);
    for service in [own.clone(), foreign, json!(uuid::Uuid::now_v7())] {
        nurse.post(QUOTES, field("serviceId", service)).await.expect_error(409, "SERVICE_NOT_OFFERED");
    }
    assert_eq!(world.count("select count(*) from quotes").await, 0);
    nurse.patch(&service, json!({ "isActive": true })).await.expect(200);
    let about = nurse.post(QUOTES, field("serviceId", own.clone())).await.expect(201);
    assert_eq!(about["serviceId"], own);
    nurse.delete(&format!("{QUOTES}/{}", about["id"].as_str().unwrap())).await.expect(204);
    client.put(&format!("/api/v1/me/exclusions/{}", nurse.id), json!({})).await.expect(200);
    nurse.post(QUOTES, quote(&client)).await.expect_error(403, "NOT_IN_CONTACT");
    assert_eq!(world.count("select count(*) from quotes").await, 0);
    world.end().await;
}

#[tokio::test]
async fn only_its_own_two_see_and_answer_a_quote() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let (other, talent, admin) =
        (world.client("other").await, world.nurse("other-nurse", 2.0).await, world.admin().await);
    let path = sent(&client, &nurse).await;
    for stranger in [&other, &talent] {
        stranger.get(&path).await.expect_error(403, "NOT_A_PARTY");
        assert!(stranger.get(QUOTES).await.expect(200)["items"].as_array().unwrap().is_empty());
    }
    for stranger in [&other, &admin] {
        stranger.act(&format!("{path}/accept")).await.expect_error(403, "NOT_A_PARTY");
    }
    other.post(&format!("{path}/reject"), json!({ "reason": "Non" })).await.expect_error(403, "NOT_A_PARTY");
    talent.act(&format!("{path}/revise")).await.expect_error(403, "NOT_A_PARTY");
    nurse.act(&format!("{path}/accept")).await.expect_error(403, "ROLE_NOT_ALLOWED");
    assert_eq!(admin.get(&path).await.expect(200)["status"], "SENT", "an admin's look is none");
    assert_eq!(
        admin.get(&format!("{QUOTES}?status=SENT")).await.expect(200)["items"].as_array().unwrap().len(),
        1
    );
    client.get(&format!("{QUOTES}/{}", uuid::Uuid::now_v7())).await.expect_error(404, "NOT_FOUND");
    // A manager of the site answers for it.
    let manager = world.client("manager").await;
    sqlx::query(
        "insert into establishment_members (establishment_id, user_id, role, joined_at)
         select establishment_id, $1::uuid, 'MANAGER', now() from quotes",
    )
    .bind(&manager.id)
    .execute(&world.pool)
    .await
    .unwrap();
    assert_eq!(manager.act(&format!("{path}/accept")).await.expect(200)["status"], "ACCEPTED");
    world.end().await;
}

#[tokio::test]
async fn twenty_acceptances_at_once_are_one_contract() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let path = sent(&client, &nurse).await;
    let accept = format!("{path}/accept");
    let answers = join_all((0..20).map(|_| client.act(&accept))).await;
    let contracts: Vec<_> =
        answers.into_iter().map(|answer| answer.expect(200)["contractId"].clone()).collect();
    assert!(contracts[0].is_string() && contracts.iter().all(|contract| *contract == contracts[0]));
    assert_eq!(world.count("select count(*) from contracts").await, 1);
    world.drain().await;
    assert_eq!(told(&world, &nurse, "QUOTE_ACCEPTED", "Devis accepté").await, (1, 1));
    assert_eq!(told(&world, &nurse, "CONTRACT_TO_SIGN", "Un contrat à signer").await, (1, 1));
    world.end().await;
}

#[tokio::test]
async fn a_quote_is_answered_once_whoever_comes_first() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    for _ in 0..6 {
        let path = sent(&client, &nurse).await;
        let (accept, reject) = (format!("{path}/accept"), format!("{path}/reject"));
        let rejection = client.post(&reject, json!({ "reason": "Trop cher" }));
        let (accepted, rejected) = join(client.act(&accept), rejection).await;
        assert_eq!([accepted.status, rejected.status].iter().filter(|status| **status == 200).count(), 1);
        let path = sent(&client, &nurse).await;
        let (accept, revise) = (format!("{path}/accept"), format!("{path}/revise"));
        let (accepted, revised) = join(client.act(&accept), nurse.act(&revise)).await;
        assert_eq!(
            (accepted.status == 200, revised.status == 201),
            (accepted.status == 200, accepted.status != 200)
        );
    }
    let accepted = world.count("select count(*) from quotes where status = 'ACCEPTED'").await;
    assert_eq!(world.count("select count(*) from contracts").await, accepted);
    world.end().await;
}

#[tokio::test]
async fn a_rejected_quote_is_revised_and_the_next_version_accepted() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let first = sent(&client, &nurse).await;
    client.post(&format!("{first}/reject"), json!({})).await.expect(400);
    let reason = json!({ "reason": "Hors budget" });
    let rejected = client.post(&format!("{first}/reject"), reason.clone()).await.expect(200);
    assert_eq!((&rejected["status"], &rejected["rejectReason"]), (&json!("REJECTED"), &reason["reason"]));
    client.act(&format!("{first}/accept")).await.expect_error(409, "QUOTE_NOT_OPEN");
    let second = nurse.act(&format!("{first}/revise")).await.expect(201);
    assert_eq!((&second["version"], &second["status"]), (&json!(2), &json!("DRAFT")));
    assert_eq!((&second["reference"], &second["lines"]), (&rejected["reference"], &rejected["lines"]));
    nurse.act(&format!("{first}/revise")).await.expect_error(409, "QUOTE_REVISED");
    let path = format!("{QUOTES}/{}", second["id"].as_str().unwrap());
    // A draft that is thrown away leaves the way free for another.
    nurse.act(&format!("{path}/revise")).await.expect_error(409, "QUOTE_NOT_SENT");
    nurse.delete(&path).await.expect(204);
    nurse.get(&path).await.expect_error(404, "NOT_FOUND");
    let second = nurse.act(&format!("{first}/revise")).await.expect(201);
    let path = format!("{QUOTES}/{}", second["id"].as_str().unwrap());
    let line = json!({ "description": "Séance", "quantityMilli": 1_000, "unit": "h", "unitPriceCents": 4_000, "vatBps": 0 });
    nurse.patch(&path, json!({ "lines": [line] })).await.expect(200);
    nurse.act(&format!("{path}/send")).await.expect(200);
    let third = nurse.act(&format!("{path}/revise")).await.expect(201);
    client.act(&format!("{path}/accept")).await.expect_error(409, "QUOTE_NOT_OPEN");
    assert_eq!(client.get(&path).await.expect(200)["status"], "REVISED");
    assert_eq!(told(&world, &client, "QUOTE_REVISED", "").await.0, 1, "of the one that could be answered");
    let path = format!("{QUOTES}/{}", third["id"].as_str().unwrap());
    nurse.act(&format!("{path}/send")).await.expect(200);
    let accepted = client.act(&format!("{path}/accept")).await.expect(200);
    assert_eq!((&accepted["totalCents"], &accepted["version"]), (&json!(4_000), &json!(3)));
    world.drain().await;
    assert_eq!(told(&world, &nurse, "QUOTE_REJECTED", "Devis refusé").await, (1, 1));
    world.end().await;
}

#[tokio::test]
async fn a_quote_ends_after_thirty_days_with_a_reminder_before() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let path = sent(&client, &nurse).await;
    world.drain().await;
    world.clock.advance(Duration::days(27));
    world.drain().await;
    again(&world, "remind-quote").await;
    let client = world.returning(&client).await;
    assert_eq!(told(&world, &client, "QUOTE_EXPIRING", "Un devis expire bientôt").await, (1, 1));
    let admin = world.admin().await;
    admin.act("/api/v1/admin/queues/default/pause").await.expect(200);
    world.clock.advance(Duration::days(3));
    let (client, nurse) = (world.returning(&client).await, world.returning(&nurse).await);
    // Its time is over, whether or not the job has noticed.
    client.act(&format!("{path}/accept")).await.expect_error(410, "QUOTE_EXPIRED");
    client.post(&format!("{path}/reject"), json!({ "reason": "…" })).await.expect_error(410, "QUOTE_EXPIRED");
    let admin = world.returning(&admin).await;
    admin.act("/api/v1/admin/queues/default/resume").await.expect(200);
    world.drain().await;
    again(&world, "expire-quote").await;
    assert_eq!(client.get(&path).await.expect(200)["status"], "EXPIRED");
    client.act(&format!("{path}/accept")).await.expect_error(410, "QUOTE_EXPIRED");
    for person in [&client, &nurse] {
        assert_eq!(told(&world, person, "QUOTE_EXPIRED", "Devis expiré").await, (1, 1));
    }
    nurse.act(&format!("{path}/revise")).await.expect(201);
    world.end().await;
}

#[tokio::test]
async fn who_pays_no_vat_says_why() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    nurse.patch("/api/v1/me/profile", json!({ "jobId": "es" })).await.expect(200);
    let mention = nurse.post(QUOTES, quote(&client)).await.expect(201)["vatMention"].clone();
    assert_eq!(mention, "TVA non applicable, art. 293 B du CGI");
    let mut body = quote(&client);
    body["lines"].as_array_mut().unwrap().pop();
    assert!(nurse.post(QUOTES, body).await.expect(201)["vatMention"].is_null(), "every line bears VAT");
    world.end().await;
}

#[tokio::test]
async fn fifty_at_once_are_numbered_without_a_gap() {
    let world = World::new().await;
    let (client, nurse) = acquainted(&world).await;
    let mut drafts = Vec::new();
    for _ in 0..50 {
        let draft = nurse.post(QUOTES, quote(&client)).await.expect(201);
        drafts.push(format!("{QUOTES}/{}/send", draft["id"].as_str().unwrap()));
    }
    // Each twice: the second finds that it is no draft any more, and takes no number.
    let answers = join_all(drafts.iter().chain(&drafts).map(|send| nurse.act(send))).await;
    let mut numbers: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| {
            answer.body["reference"].as_str().unwrap().rsplit('-').next().unwrap().parse::<i32>().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    world.end().await;
}

/// PostgreSQL's decimals are the oracle, which share nothing with the integers here.
#[tokio::test]
async fn totals_are_what_decimals_say() {
    let world = World::without_worker().await;
    let mut random = rand::rng();
    for _ in 0..300 {
        let lines: Vec<_> = (0..random.random_range(1..=12))
            .map(|_| {
                let (milli, price) = (random.random_range(1..100_000), random.random_range(0..50_000));
                let rate = VAT_RATES[random.random_range(0..VAT_RATES.len())];
                Line::new("Séance".into(), milli, "h".into(), price, rate)
            })
            .collect();
        let subtotal: i64 = lines.iter().map(|line| line.amount_cents).sum();
        let discount = random.random_range(0..=subtotal);
        let Ok(totals) = totals::total(&lines, discount) else {
            assert!(subtotal > 80_000_000, "{lines:?} {discount}");
            continue;
        };
        let shown = || format!("{lines:?} {discount}: {totals:?}");
        let (milli, price): (Vec<_>, Vec<_>) =
            lines.iter().map(|line| (line.quantity_milli, line.unit_price_cents)).unzip();
        let amounts: i64 = sqlx::query_scalar(
            "select sum(round(q::numeric / 1000 * p))::bigint from unnest($1::bigint[], $2::bigint[]) as l (q, p)",
        )
        .bind(&milli)
        .bind(&price)
        .fetch_one(&world.pool)
        .await
        .unwrap();
        assert_eq!(amounts, totals.subtotal_cents, "{}", shown());
        let bases: i64 = totals.vat.iter().map(|group| group.base_cents).sum();
        assert_eq!(bases, subtotal - discount, "{}", shown());
        let mut vat = 0;
        for group in &totals.vat {
            let net: i64 = lines
                .iter()
                .filter(|line| line.vat_bps == group.rate_bps)
                .map(|line| line.amount_cents)
                .sum();
            let (is_near, tax): (Option<bool>, i64) = sqlx::query_as(
                "select abs($1::numeric - $1::numeric * $2 / nullif($3, 0) - $4) < 1, round($4::numeric * $5 / 10000)::bigint",
            )
            .bind(net)
            .bind(discount)
            .bind(subtotal)
            .bind(group.base_cents)
            .bind(i64::from(group.rate_bps))
            .fetch_one(&world.pool)
            .await
            .unwrap();
            assert!(is_near.unwrap_or(true) && (0..=net).contains(&group.base_cents), "{}", shown());
            assert_eq!(tax, group.vat_cents, "{}", shown());
            vat += tax;
        }
        assert_eq!(totals.total_cents, subtotal - discount + vat, "{}", shown());
    }
    world.end().await;
}
