//! Contracts of missions: issued, left, timed out, disputed. Signing is in `signatures`.

use domain::contracts::{self, Source};
use domain::ids::{AssignmentId, MissionId, UserId};
use domain::surcharges;
use jobs::DraftMissingContracts;
use jobs::ledger::NewJob;
use serde_json::{Value, json};
use tests::Client;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::letters::letters;
use crate::papers::download;
use crate::signatures::{ask, confirm, sign};
use crate::world::{World, mission, rfc3339, tomorrow};

const MISSIONS: &str = "/api/v1/matching/missions";
const ADMIN: &str = "/api/v1/admin/contracts";

/// Far enough for every timer, the next eight hours from a full one whose price has these lines.
fn hours(amounts: &[i64]) -> OffsetDateTime {
    let first = (tomorrow() + Duration::days(60)).replace_time(time::Time::MIDNIGHT);
    let has_lines = |start: &OffsetDateTime| {
        let price = surcharges::price(*start, *start + Duration::hours(8), 2_500);
        price.lines.iter().map(|line| line.amount_cents).eq(amounts.iter().copied())
    };
    (0..24 * 60).map(|hour| first + Duration::hours(hour)).find(has_lines).unwrap()
}

/// A mission of eight hours by day and in the week.
pub fn weekday() -> Value {
    let mut body = mission();
    body["startDate"] = json!(rfc3339(hours(&[20_000])));
    body
}

/// Posts a mission that the nurse accepts; its contract is then drafted. The mission's id.
pub async fn assigned(world: &World, client: &Client, nurse: &Client, body: Value) -> String {
    let posted = client.post(MISSIONS, body).await.expect(201);
    world.drain().await;
    let invitation = nurse.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();
    nurse.act(&format!("/api/v1/invitations/{}/accept", invitation.as_str().unwrap())).await.expect(200);
    world.drain().await;
    posted["id"].as_str().unwrap().to_owned()
}

/// Path of the newest contract that somebody sees.
pub async fn newest(person: &Client) -> String {
    let page = person.get("/api/v1/contracts").await.expect(200);
    format!("/api/v1/contracts/{}", page["items"][0]["id"].as_str().unwrap())
}

/// How often somebody was told of this in the app, and by mail under this subject; a mail counts that waits to see whether the
/// other is read.
pub async fn told(world: &World, person: &Client, kind: &str, subject: &str) -> (usize, usize) {
    let page = person.get("/api/v1/notifications?limit=100").await.expect(200);
    let notices = page["items"].as_array().unwrap().iter().filter(|n| n["type"] == kind).count();
    let email = person.get("/api/v1/auth/me").await.expect(200)["email"].clone();
    let mails = letters(world).into_iter().filter(|letter| letter.to == email && letter.subject == subject);
    let waiting: i64 = sqlx::query_scalar(
        "select count(*) from jobs j join notifications n on n.id = (j.body #>> '{job,mail,notificationId}')::uuid
          where j.kind = 'send-mail' and j.state = 'waiting' and n.user_id = $1::uuid and n.type = $2",
    )
    .bind(&person.id)
    .bind(kind)
    .fetch_one(&world.pool)
    .await
    .unwrap();
    (notices, mails.count() + waiting as usize)
}

/// Delivers the finished jobs of a kind once more.
pub async fn again(world: &World, kind: &str) {
    let delivered = sqlx::query(
        "update jobs set state = 'waiting', attempt = 0, token = null, worker = null, finished_at = null,
                run_at = clock_timestamp()
          where kind = $1 and state = 'done'",
    );
    let delivered = delivered.bind(kind).execute(&world.pool).await.unwrap();
    assert!(delivered.rows_affected() > 0, "no {kind} has run");
    world.drain().await;
}

struct Cast {
    world: World,
    client: Client,
    nurse: Client,
    mission: String,
    /// Path of the contract.
    contract: String,
}

