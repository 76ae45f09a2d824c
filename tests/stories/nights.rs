//! What quiet hours have held back is told at seven, as far as it is still so, and in words that are still right.

use domain::paris;
use serde_json::{Value, json};
use tests::Client;
use tests::push_service::{Browser, PushService};
use time::{Duration, OffsetDateTime};

use crate::contracts::{assigned, newest, weekday};
use crate::hub::{hub, report};
use crate::letters::letters;
use crate::money::Money;
use crate::push::{DEVICES, Pushing};
use crate::reviews::stars;
use crate::signatures::sign;
use crate::world::{World, mission, rfc3339};

/// A mission of eight hours from this time on.
fn from(start: OffsetDateTime) -> Value {
    let mut body = mission();
    body["startDate"] = json!(rfc3339(start));
    body
}

/// Type and path of each push that a browser got, sorted.
fn pushed(browser: &Browser, service: &PushService) -> Vec<(String, String)> {
    let text = |said: &Value, field: &str| said[field].as_str().unwrap().to_owned();
    let pushes = browser.read(service).into_iter();
    let mut pushes: Vec<_> = pushes
        .map(|(_, said)| (text(&said, "type"), text(&said, "url").replace("http://127.0.0.1:3000/", "")))
        .collect();
    pushes.sort();
    pushes
}

/// A mission whose contract both have signed; its id.
async fn signed(world: &World, client: &Client, nurse: &Client, body: Value) -> String {
    let mission = assigned(world, client, nurse, body).await;
    let contract = newest(nurse).await;
    sign(world, client, &contract).await;
    sign(world, nurse, &contract).await;
    world.drain().await;
    mission
}

#[tokio::test]
async fn what_was_begun_reported_and_judged_by_night_is_nothing_to_be_told_in_the_morning() {
    let mut pushing = Pushing::at(10).await;
    let (nora, nina) = (pushing.world.nurse("nora", 2.0).await, pushing.world.nurse("nina", 3.0).await);
    let ten = pushing.world.clock.now();
    let (world, client) = (&pushing.world, &pushing.client);
    let day = signed(world, client, &pushing.nurse, from(paris::next(14, 0, ten))).await;
    let late = signed(world, client, &nora, from(paris::next(22, 0, ten))).await;
    let never = signed(world, client, &nina, from(paris::next(22, 0, ten))).await;
    pushing.pass(paris::next(14, 0, ten) - ten).await;
    pushing.nurse.act(&hub(&day, "start")).await.expect(200);
    pushing.pass(Duration::hours(7)).await;
    let everybody = [&pushing.client, &pushing.nurse, &nora, &nina];
    let mut browsers = Vec::new();
    for person in everybody {
        let person = pushing.world.returning(person).await;
        browsers.push(pushing.subscribe(&person).await);
    }

    pushing.pass(Duration::minutes(76)).await;
    pushing.world.returning(&nora).await.act(&hub(&late, "start")).await.expect(200);
    let briefing = json!({ "content": "Le code a changé." });
    pushing.client.post(&hub(&day, "instructions"), briefing).await.expect(201);
    pushing.pass(Duration::minutes(105)).await;
    pushing.nurse.post(&hub(&day, "report"), report(480)).await.expect(201);
    pushing.world.drain().await;
    pushing.client.post(&hub(&day, "report/validate"), json!({})).await.expect(200);
    pushing.pass(Duration::minutes(61)).await;
    for person in [&pushing.client, &pushing.nurse] {
        let asked = person.get("/api/v1/notifications").await.expect(200)["items"].to_string();
        assert!(asked.contains("REVIEW_REQUESTED"), "{asked}");
        person.post(&hub(&day, "reviews"), stars(5)).await.expect(201);
    }
    pushing.pass(Duration::minutes(20)).await;
    assert_eq!(pushing.service.pushes(), 0, "the night is quiet");
    for subject in ["Rapport de mission remis", "Votre avis compte"] {
        assert!(letters(&pushing.world).iter().all(|letter| letter.subject != subject), "{subject}");
    }

    pushing.pass(paris::next(7, 0, ten) - pushing.world.clock.now()).await;
    let about_it = ["MISSION_NOT_STARTED", "REPORT_", "REVIEW_REQUESTED", "INSTRUCTIONS_UPDATED"];
    let told = browsers.iter().map(|browser| {
        let pushes = pushed(browser, &pushing.service).into_iter();
        let ours = pushes.filter(|(kind, _)| about_it.iter().any(|about| kind.starts_with(about)));
        ours.map(|(kind, path)| format!("{kind} {path}")).collect::<Vec<_>>()
    });
    let missing = vec![format!("MISSION_NOT_STARTED missions/{never}")];
    let accepted = vec![format!("REPORT_VALIDATED missions/{day}")];
    assert_eq!(told.collect::<Vec<_>>(), [missing.clone(), accepted, vec![], missing]);
    pushing.world.end().await;
}

/// A platform that takes payments, at half past ten in the evening, and the browsers of its client and its nurse.
async fn late() -> (Money, PushService, [Browser; 2]) {
    let service = PushService::start().await;
    let mut money = Money::with(&service.settings(), &service.settings(), |handlers| handlers).await;
    let now = money.world.clock.now();
    money.advance(paris::next(22, 30, now) - now);
    money.return_all().await;
    let browsers = [Browser::at(&service), Browser::at(&service)];
    for (person, browser) in [&money.client, &money.nurse].into_iter().zip(&browsers) {
        person.post(DEVICES, browser.subscription()).await.expect(201);
    }
    (money, service, browsers)
}

