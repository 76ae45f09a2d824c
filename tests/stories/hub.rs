//! A mission from its start to the money: started, reported, accepted or contested, and what the clock does where nobody does.

use serde_json::{Value, json};
use tests::Client;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::contracts::{again, assigned, newest, told};
use crate::money::Money;
use crate::signatures::sign;
use crate::world::{World, mission, rfc3339};

mod briefing;
mod life;
mod overview;
mod paper;
mod reminders;

const MISSIONS: &str = "/api/v1/matching/missions";

/// A mission of eight hours, a day ahead by the world's own clock.
pub fn next_day(world: &World) -> Value {
    let mut body = mission();
    body["startDate"] = json!(rfc3339(world.clock.now() + Duration::DAY));
    body
}

pub fn report(minutes: i32) -> Value {
    json!({ "content": "Tour du matin effectué, transmissions faites.", "minutesWorked": minutes })
}

/// A mission's planned start.
pub async fn start_of(client: &Client, mission: &str) -> OffsetDateTime {
    let mission = client.get(&format!("{MISSIONS}/{mission}")).await.expect(200);
    OffsetDateTime::parse(mission["startDate"].as_str().unwrap(), &Rfc3339).unwrap()
}

pub fn hub(mission: &str, what: &str) -> String {
    format!("/api/v1/missions/{mission}/{what}")
}

/// Tomorrow's mission for these nurses, which all of them have accepted.
async fn shared(world: &World, client: &Client, nurses: &[Client]) -> String {
    let mut body = next_day(world);
    body["slots"] = json!(nurses.len());
    let mission = client.post(MISSIONS, body).await.expect(201)["id"].as_str().unwrap().to_owned();
    world.drain().await;
    for nurse in nurses {
        accept(nurse).await;
    }
    world.drain().await;
    mission
}

/// Accepts the newest invitation.
async fn accept(nurse: &Client) -> Value {
    let invitation = nurse.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();
    nurse.act(&format!("/api/v1/invitations/{}/accept", invitation.as_str().unwrap())).await.expect(200)
}

/// Those of a mission, and its world.
pub struct Shift {
    pub world: World,
    pub client: Client,
    pub nurse: Client,
    pub mission: String,
    pub start: OffsetDateTime,
}

impl Shift {
    /// Tomorrow's mission, which the nurse has accepted.
    pub async fn assigned() -> Self {
        let world = World::new().await;
        let (client, nurse) = (world.client("lilas").await, world.nurse("nadia", 1.0).await);
        let mut shift =
            Self { world, client, nurse, mission: String::new(), start: OffsetDateTime::UNIX_EPOCH };
        shift.next().await;
        shift
    }

    /// Another one, a day ahead.
    pub async fn next(&mut self) {
        let body = next_day(&self.world);
        self.mission = assigned(&self.world, &self.client, &self.nurse, body).await;
        self.start = start_of(&self.client, &self.mission).await;
    }

    pub async fn sign(&self) {
        let contract = newest(&self.client).await;
        sign(&self.world, &self.client, &contract).await;
        sign(&self.world, &self.nurse, &contract).await;
        self.world.drain().await;
    }

    /// Lets time pass until a moment of the mission, and everybody sign in again.
    pub async fn wait_until(&mut self, at: OffsetDateTime) {
        self.pass(at - self.world.clock.now()).await;
    }

    pub async fn pass(&mut self, time: Duration) {
        self.world.clock.advance(time);
        self.client = self.world.returning(&self.client).await;
        self.nurse = self.world.returning(&self.nurse).await;
        self.world.drain().await;
    }

    pub async fn begin(&mut self) {
        self.sign().await;
        self.wait_until(self.start).await;
        self.nurse.act(&hub(&self.mission, "start")).await.expect(200);
        self.wait_until(self.start + Duration::hours(8)).await;
    }

    pub async fn report(&self, minutes: i32) -> Value {
        let report = self.nurse.post(&hub(&self.mission, "report"), report(minutes)).await.expect(201);
        self.world.drain().await;
        report
    }

    async fn reports(&self) -> Value {
        self.client.get(&hub(&self.mission, "reports")).await.expect(200)["items"].clone()
    }

    async fn status(&self) -> Value {
        self.client.get(&format!("{MISSIONS}/{}", self.mission)).await.expect(200)["status"].clone()
    }
}