impl Cast {
    async fn new(body: Value) -> Self {
        let world = World::new().await;
        let (client, nurse) = (world.client("lilas").await, world.nurse("nurse", 1.0).await);
        let mission = assigned(&world, &client, &nurse, body).await;
        let contract = newest(&client).await;
        Self { world, client, nurse, mission, contract }
    }

    async fn status(&self) -> Value {
        self.client.get(&self.contract).await.expect(200)["status"].clone()
    }

    async fn advance(&mut self, by: Duration) {
        self.world.clock.advance(by);
        self.client = self.world.returning(&self.client).await;
        self.nurse = self.world.returning(&self.nurse).await;
        self.world.drain().await;
    }

    async fn both_sign(&self) {
        sign(&self.world, &self.client, &self.contract).await;
        sign(&self.world, &self.nurse, &self.contract).await;
        self.world.drain().await;
    }

    async fn may_start(&self) -> bool {
        let (mission, talent) =
            (self.mission.parse::<Uuid>().unwrap(), self.nurse.id.parse::<Uuid>().unwrap());
        let mut conn = self.world.pool.acquire().await.unwrap();
        contracts::require_signed(&mut conn, MissionId(mission), UserId(talent)).await.is_ok()
    }
}

#[tokio::test]
async fn an_assignment_has_a_contract_that_holds_everything() {
    let world = World::new().await;
    let (client, nurse) = (world.client("lilas").await, world.nurse("nurse", 1.0).await);
    let site = json!({ "name": "EHPAD Les Lilas", "siret": "73282932000074", "address": "1 rue de Rivoli" });
    client.patch("/api/v1/me/establishment", site).await.expect(200);
    // Eight hours of night, six of them on Sunday: from Saturday at ten in the evening to Sunday at six.
    let start = hours(&[20_000, 5_000, 7_500]);
    let mut body = weekday();
    body["startDate"] = json!(rfc3339(start));
    body["title"] = json!("Nuit à l’étage");
    let mission = assigned(&world, &client, &nurse, body).await;

    let path = newest(&nurse).await;
    let contract = client.get(&path).await.expect(200);
    assert_eq!(contract, nurse.get(&path).await.expect(200));
    assert_eq!((&contract["status"], &contract["kind"]), (&json!("PENDING"), &json!("MISSION_SOS")));
    assert_eq!(contract["missionId"], mission.as_str());
    assert_eq!(contract["amountCents"], 20_000 + 5_000 + 7_500);
    let amounts: Vec<_> =
        contract["lines"].as_array().unwrap().iter().map(|line| &line["amountCents"]).collect();
    assert_eq!(amounts, [20_000, 5_000, 7_500]);
    let terms = contract["terms"].as_str().unwrap();
    let year = domain::paris::year(world.clock.now());
    let paris = |at| domain::paris::date_and_time(at, "fr");
    assert!(paris(start).starts_with("samedi") && paris(start).ends_with("22 h 00"));
    let parts = [
        format!("CONTRAT DE PRESTATION DE SERVICES N° CTR-{year}-0001\nNuit à l’étage\n"),
        "Le client : EHPAD Les Lilas\nAdresse : 1 rue de Rivoli\nSIRET : 73282932000074\n".into(),
        "Le prestataire : Zoé Martin\nAdresse : Paris\nCourriel : nurse@example.org\n".into(),
        format!(
            "du {} au {} (heure de Paris).\nLieu : 75001 Paris.\n",
            paris(start),
            paris(start + Duration::hours(8))
        ),
        "– Majoration du dimanche : 6 h × 12,50\u{a0}€ = 75,00\u{a0}€\n".into(),
        "Prix total, toutes taxes comprises : 325,00\u{a0}€.\nExonération de TVA, art. 261, 4-1° du CGI."
            .into(),
    ];
    for part in parts {
        assert!(terms.contains(&part), "{part}: {terms}");
    }
    let hash: String = sqlx::query_scalar("select encode(sha256(convert_to($1, 'UTF8')), 'hex')")
        .bind(terms)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(contract["termsSha256"], hash.as_str());

    for person in [&client, &nurse] {
        assert_eq!(told(&world, person, "CONTRACT_TO_SIGN", "Un contrat à signer").await, (1, 1));
    }
    again(&world, "draft-contract").await;
    assert_eq!(world.count("select count(*) from contracts").await, 1);
    assert_eq!(
        world.count("select count(*)::bigint from reference_counters where last = 1").await,
        1,
        "none is lost"
    );
    world.end().await;
}

