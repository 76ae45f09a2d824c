//! Who may be matched: the working-time guard, the "never again" list, and matching again when a talent changes.

use serde_json::{Value, json};
use tests::Client;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::world::{World, mission, rfc3339, tomorrow};

const MISSIONS: &str = "/api/v1/matching/missions";

fn shift(start: OffsetDateTime, hours: i64) -> Value {
    let mut shift = mission();
    shift["startDate"] = json!(rfc3339(start));
    shift["endDate"] = json!(rfc3339(start + Duration::hours(hours)));
    shift
}

async fn matches(client: &Client, posted: &Value) -> Vec<String> {
    let path = format!("{MISSIONS}/{}/matches", posted["id"].as_str().unwrap());
    let stored = client.get(&path).await.expect(200);
    let items = stored["items"].as_array().unwrap();
    items.iter().map(|item| item["talentId"].as_str().unwrap().to_owned()).collect()
}

/// Paths of the talent's invitations that wait for an answer, newest first.
async fn pending(talent: &Client) -> Vec<String> {
    let invitations = talent.get("/api/v1/me/invitations").await.expect(200);
    let items = invitations["items"].as_array().unwrap().iter();
    let waiting = items.filter(|item| item["status"] == "PENDING");
    waiting.map(|item| format!("/api/v1/invitations/{}", item["id"].as_str().unwrap())).collect()
}

/// What PostgreSQL answers about shifts that the talent has and one more.
async fn breach(world: &World, has: &[(OffsetDateTime, i64)], new: (OffsetDateTime, i64)) -> Option<String> {
    let mut tx = world.pool.begin().await.unwrap();
    let (talent, client) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    for (id, role) in [(talent, "TALENT"), (client, "CLIENT")] {
        sqlx::query(
            "insert into users (id, email, password_hash, role, status, referral_code, created_at)
             values ($1, $1::text, '', $2::user_role, 'VERIFIED', left($1::text, 8) || $2, now())",
        )
        .bind(id)
        .bind(role)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    for (start, hours) in has {
        sqlx::query(
            "with m as (insert into missions (id, client_id, profession_id, title, hourly_rate_cents, start_date, end_date,
                                              is_night_shift, requires_diploma, requires_car, specialties, city, postal_code,
                                              radius_km, slots, matching, created_at)
                        values (gen_random_uuid(), $2, 1, '', 2500, $3, $4, false, false, false, '{}', '', '75001', 30, 1,
                                'NONE', now()) returning id)
             insert into assignments (id, mission_id, talent_id, period, override_reason, created_at)
             select gen_random_uuid(), id, $1, tstzrange($3, $4), 'given', now() from m",
        )
        .bind(talent)
        .bind(client)
        .bind(start)
        .bind(*start + Duration::hours(*hours))
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    sqlx::query_scalar("select working_time_breach($1, $2, $3)")
        .bind(talent)
        .bind(new.0)
        .bind(new.0 + Duration::hours(new.1))
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_limits_of_working_time() {
    let world = World::without_worker().await;
    // A Monday; Paris is UTC+1.
    let monday = datetime!(2026-02-02 00:00 +1);
    let at = |day: i64, hour: i64| monday + Duration::days(day) + Duration::hours(hour);
    let nights = |days: std::ops::Range<i64>| days.map(|day| (at(day, 20), 12)).collect::<Vec<_>>();
    let tens = |days: std::ops::Range<i64>| days.map(|day| (at(day, 8), 10)).collect::<Vec<_>>();
    for (has, new, expected, why) in [
        (vec![], (at(0, 8), 12), None, "nothing before"),
        (vec![(at(0, 8), 8)], (at(1, 3), 8), None, "eleven hours of rest exactly"),
        (vec![(at(0, 8), 8)], (at(1, 2), 8), Some("DAILY_REST"), "ten hours of rest after"),
        (vec![(at(1, 3), 8)], (at(0, 9), 8), Some("DAILY_REST"), "ten hours of rest before"),
        (vec![(at(0, 8), 4)], (at(0, 14), 4), None, "a morning and an afternoon"),
        (
            vec![(at(0, 8), 4)],
            (at(0, 17), 5),
            Some("DAILY_REST"),
            "from 08:00 to 22:00 leaves ten hours of rest",
        ),
        (vec![(at(0, 8), 4), (at(0, 14), 3)], (at(0, 18), 4), Some("DAILY_REST"), "a chain of three"),
        (vec![(at(0, 8), 6)], (at(0, 14), 6), None, "twelve hours a day exactly"),
        (vec![(at(0, 8), 6)], (at(0, 14), 7), Some("DAILY_HOURS"), "thirteen hours a day"),
        (
            vec![(at(0, 0), 7)],
            (at(0, 18), 12),
            Some("DAILY_HOURS"),
            "seven before dawn and six of the evening on one day",
        ),
        (nights(0..1), (at(1, 20), 12), None, "two nights: four hours here, eight there, twelve a day"),
        (tens(0..4), (at(4, 8), 8), None, "forty-eight hours a week exactly"),
        (tens(0..4), (at(4, 8), 9), Some("WEEKLY_HOURS"), "forty-nine"),
        (tens(0..4), (at(7, 8), 10), None, "the next week begins on Monday"),
        (tens(1..5), (at(6, 16), 12), None, "of a night from Sunday to Monday eight hours count here"),
        (tens(1..5), (at(6, 15), 10), Some("WEEKLY_HOURS"), "and nine are one too many"),
    ] {
        assert_eq!(breach(&world, &has, new).await.as_deref(), expected, "{why}");
    }
    world.stop().await;
}

#[tokio::test]
async fn who_would_work_too_long_is_neither_ranked_nor_accepted() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let other = world.client("roses").await;
    let nurse = world.nurse("nurse", 1.0).await;
    // 10 h in the morning, and again 4 h after: no rest between, at two establishments.
    let start = tomorrow();
    client.post(MISSIONS, shift(start, 10)).await.expect(201);
    other.post(MISSIONS, shift(start + Duration::hours(14), 10)).await.expect(201);
    world.drain().await;
    let waiting = pending(&nurse).await;
    assert_eq!(waiting.len(), 2);
    nurse.act(&format!("{}/accept", waiting[1])).await.expect(200);
    nurse.act(&format!("{}/accept", waiting[0])).await.expect_error(409, "WORKING_TIME");
    let third = other.post(MISSIONS, shift(start + Duration::hours(15), 8)).await.expect(201);
    world.drain().await;
    assert_eq!(matches(&other, &third).await, Vec::<String>::new());
    let candidates = format!("{MISSIONS}/{}/candidates", third["id"].as_str().unwrap());
    assert_eq!(other.get(&candidates).await.expect(200)["items"][0]["available"], false);

    // A manager's override needs a reason, and then counts.
    let insert = "insert into assignments (id, mission_id, talent_id, period, override_reason, created_at)
                  select gen_random_uuid(), id, $2::uuid, tstzrange(start_date, end_date), $3, now() from missions where id = $1::uuid";
    for (reason, passes) in [(None, false), (Some("nobody else tonight"), true)] {
        let id = third["id"].as_str().unwrap();
        let written = sqlx::query(insert).bind(id).bind(&nurse.id).bind(reason).execute(&world.pool).await;
        let constraint =
            written.as_ref().err().and_then(|e| e.as_database_error()?.constraint().map(str::to_owned));
        assert_eq!(constraint.as_deref(), (!passes).then_some("assignments_working_time"));
    }
    world.end().await;
}

