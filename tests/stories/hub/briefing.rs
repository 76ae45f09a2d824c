//! What talents are told beforehand: written, read, read again when it changes, and ticked off.

use futures_util::future::join;
use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use super::{Shift, hub, report};
use crate::contracts::{again, told};
use crate::world::World;

fn briefing(labels: &[&str]) -> Value {
    let checklist: Vec<_> = labels.iter().map(|label| json!({ "label": label })).collect();
    json!({
        "content": "Tour de nuit, dix-huit résidents.", "access": "Entrée par la cour.", "contact": "Le cadre de nuit.",
        "checklist": checklist,
    })
}

impl Shift {
    async fn write(&self, body: Value) -> Value {
        let written = self.client.post(&hub(&self.mission, "instructions"), body).await.expect(201);
        self.world.drain().await;
        written
    }

    async fn acknowledge(&self, version: i32) -> tests::Answer {
        let answer = self.nurse.post(&hub(&self.mission, "acknowledge"), json!({ "version": version })).await;
        self.world.drain().await;
        answer
    }

    /// How often the room has read these words.
    pub(super) async fn said(&self, words: &str) -> usize {
        let mission = self.client.get(&format!("{}/{}", super::MISSIONS, self.mission)).await.expect(200);
        let chat = format!("/api/v1/conversations/{}/messages", mission["conversationId"].as_str().unwrap());
        let page = self.client.get(&chat).await.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        items.filter(|message| message["content"].as_str().unwrap().contains(words)).count()
    }
}

