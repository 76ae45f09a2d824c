//! Post, match, invite, accept.

use proptest::prelude::*;
use serde_json::{Value, json};
use tests::Client;
use time::Duration;

use crate::world::{World, mission, rfc3339, tomorrow};

const MISSIONS: &str = "/api/v1/matching/missions";

async fn invitation(talent: &Client) -> Value {
    talent.get("/api/v1/me/invitations").await.expect(200)["items"][0].clone()
}

#[tokio::test]
async fn a_client_posts_and_the_three_best_are_invited_live() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let near = world.nurse("near", 1.0).await;
    let far = world.nurse("far", 20.0).await;
    let middle = world.nurse("middle", 5.0).await;
    let _fourth = world.nurse("fourth", 25.0).await;
    let _outside = world.nurse("outside", 31.0).await;
    let mut clients_socket = client.socket().await;
    let mut talents_socket = near.socket().await;

    let posted = client.post(MISSIONS, mission()).await.expect(201);
    assert_eq!(posted["matching"], "PENDING");
    assert_eq!(posted["title"], "Renfort – Infirmier diplômé d’État");
    assert_eq!(posted["status"], "OPEN");

    let matched = clients_socket.next("mission:matched").await;
    assert_eq!(matched["missionId"], posted["id"]);
    assert_eq!(matched["eventSeq"], 1);
    let talents: Vec<_> =
        matched["matches"].as_array().unwrap().iter().map(|m| m["talentId"].clone()).collect();
    assert_eq!(talents, [near.id.as_str(), middle.id.as_str(), far.id.as_str()]);
    assert_eq!(matched["matches"][1]["distanceKm"], 5.0);
    assert_eq!(matched["matches"][0]["lastInitial"], "M");

    let invited = talents_socket.next("mission:invited").await;
    assert_eq!(invited["wave"], 1);
    let notification = talents_socket.next("notification").await;
    assert_eq!(notification["type"], "MISSION_INVITATION");
    assert_eq!(notification["eventSeq"], 2);

    world.drain().await;
    assert_eq!(world.mails().len(), 3);
    assert!(world.mails().iter().all(|mail| mail.contains("To: ") && mail.contains("Message-ID: <")));
    let stored =
        client.get(&format!("{MISSIONS}/{}/matches", posted["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(stored["items"][0]["invitationStatus"], "PENDING");
    assert_eq!(world.count("select count(*) from notifications").await, 3);

    // The same job again finds nothing to do.
    sqlx::query("update jobs set state = 'waiting', attempt = 0 where kind = 'match-mission'")
        .execute(&world.pool)
        .await
        .unwrap();
    world.drain().await;
    assert_eq!(world.count("select count(*) from invitations").await, 3);
    assert_eq!(world.count("select count(*) from messages").await, 1);
    assert_eq!(world.mails().len(), 3);
    world.end().await;
}

#[tokio::test]
async fn nobody_fits_and_the_client_is_told() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let mut socket = client.socket().await;
    client.post(MISSIONS, mission()).await.expect(201);
    assert_eq!(socket.next("mission:matched").await["matches"], json!([]));
    let mine = client.get(MISSIONS).await.expect(200);
    assert_eq!(mine["items"][0]["matching"], "NONE");
    world.end().await;
}

#[tokio::test]
async fn a_mission_without_a_place_waits_for_one() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let mut placeless = mission();
    placeless.as_object_mut().unwrap().retain(|field, _| !field.ends_with("tude"));
    let posted = client.post(MISSIONS, placeless).await.expect(201);
    assert_eq!(posted["matching"], "WAITING_FOR_LOCATION");
    assert_eq!(world.count("select count(*) from jobs where kind = 'match-mission'").await, 0);
    // Its client says where it is.
    let nurse = world.nurse("nurse", 1.0).await;
    let path = format!("{MISSIONS}/{}", posted["id"].as_str().unwrap());
    let placed = client.patch(&path, json!({ "latitude": 48.85, "longitude": 2.35 })).await.expect(200);
    assert_eq!(placed["matching"], "PENDING");
    world.drain().await;
    assert_eq!(invitation(&nurse).await["missionId"], posted["id"]);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_posted_is_refused_by_name() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let other = world.client("roses").await;
    let foreign = other.get("/api/v1/me/establishment").await.expect(200)["id"].clone();
    let yesterday = rfc3339(tomorrow() - Duration::days(2));
    let in_13_hours = rfc3339(tomorrow() + Duration::hours(13));
    for (field, value) in [
        ("jobId", json!("plumber")),
        ("hourlyRateCents", json!(1199)),
        ("hourlyRateCents", json!(10_001)),
        ("hourlyRateCents", json!("2500")),
        ("hourlyRateCents", json!(25.5)),
        ("startDate", json!(yesterday)),
        ("startDate", json!("tomorrow")),
        ("endDate", json!(yesterday)),
        ("endDate", json!(in_13_hours)),
        ("postalCode", json!("7500")),
        ("postalCode", json!("٧٥٠٠١")),
        ("latitude", json!(91)),
        ("longitude", Value::Null),
        ("radiusKm", json!(201)),
        ("startDate", json!("9999-12-31T23:59:59Z")),
        ("endDate", json!("9999-12-31T23:59:59Z")),
        ("title", json!("Nuit\u{1b}[2J")),
        ("slots", json!(0)),
        ("slots", json!(21)),
        ("specialties", json!((0..21).map(|i| format!("s{i}")).collect::<Vec<_>>())),
        ("colour", json!("red")),
    ] {
        let mut body = mission();
        body[field] = value.clone();
        let error = client.post(MISSIONS, body).await.expect_error(400, "INVALID_REQUEST");
        let named = error["errors"][0]["field"].as_str().unwrap();
        assert!(named == field || field == "longitude" && named == "latitude", "{field} = {value}: {error}");
    }
    let mut body = mission();
    body["establishmentId"] = foreign;
    client.post(MISSIONS, body).await.expect_error(403, "NOT_A_MANAGER");
    assert_eq!(world.count("select count(*) from missions").await, 0);
    assert_eq!(world.count("select count(*) from jobs").await, 0);
    world.end().await;
}

