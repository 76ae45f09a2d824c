//! What can be seen of a mission: its timeline, its chat, all of it on one screen, and which missions are active.

use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use super::briefing::kinds;
use super::{Shift, hub, next_day, report};
use crate::contracts::newest;
use crate::signatures::sign;
use crate::world::{World, rfc3339};

async fn active(person: &Client) -> Value {
    person.get("/api/v1/missions/active/count").await.expect(200)["active"].clone()
}

#[tokio::test]
async fn a_talent_reads_of_the_mission_and_itself_and_a_client_everything() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses = [world.nurse("nadia", 1.0).await, world.nurse("nora", 2.0).await];
    let [applicant, stranger] = [world.nurse("nina", 3.0).await, world.nurse("nour", 150.0).await];
    let mut body = next_day(&world);
    body["slots"] = json!(2);
    let mission = client.post(super::MISSIONS, body).await.expect(201)["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let apply = format!("{}/{mission}/apply", super::MISSIONS);
    applicant
        .post(&apply, json!({ "coverLetter": "Disponible.", "proposedRateCents": 2_600 }))
        .await
        .expect(201);
    for nurse in &nurses {
        super::accept(nurse).await;
        world.drain().await;
        let contract = newest(nurse).await;
        sign(&world, &client, &contract).await;
        sign(&world, nurse, &contract).await;
        world.drain().await;
    }
    let whole = [
        "CREATED",
        "MATCHED",
        "INVITED",
        "APPLIED",
        "ASSIGNED",
        "CONTRACT_SIGNED",
        "ASSIGNED",
        "CONTRACT_SIGNED",
    ];
    assert_eq!(kinds(&client, &mission).await, whole);
    assert_eq!(kinds(&world.admin().await, &mission).await, whole);
    for (own, other) in [(0, 1), (1, 0)] {
        let seen = nurses[own].get(&hub(&mission, "timeline")).await.expect(200).to_string();
        assert!(!seen.contains(&nurses[other].id) && !seen.contains(&applicant.id), "{seen}");
        assert!(seen.contains(&nurses[own].id));
    }
    let of_one = ["CREATED", "MATCHED", "INVITED", "ASSIGNED", "CONTRACT_SIGNED", "ASSIGNED"];
    assert_eq!(kinds(&nurses[0], &mission).await, of_one);
    for outside in [&applicant, &stranger, &world.client("other").await] {
        for what in ["timeline", "hub", "chat-status", "instructions"] {
            outside.get(&hub(&mission, what)).await.expect_error(403, "NOT_A_PARTICIPANT");
        }
    }
    let client_sees = client.get(&hub(&mission, "timeline")).await.expect(200);
    let invited =
        client_sees["items"].as_array().unwrap().iter().find(|event| event["kind"] == "INVITED").unwrap();
    assert_eq!((&invited["people"], invited.get("talentId")), (&json!(3), None));

    // Page by page it is the same list, and nothing of it can be changed.
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&hub(&mission, &format!("timeline?limit=3{cursor}"))).await.expect(200);
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(json!(pages), client_sees["items"]);
    client.get(&hub(&mission, "timeline?cursor=x")).await.expect(400);
    for tampering in [
        "update mission_events set talent_id = null",
        "delete from mission_events",
        "truncate mission_events",
    ] {
        let refused = sqlx::query(tampering).execute(&world.pool).await.unwrap_err().to_string();
        assert!(refused.contains("neither changed nor deleted"), "{refused}");
    }
    world.end().await;
}