#[tokio::test]
async fn of_two_acceptances_at_once_that_break_the_limit_together_one_passes() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    for round in 0..5 {
        let nurse = world.nurse(&format!("nurse-{round}"), 1.0).await;
        let start = tomorrow() + Duration::days(7 * round);
        client.post(MISSIONS, shift(start, 8)).await.expect(201);
        client.post(MISSIONS, shift(start + Duration::hours(12), 8)).await.expect(201);
        world.drain().await;
        let waiting = pending(&nurse).await;
        assert_eq!(waiting.len(), 2);
        let accepts = waiting.iter().map(|invitation| {
            let nurse = nurse.clone();
            async move { nurse.act(&format!("{invitation}/accept")).await.status.as_u16() }
        });
        let mut statuses = futures_util::future::join_all(accepts).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        world.drain().await;
        // The next round is for the next nurse.
        sqlx::query("update profiles set is_marketplace_visible = false").execute(&world.pool).await.unwrap();
        sqlx::query("delete from talent_search").execute(&world.pool).await.unwrap();
    }
    world.end().await;
}

#[tokio::test]
async fn never_again_is_never_ranked_nor_assigned_and_never_told() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let other = world.client("roses").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let first = client.post(MISSIONS, mission()).await.expect(201);
    let elsewhere = other.post(MISSIONS, shift(tomorrow() + Duration::days(3), 8)).await.expect(201);
    world.drain().await;
    let waiting = pending(&nurse).await;
    let exclusion = format!("/api/v1/me/exclusions/{}", nurse.id);
    for reason in ["Retards", "Retards répétés"] {
        client.put(&exclusion, json!({ "reason": reason })).await.expect(200);
    }
    let listed = client.get("/api/v1/me/exclusions").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["reason"], "Retards répétés");
    assert_eq!(other.get("/api/v1/me/exclusions").await.expect(200)["items"], json!([]));
    client
        .put(&format!("/api/v1/me/exclusions/{}", other.id), json!({}))
        .await
        .expect_error(404, "NOT_FOUND");

    // Her invitation is as one that came too late; the other client's stands.
    let accepts = [format!("{}/accept", waiting[0]), format!("{}/accept", waiting[1])];
    nurse.act(&accepts[1]).await.expect_error(409, "MISSION_NOT_OPEN");
    nurse.act(&accepts[0]).await.expect(200);
    assert_eq!(matches(&other, &elsewhere).await, [nurse.id.as_str()]);

    // Not in the next match, not on the screen.
    let second = client.post(MISSIONS, shift(tomorrow() + Duration::days(6), 8)).await.expect(201);
    world.drain().await;
    assert_eq!(matches(&client, &second).await, Vec::<String>::new());
    let path = format!("{MISSIONS}/{}", second["id"].as_str().unwrap());
    assert_eq!(client.get(&format!("{path}/candidates")).await.expect(200)["items"], json!([]));

    // What the talent reads of itself names no list.
    let own = nurse.get(&format!("{path}/explanation")).await.expect(200);
    assert!(!own.to_string().contains("NEVER_AGAIN"), "{own}");
    assert!(own["filters"].as_array().unwrap().iter().all(|filter| filter["outcome"] != "FAILED"));
    assert_eq!(own["matched"], false);
    let theirs = client.get(&format!("{path}/explanation?talentId={}", nurse.id)).await.expect(200);
    let filters = theirs["filters"].as_array().unwrap();
    assert!(filters.iter().any(|f| f["filter"] == "NEVER_AGAIN" && f["outcome"] == "FAILED"));

    assert_eq!(client.delete(&exclusion).await.status, 204);
    assert_eq!(client.delete(&exclusion).await.status, 204, "again is harmless");
    let third = client.post(MISSIONS, shift(tomorrow() + Duration::days(9), 8)).await.expect(201);
    world.drain().await;
    assert_eq!(matches(&client, &third).await, [nurse.id.as_str()]);
    assert_eq!(first["status"], "OPEN");
    world.end().await;
}