/// Passes the time of a mission that was signed: held as planned, and reported with these minutes.
pub async fn held(money: &mut Money, mission: &str, minutes: i32) {
    let start = start_of(&money.client, mission).await;
    money.advance(start - money.world.clock.now());
    money.drain().await;
    money.return_all().await;
    money.nurse.act(&hub(mission, "start")).await.expect(200);
    money.advance(Duration::hours(8));
    money.return_all().await;
    money.nurse.post(&hub(mission, "report"), report(minutes)).await.expect(201);
    money.drain().await;
}

async fn transfers(money: &Money) -> Vec<Value> {
    money.stripe.objects("transfer").into_iter().map(|transfer| transfer["amount"].clone()).collect()
}

#[tokio::test]
async fn a_mission_is_held_reported_accepted_and_paid_out() {
    let mut money = Money::new().await;
    let (mission, _) = money.paid().await;
    money.onboarded().await;
    let contract = newest(&money.client).await;
    let start = start_of(&money.client, &mission).await;
    money.advance(start - Duration::minutes(60) - money.world.clock.now());
    money.drain().await;
    money.return_all().await;
    let started = money.nurse.act(&hub(&mission, "start")).await.expect(200);
    assert_eq!(started["status"], "IN_PROGRESS");
    money.drain().await;
    assert_eq!(money.client.get(&contract).await.expect(200)["status"], "IN_PROGRESS");
    assert_eq!(told(&money.world, &money.client, "MISSION_STARTED", "La mission a commencé").await, (1, 0));
    let chat = format!("/api/v1/conversations/{}/messages", started["conversationId"].as_str().unwrap());
    let said = async |money: &Money, words: &str| {
        let page = money.client.get(&chat).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        items.iter().filter(|message| message["content"].as_str().unwrap().contains(words)).count()
    };
    assert_eq!(said(&money, "La mission a commencé").await, 1);
    assert_eq!(said(&money, "Un paiement de la mission est enregistré").await, 1);

    money.advance(Duration::hours(9));
    money.return_all().await;
    let mut new = report(480);
    new["incidents"] = json!("Une chute sans gravité.");
    let handed = money.nurse.post(&hub(&mission, "report"), new).await.expect(201);
    assert_eq!((&handed["status"], &handed["needsClient"]), (&json!("SUBMITTED"), &json!(false)));
    money.drain().await;
    let seen = money.client.get(&format!("{MISSIONS}/{mission}")).await.expect(200);
    assert_eq!(seen["status"], "COMPLETED");
    let subject = "Rapport de mission remis";
    assert_eq!(told(&money.world, &money.client, "REPORT_SUBMITTED", subject).await, (1, 1));
    assert_eq!(told(&money.world, &money.admin, "INCIDENT_REPORTED", "Incident signalé").await, (1, 1));
    let closing = "select count(*) from jobs where kind = 'lock-chat'";
    assert_eq!(money.world.count(closing).await, 1);

    let list = hub(&mission, "reports");
    for person in [&money.client, &money.nurse, &money.admin] {
        assert_eq!(person.get(&list).await.expect(200)["items"][0]["id"], handed["id"]);
    }
    let mut socket = money.nurse.socket().await;
    let validated = money.client.post(&hub(&mission, "report/validate"), json!({})).await.expect(200);
    assert_eq!((&validated["status"], &validated["validatedBy"]), (&json!("VALIDATED"), &json!("CLIENT")));
    assert_eq!(socket.next("mission:updated").await["missionId"], mission.as_str());
    assert_eq!(said(&money, "Un rapport de la mission est validé").await, 1);
    assert_eq!(validated["acceptedMinutes"], 480);
    money.drain().await;
    assert_eq!(money.client.get(&contract).await.expect(200)["status"], "COMPLETED");
    assert_eq!(told(&money.world, &money.nurse, "REPORT_VALIDATED", "Rapport validé").await, (1, 1));
    assert_eq!(money.nurse.get("/api/v1/me/profile").await.expect(200)["totalMissions"], 1);
    money.advance(Duration::hours(47));
    money.drain().await;
    assert!(transfers(&money).await.is_empty());
    money.advance(Duration::hours(1));
    money.drain().await;
    assert_eq!(transfers(&money).await, [17_000]);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn every_step_has_its_time_and_its_person() {
    let mut shift = Shift::assigned().await;
    let (start, end) = (shift.start, shift.start + Duration::hours(8));
    let id = shift.mission.clone();
    let step = |what: &str| hub(&id, what);
    let (begin, hand_in, validate, contest) =
        (step("start"), step("report"), step("report/validate"), step("report/contest"));
    shift.wait_until(start - Duration::minutes(61)).await;
    shift.nurse.act(&begin).await.expect_error(409, "START_TOO_EARLY");
    shift.pass(Duration::minutes(1)).await;
    shift.nurse.act(&begin).await.expect_error(409, "CONTRACT_NOT_SIGNED");
    shift.sign().await;
    let foreign = shift.world.nurse("other", 2.0).await;
    foreign.act(&begin).await.expect_error(403, "NOT_A_PARTICIPANT");
    foreign.post(&hand_in, report(480)).await.expect_error(403, "NOT_A_PARTICIPANT");
    shift.nurse.post(&hand_in, report(30)).await.expect_error(409, "MISSION_NOT_STARTED");
    shift.client.post(&validate, json!({})).await.expect_error(409, "MISSION_NOT_REPORTED");

    shift.nurse.act(&begin).await.expect(200);
    shift.nurse.act(&begin).await.expect_error(409, "ALREADY_STARTED");
    let cancel = format!("{MISSIONS}/{}/cancel", shift.mission);
    let withdraw = format!("{MISSIONS}/{}/withdraw", shift.mission);
    shift
        .client
        .post(&cancel, json!({ "reason": "Trop tard" }))
        .await
        .expect_error(409, "MISSION_NOT_CANCELLABLE");
    shift.nurse.post(&withdraw, json!({})).await.expect_error(409, "MISSION_STARTED");
    let early = shift.nurse.post(&hand_in, report(480)).await.expect(400);
    assert_eq!(early["errors"][0]["field"], "minutesWorked");
    shift.wait_until(end).await;
    for minutes in [-1, 0, 541, 1_441] {
        shift.nurse.post(&hand_in, report(minutes)).await.expect(400);
    }
    shift.nurse.post(&hand_in, json!({ "content": "Rien", "minutesWorked": 480 })).await.expect(400);
    shift.nurse.post(&hand_in, report(480)).await.expect(201);
    shift.nurse.post(&hand_in, report(480)).await.expect_error(409, "ALREADY_REPORTED");
    shift.nurse.act(&begin).await.expect_error(409, "ALREADY_STARTED");

    shift.nurse.post(&validate, json!({})).await.expect(403);
    let foreign = shift.world.client("other-client").await;
    foreign.post(&validate, json!({})).await.expect_error(403, "NOT_A_PARTICIPANT");
    foreign.post(&contest, json!({ "reason": "Non" })).await.expect_error(403, "NOT_A_PARTICIPANT");
    foreign.get(&step("reports")).await.expect_error(403, "NOT_A_PARTICIPANT");
    shift.client.post(&validate, json!({})).await.expect(200);
    shift.client.post(&validate, json!({})).await.expect_error(409, "REPORT_VALIDATED");
    shift.client.post(&contest, json!({ "reason": "Non" })).await.expect_error(409, "REPORT_VALIDATED");
    shift.world.drain().await;
    assert_eq!(shift.world.count("select sum(total_missions)::bigint from profiles").await, 1);
    shift.pass(Duration::hours(73)).await;
    shift.world.end().await;
}

#[tokio::test]
async fn what_nobody_answers_is_accepted_after_three_days_unless_it_is_far_from_the_plan() {
    let mut shift = Shift::assigned().await;
    shift.begin().await;
    shift.pass(Duration::hours(1)).await;
    assert_eq!(shift.report(552).await["needsClient"], false, "15 % and no more");
    shift.pass(Duration::hours(71)).await;
    assert_eq!(shift.reports().await[0]["status"], "SUBMITTED");
    shift.pass(Duration::hours(1)).await;
    let report = &shift.reports().await[0];
    assert_eq!((&report["status"], &report["validatedBy"]), (&json!("VALIDATED"), &json!("TIME")));
    again(&shift.world, "auto-validate-report").await;
    assert_eq!(shift.world.count("select sum(total_missions)::bigint from profiles").await, 1);
    assert_eq!(told(&shift.world, &shift.nurse, "REPORT_VALIDATED", "Rapport validé").await, (1, 1));
    assert_eq!(shift.said("La conversation est close").await, 1);
    assert_eq!(shift.said("Un rapport de la mission est validé").await, 1, "what is closed is still read");

    shift.next().await;
    shift.begin().await;
    assert_eq!(shift.report(407).await["needsClient"], true);
    shift.pass(Duration::hours(72)).await;
    again(&shift.world, "auto-validate-report").await;
    assert_eq!(shift.reports().await[0]["status"], "SUBMITTED");
    assert_eq!(told(&shift.world, &shift.client, "REPORT_DEVIATES", "Rapport à valider").await, (2, 2));
    shift.client.post(&hub(&shift.mission, "report/validate"), json!({})).await.expect(200);
    shift.world.drain().await;
    shift.world.end().await;
}

#[tokio::test]
async fn a_contested_report_waits_for_an_admin_who_says_what_is_owed() {
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    money.onboarded().await;
    let contract = newest(&money.client).await;
    held(&mut money, &mission, 480).await;
    let contest = hub(&mission, "report/contest");
    money.nurse.post(&contest, json!({ "reason": "Non" })).await.expect(403);
    money.admin.post(&contest, json!({ "reason": "Non" })).await.expect(403);
    let mut sockets = [money.nurse.socket().await, money.admin.socket().await];
    let contested = money.client.post(&contest, json!({ "reason": "Partie à midi" })).await.expect(200);
    assert_eq!(sockets[0].next("mission:updated").await["missionId"], mission.as_str());
    assert_eq!(sockets[1].next("notification").await["type"], "CONTRACT_DISPUTED");
    let room = money.client.get(&format!("{MISSIONS}/{mission}")).await.expect(200)["conversationId"].clone();
    let room = format!("/api/v1/conversations/{}/messages", room.as_str().unwrap());
    let room = money.client.get(&room).await.expect(200)["items"].clone();
    let last = room.as_array().unwrap().last().unwrap();
    assert_eq!(last["content"], "Un rapport de la mission est contesté : SocioPulse tranche.");
    assert_eq!(
        (&contested["status"], &contested["contestReason"]),
        (&json!("CONTESTED"), &json!("Partie à midi"))
    );
    money.client.post(&contest, json!({ "reason": "Encore" })).await.expect_error(409, "REPORT_CONTESTED");
    let validate = hub(&mission, "report/validate");
    money.client.post(&validate, json!({})).await.expect_error(409, "REPORT_CONTESTED");
    money.drain().await;
    assert_eq!(told(&money.world, &money.nurse, "CONTRACT_DISPUTED", "Contrat contesté").await, (1, 1));
    assert_eq!(told(&money.world, &money.admin, "CONTRACT_DISPUTED", "").await.0, 1);
    money.advance(Duration::hours(80));
    money.drain().await;
    money.return_all().await;
    let list = hub(&mission, "reports");
    assert_eq!(money.client.get(&list).await.expect(200)["items"][0]["status"], "CONTESTED");

    let resolve = contract.replace("/api/v1/", "/api/v1/admin/") + "/resolve";
    let decision = json!({ "resolution": "Sept heures sont dues", "minutesWorked": 420 });
    let resolved = money.admin.post(&resolve, decision.clone()).await.expect(200);
    assert_eq!(resolved["status"], "COMPLETED");
    money.admin.post(&resolve, decision).await.expect_error(409, "CONTRACT_NOT_DISPUTED");
    money.drain().await;
    let report = money.nurse.get(&list).await.expect(200)["items"][0].clone();
    assert_eq!((&report["validatedBy"], &report["acceptedMinutes"]), (&json!("ADMIN"), &json!(420)));
    assert_eq!(money.payment(&payment).await["refundedCents"], 2_500);
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(transfers(&money).await, [14_875]);
    money.check().await;

    // Nothing of it is left to be decided.
    money.return_all().await;
    money.nurse.post(&format!("{contract}/dispute"), json!({ "reason": "Non" })).await.expect(200);
    let late = json!({ "resolution": "Non", "minutesWorked": 480 });
    money.admin.post(&resolve, late).await.expect(400);
    money.admin.post(&resolve, json!({ "resolution": "Non" })).await.expect(200);
    money.drain().await;
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn who_pays_after_the_work_was_accepted_pays_for_what_was_worked() {
    let mut money = Money::new().await;
    let mission = money.signed().await;
    money.onboarded().await;
    held(&mut money, &mission, 450).await;
    money.client.post(&hub(&mission, "report/validate"), json!({})).await.expect(200);
    money.drain().await;
    let payment = money.intent(&mission).await;
    assert_eq!(payment["amountCents"], 18_750, "half an hour less");
    let mut socket = money.nurse.socket().await;
    money.stripe.pay(&money.intent_of(&payment).await);
    money.drain().await;
    assert_eq!(socket.next("mission:updated").await["missionId"], mission.as_str());
    let id = payment["paymentId"].as_str().unwrap();
    assert_eq!(money.payment(id).await["refundedCents"], 0);
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(transfers(&money).await, [15_937]);
    money.check().await;
    money.world.end().await;

    let mut money = Money::new().await;
    let (mission, _) = money.paid().await;
    money.onboarded().await;
    held(&mut money, &mission, 540).await;
    money.client.post(&hub(&mission, "report/validate"), json!({})).await.expect(200);
    money.drain().await;
    let supplement = money.intent(&mission).await;
    money.stripe.pay(&money.intent_of(&supplement).await);
    money.drain().await;
    money.advance(Duration::hours(48));
    money.drain().await;
    let mut sent: Vec<_> = transfers(&money).await.iter().map(|cents| cents.as_i64().unwrap()).collect();
    sent.sort_unstable();
    assert_eq!(sent.len(), 2, "a supplement is paid out as well");
    assert_eq!(sent[1], 17_000);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn several_talents_start_and_report_for_themselves() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurses =
        [world.nurse("nadia", 1.0).await, world.nurse("nora", 2.0).await, world.nurse("nina", 3.0).await];
    let mut body = next_day(&world);
    body["slots"] = json!(3);
    let posted = client.post(MISSIONS, body).await.expect(201);
    let mission = posted["id"].as_str().unwrap().to_owned();
    world.drain().await;
    let mut places = Vec::new();
    for nurse in &nurses[..2] {
        places.push(accept(nurse).await["id"].clone());
        world.drain().await;
        let contract = newest(nurse).await;
        sign(&world, &client, &contract).await;
        sign(&world, nurse, &contract).await;
    }
    let start = start_of(&client, &mission).await;
    world.clock.advance(start - Duration::minutes(30) - world.clock.now());
    world.drain().await;
    let [first, second, invited] = [
        world.returning(&nurses[0]).await,
        world.returning(&nurses[1]).await,
        world.returning(&nurses[2]).await,
    ];
    // With the first the search ends.
    let begun = first.act(&hub(&mission, "start")).await.expect(200);
    assert_eq!(
        (&begun["status"], &begun["slots"], &begun["filled"]),
        (&json!("IN_PROGRESS"), &json!(2), &json!(2))
    );
    assert_eq!(invited.get("/api/v1/me/invitations").await.expect(200)["items"][0]["status"], "EXPIRED");
    world.drain().await;

    world.clock.advance(Duration::minutes(46));
    world.drain().await;
    let (client, second) = (world.returning(&client).await, world.returning(&second).await);
    assert_eq!(told(&world, &second, "MISSION_NOT_STARTED", "Mission non démarrée").await, (1, 1));
    assert_eq!(told(&world, &client, "MISSION_NOT_STARTED", "Mission non démarrée").await, (1, 1));
    world.clock.advance(Duration::hours(7));
    let (client, first) = (world.returning(&client).await, world.returning(&first).await);
    first.post(&hub(&mission, "report"), report(420)).await.expect(201);
    world.drain().await;
    let status = async |client: &Client| {
        client.get(&format!("{MISSIONS}/{mission}")).await.expect(200)["status"].clone()
    };
    assert_eq!(status(&client).await, "IN_PROGRESS", "one may still come");
    let validate = hub(&mission, "report/validate");
    let unsaid = client.post(&validate, json!({})).await.expect(400);
    assert_eq!(unsaid["errors"][0]["field"], "assignmentId");
    client
        .post(&validate, json!({ "assignmentId": places[1] }))
        .await
        .expect_error(409, "MISSION_NOT_REPORTED");
    client.post(&validate, json!({ "assignmentId": places[0] })).await.expect(200);
    let own = world.returning(&second).await.get(&hub(&mission, "reports")).await.expect(200);
    assert_eq!(own["items"], json!([]), "a talent reads its own");

    // Who never came is not waited for.
    world.clock.advance(Duration::hours(3));
    world.drain().await;
    let client = world.returning(&client).await;
    assert_eq!(status(&client).await, "COMPLETED");
    assert_eq!(world.count("select count(*) from jobs where kind = 'lock-chat'").await, 1);
    world.clock.advance(Duration::days(8));
    world.drain().await;
    world.returning(&second).await.act(&hub(&mission, "start")).await.expect_error(409, "MISSION_OVER");
    world.end().await;
}

#[tokio::test]
async fn who_forgets_the_report_is_reminded_twice() {
    let mut shift = Shift::assigned().await;
    shift.begin().await;
    for (hours, reminders) in [(1, 0), (1, 1), (22, 2), (48, 2)] {
        shift.pass(Duration::hours(hours)).await;
        let seen = told(&shift.world, &shift.nurse, "REPORT_MISSING", "Rapport attendu").await;
        assert_eq!(seen, (reminders, reminders));
    }
    assert_eq!(shift.status().await, "IN_PROGRESS");
    shift.report(480).await;
    assert_eq!(shift.status().await, "COMPLETED");
    shift.world.end().await;
}
