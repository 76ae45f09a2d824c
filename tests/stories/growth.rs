//! Points: earned by what people do, once, and taken back with it; levels, tags, and the leaderboard.

use domain::growth::points::Action;
use domain::ids::UserId;
use jobs::ledger::NewJob;
use jobs::{AwardPoints, CheckPoints};
use serde_json::{Value, json};
use tests::Client;
use time::Duration;
use uuid::Uuid;

use crate::contracts::{again, told};
use crate::faults::wait_until;
use crate::hub::{Shift, held};
use crate::letters::letters;
use crate::market::{BOOKINGS, Market, SERVICES, id, offer};
use crate::money::Money;
use crate::reviews::{held_bookings, stars};
use crate::world::World;

mod referrals;

pub const ME: &str = "/api/v1/growth/me";
const TAGS: &str = "/api/v1/growth/me/tags";

pub async fn points(person: &Client) -> i64 {
    person.get(ME).await.expect(200)["points"].as_i64().unwrap()
}

/// The log of somebody: action and points of each line, by action.
pub async fn log(person: &Client) -> Vec<(String, i64)> {
    let page = person.get(&format!("{ME}/points?limit=100")).await.expect(200);
    let line = |line: &Value| (line["action"].as_str().unwrap().to_owned(), line["points"].as_i64().unwrap());
    let mut lines: Vec<_> = page["items"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

pub fn lines(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(action, points)| ((*action).to_owned(), *points)).collect()
}

/// Everybody's points are the sum of their log, and nothing was taken back twice.
pub async fn assert_summed(world: &World) {
    let drift = "select count(*) from users u
                  where u.points <> (select coalesce(sum(points), 0) from point_entries where user_id = u.id)";
    assert_eq!(world.count(drift).await, 0, "points are not the sum of their log");
}

pub fn award(user: &Client, action: Action, reference: Uuid) -> NewJob {
    NewJob::of(&AwardPoints { user_id: UserId(user.id.parse().unwrap()), action, reference })
}

fn own(user: &Client) -> Uuid {
    user.id.parse().unwrap()
}

#[tokio::test]
async fn what_people_do_earns_points_once_however_often_it_is_delivered() {
    let mut shift = Shift::assigned().await;
    shift
        .nurse
        .patch("/api/v1/me/profile", json!({ "avatarUrl": "https://cdn.example/zoe.webp" }))
        .await
        .expect(200);
    shift.nurse.put(TAGS, json!({ "tags": ["nuit", "fiable"] })).await.expect(200);
    for n in 0..4 {
        let mut service = offer();
        service["name"] = json!(format!("Atelier {n}"));
        shift.nurse.post(SERVICES, service).await.expect(201);
    }
    shift.world.drain().await;
    let expected = [
        ("PROFILE_PHOTO", 50),
        ("SERVICE_PUBLISHED", 20),
        ("SERVICE_PUBLISHED", 20),
        ("SERVICE_PUBLISHED", 20),
    ];
    assert_eq!(
        log(&shift.nurse).await,
        lines(&expected),
        "the fourth service and two tags are worth nothing"
    );

    // Live, with the sum, while one looks.
    let mut socket = shift.nurse.socket().await;
    shift.nurse.put(TAGS, json!({ "tags": ["nuit", "fiable", "ponctuel"] })).await.expect(200);
    let update = socket.next("points:update").await;
    assert_eq!(
        (&update["points"], &update["delta"], &update["action"]),
        (&json!(130), &json!(20), &json!("TAGS_COMPLETED"))
    );
    shift.begin().await;
    shift.report(480).await;
    let mission = format!("/api/v1/missions/{}", shift.mission);
    assert_eq!(points(&shift.nurse).await, 130, "a report is not accepted work");
    shift.client.post(&format!("{mission}/report/validate"), json!({})).await.expect(200);
    shift.nurse.post(&format!("{mission}/reviews"), stars(4)).await.expect(201);
    shift.world.drain().await;
    let all = [
        ("FIRST_MISSION", 100),
        ("MISSION_COMPLETED", 50),
        ("PROFILE_PHOTO", 50),
        ("REVIEW_GIVEN", 25),
        ("SERVICE_PUBLISHED", 20),
        ("SERVICE_PUBLISHED", 20),
        ("SERVICE_PUBLISHED", 20),
        ("TAGS_COMPLETED", 20),
    ];
    assert_eq!(log(&shift.nurse).await, lines(&all));
    assert_eq!(points(&shift.nurse).await, 305);

    // Done again, and delivered again: nothing more.
    shift
        .nurse
        .patch("/api/v1/me/profile", json!({ "avatarUrl": "https://cdn.example/new.webp" }))
        .await
        .expect(200);
    shift.nurse.put(TAGS, json!({ "tags": ["calme", "fiable", "ponctuel"] })).await.expect(200);
    again(&shift.world, "award-points").await;
    assert_eq!(log(&shift.nurse).await, lines(&all));
    let me = shift.nurse.get("/api/v1/auth/me").await.expect(200);
    assert_eq!((&me["points"], &me["tags"]), (&json!(305), &json!(["fiable", "ponctuel", "calme"])));
    assert_eq!(told(&shift.world, &shift.nurse, "POINTS_EARNED", "Points gagnés").await, (8, 0));
    assert_summed(&shift.world).await;

    // A second mission is no first one.
    shift.next().await;
    shift.begin().await;
    shift.report(480).await;
    shift
        .client
        .post(&format!("/api/v1/missions/{}/report/validate", shift.mission), json!({}))
        .await
        .expect(200);
    shift.world.drain().await;
    assert_eq!(points(&shift.nurse).await, 355);
    shift.world.end().await;
}

#[tokio::test]
async fn what_was_not_earned_is_not_awarded() {
    let market = Market::new().await;
    market.world.drain().await;
    let booking = held_bookings(&market, 1).await.remove(0);
    let review = market.client.post(&format!("{BOOKINGS}/{booking}/reviews"), stars(5)).await.expect(201);
    market.world.drain().await;
    let (review, nobody): (Uuid, _) = (id(&review).parse().unwrap(), Uuid::now_v7());
    let service: Uuid = market.service.parse().unwrap();
    let (client, talent) = (&market.client, &market.talent);
    let before = (points(client).await, points(talent).await);
    assert_eq!(before, (25, 20));
    for (who, action, reference) in [
        // Somebody else's, nobody's, and things that are something else.
        (talent, Action::ReviewGiven, review),
        (client, Action::ReviewGiven, nobody),
        (client, Action::ServicePublished, service),
        (talent, Action::ServicePublished, nobody),
        (client, Action::ProfilePhoto, own(client)),
        (client, Action::ProfilePhoto, own(talent)),
        (talent, Action::TagsCompleted, own(talent)),
        (talent, Action::TagsCompleted, nobody),
        (talent, Action::FirstMission, nobody),
        (talent, Action::MissionCompleted, booking.parse().unwrap()),
        (talent, Action::Referral, own(client)),
        (talent, Action::Adjustment, nobody),
    ] {
        market.world.enqueue(award(who, action, reference)).await;
    }
    let stranger =
        NewJob::of(&AwardPoints { user_id: UserId(nobody), action: Action::ReviewGiven, reference: review });
    market.world.enqueue(stranger).await;
    market.world.drain().await;
    assert_eq!((points(client).await, points(talent).await), before);
    assert_eq!(market.world.count("select count(*) from point_entries").await, 2);

    for bad in [
        json!({}),
        json!({ "tags": ["fiable", "inconnu"] }),
        json!({ "tags": ["Fiable"] }),
        json!({ "tags": "fiable" }),
        json!({ "tags": vec!["fiable"; 11] }),
        json!({ "tags": [], "points": 1000 }),
    ] {
        let refused = talent.put(TAGS, bad.clone()).await;
        assert_eq!(refused.status.as_u16(), 400, "{bad}: {}", refused.body);
    }
    let doubled = talent.put(TAGS, json!({ "tags": ["fiable", "fiable", "fiable"] })).await.expect(200);
    assert_eq!(doubled["tags"], json!(["fiable"]));
    market.world.drain().await;
    assert_eq!(points(talent).await, 20, "one tag, however often");
    let reference = market.world.anonymous().get("/api/v1/growth/tags").await.expect(200);
    assert!(reference["items"].as_array().unwrap().iter().any(|tag| tag["slug"] == "fiable"));
    market.world.end().await;
}

#[tokio::test]
async fn a_thousand_awards_to_one_person_at_once_are_all_there() {
    const AWARDS: i32 = 1_000;
    let mut market = Market::new().await;
    held_bookings(&market, AWARDS).await;
    let write = "insert into reviews (id, booking_id, client_id, establishment_id, talent_id, side, author_id, rating, created_at)
                 select gen_random_uuid(), id, client_id, establishment_id, talent_id, 'CLIENT', client_id, 4, now() from bookings
                 returning id";
    let written: Vec<Uuid> = sqlx::query_scalar(write).fetch_all(&market.world.pool).await.unwrap();
    let mut tx = market.begin().await;
    // Each of them twice, side by side.
    let jobs = written.iter().flat_map(|review| {
        [
            award(&market.client, Action::ReviewGiven, *review),
            award(&market.client, Action::ReviewGiven, *review),
        ]
    });
    jobs::ledger::enqueue(&mut tx, jobs.collect::<Vec<_>>()).await.unwrap();
    tx.commit().await.unwrap();
    market.world.start_worker();
    // And what an admin gives meanwhile.
    let admin = market.world.admin().await;
    let adjust = format!("/api/v1/admin/users/{}/points", market.client.id);
    for _ in 0..10 {
        admin.post(&adjust, json!({ "points": -7, "reason": "Correction" })).await.expect(201);
    }
    let given = "select count(*) from point_entries where action = 'REVIEW_GIVEN'";
    // Step by step, each of which may take as long as a story waits.
    for so_far in (200..=AWARDS.into()).step_by(200) {
        wait_until(&market.world, given, so_far).await;
    }
    market.world.drain().await;
    assert_eq!(points(&market.client).await, i64::from(AWARDS) * 25 - 70);
    assert_eq!(market.world.count(given).await, i64::from(AWARDS));
    assert_summed(&market.world).await;
    let gaps = "select count(*) from feeds f where f.head <> (select count(*) from feed_events e where e.user_id = f.user_id)";
    assert_eq!(market.world.count(gaps).await, 0, "each was told, in order");
    market.world.end().await;
}

#[tokio::test]
async fn work_that_is_paid_back_as_a_whole_takes_its_points_along_once() {
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    held(&mut money, &mission, 540).await;
    money.client.post(&format!("/api/v1/missions/{mission}/report/validate"), json!({})).await.expect(200);
    money.drain().await;
    assert_eq!(points(&money.nurse).await, 150);
    let supplement = money.intent(&mission).await;
    money.stripe.pay(&money.intent_of(&supplement).await);
    money.drain().await;
    let refund = format!("/api/v1/payments/{}/refund", supplement["paymentId"].as_str().unwrap());
    money.admin.post(&refund, json!({ "reason": "Heures déjà réglées" })).await.expect(201);
    money.drain().await;
    assert_eq!(points(&money.nurse).await, 150, "a supplement is not the work");
    let refund = format!("/api/v1/payments/{payment}/refund");
    money.admin.post(&refund, json!({ "amountCents": 5_000, "reason": "Geste" })).await.expect(201);
    money.drain().await;
    assert_eq!(points(&money.nurse).await, 150, "a part is no reason");
    money.admin.post(&refund, json!({ "reason": "Tout le reste" })).await.expect(201);
    money.drain().await;
    let expected = [
        ("FIRST_MISSION", -100),
        ("FIRST_MISSION", 100),
        ("MISSION_COMPLETED", -50),
        ("MISSION_COMPLETED", 50),
    ];
    assert_eq!(log(&money.nurse).await, lines(&expected));
    for kind in ["reverse-points", "award-points"] {
        again(&money.world, kind).await;
        assert_eq!(log(&money.nurse).await, lines(&expected), "{kind}");
    }
    let page = money.nurse.get(&format!("{ME}/points")).await.expect(200);
    let items = page["items"].as_array().unwrap();
    let given: Vec<_> = items.iter().filter(|line| line.get("reversesId").is_none()).map(id).collect();
    let taken = items.iter().filter_map(|line| line["reversesId"].as_str());
    assert!(taken.clone().count() == 2 && taken.clone().all(|id| given.iter().any(|given| given == id)));
    assert_eq!(told(&money.world, &money.nurse, "POINTS_TAKEN_BACK", "Points retirés").await, (2, 0));
    assert_summed(&money.world).await;
    money.advance(Duration::hours(1));
    money.drain().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_level_is_reached_by_missions_and_stars_and_told_once() {
    let mut shift = Shift::assigned().await;
    // Two missions before this one.
    let before = "update profiles set total_missions = 2 where user_id = $1::uuid";
    sqlx::query(before).bind(&shift.nurse.id).execute(&shift.world.pool).await.unwrap();
    shift.begin().await;
    shift.report(480).await;
    let mission = format!("/api/v1/missions/{}", shift.mission);
    shift.client.post(&format!("{mission}/report/validate"), json!({})).await.expect(200);
    shift.world.drain().await;
    let standing = shift.nurse.get(ME).await.expect(200);
    assert_eq!(
        (&standing["level"], &standing["nextLevel"]),
        (&json!("NOUVEAU"), &json!({ "level": "CONFIRME", "missions": 3, "averageRating": 4.0 }))
    );
    shift.client.post(&format!("{mission}/reviews"), stars(4)).await.expect(201);
    shift.world.drain().await;
    let standing = shift.nurse.get(ME).await.expect(200);
    assert_eq!((&standing["level"], &standing["nextLevel"]["level"]), (&json!("CONFIRME"), &json!("SUPER")));
    let subject = "Niveau supérieur atteint";
    assert_eq!(told(&shift.world, &shift.nurse, "LEVEL_REACHED", subject).await, (1, 1));

    // Lost and reached again, and then both at once: each is told the first time.
    for (missions, rating, level, told_by_now) in [
        (4, 300, "NOUVEAU", 1),
        (4, 480, "CONFIRME", 1),
        (11, 460, "SUPER", 2),
        (11, 440, "CONFIRME", 2),
        (12, 500, "SUPER", 2),
    ] {
        let record = "update profiles set total_missions = $2, average_rating = $3 where user_id = $1::uuid";
        let record = sqlx::query(record).bind(&shift.nurse.id).bind(missions).bind(rating);
        record.execute(&shift.world.pool).await.unwrap();
        let mut tx = shift.world.db().begin().await.unwrap();
        let now = shift.world.clock.now();
        let reached = domain::growth::levels::note(&mut tx, UserId(own(&shift.nurse)), now).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(shift.nurse.get(ME).await.expect(200)["level"], level);
        let levels = shift.world.count("select count(*) from levels_reached").await;
        assert_eq!(
            (levels, reached.is_some()),
            (told_by_now, told_by_now == 2 && missions == 11 && rating == 460)
        );
    }
    assert!(shift.client.get(ME).await.expect(200).get("level").is_none(), "clients have none");
    shift.world.end().await;
}

#[tokio::test]
async fn only_who_wants_to_be_seen_is_on_the_leaderboard() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut people = Vec::new();
    for (name, points) in
        [("anna", 300), ("bea", 200), ("carla", 200), ("dora", 100), ("shy", 900), ("gone", 800)]
    {
        let person = world.nurse(name, 1.0).await;
        let adjust = format!("/api/v1/admin/users/{}/points", person.id);
        admin.post(&adjust, json!({ "points": points, "reason": "Départ" })).await.expect(201);
        if name != "shy" {
            let shown = person.put(&format!("{ME}/leaderboard"), json!({ "onLeaderboard": true })).await;
            assert_eq!(shown.expect(200)["onLeaderboard"], true);
        }
        people.push(person);
    }
    // Nobody is there without points, without being verified, or as an admin.
    for person in [&world.nurse("empty", 1.0).await, &admin] {
        person.put(&format!("{ME}/leaderboard"), json!({ "onLeaderboard": true })).await.expect(200);
    }
    world.set_status(&people[5], "SUSPENDED").await;
    let own = format!("/api/v1/admin/users/{}/points", admin.id);
    admin.post(&own, json!({ "points": 5_000, "reason": "Essai" })).await.expect(201);

    let board = "/api/v1/growth/leaderboard";
    let seen = people[3].get(board).await.expect(200);
    let items = seen["items"].as_array().unwrap();
    let places: Vec<_> = items
        .iter()
        .map(|place| (place["rank"].as_i64().unwrap(), place["points"].as_i64().unwrap()))
        .collect();
    assert_eq!(places, [(1, 300), (2, 200), (2, 200), (4, 100)]);
    assert_eq!(
        items[3],
        json!({ "rank": 4, "firstName": "Zoé", "lastInitial": "M", "points": 100, "level": "NOUVEAU", "isMe": true })
    );
    assert!(
        !seen.to_string().contains("Martin")
            && people.iter().all(|person| !seen.to_string().contains(&person.id))
    );
    assert_eq!(
        people[0].get(&format!("{board}?limit=2")).await.expect(200)["items"].as_array().unwrap().len(),
        2
    );
    people[0].get(&format!("{board}?limit=101")).await.expect(400);

    people[0].put(&format!("{ME}/leaderboard"), json!({ "onLeaderboard": false })).await.expect(200);
    assert_eq!(people[3].get(board).await.expect(200)["items"][0]["points"], 200);
    world.end().await;
}

#[tokio::test]
async fn an_admin_adjusts_with_a_reason_and_the_database_refuses_the_rest() {
    let world = World::new().await;
    let (admin, nurse) = (world.admin().await, world.nurse("zoe", 1.0).await);
    let adjust = format!("/api/v1/admin/users/{}/points", nurse.id);
    let given = admin.post(&adjust, json!({ "points": 70, "reason": "Geste" })).await.expect(201);
    assert_eq!(
        (&given["action"], &given["points"], &given["reason"]),
        (&json!("ADJUSTMENT"), &json!(70), &json!("Geste"))
    );
    admin.post(&adjust, json!({ "points": -100, "reason": "Abus" })).await.expect(201);
    assert_eq!(points(&nurse).await, -30);
    for bad in [
        json!({ "points": 0, "reason": "Rien" }),
        json!({ "points": 10_001, "reason": "Trop" }),
        json!({ "points": 10, "reason": " " }),
        json!({ "points": 10 }),
        json!({ "points": "10", "reason": "Texte" }),
    ] {
        admin.post(&adjust, bad).await.expect(400);
    }
    let nobody = format!("/api/v1/admin/users/{}", Uuid::now_v7());
    admin
        .post(&format!("{nobody}/points"), json!({ "points": 1, "reason": "?" }))
        .await
        .expect_error(404, "NOT_FOUND");
    admin.patch(&format!("{nobody}/tags"), json!({ "tags": [] })).await.expect_error(404, "NOT_FOUND");
    let tags = format!("/api/v1/admin/users/{}/tags", nurse.id);
    admin.patch(&tags, json!({ "tags": ["rigoureux"] })).await.expect(200);
    assert_eq!(nurse.get("/api/v1/auth/me").await.expect(200)["tags"], json!(["rigoureux"]));

    for (change, rule) in [
        ("update users set points = 1000", "points come from their log"),
        ("insert into users (id, email, password_hash, role, referral_code, created_at, points)
          values (gen_random_uuid(), 'rich@example.org', '!', 'TALENT', 'AAAAAAAA', now(), 5)", "points come from their log"),
        ("update point_entries set points = 1000", "append-only"),
        ("delete from point_entries", "append-only"),
        ("insert into point_entries (id, user_id, action, reference, points, created_at)
          select gen_random_uuid(), user_id, 'REVIEW_GIVEN', reference, -5, now() from point_entries limit 1", "point_awards_are_positive"),
        ("insert into point_entries (id, user_id, action, reference, points, reverses_id, created_at)
          select gen_random_uuid(), user_id, action, reference, -71, id, now() from point_entries where points = 70", "takes back what its entry gave"),
        ("insert into point_entries (id, user_id, action, reference, points, created_at)
          select gen_random_uuid(), user_id, action, reference, 5, now() from point_entries limit 1", "point_adjustments_are_explained"),
    ] {
        let refused = sqlx::query(change).execute(&world.pool).await.unwrap_err();
        assert!(refused.to_string().contains(rule), "{refused}");
    }
    let back = "insert into point_entries (id, user_id, action, reference, points, reverses_id, created_at)
                select gen_random_uuid(), user_id, action, reference, -70, id, now() from point_entries where points = 70";
    sqlx::query(back).execute(&world.pool).await.unwrap();
    let twice = sqlx::query(back).execute(&world.pool).await.unwrap_err();
    assert!(twice.to_string().contains("point_entries_reversed_once"), "{twice}");
    assert_eq!(points(&nurse).await, -100);
    assert_summed(&world).await;
    world.end().await;
}

#[tokio::test]
async fn what_somebody_did_behind_the_databases_back_is_told_to_operations() {
    let mut world = World::without_worker().await;
    world.start_worker_with(&["--worker-cron", "false", "--alert-email", "ops@example.org"]);
    let nurse = world.nurse("zoe", 1.0).await;
    world.enqueue(NewJob::of(&CheckPoints {})).await;
    world.drain().await;
    assert!(letters(&world).is_empty(), "nothing to tell");
    let mut tx = world.pool.begin().await.unwrap();
    for statement in [
        "alter table users disable trigger users_points",
        "update users set points = 7 where role = 'TALENT'",
        "alter table users enable trigger users_points",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    world.enqueue(NewJob::of(&CheckPoints {})).await;
    world.drain().await;
    let [letter] = &letters(&world)[..] else { panic!("one letter") };
    assert_eq!(letter.to, "ops@example.org");
    assert!(letter.text.contains(&format!("{} : 7 au compte, 0 au relevé", nurse.id)), "{}", letter.text);
    world.end().await;
}