#[tokio::test]
async fn each_finds_on_one_screen_what_is_there_and_what_to_do_next() {
    let mut shift = Shift::assigned().await;
    let overview = hub(&shift.mission, "hub");
    let steps = async |shift: &Shift| {
        let mut steps = Vec::new();
        for person in [&shift.client, &shift.nurse] {
            steps.push(person.get(&overview).await.expect(200)["nextStep"].as_str().unwrap().to_owned());
        }
        steps
    };
    assert_eq!(steps(&shift).await, ["SIGN_CONTRACT", "SIGN_CONTRACT"]);
    let contract = newest(&shift.client).await;
    sign(&shift.world, &shift.client, &contract).await;
    assert_eq!(steps(&shift).await, ["WAIT_FOR_SIGNATURE", "SIGN_CONTRACT"]);
    sign(&shift.world, &shift.nurse, &contract).await;
    shift.world.drain().await;
    assert_eq!(steps(&shift).await, ["PAY", "WAIT_FOR_START"]);
    let briefing = json!({ "content": "Badge à l’accueil.", "checklist": [{ "label": "Clés" }] });
    shift.client.post(&hub(&shift.mission, "instructions"), briefing).await.expect(201);
    assert_eq!(steps(&shift).await, ["PAY", "READ_INSTRUCTIONS"]);
    shift.nurse.post(&hub(&shift.mission, "acknowledge"), json!({ "version": 1 })).await.expect(200);
    shift.wait_until(shift.start - Duration::minutes(60)).await;
    assert_eq!(steps(&shift).await, ["PAY", "START"]);
    shift.nurse.act(&hub(&shift.mission, "start")).await.expect(200);
    assert_eq!(steps(&shift).await, ["PAY", "REPORT"]);
    shift.wait_until(shift.start + Duration::hours(8)).await;
    shift.report(480).await;
    assert_eq!(steps(&shift).await, ["JUDGE_REPORT", "WAIT_FOR_JUDGEMENT"]);

    let seen = shift.nurse.get(&overview).await.expect(200);
    let place = &seen["places"][0];
    assert_eq!((&place["talentId"], &place["status"]), (&json!(shift.nurse.id), &json!("COMPLETED")));
    assert_eq!(place["contract"]["status"], "IN_PROGRESS");
    assert_eq!(place["payment"], json!({}), "nothing was asked for");
    assert_eq!(seen["instructions"]["checklist"][0]["label"], "Clés");
    assert_eq!(seen["reports"][0]["minutesWorked"], 480);
    assert_eq!((&seen["mission"]["id"], &seen["chat"]["open"]), (&json!(shift.mission), &json!(true)));
    let kinds: Vec<_> =
        seen["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds[..3], ["REPORT_SUBMITTED", "MISSION_STARTED", "BRIEFING_READ"]);
    assert_eq!(kinds.len(), 9);

    shift.client.post(&hub(&shift.mission, "report/contest"), json!({ "reason": "Non" })).await.expect(200);
    assert_eq!(steps(&shift).await, ["WAIT_FOR_DECISION", "WAIT_FOR_DECISION"]);
    shift.pass(Duration::hours(1)).await;
    shift.world.end().await;
}

#[tokio::test]
async fn a_chat_says_until_when_it_is_open() {
    let mut shift = Shift::assigned().await;
    let status = hub(&shift.mission, "chat-status");
    let open = shift.nurse.get(&status).await.expect(200);
    assert_eq!(open["open"], true);
    assert!(open.get("closesAt").is_none() && open.get("reason").is_none());
    shift.begin().await;
    shift.world.set_status(&shift.nurse, "SUSPENDED").await;
    assert_eq!(shift.nurse.get(&status).await.expect(200)["open"], true, "a mission in progress is finished");
    shift.world.set_status(&shift.nurse, "VERIFIED").await;
    let submitted = shift.report(480).await["submittedAt"].clone();
    let closing = shift.client.get(&status).await.expect(200);
    let at = time::OffsetDateTime::parse(
        submitted.as_str().unwrap(),
        &time::format_description::well_known::Rfc3339,
    );
    let closes_at = json!(rfc3339(at.unwrap() + Duration::DAY));
    assert_eq!((&closing["open"], &closing["closesAt"]), (&json!(true), &closes_at));
    assert_eq!((&closing["reason"], closing.get("lockedAt")), (&json!("MISSION_ENDED"), None));
    shift.world.set_status(&shift.nurse, "SUSPENDED").await;
    let suspended = shift.nurse.get(&status).await.expect(200);
    assert_eq!((&suspended["open"], &suspended["reason"]), (&json!(false), &json!("ACCOUNT_SUSPENDED")));
    shift.world.set_status(&shift.nurse, "VERIFIED").await;
    shift.pass(Duration::DAY).await;
    let locked = shift.nurse.get(&status).await.expect(200);
    assert_eq!((&locked["open"], &locked["lockedAt"]), (&json!(false), &closes_at));
    assert_eq!(kinds(&shift.nurse, &shift.mission).await.last().unwrap(), "LOCKED");
    shift.world.end().await;
}

#[tokio::test]
async fn active_missions_are_listed_counted_and_counted_live_on_both_sides() {
    let mut shift = Shift::assigned().await;
    shift.sign().await;
    let later = {
        let mut body = next_day(&shift.world);
        body["startDate"] = json!(rfc3339(shift.start + Duration::days(2)));
        crate::contracts::assigned(&shift.world, &shift.client, &shift.nurse, body).await
    };
    // Only posted: nobody is on the way.
    shift.client.post(super::MISSIONS, next_day(&shift.world)).await.expect(201);
    shift.world.drain().await;
    for person in [&shift.client, &shift.nurse] {
        assert_eq!(active(person).await, 2);
        let first = person.get("/api/v1/missions/active?limit=1").await.expect(200);
        assert_eq!(first["items"][0]["id"], shift.mission.as_str(), "the next one first");
        let cursor = first["nextCursor"].as_str().unwrap();
        let second =
            person.get(&format!("/api/v1/missions/active?limit=1&cursor={cursor}")).await.expect(200);
        assert_eq!((&second["items"][0]["id"], second.get("nextCursor")), (&json!(later), None));
    }
    assert_eq!(active(&shift.world.client("other").await).await, 0);

    let mut sockets = [shift.client.socket().await, shift.nurse.socket().await];
    let cancel = format!("{}/{later}/cancel", super::MISSIONS);
    shift.client.post(&cancel, json!({ "reason": "Erreur" })).await.expect(200);
    shift.world.drain().await;
    for socket in &mut sockets {
        assert_eq!(socket.next("mission:count").await["active"], 1);
    }
    shift.wait_until(shift.start).await;
    shift.nurse.act(&hub(&shift.mission, "start")).await.expect(200);
    shift.wait_until(shift.start + Duration::hours(8)).await;
    let mut sockets = [shift.client.socket().await, shift.nurse.socket().await];
    shift.nurse.post(&hub(&shift.mission, "report"), report(480)).await.expect(201);
    shift.world.drain().await;
    for (socket, person) in sockets.iter_mut().zip([&shift.client, &shift.nurse]) {
        assert_eq!(socket.next("mission:count").await["active"], 0);
        assert_eq!(active(person).await, 0);
        assert_eq!(person.get("/api/v1/missions/active").await.expect(200)["items"], json!([]));
    }
    shift.pass(Duration::hours(1)).await;
    shift.world.end().await;
}

#[tokio::test]
async fn the_last_count_that_a_client_is_told_is_the_right_one_however_many_accept_at_once() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses = [world.nurse("nadia", 1.0).await, world.nurse("nora", 2.0).await];
    let mut missions = Vec::new();
    for _ in 0..2 {
        let posted = client.post(super::MISSIONS, next_day(&world)).await.expect(201);
        missions.push(posted["id"].as_str().unwrap().to_owned());
        world.drain().await;
    }
    let accepting = nurses.iter().zip(&missions).map(|(nurse, mission)| async move {
        let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
        let invitations = invitations["items"].as_array().unwrap().clone();
        let own = invitations.iter().find(|item| item["missionId"] == mission.as_str()).unwrap();
        nurse.act(&format!("/api/v1/invitations/{}/accept", own["id"].as_str().unwrap())).await.expect(200)
    });
    futures_util::future::join_all(accepting).await;
    world.drain().await;
    assert_eq!(active(&client).await, 2);
    let told: Vec<i32> = sqlx::query_scalar(
        "select (data ->> 'active')::int from feed_events where user_id = $1::uuid and event = 'mission:count' order by event_seq",
    )
    .bind(&client.id)
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert_eq!(told, [1, 2]);
    world.end().await;
}

#[tokio::test]
async fn what_happened_before_a_talent_came_names_nobody_to_it() {
    let shift = Shift::assigned().await;
    let second = shift.world.nurse("nora", 2.0).await;
    let leave = format!("{}/{}/withdraw", super::MISSIONS, shift.mission);
    shift.nurse.post(&leave, json!({})).await.expect(200);
    shift.world.drain().await;
    super::accept(&second).await;
    shift.world.drain().await;
    let seen = second.get(&hub(&shift.mission, "timeline")).await.expect(200).to_string();
    assert!(!seen.contains(&shift.nurse.id) && seen.contains(&second.id), "{seen}");
    let overview = second.get(&hub(&shift.mission, "hub")).await.expect(200);
    assert_eq!(overview["places"].as_array().unwrap().len(), 1);
    assert!(!overview.to_string().contains(&shift.nurse.id));
    shift.nurse.get(&hub(&shift.mission, "timeline")).await.expect_error(403, "NOT_A_PARTICIPANT");
    shift.world.end().await;
}
