//! The whole life of a mission: what each side is told of it, once and in order, also when every job comes twice.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use super::briefing::kinds;
use super::{hub, report, start_of};
use crate::contracts::{assigned, newest, weekday};
use crate::growth::{lines, log};
use crate::letters::letters;
use crate::money::Money;
use crate::reviews::stars;
use crate::signatures::sign;

/// The types of somebody's notifications, oldest first.
async fn notices(person: &Client) -> Vec<String> {
    let page = person.get("/api/v1/notifications?limit=100").await.expect(200);
    let mut items = page["items"].as_array().unwrap().clone();
    items.reverse();
    items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
}

/// Subjects of the mails to somebody, sorted.
async fn mails(money: &Money, person: &Client) -> Vec<String> {
    let email = person.get("/api/v1/auth/me").await.expect(200)["email"].clone();
    let own = letters(&money.world).into_iter().filter(|letter| letter.to == email);
    // One that is sent twice bears the same id, by which mailboxes know it.
    let own: BTreeMap<_, _> = own.map(|letter| (letter.id, letter.subject)).collect();
    let mut subjects: Vec<_> = own.into_values().collect();
    subjects.sort();
    subjects
}

/// Everything that people were told.
#[derive(Debug, PartialEq)]
struct Told {
    events: Vec<String>,
    room: Vec<String>,
    notices: [Vec<String>; 3],
    mails: [Vec<String>; 3],
    points: [Vec<(String, i64)>; 2],
}