async fn morning(money: &mut Money) {
    let now = money.world.clock.now();
    money.advance(paris::next(7, 0, now) - now);
    money.drain().await;
    money.return_all().await;
}

#[tokio::test]
async fn what_was_paid_by_night_is_not_asked_for_in_the_morning() {
    let (mut money, service, [browser, _]) = late().await;
    let paid = money.signed().await;
    money.pay_for(&format!("missions/{paid}")).await;
    money.accepted(&paid, 540).await;
    money.pay_for(&format!("missions/{paid}")).await;
    let quoted = money.quoted().await.replace("/api/v1/", "");
    money.pay_for(&quoted).await;
    // Called off thirteen hours before the start, at half the price.
    let now = money.world.clock.now();
    let mut off = Vec::new();
    for _ in 0..2 {
        let mission = signed(&money.world, &money.client, &money.nurse, from(paris::next(12, 0, now))).await;
        let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
        money.client.post(&cancel, json!({ "reason": "Retour anticipé" })).await.expect(200);
        money.drain().await;
        off.push(format!("missions/{mission}"));
    }
    money.pay_for(&off[0]).await;
    signed(&money.world, &money.client, &money.nurse, from(now + Duration::days(30))).await;
    let due = newest(&money.client).await.replace("/api/v1/", "");
    let told = money.client.get("/api/v1/notifications?limit=100").await.expect(200).to_string();
    let dues = ["PAYMENT_DUE", "SUPPLEMENT_DUE", "CONTRACT_DUE", "CANCELLATION_DUE"];
    assert!(dues.iter().all(|kind| told.contains(kind)), "{told}");
    assert_eq!(service.pushes(), 0, "the night is quiet");

    morning(&mut money).await;
    let mut told = pushed(&browser, &service);
    told.retain(|(kind, _)| dues.contains(&kind.as_str()));
    let of = |kind: &str, path: &String| (kind.to_owned(), path.clone());
    assert_eq!(told, [of("CANCELLATION_DUE", &off[1]), of("PAYMENT_DUE", &due)]);
    money.check().await;
    money.world.end().await;
}

impl Money {
    /// Pays what is asked for.
    async fn pay_for(&self, what: &str) {
        let payment = self.client.act(&format!("/api/v1/payments/{what}/intent")).await.expect(201);
        self.stripe.pay(&self.intent_of(&payment).await);
        self.drain().await;
    }
}

#[tokio::test]
async fn who_has_still_to_sign_hears_in_the_morning_that_the_other_side_has() {
    let (mut money, service, browsers) = late().await;
    assigned(&money.world, &money.client, &money.nurse, weekday()).await;
    let contract = newest(&money.client).await;
    money.advance(Duration::minutes(10));
    sign(&money.world, &money.client, &contract).await;
    money.drain().await;
    assert_eq!(service.pushes(), 0, "the night is quiet");
    morning(&mut money).await;
    let told = browsers.map(|browser| {
        let mut pushes = pushed(&browser, &service);
        pushes.retain(|(_, path)| contract.ends_with(path));
        pushes.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
    });
    assert_eq!(told, [vec![], vec!["CONTRACT_HALF_SIGNED".to_owned()]]);
    money.world.end().await;
}

#[tokio::test]
async fn a_reminder_that_comes_late_says_when_it_begins() {
    let mut pushing = Pushing::at(10).await;
    pushing.nurse.patch("/api/v1/me", json!({ "locale": "en" })).await.expect(200);
    let second = pushing.world.nurse("nora", 2.0).await;
    let now = pushing.world.clock.now();
    let tomorrow = paris::next(23, 0, paris::next(23, 0, now));
    let morning = paris::next(8, 30, now);
    assigned(&pushing.world, &pushing.client, &pushing.nurse, from(tomorrow)).await;
    assigned(&pushing.world, &pushing.client, &second, from(morning)).await;
    let client = pushing.subscribe(&pushing.client).await;
    let nurse = pushing.subscribe(&pushing.nurse).await;
    pushing.pass(paris::next(7, 0, now) - now).await;
    let said = |browser: &Browser| {
        let pushes = browser.read(&pushing.service).into_iter();
        let mut pushes: Vec<_> =
            pushes.map(|(_, said)| format!("{}: {}", said["title"], said["body"]).replace('"', "")).collect();
        pushes.sort();
        pushes
    };
    let (in_french, in_english) = (|at| paris::date_and_time(at, "fr"), |at| paris::date_and_time(at, "en"));
    let near = format!(
        "Votre mission approche: Début le {}. Le contrat, les consignes et les coordonnées vous attendent dans la mission.",
        in_french(tomorrow)
    );
    let soon = format!(
        "Votre mission commence bientôt: Début le {}. Un empêchement ? Prévenez dans la conversation.",
        in_french(morning)
    );
    assert_eq!(said(&client), [near, soon]);
    let english = format!(
        "Your mission is near: Starts on {}. Contract, instructions and contacts are in the mission.",
        in_english(tomorrow)
    );
    assert_eq!(said(&nurse), [english]);
    let mails = letters(&pushing.world);
    let mut mails = mails.iter().filter(|letter| letter.subject == "Votre mission approche");
    assert!(
        mails.next().is_some_and(|mail| mail.text.contains(&in_french(tomorrow))) && mails.next().is_none()
    );
    pushing.world.end().await;
}
