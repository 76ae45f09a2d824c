//! The whole life of a mission: everything that each side is told of it, step by step, once, also when every job comes twice.

use std::collections::BTreeMap;

use domain::paris;
use serde_json::json;
use tests::Client;
use tests::push_service::{Browser, PushService};
use time::{Duration, OffsetDateTime};

use super::briefing::kinds;
use super::{hub, report};
use crate::contracts::newest;
use crate::growth::log;
use crate::letters::letters;
use crate::money::Money;
use crate::push::DEVICES;
use crate::reviews::stars;
use crate::signatures::sign;
use crate::world::{mission, rfc3339};

struct Life {
    money: Money,
    service: PushService,
    /// Of the client and of the nurse.
    browsers: [Browser; 2],
    mission: String,
    /// What was told until now.
    told: Vec<Line>,
}

/// Where something was told, and what.
type Line = (String, String);

impl Life {
    /// At ten in the morning, with a mission that begins at ten two days later: nobody sleeps while anything happens, and no session
    /// ends, with which a device would be forgotten.
    async fn begin() -> (Self, OffsetDateTime) {
        let service = PushService::start().await;
        let mut money = Money::with(&service.settings(), &service.settings(), |handlers| handlers).await;
        let now = money.world.clock.now();
        money.advance(paris::next(10, 0, now) - now);
        money.return_all().await;
        money.onboarded().await;
        let browsers = [Browser::at(&service), Browser::at(&service)];
        for (person, browser) in [&money.client, &money.nurse].into_iter().zip(&browsers) {
            person.post(DEVICES, browser.subscription()).await.expect(201);
        }
        let start = paris::next(10, 0, paris::next(10, 0, money.world.clock.now()));
        let mut body = mission();
        body["startDate"] = json!(rfc3339(start));
        let posted = money.client.post(super::MISSIONS, body).await.expect(201);
        let mission = posted["id"].as_str().unwrap().to_owned();
        (Self { money, service, browsers, mission, told: Vec::new() }, start)
    }

    /// Everything: the timeline and the room as they are, then what each person has found in the app, on a device, by mail and in the log
    /// of points, which comes in no order. Each with where it is found.
    async fn everything(&self) -> Vec<Line> {
        let Money { client, nurse, admin, .. } = &self.money;
        let seen = client.get(&format!("{}/{}", super::MISSIONS, self.mission)).await.expect(200);
        let chat = format!("/api/v1/conversations/{}/messages", seen["conversationId"].as_str().unwrap());
        let room = client.get(&chat).await.expect(200)["items"].clone();
        let room = room.as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap());
        let events = kinds(client, &self.mission).await.into_iter().map(|kind| ("timeline".to_owned(), kind));
        let mut lines: Vec<_> = events.chain(room.map(|text| ("room".into(), plain(text)))).collect();
        let mut own = Vec::new();
        for (name, person) in [("client", client), ("nurse", nurse), ("admin", admin)] {
            own.extend(notices(person).await.into_iter().map(|kind| (format!("{name} app"), kind)));
            own.extend(self.mails(person).await.into_iter().map(|subject| (format!("{name} mail"), subject)));
            let log = log(person).await.into_iter();
            own.extend(log.map(|(action, points)| (format!("{name} points"), format!("{action} {points}"))));
        }
        for (name, browser) in ["client", "nurse"].into_iter().zip(&self.browsers) {
            own.extend(self.pushes(browser).into_iter().map(|kind| (format!("{name} push"), kind)));
        }
        own.sort();
        lines.extend(own);
        lines
    }

    /// One that is sent twice bears the same id, by which mailboxes know it.
    async fn mails(&self, person: &Client) -> Vec<String> {
        let email = person.get("/api/v1/auth/me").await.expect(200)["email"].clone();
        let own = letters(&self.money.world).into_iter().filter(|letter| letter.to == email);
        let own: BTreeMap<_, _> = own.map(|letter| (letter.id, plain(&letter.subject))).collect();
        own.into_values().collect()
    }

    /// As with mails: a device knows what comes twice by its tag.
    fn pushes(&self, browser: &Browser) -> Vec<String> {
        let own = browser.read(&self.service).into_iter().map(|(_, said)| said);
        let own: BTreeMap<_, _> = own
            .map(|said| {
                let text = |field: &str| said[field].as_str().unwrap().to_owned();
                ((text("notificationId"), text("tag")), text("type"))
            })
            .collect();
        own.into_values().collect()
    }

    /// What was done ends, mails that wait whether anything is read go out, and this was told and nothing else.
    async fn tells(&mut self, what: &str, expected: &str) {
        self.money.drain().await;
        self.money.advance(Duration::minutes(16));
        self.money.drain().await;
        self.money.return_all().await;
        let now = self.everything().await;
        let mut before = std::mem::take(&mut self.told);
        let mut news: Vec<(&str, Vec<&str>)> = Vec::new();
        for (place, text) in &now {
            let known = before.iter().position(|told| (&told.0, &told.1) == (place, text));
            match (known, news.last_mut()) {
                (Some(known), _) => drop(before.swap_remove(known)),
                (None, Some((last, texts))) if last == place => texts.push(text),
                (None, _) => news.push((place, vec![text])),
            }
        }
        assert!(before.is_empty(), "{what} unsays {before:?}");
        let news: Vec<_> =
            news.into_iter().map(|(place, texts)| format!("{place}: {}", texts.join(", "))).collect();
        assert_eq!(news, expected.lines().map(str::trim).collect::<Vec<_>>(), "{what}");
        self.told = now;
    }

    async fn wait_until(&mut self, at: OffsetDateTime) {
        self.money.advance(at - self.money.world.clock.now());
        self.money.return_all().await;
    }
}