async fn told(money: &Money, mission: &str) -> Told {
    let people = [&money.client, &money.nurse, &money.admin];
    let seen = money.client.get(&format!("{}/{mission}", super::MISSIONS)).await.expect(200);
    let chat = format!("/api/v1/conversations/{}/messages", seen["conversationId"].as_str().unwrap());
    let room: Value = money.client.get(&chat).await.expect(200)["items"].clone();
    let room = room.as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap().to_owned());
    let (mut told_of, mut mailed) = (Vec::new(), Vec::new());
    for person in people {
        told_of.push(notices(person).await);
        mailed.push(mails(money, person).await);
    }
    Told {
        events: kinds(&money.client, mission).await,
        room: room.collect(),
        notices: told_of.try_into().unwrap(),
        mails: mailed.try_into().unwrap(),
        points: [log(&money.client).await, log(&money.nurse).await],
    }
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
    let mut money = Money::new().await;
    money.onboarded().await;
    let mission = assigned(&money.world, &money.client, &money.nurse, weekday()).await;
    let contract = newest(&money.client).await;
    sign(&money.world, &money.client, &contract).await;
    sign(&money.world, &money.nurse, &contract).await;
    money.drain().await;
    let payment = money.intent(&mission).await;
    money.stripe.pay(&money.intent_of(&payment).await);
    money.drain().await;
    let briefing =
        json!({ "content": "Badge à l’accueil.", "checklist": [{ "label": "Chariot d’urgence" }] });
    let written = money.client.post(&hub(&mission, "instructions"), briefing).await.expect(201);
    money.drain().await;
    money.nurse.post(&hub(&mission, "acknowledge"), json!({ "version": 1 })).await.expect(200);
    money.drain().await;
    let start = start_of(&money.client, &mission).await;
    for before in [Duration::DAY, Duration::hours(2), Duration::ZERO] {
        money.advance(start - before + Duration::SECOND - money.world.clock.now());
        money.drain().await;
        money.return_all().await;
    }
    money.nurse.act(&hub(&mission, "start")).await.expect(200);
    money.drain().await;
    let item = written["checklist"][0]["id"].as_str().unwrap();
    money
        .nurse
        .patch(&hub(&mission, &format!("checklist/{item}")), json!({ "done": true }))
        .await
        .expect(200);
    money.advance(Duration::hours(8));
    money.return_all().await;
    let mut new = report(480);
    new["incidents"] = json!("Une chute sans gravité.");
    money.nurse.post(&hub(&mission, "report"), new).await.expect(201);
    money.drain().await;
    money.advance(Duration::hours(2));
    money.return_all().await;
    money.drain().await;
    money.client.post(&hub(&mission, "report/validate"), json!({})).await.expect(200);
    money.drain().await;
    for (person, rating) in [(&money.client, 5), (&money.nurse, 4)] {
        person.post(&hub(&mission, "reviews"), stars(rating)).await.expect(201);
        money.drain().await;
    }
    money.advance(Duration::hours(49));
    money.return_all().await;
    money.drain().await;

    let once = told(&money, &mission).await;
    let events = [
        "CREATED",
        "MATCHED",
        "INVITED",
        "ASSIGNED",
        "CONTRACT_SIGNED",
        "PAYMENT",
        "INSTRUCTIONS_UPDATED",
        "BRIEFING_READ",
        "MISSION_STARTED",
        "CHECKLIST_ITEM_DONE",
        "REPORT_SUBMITTED",
        "INCIDENT",
        "REPORT_VALIDATED",
        "LOCKED",
    ];
    assert_eq!(once.events, events);
    let reference = money.client.get(&contract).await.expect(200)["reference"].as_str().unwrap().to_owned();
    let room = [
        "Mission publiée. Un talent a été invité.".to_owned(),
        "Un talent a accepté la mission et rejoint la conversation.".into(),
        format!("Contrat signé par les deux parties ({reference})."),
        "Les consignes de la mission sont disponibles.".into(),
        "Un talent a lu les consignes de la mission.".into(),
        "La mission a commencé : un talent est sur place.".into(),
        "La mission est terminée : son rapport est remis.".into(),
        "La conversation est close : 24 heures ont passé depuis le rapport. Elle reste lisible.".into(),
    ];
    assert_eq!(once.room, room);
    let [client, nurse, admin] = &once.notices;
    let in_order = |told: &[String], expected: &[&str]| {
        let own: Vec<_> = told.iter().filter(|kind| expected.contains(&kind.as_str())).collect();
        assert_eq!(own, expected, "{told:?}");
    };
    in_order(
        client,
        &[
            "MISSION_ASSIGNED",
            "CONTRACT_SIGNED",
            "PAYMENT_CONFIRMED",
            "BRIEFING_READ",
            "MISSION_TOMORROW",
            "MISSION_SOON",
            "MISSION_STARTED",
            "REPORT_SUBMITTED",
            "REVIEW_REQUESTED",
            "POINTS_EARNED",
            "REVIEW_RECEIVED",
        ],
    );
    in_order(
        nurse,
        &[
            "MISSION_INVITATION",
            "CONTRACT_SIGNED",
            "PAYMENT_RECEIVED",
            "INSTRUCTIONS_UPDATED",
            "MISSION_TOMORROW",
            "MISSION_SOON",
            "REVIEW_REQUESTED",
            "REPORT_VALIDATED",
            "REVIEW_RECEIVED",
            "PAYOUT_SENT",
        ],
    );
    assert_eq!(admin, &["INCIDENT_REPORTED"]);
    let worked = [("FIRST_MISSION", 100), ("MISSION_COMPLETED", 50), ("REVIEW_GIVEN", 25)];
    assert_eq!(once.points, [lines(&[("REVIEW_GIVEN", 25)]), lines(&worked)]);
    let times = |subject: &str| once.mails.iter().flatten().filter(|mail| *mail == subject).count();
    for (subject, count) in [
        ("Consignes à lire", 1),
        ("Votre mission dans 24 heures", 2),
        ("Votre mission dans deux heures", 2),
        ("Rapport de mission remis", 1),
        ("Incident signalé", 1),
        ("Votre avis compte", 2),
        ("Rapport validé", 1),
        ("Consignes lues", 0),
    ] {
        assert_eq!(times(subject), count, "{subject}");
    }

    deliver_again(&money).await;
    assert_eq!(told(&money, &mission).await, once, "the second time nothing is told");
    money.check().await;
    money.world.end().await;
}