#[tokio::test]
async fn only_parties_and_admins_read_a_contract() {
    let cast = Cast::new(weekday()).await;
    let Cast { world, contract, .. } = &cast;
    let (admin, other, talent) =
        (world.admin().await, world.client("other").await, world.nurse("other-nurse", 2.0).await);
    let viewer = world.client("viewer").await;
    sqlx::query(
        "insert into establishment_members (establishment_id, user_id, role, joined_at)
         select establishment_id, $1::uuid, 'VIEWER', now() from contracts",
    )
    .bind(&viewer.id)
    .execute(&world.pool)
    .await
    .unwrap();
    for path in [contract.clone(), format!("{contract}/events")] {
        for stranger in [&other, &talent] {
            stranger.get(&path).await.expect_error(403, "NOT_A_PARTY");
        }
        for reader in [&admin, &viewer] {
            reader.get(&path).await.expect(200);
        }
    }
    assert_eq!(viewer.get("/api/v1/contracts").await.expect(200)["items"].as_array().unwrap().len(), 1);
    assert!(other.get("/api/v1/contracts").await.expect(200)["items"].as_array().unwrap().is_empty());
    for reader in [&admin, &viewer, &other, &talent] {
        for act in ["sign/request-code", "cancel", "dispute"] {
            let path = format!("{contract}/{act}");
            let answer = match act {
                "sign/request-code" => reader.act(&path).await,
                _ => reader.post(&path, json!({ "reason": "Non" })).await,
            };
            answer.expect_error(403, "NOT_A_PARTY");
        }
    }
    let nowhere = format!("/api/v1/contracts/{}", Uuid::now_v7());
    cast.client.get(&nowhere).await.expect_error(404, "NOT_FOUND");
    cast.client.get("/api/v1/contracts?status=LOST").await.expect(400);
    assert_eq!(cast.status().await, "PENDING");
    cast.world.end().await;
}

#[tokio::test]
async fn the_rate_of_an_accepted_application_is_the_contracts() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let posted = client.post(MISSIONS, weekday()).await.expect(201);
    let nurse = world.nurse("nurse", 1.0).await;
    let letter = json!({ "coverLetter": "Bonjour", "proposedRateCents": 3100 });
    let apply = format!("{MISSIONS}/{}/apply", posted["id"].as_str().unwrap());
    let applied = nurse.post(&apply, letter).await.expect(201);
    let accept = format!("/api/v1/applications/{}/accept", applied["id"].as_str().unwrap());
    client.post(&accept, json!({})).await.expect(200);
    world.drain().await;
    let contract = client.get(&newest(&client).await).await.expect(200);
    assert_eq!(contract["amountCents"], 8 * 3_100);
    world.end().await;
}