/// The types of somebody's notifications.
async fn notices(person: &Client) -> Vec<String> {
    let page = person.get("/api/v1/notifications?limit=100").await.expect(200);
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["type"].as_str().unwrap().to_owned()).collect()
}

/// Without the reference of a contract at its end, which names the year.
fn plain(text: &str) -> String {
    text.split("CTR-").next().unwrap_or_default().trim_end_matches([' ', '(']).to_owned()
}

/// Lets every job that has run come once more, all of them at once.
async fn deliver_again(money: &Money) {
    sqlx::query(
        "update jobs set state = 'waiting', attempt = 0, token = null, worker = null, finished_at = null,
                run_at = clock_timestamp()
          where state = 'done'",
    )
    .execute(&money.world.pool)
    .await
    .unwrap();
    money.drain().await;
}

#[tokio::test]
async fn a_mission_tells_everybody_everything_once_and_in_order() {
    let (mut life, start) = Life::begin().await;
    let step = hub(&life.mission, "");
    let step = |what: &str| format!("{step}{what}");
    life.tells(
        "posted",
        "timeline: CREATED, MATCHED, INVITED
         room: Mission publiée. Un talent a été invité.
         nurse app: MISSION_INVITATION
         nurse mail: Renfort – Infirmier diplômé d’État à Paris : une mission pour vous
         nurse push: MISSION_INVITATION",
    )
    .await;

    let invitation =
        life.money.nurse.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();
    let accept = format!("/api/v1/invitations/{}/accept", invitation.as_str().unwrap());
    life.money.nurse.act(&accept).await.expect(200);
    life.tells(
        "accepted",
        "timeline: ASSIGNED
         room: Un talent a accepté la mission et rejoint la conversation.
         client app: CONTRACT_TO_SIGN, MISSION_ASSIGNED
         client mail: Mission pourvue : Renfort – Infirmier diplômé d’État, Un contrat à signer
         client push: CONTRACT_TO_SIGN, MISSION_ASSIGNED
         nurse app: ASSIGNMENT_CONFIRMED, CONTRACT_TO_SIGN
         nurse mail: C’est confirmé : Renfort – Infirmier diplômé d’État, Un contrat à signer
         nurse push: ASSIGNMENT_CONFIRMED, CONTRACT_TO_SIGN",
    )
    .await;

    let contract = newest(&life.money.client).await;
    sign(&life.money.world, &life.money.client, &contract).await;
    life.tells(
        "signed by the client",
        "client mail: Votre code de signature pour le contrat
         nurse app: CONTRACT_HALF_SIGNED
         nurse push: CONTRACT_HALF_SIGNED",
    )
    .await;
    sign(&life.money.world, &life.money.nurse, &contract).await;
    life.tells(
        "signed by both",
        "timeline: CONTRACT_SIGNED
         room: Contrat signé par les deux parties
         client app: CONTRACT_SIGNED, PAYMENT_DUE
         client mail: Contrat signé, Mission à régler
         client push: CONTRACT_SIGNED, PAYMENT_DUE
         nurse app: CONTRACT_SIGNED
         nurse mail: Contrat signé, Votre code de signature pour le contrat
         nurse push: CONTRACT_SIGNED",
    )
    .await;

    let payment = life.money.intent(&life.mission).await;
    life.money.stripe.pay(&life.money.intent_of(&payment).await);
    life.tells(
        "paid",
        "timeline: PAYMENT
         room: Un paiement de la mission est enregistré.
         client app: INVOICE_RECEIVED, PAYMENT_CONFIRMED
         client mail: Paiement reçu, Votre facture est disponible
         nurse app: INVOICE_ISSUED, INVOICE_RECEIVED, PAYMENT_RECEIVED
         nurse mail: Facture émise en votre nom, Le client a payé, Votre facture est disponible
         nurse push: PAYMENT_RECEIVED",
    )
    .await;

    let briefing =
        json!({ "content": "Badge à l’accueil.", "checklist": [{ "label": "Chariot d’urgence" }] });
    let written = life.money.client.post(&step("instructions"), briefing).await.expect(201);
    life.tells(
        "briefed",
        "timeline: INSTRUCTIONS_UPDATED
         room: Les consignes de la mission sont disponibles.
         nurse app: INSTRUCTIONS_UPDATED
         nurse mail: Consignes à lire
         nurse push: INSTRUCTIONS_UPDATED",
    )
    .await;
    life.money.nurse.post(&step("acknowledge"), json!({ "version": 1 })).await.expect(200);
    life.tells(
        "read",
        "timeline: BRIEFING_READ
         room: Un talent a lu les consignes de la mission.
         client app: BRIEFING_READ",
    )
    .await;

    life.wait_until(start - Duration::DAY).await;
    life.tells(
        "a day before",
        "client app: MISSION_TOMORROW
         client mail: Votre mission approche
         client push: MISSION_TOMORROW
         nurse app: MISSION_TOMORROW
         nurse mail: Votre mission approche
         nurse push: MISSION_TOMORROW",
    )
    .await;
    life.wait_until(start - Duration::hours(2)).await;
    life.tells(
        "two hours before",
        "client app: MISSION_SOON
         client mail: Votre mission commence bientôt
         client push: MISSION_SOON
         nurse app: MISSION_SOON
         nurse mail: Votre mission commence bientôt
         nurse push: MISSION_SOON",
    )
    .await;
    life.wait_until(start).await;
    life.money.nurse.act(&step("start")).await.expect(200);
    life.tells(
        "started",
        "timeline: MISSION_STARTED
         room: La mission a commencé : un talent est sur place.
         client app: MISSION_STARTED",
    )
    .await;
    let item = written["checklist"][0]["id"].as_str().unwrap();
    life.money.nurse.patch(&step(&format!("checklist/{item}")), json!({ "done": true })).await.expect(200);
    life.tells("ticked off", "timeline: CHECKLIST_ITEM_DONE").await;

    life.wait_until(start + Duration::hours(8)).await;
    let mut new = report(480);
    new["incidents"] = json!("Une chute sans gravité.");
    life.money.nurse.post(&step("report"), new).await.expect(201);
    life.tells(
        "reported",
        "timeline: REPORT_SUBMITTED, INCIDENT
         room: La mission est terminée : son rapport est remis.
         admin app: INCIDENT_REPORTED
         admin mail: Incident signalé
         client app: REPORT_SUBMITTED
         client mail: Rapport de mission remis
         client push: REPORT_SUBMITTED",
    )
    .await;
    life.wait_until(start + Duration::minutes(541)).await;
    life.tells(
        "an hour after",
        "client app: REVIEW_REQUESTED
         client mail: Votre avis compte
         client push: REVIEW_REQUESTED
         nurse app: REVIEW_REQUESTED
         nurse mail: Votre avis compte
         nurse push: REVIEW_REQUESTED",
    )
    .await;
    life.money.client.post(&step("report/validate"), json!({})).await.expect(200);
    life.tells(
        "accepted",
        "timeline: REPORT_VALIDATED
         room: Un rapport de la mission est validé.
         nurse app: POINTS_EARNED, POINTS_EARNED, REPORT_VALIDATED
         nurse mail: Rapport validé
         nurse points: FIRST_MISSION 100, MISSION_COMPLETED 50
         nurse push: REPORT_VALIDATED",
    )
    .await;
    life.money.client.post(&step("reviews"), stars(5)).await.expect(201);
    life.tells(
        "reviewed by the client",
        "client app: POINTS_EARNED
         client points: REVIEW_GIVEN 25
         nurse app: REVIEW_RECEIVED
         nurse mail: Vous avez reçu un avis
         nurse push: REVIEW_RECEIVED",
    )
    .await;
    life.money.nurse.post(&step("reviews"), stars(4)).await.expect(201);
    life.tells(
        "reviewed by the nurse",
        "client app: REVIEW_RECEIVED
         client mail: Vous avez reçu un avis
         client push: REVIEW_RECEIVED
         nurse app: POINTS_EARNED
         nurse points: REVIEW_GIVEN 25",
    )
    .await;

    life.wait_until(start + Duration::hours(32)).await;
    life.tells(
        "a day after",
        "timeline: LOCKED
         room: La conversation est close : 24 heures ont passé depuis le rapport. Elle reste lisible.",
    )
    .await;
    life.wait_until(start + Duration::hours(58)).await;
    life.tells(
        "two days after it was accepted",
        "nurse app: PAYOUT_SENT
         nurse mail: Virement en route
         nurse push: PAYOUT_SENT",
    )
    .await;
    life.wait_until(start + Duration::days(4)).await;
    life.tells("at last", "").await;

    deliver_again(&life.money).await;
    life.tells("everything again", "").await;
    life.money.check().await;
    life.money.world.end().await;
}