#[tokio::test]
async fn fifty_accept_at_once_and_one_wins() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let mission = posted["id"].as_str().unwrap();
    let mut tries = Vec::new();
    for n in 0..50 {
        let talent = world.nurse(&format!("nurse-{n}"), 1.0).await;
        let invitation = uuid::Uuid::now_v7();
        sqlx::query("insert into invitations (id, mission_id, talent_id, wave, created_at) values ($1, $2::uuid, $3::uuid, 1, now())")
            .bind(invitation)
            .bind(mission)
            .bind(&talent.id)
            .execute(&world.pool)
            .await
            .unwrap();
        tries.push(async move { talent.act(&format!("/api/v1/invitations/{invitation}/accept")).await });
    }
    let mut won = 0;
    for answer in futures_util::future::join_all(tries).await {
        match answer.status.as_u16() {
            200 => won += 1,
            _ => drop(answer.expect_error(409, "MISSION_NOT_OPEN")),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(world.count("select count(*) from assignments").await, 1);
    assert_eq!(world.count("select filled::int8 from missions").await, 1);
    assert_eq!(world.count("select count(*) from invitations where status = 'EXPIRED'").await, 49);
    world.end().await;
}

#[tokio::test]
async fn the_winner_may_repeat_and_both_sides_are_told() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let mut socket = client.socket().await;
    let posted = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let accept = format!("/api/v1/invitations/{}/accept", invitation(&nurse).await["id"].as_str().unwrap());
    let first = nurse.act(&accept).await.expect(200);
    assert_eq!(nurse.act(&accept).await.expect(200)["id"], first["id"]);
    assert_eq!(socket.next("mission:updated").await["status"], "ASSIGNED");
    assert_eq!(socket.next("notification").await["type"], "MISSION_ASSIGNED");
    world.drain().await;
    // Of the invitation, the assignment to both, and the contract that both sign.
    assert_eq!(world.count("select count(*) from notifications").await, 5);
    assert_eq!(world.mails().len(), 5);
    let view = nurse.get(&format!("{MISSIONS}/{}", posted["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(view["clientId"], client.id.as_str(), "an assigned talent is a participant");

    // Every handler twice: no second notification, mail or message.
    sqlx::query("update jobs set state = 'waiting', attempt = 0").execute(&world.pool).await.unwrap();
    world.drain().await;
    assert_eq!(world.count("select count(*) from notifications").await, 5);
    assert_eq!(world.count("select count(*) from messages").await, 2);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_booked_twice() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    client.post(MISSIONS, mission()).await.expect(201);
    client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    let [first, second] =
        [0, 1].map(|n| format!("/api/v1/invitations/{}", invitations["items"][n]["id"].as_str().unwrap()));
    nurse.act(&format!("{first}/accept")).await.expect(200);
    nurse.act(&format!("{second}/accept")).await.expect_error(409, "TALENT_ALREADY_BOOKED");
    nurse.act(&format!("{second}/decline")).await.expect(200);
    nurse.act(&format!("{second}/decline")).await.expect(200);
    nurse.act(&format!("{second}/accept")).await.expect_error(409, "INVITATION_DECLINED");
    nurse.act(&format!("{first}/decline")).await.expect_error(409, "INVITATION_ACCEPTED");

    // Taken at that time: the next mission passes her over, and the client's screen says why.
    let third = client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let third = format!("{MISSIONS}/{}", third["id"].as_str().unwrap());
    assert_eq!(client.get(&format!("{third}/matches")).await.expect(200)["items"], json!([]));
    let candidates = client.get(&format!("{third}/candidates")).await.expect(200);
    assert_eq!(candidates["items"][0]["available"], false);
    assert_eq!(candidates["items"][0]["parts"]["specialties"], 100.0);
    world.end().await;
}

#[tokio::test]
async fn a_foreign_invitation_does_not_exist() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let invited = world.nurse("invited", 1.0).await;
    client.post(MISSIONS, mission()).await.expect(201);
    world.drain().await;
    let other = world.nurse("other", 1.0).await;
    let id = invitation(&invited).await["id"].as_str().unwrap().to_owned();
    other.act(&format!("/api/v1/invitations/{id}/accept")).await.expect_error(404, "NOT_FOUND");
    other.act(&format!("/api/v1/invitations/{id}/decline")).await.expect_error(404, "NOT_FOUND");
    world.end().await;
}

#[tokio::test]
async fn lists_page_without_gap_or_repetition() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    for _ in 0..7 {
        client.post(MISSIONS, mission()).await.expect(201);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{MISSIONS}?limit=3{cursor}")).await.expect(200);
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first");
    client.get(&format!("{MISSIONS}?cursor=nonsense")).await.expect_error(400, "INVALID_REQUEST");
    client.get(&format!("{MISSIONS}?limit=101")).await.expect_error(400, "INVALID_REQUEST");
    let near = client
        .get(&format!("{MISSIONS}?scope=open&latitude=48.9&longitude=2.35&radiusKm=10"))
        .await
        .expect(200);
    assert_eq!(near["items"].as_array().unwrap().len(), 7);
    // A coordinate finer than any place means the place.
    let mut fine = mission();
    fine["latitude"] = json!(5e-324);
    client.post(MISSIONS, fine).await.expect(201);
    client.get(&format!("{MISSIONS}?scope=open&latitude=5e-324&longitude=2.35")).await.expect(200);
    let far = client
        .get(&format!("{MISSIONS}?scope=open&latitude=43.3&longitude=5.4&radiusKm=10"))
        .await
        .expect(200);
    assert_eq!(far["items"], json!([]));
    world.stop().await;
}

/// A talent of a random world, as plain numbers.
#[derive(Clone, Debug)]
struct Someone {
    km_north: f64,
    km_east: f64,
    nurse: bool,
    compliant: bool,
    visible: bool,
    night: bool,
    driver: bool,
    verified: bool,
    specialties: Vec<usize>,
    rating: i16,
    missions: i32,
    away: bool,
    excluded: bool,
    /// Start of a shift of two hours elsewhere, in hours from the mission's start.
    works: Option<i64>,
}

const TAGS: [&str; 6] = ["geriatrie", "autisme", "psychiatrie", "diabete", "equitherapie", "hypnose"];

fn someone() -> impl Strategy<Value = Someone> {
    let likely = || prop::bool::weighted(0.85);
    (
        (-40.0..40.0_f64, -40.0..40.0_f64),
        (likely(), likely(), likely(), likely(), likely(), likely()),
        (prop::sample::subsequence((0..TAGS.len()).collect::<Vec<_>>(), 0..=TAGS.len()), 0..3_i16, 0..3_i32),
        (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::option::weighted(0.4, -20..30_i64)),
    )
        .prop_map(
            |(
                (km_north, km_east),
                (nurse, compliant, visible, night, driver, verified),
                rest,
                (away, excluded, works),
            )| {
                Someone {
                    km_north,
                    km_east,
                    nurse,
                    compliant,
                    visible,
                    night,
                    driver,
                    verified,
                    specialties: rest.0,
                    rating: rest.1 * 100 + 300,
                    missions: rest.2,
                    away,
                    excluded,
                    works,
                }
            },
        )
}

/// The six steps once more, written as the seed wrote them: fetch, filter, score, sort.
fn oracle(
    people: &[(uuid::Uuid, Someone)],
    wanted: &[usize],
    diploma: bool,
    car: bool,
    night: bool,
) -> Vec<(uuid::Uuid, f64)> {
    let center = domain::geo::Point { latitude: 48.85, longitude: 2.35 };
    let mut fit: Vec<_> = people
        .iter()
        .filter_map(|(id, p)| {
            let distance = center.distance_km(place(p));
            let fits = distance <= 30.0 && p.nurse && (p.compliant || !diploma) && p.visible && p.verified;
            let matched = p.specialties.iter().filter(|tag| wanted.contains(tag)).count();
            (fits && (p.driver || !car) && (p.night || !night) && can_come(p))
                .then_some((*id, matched, p.rating, distance, p.missions))
        })
        .collect();
    fit.sort_by(|a, b| {
        b.1.cmp(&a.1).then(b.2.cmp(&a.2)).then(a.3.total_cmp(&b.3)).then(b.4.cmp(&a.4)).then(a.0.cmp(&b.0))
    });
    fit.into_iter().take(3).map(|(id, _, _, distance, _)| (id, distance)).collect()
}

/// The mission takes eight hours. Two shifts less than eleven hours apart are one working day of at most thirteen.
fn can_come(p: &Someone) -> bool {
    let rested = p.works.is_none_or(|start| {
        let gap = if start < 0 { -(start + 2) } else { start - 8 };
        gap >= 11 || (gap >= 0 && 2 + gap + 8 <= 13)
    });
    rested && !p.away && !p.excluded
}

fn place(someone: &Someone) -> domain::geo::Point {
    domain::geo::Point {
        latitude: 48.85 + someone.km_north / 111.195,
        longitude: 2.35 + someone.km_east / 73.2,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn matching_equals_a_brute_force_oracle() {
    let world = World::without_worker().await;
    let client = world.client("lilas").await;
    let cases = (
        prop::collection::vec(someone(), 0..40),
        prop::sample::subsequence((0..TAGS.len()).collect::<Vec<_>>(), 0..=4),
        any::<(bool, bool, bool)>(),
    );
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let runtime = tokio::runtime::Handle::current();
    runner
        .run(&cases, |(people, wanted, (diploma, car, night))| {
            let found = tokio::task::block_in_place(|| {
                runtime.block_on(compare(&world, &client, people, &wanted, diploma, car, night))
            });
            let (expected, found): (Vec<_>, Vec<_>) = found;
            prop_assert_eq!(expected.len(), found.len());
            for (expected, found) in expected.iter().zip(&found) {
                prop_assert_eq!(expected.0, found.0);
                prop_assert!((expected.1 - found.1).abs() < 1e-9);
            }
            Ok(())
        })
        .unwrap();
    world.stop().await;
}

type Ranked = Vec<(uuid::Uuid, f64)>;

async fn compare(
    world: &World,
    client: &Client,
    people: Vec<Someone>,
    wanted: &[usize],
    diploma: bool,
    car: bool,
    night: bool,
) -> (Ranked, Ranked) {
    let mut tx = world.pool.begin().await.unwrap();
    let mut known = Vec::new();
    for (n, p) in people.into_iter().enumerate() {
        let id = uuid::Uuid::now_v7();
        sqlx::query(
            "with u as (insert into users (id, email, password_hash, role, status, referral_code, created_at)
                        values ($1, $1::text, '', 'TALENT', $2::user_status, $3, now()))
             insert into profiles (user_id, profession_id, specialties, latitude, longitude, has_driver_license, can_do_night_shift,
                                   is_marketplace_visible, compliance_status, total_missions, average_rating)
             values ($1, $4, $5, $6, $7, $8, $9, $10, $11::compliance_status, $12, $13)",
        )
        .bind(id)
        .bind(if p.verified { "VERIFIED" } else { "PENDING" })
        .bind(format!("R{n:07}"))
        .bind(if p.nurse { 1_i16 } else { 2 })
        .bind(p.specialties.iter().map(|tag| TAGS[*tag]).collect::<Vec<_>>())
        .bind(place(&p).latitude)
        .bind(place(&p).longitude)
        .bind(p.driver)
        .bind(p.night)
        .bind(p.visible)
        .bind(if p.compliant { "VALIDATED" } else { "PENDING" })
        .bind(p.missions)
        .bind(p.rating)
        .execute(&mut *tx)
        .await
        .unwrap();
        domain::profiles::refresh_search(&mut tx, id.into()).await.unwrap();
        known.push((id, p));
    }
    let posted = domain::missions::NewMission {
        client_id: client.id.parse::<uuid::Uuid>().unwrap().into(),
        establishment_id: None,
        job_id: "ide".into(),
        title: None,
        description: None,
        hourly_rate_cents: 2500,
        urgency_level: domain::missions::UrgencyLevel::High,
        start_date: tomorrow(),
        end_date: None,
        is_night_shift: night,
        requires_diploma: diploma,
        requires_car: car,
        specialties: wanted.iter().map(|tag| TAGS[*tag].to_uppercase()).collect(),
        address: None,
        city: "Paris".into(),
        postal_code: "75001".into(),
        latitude: Some(48.85),
        longitude: Some(2.35),
        radius_km: 30,
        slots: 1,
    };
    let mission = domain::missions::post(&mut tx, posted, world.clock.now()).await.unwrap().mission;
    for (id, p) in &known {
        let talent = domain::ids::UserId(*id);
        if p.away {
            let leave = domain::availability::Exception {
                from: mission.start_date + Duration::hours(7),
                to: mission.start_date + Duration::days(9),
                available: false,
            };
            let declared = domain::availability::Availability { weekly: vec![], exceptions: vec![leave] };
            domain::availability::replace(&mut tx, talent, declared).await.unwrap();
        }
        if p.excluded {
            domain::exclusions::put(&mut tx, mission.client_id, talent, None, world.clock.now())
                .await
                .unwrap();
        }
        if let Some(hours) = p.works {
            let start = mission.start_date + Duration::hours(hours);
            sqlx::query(
                "insert into assignments (id, mission_id, talent_id, period, created_at)
                 values (gen_random_uuid(), $1, $2, tstzrange($3, $4), now())",
            )
            .bind(mission.id.0)
            .bind(id)
            .bind(start)
            .bind(start + Duration::hours(2))
            .execute(&mut *tx)
            .await
            .unwrap();
        }
    }
    let found =
        domain::matching::rank(&mut tx, &mission, domain::matching::Whom::Everybody, domain::matching::TOP)
            .await
            .unwrap();
    let found = found.into_iter().map(|m| (m.talent_id.0, m.distance_km)).collect();
    (oracle(&known, wanted, diploma, car, night), found)
}