#[tokio::test]
async fn what_is_called_off_takes_its_unsigned_contract_with_it() {
    let mut cast = Cast::new(weekday()).await;
    let (first, path) = (cast.contract.clone(), format!("{MISSIONS}/{}", cast.mission));
    cast.nurse.post(&format!("{path}/withdraw"), json!({})).await.expect(200);
    let left = cast.client.get(&first).await.expect(200);
    assert_eq!((&left["status"], &left["cancelCause"]), (&json!("CANCELLED"), &json!("CALLED_OFF")));
    cast.client.act(&format!("{first}/sign/request-code")).await.expect_error(409, "CONTRACT_NOT_PENDING");

    // Of another, one of two places is signed when the mission is cancelled.
    let (client, second) = (&cast.client, cast.world.nurse("second", 2.0).await);
    let mut body = weekday();
    body["slots"] = json!(2);
    body["startDate"] = json!(rfc3339(hours(&[20_000]) + Duration::weeks(1)));
    let id = assigned(&cast.world, client, &cast.nurse, body).await;
    let signed = newest(&cast.nurse).await;
    let invitation = second.get("/api/v1/me/invitations").await.expect(200)["items"][0]["id"].clone();
    second.act(&format!("/api/v1/invitations/{}/accept", invitation.as_str().unwrap())).await.expect(200);
    cast.world.drain().await;
    let unsigned = newest(&second).await;
    cast.contract = signed.clone();
    cast.both_sign().await;
    sign(&cast.world, client, &unsigned).await;
    let cancel = format!("{MISSIONS}/{id}/cancel");
    client.post(&cancel, json!({ "reason": "Fermeture" })).await.expect(200);
    assert_eq!(client.get(&signed).await.expect(200)["status"], "SIGNED");
    assert_eq!(client.get(&unsigned).await.expect(200)["status"], "CANCELLED");
    cast.world.drain().await;
    assert_eq!(
        told(&cast.world, &second, "CONTRACT_CANCELLED", "Contrat annulé").await,
        (0, 0),
        "the mission's news"
    );
    cast.world.end().await;
}

#[tokio::test]
async fn whoever_has_not_signed_is_reminded_and_at_last_it_is_too_late() {
    let mut cast = Cast::new(weekday()).await;
    let subject = "Contrat à signer : rappel";
    cast.advance(Duration::hours(24)).await;
    again(&cast.world, "remind-signature").await;
    for person in [&cast.client, &cast.nurse] {
        assert_eq!(told(&cast.world, person, "CONTRACT_REMINDER", subject).await, (1, 1));
    }
    sign(&cast.world, &cast.client, &cast.contract).await;
    cast.advance(Duration::hours(24)).await;
    assert_eq!(told(&cast.world, &cast.client, "CONTRACT_REMINDER", subject).await, (1, 1));
    assert_eq!(told(&cast.world, &cast.nurse, "CONTRACT_REMINDER", subject).await, (2, 2));
    assert_eq!(cast.status().await, "PENDING_TALENT");
    cast.advance(Duration::days(5)).await;
    let over = cast.client.get(&cast.contract).await.expect(200);
    assert_eq!((&over["status"], &over["cancelCause"]), (&json!("CANCELLED"), &json!("TIME_OUT")));
    again(&cast.world, "expire-contract").await;
    again(&cast.world, "remind-signature").await;
    for person in [&cast.client, &cast.nurse] {
        assert_eq!(told(&cast.world, person, "CONTRACT_CANCELLED", "Contrat annulé").await, (1, 1));
    }
    let request = format!("{}/sign/request-code", cast.contract);
    cast.nurse.act(&request).await.expect_error(409, "CONTRACT_NOT_PENDING");
    assert!(!cast.may_start().await);
    cast.world.end().await;
}

#[tokio::test]
async fn a_contract_is_signed_before_its_mission_starts() {
    let mut cast = Cast::new(mission()).await;
    let contract = cast.client.get(&cast.contract).await.expect(200);
    assert_eq!(contract["signBy"], contract["startsAt"], "tomorrow, and not in a week");
    sign(&cast.world, &cast.nurse, &cast.contract).await;
    cast.advance(Duration::DAY).await;
    assert_eq!(cast.status().await, "CANCELLED");
    cast.world.end().await;
}

#[tokio::test]
async fn a_signed_contract_is_not_touched_by_its_timers() {
    let mut cast = Cast::new(weekday()).await;
    assert!(!cast.may_start().await);
    cast.both_sign().await;
    assert!(cast.may_start().await);
    cast.advance(Duration::days(8)).await;
    assert_eq!(cast.status().await, "SIGNED");
    for kind in ["CONTRACT_REMINDER", "CONTRACT_CANCELLED"] {
        assert_eq!(told(&cast.world, &cast.nurse, kind, "").await.0, 0);
    }
    cast.client
        .post(&format!("{}/cancel", cast.contract), json!({ "reason": "Trop tard" }))
        .await
        .expect_error(409, "CONTRACT_NOT_PENDING");
    cast.world.end().await;
}