/// The kinds of a mission's events, oldest first.
pub async fn kinds(person: &Client, mission: &str) -> Vec<String> {
    let page = person.get(&hub(mission, "timeline?limit=100")).await.expect(200);
    let items = page["items"].as_array().unwrap().iter().rev();
    items.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

fn ids(instructions: &Value) -> Vec<Value> {
    instructions["checklist"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
}

#[tokio::test]
async fn a_briefing_is_read_before_the_start_and_again_after_each_change() {
    let mut shift = Shift::assigned().await;
    let read = hub(&shift.mission, "instructions");
    shift.client.get(&read).await.expect(404);
    shift.acknowledge(1).await.expect(404);
    shift.sign().await;
    let first = shift.write(briefing(&["Chariot d’urgence", "Transmissions"])).await;
    assert_eq!((&first["version"], &first["checklist"][0]["done"]), (&json!(1), &json!(false)));
    assert_eq!(first["readers"][0]["talentId"], shift.nurse.id.as_str());
    assert_eq!(shift.nurse.get(&read).await.expect(200), first);
    let notified = async |shift: &Shift| {
        told(&shift.world, &shift.nurse, "INSTRUCTIONS_UPDATED", "Consignes à lire").await
    };
    assert_eq!(notified(&shift).await, (1, 1));
    assert_eq!(shift.said("Les consignes de la mission sont disponibles").await, 1);

    shift.wait_until(shift.start).await;
    let start = hub(&shift.mission, "start");
    shift.nurse.act(&start).await.expect_error(409, "INSTRUCTIONS_NOT_READ");
    let acknowledged = shift.acknowledge(1).await.expect(200);
    assert!(acknowledged["readers"][0]["acknowledgedAt"].is_string());
    assert_eq!(shift.acknowledge(1).await.expect(200), acknowledged, "again is harmless");
    assert_eq!(told(&shift.world, &shift.client, "BRIEFING_READ", "Consignes lues").await, (1, 0));
    assert_eq!(shift.said("Un talent a lu les consignes").await, 1);

    // The first item goes on under another name, with what was done of it; the second is gone, and a third is new.
    let [kept, gone]: [Value; 2] = ids(&first).try_into().unwrap();
    let item = |id: &Value| hub(&shift.mission, &format!("checklist/{}", id.as_str().unwrap()));
    shift.nurse.patch(&item(&kept), json!({ "done": true })).await.expect(200);
    let mut body = briefing(&[]);
    body["checklist"] = json!([{ "label": "Clés" }, { "id": kept, "label": "Chariot d’urgence, étage 2" }]);
    let second = shift.write(body).await;
    assert_eq!((&second["version"], &second["checklist"][1]["id"]), (&json!(2), &kept));
    assert_eq!(
        (&second["checklist"][0]["done"], &second["checklist"][1]["done"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(second["readers"][0].get("acknowledgedAt"), None);
    assert_eq!(notified(&shift).await, (2, 2));
    shift.acknowledge(1).await.expect_error(409, "INSTRUCTIONS_CHANGED");
    shift.acknowledge(3).await.expect_error(409, "INSTRUCTIONS_CHANGED");
    shift.nurse.act(&start).await.expect_error(409, "INSTRUCTIONS_NOT_READ");
    shift.nurse.patch(&item(&gone), json!({ "done": true })).await.expect(404);
    shift.acknowledge(2).await.expect(200);
    shift.nurse.act(&start).await.expect(200);
    shift.world.drain().await;

    // While it takes place a code at the door may change; who has begun reads it, and is not held up.
    shift.write(briefing(&[])).await;
    assert_eq!(notified(&shift).await, (3, 3));
    again(&shift.world, "notify").await;
    assert_eq!(notified(&shift).await, (3, 3));
    shift.wait_until(shift.start + Duration::hours(8)).await;
    shift.report(480).await;
    shift.acknowledge(3).await.expect_error(409, "ALREADY_REPORTED");
    let late = shift.client.post(&read, briefing(&[])).await;
    late.expect_error(409, "MISSION_OVER");
    shift.world.end().await;
}

#[tokio::test]
async fn who_is_assigned_later_finds_the_briefing_and_who_left_finds_it_no_more() {
    let mut shift = Shift::assigned().await;
    let written = shift.write(briefing(&["Clés"])).await;
    shift.acknowledge(1).await.expect(200);
    let mark = hub(&shift.mission, &format!("checklist/{}", ids(&written)[0].as_str().unwrap()));
    let marked = shift.nurse.patch(&mark, json!({ "done": true })).await.expect(200);
    assert_eq!(marked["checklist"][0]["markedBy"], shift.nurse.id.as_str());
    let second = shift.world.nurse("nora", 2.0).await;
    let leave = format!("{}/{}/withdraw", super::MISSIONS, shift.mission);
    shift.nurse.post(&leave, json!({})).await.expect(200);
    shift.world.drain().await;
    let read = hub(&shift.mission, "instructions");
    shift.nurse.get(&read).await.expect_error(403, "NOT_A_PARTICIPANT");
    shift.acknowledge(1).await.expect_error(403, "NOT_A_PARTICIPANT");
    second.get(&read).await.expect_error(403, "NOT_A_PARTICIPANT");

    super::accept(&second).await;
    shift.world.drain().await;
    assert_eq!(told(&shift.world, &second, "INSTRUCTIONS_UPDATED", "Consignes à lire").await, (1, 1));
    let found = second.get(&read).await.expect(200);
    assert_eq!(
        found["readers"],
        json!([{ "assignmentId": found["readers"][0]["assignmentId"], "talentId": second.id }])
    );
    // That it is done, and not by whom; the client knows.
    assert_eq!((&found["checklist"][0]["done"], found["checklist"][0].get("markedBy")), (&json!(true), None));
    let on_one_screen = second.get(&hub(&shift.mission, "hub")).await.expect(200);
    for seen in [&found, &on_one_screen] {
        assert!(!seen.to_string().contains(&shift.nurse.id), "{seen}");
    }
    let known = shift.client.get(&read).await.expect(200);
    assert_eq!(known["checklist"][0]["markedBy"], shift.nurse.id.as_str());
    shift.pass(Duration::hours(1)).await;
    shift.world.end().await;
}

#[tokio::test]
async fn a_briefing_is_for_its_own_mission_and_people_alone() {
    let mut shift = Shift::assigned().await;
    let first = shift.write(briefing(&["Clés"])).await;
    let (id, item) = (shift.mission.clone(), first["checklist"][0]["id"].clone());
    let (write, mark) =
        (hub(&id, "instructions"), hub(&id, &format!("checklist/{}", item.as_str().unwrap())));
    let (foreign, stranger) = (shift.world.client("foreign").await, shift.world.nurse("stranger", 2.0).await);
    foreign.post(&write, briefing(&[])).await.expect_error(403, "NOT_A_PARTICIPANT");
    foreign.get(&write).await.expect_error(403, "NOT_A_PARTICIPANT");
    stranger.get(&write).await.expect_error(403, "NOT_A_PARTICIPANT");
    stranger.patch(&mark, json!({ "done": true })).await.expect_error(403, "NOT_A_PARTICIPANT");
    stranger
        .post(&hub(&id, "acknowledge"), json!({ "version": 1 }))
        .await
        .expect_error(403, "NOT_A_PARTICIPANT");
    shift.client.patch(&mark, json!({ "done": true })).await.expect(403);
    shift.nurse.post(&write, briefing(&[])).await.expect(403);
    for (what, body) in [
        ("acknowledge", json!({ "version": 0 })),
        ("acknowledge", json!({ "version": "1" })),
        ("acknowledge", json!({})),
    ] {
        shift.nurse.post(&hub(&id, what), body).await.expect(400);
    }
    shift.nurse.patch(&mark, json!({ "done": "yes" })).await.expect(400);
    let many: Vec<_> = (0..31).map(|n| json!({ "label": format!("{n}") })).collect();
    for checklist in [
        json!(many),
        json!([{ "label": "" }]),
        json!([{ "label": "x".repeat(201) }]),
        json!([{ "label": "Clés", "done": true }]),
        json!([{ "id": uuid::Uuid::now_v7(), "label": "Clés" }]),
        json!([{ "id": item, "label": "Clés" }, { "id": item, "label": "Encore" }]),
    ] {
        let mut body = briefing(&[]);
        body["checklist"] = checklist;
        shift.client.post(&write, body).await.expect(400);
    }
    shift.client.post(&write, json!({ "content": "" })).await.expect(400);
    shift.client.post(&write, json!({ "content": "x".repeat(4_001) })).await.expect(400);

    // Another mission of the same people: its items are not this one's.
    shift.pass(Duration::hours(20)).await;
    shift.next().await;
    shift.write(briefing(&["Badge"])).await;
    let forged = hub(&shift.mission, &format!("checklist/{}", item.as_str().unwrap()));
    shift.nurse.patch(&forged, json!({ "done": true })).await.expect(404);
    let mut body = briefing(&[]);
    body["checklist"] = json!([{ "id": item, "label": "Clés" }]);
    let stolen = shift.client.post(&hub(&shift.mission, "instructions"), body).await.expect(400);
    assert_eq!(stolen["errors"][0]["field"], "checklist");
    let unknown = hub(&uuid::Uuid::now_v7().to_string(), "instructions");
    shift.client.post(&unknown, briefing(&[])).await.expect(404);
    let cancel = format!("{}/{}/cancel", super::MISSIONS, shift.mission);
    shift.client.post(&cancel, json!({ "reason": "Erreur" })).await.expect(200);
    shift.world.drain().await;
    shift
        .client
        .post(&hub(&shift.mission, "instructions"), briefing(&[]))
        .await
        .expect_error(409, "MISSION_OVER");
    shift.world.end().await;
}

#[tokio::test]
async fn an_item_is_done_once_however_many_say_so_at_once() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses = [world.nurse("nadia", 1.0).await, world.nurse("nora", 2.0).await];
    let mission = super::shared(&world, &client, &nurses).await;
    let written = client.post(&hub(&mission, "instructions"), briefing(&["Clés"])).await.expect(201);
    world.drain().await;
    let mark = hub(&mission, &format!("checklist/{}", written["checklist"][0]["id"].as_str().unwrap()));
    let mut socket = client.socket().await;
    let done = json!({ "done": true });
    let (one, other) = join(nurses[0].patch(&mark, done.clone()), nurses[1].patch(&mark, done.clone())).await;
    let (one, other) = (one.expect(200), other.expect(200));
    assert_eq!(socket.next("mission:updated").await["missionId"], mission.as_str());
    let item = |view: &Value| view["checklist"][0].clone();
    assert_eq!(item(&one)["markedAt"], item(&other)["markedAt"], "who was first has done it");
    let known = [item(&one).get("markedBy").is_some(), item(&other).get("markedBy").is_some()];
    assert_eq!(known.iter().filter(|known| **known).count(), 1, "each knows of itself");
    let events =
        async || kinds(&client, &mission).await.iter().filter(|kind| *kind == "CHECKLIST_ITEM_DONE").count();
    assert_eq!(events().await, 1);
    let undone = nurses[1].patch(&mark, json!({ "done": false })).await.expect(200);
    assert_eq!((&item(&undone)["done"], &item(&undone)["markedBy"]), (&json!(false), &json!(nurses[1].id)));
    assert_eq!(events().await, 1);
    nurses[0].patch(&mark, done).await.expect(200);
    assert_eq!(events().await, 2);
    world.end().await;
}

#[tokio::test]
async fn nobody_starts_on_a_briefing_that_changed_meanwhile() {
    let mut shift = Shift::assigned().await;
    shift.sign().await;
    shift.write(briefing(&[])).await;
    shift.wait_until(shift.start).await;
    let (write, read, start) = (
        hub(&shift.mission, "instructions"),
        hub(&shift.mission, "acknowledge"),
        hub(&shift.mission, "start"),
    );
    for version in 1..=10 {
        let (written, acknowledged) = join(
            shift.client.post(&write, briefing(&[])),
            shift.nurse.post(&read, json!({ "version": version })),
        )
        .await;
        written.expect(201);
        if acknowledged.status != 200 {
            acknowledged.expect_error(409, "INSTRUCTIONS_CHANGED");
        }
        shift.nurse.act(&start).await.expect_error(409, "INSTRUCTIONS_NOT_READ");
    }
    shift.nurse.post(&read, json!({ "version": 11 })).await.expect(200);
    let (written, started) = join(shift.client.post(&write, briefing(&[])), shift.nurse.act(&start)).await;
    written.expect(201);
    if started.status != 200 {
        started.expect_error(409, "INSTRUCTIONS_NOT_READ");
        shift.nurse.post(&read, json!({ "version": 12 })).await.expect(200);
        shift.nurse.act(&start).await.expect(200);
    }
    shift.nurse.post(&hub(&shift.mission, "report"), report(30)).await.expect(201);
    shift.world.drain().await;
    shift.world.end().await;
}