#[tokio::test]
async fn the_lists_of_a_sites_managers_hold_for_the_site_and_a_viewers_does_not() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let colleague = world.client("colleague").await;
    let nurse = world.nurse("nurse", 1.0).await;
    colleague.put(&format!("/api/v1/me/exclusions/{}", nurse.id), json!({})).await.expect(200);
    for (day, role, expected) in [(1, "VIEWER", true), (4, "MANAGER", false)] {
        sqlx::query(
            "insert into establishment_members (establishment_id, user_id, role, joined_at)
             select establishment_id, $2::uuid, $3::site_role, now() from establishment_members where user_id = $1::uuid
             on conflict (user_id, establishment_id) do update set role = excluded.role",
        )
        .bind(&client.id)
        .bind(&colleague.id)
        .bind(role)
        .execute(&world.pool)
        .await
        .unwrap();
        let posted = client.post(MISSIONS, shift(tomorrow() + Duration::days(day), 8)).await.expect(201);
        world.drain().await;
        assert_eq!(!matches(&client, &posted).await.is_empty(), expected, "{role}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_changed_talent_is_matched_with_missions_that_were_open_already() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let taken = shift(tomorrow(), 8);
    let posted = client.post(MISSIONS, taken).await.expect(201);
    world.drain().await;
    assert_eq!(matches(&client, &posted).await, Vec::<String>::new());

    // Four arrive; three fit, and of those the best three are stored in their order.
    let far = world.nurse("far", 20.0).await;
    let near = world.nurse("near", 1.0).await;
    let middle = world.nurse("middle", 5.0).await;
    world.drain().await;
    assert_eq!(matches(&client, &posted).await, Vec::<String>::new(), "it waits until she has done changing");
    assert_eq!(world.count("select count(*) from jobs where kind = 'rematch-open'").await, 3, "one each");
    world.clock.advance(Duration::seconds(61));
    world.drain().await;
    assert_eq!(matches(&client, &posted).await, [near.id.as_str(), middle.id.as_str(), far.id.as_str()]);
    assert_eq!(pending(&near).await.len(), 1);

    // The fourth is further away than the third: nothing happens. Nearer than the third: she takes its place.
    let last = world.nurse("last", 25.0).await;
    world.clock.advance(Duration::seconds(61));
    world.drain().await;
    assert_eq!(pending(&last).await.len(), 0);
    last.patch("/api/v1/me/profile", json!({ "bio": "Je change peu." })).await.expect(200);
    assert_eq!(
        world.count("select count(*) from jobs where kind = 'rematch-open' and state = 'waiting'").await,
        0
    );
    last.patch("/api/v1/me/profile", json!({ "latitude": 48.85 + 3.0 / 111.195, "longitude": 2.35 }))
        .await
        .expect(200);
    world.clock.advance(Duration::seconds(61));
    world.drain().await;
    assert_eq!(matches(&client, &posted).await, [near.id.as_str(), last.id.as_str(), middle.id.as_str()]);
    assert_eq!(pending(&last).await.len(), 1);

    // Delivered again, the handler finds nothing to do.
    sqlx::query("update jobs set state = 'waiting', attempt = 0 where id in (select max(id::text)::uuid from jobs where kind = 'rematch-open' group by debounce_key)")
        .execute(&world.pool)
        .await
        .unwrap();
    let before = world.count("select count(*) from match_decisions").await;
    world.drain().await;
    assert_eq!(world.count("select count(*) from match_decisions").await, before);
    assert_eq!(world.count("select count(*) from invitations").await, 4);
    world.end().await;
}