#[tokio::test]
async fn a_party_cancels_an_unsigned_contract_and_the_other_learns_of_it() {
    let cast = Cast::new(weekday()).await;
    let cancel = format!("{}/cancel", cast.contract);
    sign(&cast.world, &cast.client, &cast.contract).await;
    cast.nurse.post(&cancel, json!({})).await.expect(400);
    cast.nurse.post(&cancel, json!({ "reason": "" })).await.expect(400);
    let cancelled = cast.nurse.post(&cancel, json!({ "reason": "Le lieu ne va pas" })).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["cancelCause"]), (&json!("CANCELLED"), &json!("PARTY")));
    cast.world.drain().await;
    assert_eq!(told(&cast.world, &cast.client, "CONTRACT_CANCELLED", "Contrat annulé").await, (1, 1));
    assert_eq!(told(&cast.world, &cast.nurse, "CONTRACT_CANCELLED", "Contrat annulé").await, (0, 0));
    cast.client.post(&cancel, json!({ "reason": "Encore" })).await.expect_error(409, "CONTRACT_NOT_PENDING");
    let events = cast.client.get(&format!("{}/events", cast.contract)).await.expect(200);
    let last = events["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["kind"], &last["side"]), (&json!("CANCELLED"), &json!("TALENT")));
    assert_eq!(last["detail"], "Le lieu ne va pas");
    cast.world.end().await;
}

#[tokio::test]
async fn a_dispute_freezes_a_contract_until_an_admin_decides() {
    let cast = Cast::new(weekday()).await;
    let admin = cast.world.admin().await;
    let dispute = format!("{}/dispute", cast.contract);
    let resolve = cast.contract.replace("/api/v1/contracts", ADMIN) + "/resolve";
    let (reason, decision) =
        (json!({ "reason": "Horaires non tenus" }), json!({ "resolution": "Payé en entier" }));
    cast.nurse.post(&dispute, reason.clone()).await.expect_error(409, "CONTRACT_NOT_DISPUTABLE");
    cast.both_sign().await;
    admin.post(&resolve, decision.clone()).await.expect_error(409, "CONTRACT_NOT_DISPUTED");
    let disputed = cast.nurse.post(&dispute, reason.clone()).await.expect(200);
    assert_eq!((&disputed["status"], &disputed["disputeReason"]), (&json!("DISPUTED"), &reason["reason"]));
    cast.client.post(&dispute, reason).await.expect_error(409, "CONTRACT_NOT_DISPUTABLE");
    assert!(!cast.may_start().await, "frozen");
    cast.world.drain().await;
    assert_eq!(told(&cast.world, &cast.client, "CONTRACT_DISPUTED", "Contrat contesté").await, (1, 1));
    assert_eq!(told(&cast.world, &admin, "CONTRACT_DISPUTED", "Contrat contesté").await, (1, 0));
    let waiting = admin.get(&format!("{ADMIN}?status=DISPUTED")).await.expect(200);
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    assert!(
        admin.get(&format!("{ADMIN}?status=SIGNED")).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(admin.get(ADMIN).await.expect(200)["items"].as_array().unwrap().len(), 1);

    // What happens meanwhile is remembered.
    let assignment: Uuid =
        sqlx::query_scalar("select assignment_id from contracts").fetch_one(&cast.world.pool).await.unwrap();
    let mission = MissionId(cast.mission.parse().unwrap());
    let source = Source::Assignment { mission, assignment: AssignmentId(assignment) };
    let (mut conn, now) = (cast.world.pool.acquire().await.unwrap(), cast.world.clock.now());
    assert!(contracts::mark_completed(&mut conn, source, now).await.unwrap().is_some());
    assert!(contracts::mark_completed(&mut conn, source, now).await.unwrap().is_none(), "once");
    assert_eq!(cast.status().await, "DISPUTED");
    cast.client.post(&resolve, decision.clone()).await.expect(403);
    let resolved = admin.post(&resolve, decision.clone()).await.expect(200);
    assert_eq!(
        (&resolved["status"], &resolved["resolution"]),
        (&json!("COMPLETED"), &decision["resolution"])
    );
    admin.post(&resolve, decision).await.expect_error(409, "CONTRACT_NOT_DISPUTED");
    cast.world.drain().await;
    for person in [&cast.client, &cast.nurse] {
        assert_eq!(told(&cast.world, person, "CONTRACT_RESOLVED", "Différend tranché").await, (1, 1));
    }
    cast.world.end().await;
}

#[tokio::test]
async fn the_file_of_a_signed_contract_is_another_one() {
    let cast = Cast::new(weekday()).await;
    let path = format!("{}/pdf", cast.contract);
    let (status, headers, issued) = download(&cast.client, &path).await;
    assert_eq!((status.as_u16(), headers["content-type"].to_str().unwrap()), (200, "application/pdf"));
    assert!(issued.starts_with(b"%PDF") && headers["content-disposition"].to_str().unwrap().contains("CTR-"));
    assert_eq!(download(&cast.nurse, &path).await.2, issued);
    cast.world.client("other").await.get(&path).await.expect_error(403, "NOT_A_PARTY");
    let admin = cast.world.admin().await;
    sign(&cast.world, &cast.client, &cast.contract).await;
    assert_eq!(download(&cast.client, &path).await.2, issued, "half signed");
    let code = ask(&cast.world, &cast.nurse, &cast.contract).await;
    admin.act("/api/v1/admin/queues/media/pause").await.expect(200);
    confirm(&cast.nurse, &cast.contract, &code).await.expect(200);
    cast.client.get(&path).await.expect_error(409, "DOCUMENT_NOT_READY");
    admin.act("/api/v1/admin/queues/media/resume").await.expect(200);
    cast.world.drain().await;
    let signed = download(&cast.client, &path).await.2;
    assert!(signed.len() > issued.len(), "with the evidence");
    again(&cast.world, "render-document").await;
    assert_eq!(download(&cast.client, &path).await.2, signed);
    cast.world.end().await;
}

#[tokio::test]
async fn an_assignment_that_nobody_drafted_a_contract_for_gets_one() {
    let world = World::without_worker().await;
    let (client, nurse) = (world.client("lilas").await, world.nurse("nurse", 1.0).await);
    let posted = client.post(MISSIONS, weekday()).await.expect(201);
    // As a process of the version before would: it knows of no contracts.
    sqlx::query(
        "insert into assignments (id, mission_id, talent_id, period, created_at)
         select gen_random_uuid(), id, $2::uuid, tstzrange(start_date, end_date), now() from missions where id = $1::uuid",
    )
    .bind(posted["id"].as_str())
    .bind(&nurse.id)
    .execute(&world.pool)
    .await
    .unwrap();
    let mut world = world;
    world.start_worker();
    for _ in 0..2 {
        world.enqueue(NewJob::of(&DraftMissingContracts {})).await;
        world.drain().await;
    }
    assert_eq!(world.count("select count(*) from jobs where kind = 'draft-contract'").await, 1);
    assert_eq!(nurse.get(&newest(&nurse).await).await.expect(200)["status"], "PENDING");
    world.end().await;
}

#[tokio::test]
async fn what_was_issued_and_what_happened_cannot_be_rewritten() {
    let cast = Cast::new(weekday()).await;
    let forgeries = [
        "update contracts set terms = terms || 'Gratuit.'",
        "update contracts set amount_cents = 1",
        "update contracts set parties = '{}'",
        "update contract_events set created_at = now()",
        "delete from contract_events",
        "truncate contract_events cascade",
    ];
    for forgery in forgeries {
        let error = sqlx::query(forgery).execute(&cast.world.pool).await.unwrap_err();
        assert!(
            error.to_string().contains("not change") || error.to_string().contains("neither changed"),
            "{error}"
        );
    }
    cast.world.end().await;
}
