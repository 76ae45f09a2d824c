//! What the two sides of finished work say of each other, and what becomes of it.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::Client;
use time::{Duration, OffsetDateTime};
use tokio::join;

use crate::contracts::{again, told};
use crate::hub::Shift;
use crate::market::{BOOKINGS, Market, SERVICES, id, offer};
use crate::world::World;

fn of_mission(mission: &str) -> String {
    format!("/api/v1/missions/{mission}/reviews")
}

fn of_booking(booking: &str) -> String {
    format!("{BOOKINGS}/{booking}/reviews")
}

fn answer(review: &Value) -> String {
    format!("/api/v1/reviews/{}/response", id(review))
}

pub fn stars(rating: i32) -> Value {
    json!({ "rating": rating, "comment": "À l’écoute et ponctuelle." })
}

/// Completed bookings of a market's service, as many as are wanted; their ids.
pub async fn held_bookings(market: &Market, count: i32) -> Vec<String> {
    let held = "with held as (
                    insert into bookings (id, service_id, client_id, talent_id, establishment_id, title, option_name, type,
                                          price_cents, commission_bps, participants, starts_at, ends_at, status, created_at,
                                          answer_by)
                    select gen_random_uuid(), s.id, $2::uuid, s.talent_id, m.establishment_id, s.name, 'Une heure', s.type, 9001,
                           1500, 1, now() - n * interval '2 days', now() - n * interval '2 days' + interval '1 hour', 'COMPLETED',
                           now() - n * interval '3 days', now() - n * interval '3 days'
                      from services s, establishment_members m, generate_series(1, $3) as n
                     where s.id = $1::uuid and m.user_id = $2::uuid
                    returning id, client_id, talent_id, created_at
                ), rooms as (
                    insert into conversations (id, kind, client_id, talent_id, booking_id, created_at, active_at)
                    select gen_random_uuid(), 'BOOKING', client_id, talent_id, id, created_at, created_at from held
                )
                select id::text from held";
    sqlx::query_scalar(held)
        .bind(&market.service)
        .bind(&market.client.id)
        .bind(count)
        .fetch_all(&market.world.pool)
        .await
        .unwrap()
}

/// Every average is what a recount of the reviews finds.
pub async fn assert_recounted(world: &World) {
    let profiles = "select count(*) from profiles p
                      left join lateral (select count(*) as total, coalesce(sum(rating), 0) as stars from reviews r
                                          where r.talent_id = p.user_id and r.side = 'CLIENT'
                                             or r.client_id = p.user_id and r.side = 'TALENT' and r.establishment_id is null) as r on true
                      left join talent_search s on s.talent_id = p.user_id
                     where (p.total_reviews, p.rating_sum) is distinct from (r.total, r.stars)
                        or p.average_rating <> coalesce(round(100.0 * r.stars / nullif(r.total, 0)), 0)
                        or s.average_rating <> p.average_rating";
    let sites = "select count(*) from establishments e
                   left join lateral (select count(*) as total, coalesce(sum(rating), 0) as stars from reviews r
                                       where r.establishment_id = e.id and r.side = 'TALENT') as r on true
                  where (e.total_reviews, e.rating_sum) is distinct from (r.total, r.stars)
                     or e.average_rating <> coalesce(round(100.0 * r.stars / nullif(r.total, 0)), 0)";
    for wrong in [profiles, sites] {
        assert_eq!(world.count(wrong).await, 0, "an average is not what a recount finds");
    }
}

#[tokio::test]
async fn both_sides_review_a_mission_once_and_the_averages_follow() {
    let mut shift = Shift::assigned().await;
    let path = of_mission(&shift.mission);
    let strangers = [shift.world.client("other").await, shift.world.nurse("other-nurse", 2.0).await];
    for stranger in &strangers {
        stranger.post(&path, stars(5)).await.expect_error(403, "NOT_A_PARTY");
    }
    shift.begin().await;
    for early in [&shift.client, &shift.nurse] {
        early.post(&path, stars(5)).await.expect_error(409, "WORK_NOT_COMPLETED");
    }
    shift.report(480).await;

    let of_talent = shift.client.post(&path, stars(5)).await.expect(201);
    assert_eq!((&of_talent["side"], &of_talent["missionId"]), (&json!("CLIENT"), &json!(shift.mission)));
    let of_site = shift.nurse.post(&path, json!({ "rating": 3 })).await.expect(201);
    assert_eq!((&of_site["author"], &of_site["side"]), (&json!("Zoé M."), &json!("TALENT")));
    for once in [&shift.client, &shift.nurse] {
        once.post(&path, stars(1)).await.expect_error(409, "ALREADY_REVIEWED");
    }
    shift.world.drain().await;

    // As everybody reads it: nobody's id, and no surname.
    let talent = format!("/api/v1/talents/{}", shift.nurse.id);
    let reader = shift.world.returning(&strangers[0]).await;
    let seen = reader.get(&format!("{talent}/reviews")).await.expect(200)["items"].clone();
    assert_eq!(
        seen,
        json!([{ "id": of_talent["id"], "author": "EHPAD lilas@example.org", "rating": 5,
                 "comment": "À l’écoute et ponctuelle.", "createdAt": of_talent["createdAt"] }])
    );
    let shown = reader.get(&talent).await.expect(200);
    assert_eq!((&shown["averageRating"], &shown["totalReviews"]), (&json!(5.0), &json!(1)));
    let site = shift.client.get("/api/v1/me/establishment").await.expect(200);
    assert_eq!((&site["averageRating"], &site["totalReviews"]), (&json!(3.0), &json!(1)));
    let of_sites = format!("/api/v1/establishments/{}/reviews", id(&site));
    assert_eq!(reader.get(&of_sites).await.expect(200)["items"][0]["author"], "Zoé M.");
    assert_recounted(&shift.world).await;

    for who in [&shift.client, &shift.nurse] {
        let subject = "Vous avez reçu un avis";
        assert_eq!(told(&shift.world, who, "REVIEW_RECEIVED", subject).await, (1, 1));
        for (direction, side) in [("RECEIVED", "received"), ("GIVEN", "given")] {
            let list = format!("/api/v1/me/reviews?direction={direction}");
            assert_eq!(who.get(&list).await.expect(200)["items"].as_array().unwrap().len(), 1, "{side}");
        }
    }
    let gone = format!("/api/v1/establishments/{}/reviews", shift.client.id);
    reader.get(&gone).await.expect_error(404, "NOT_FOUND");
    reader.get(&format!("/api/v1/talents/{}/reviews", shift.client.id)).await.expect_error(404, "NOT_FOUND");
    shift.world.end().await;
}

#[tokio::test]
async fn a_review_is_answered_once_by_the_side_that_it_is_about() {
    let market = Market::new().await;
    let booking = held_bookings(&market, 1).await.remove(0);
    let of_talent = market.client.post(&of_booking(&booking), stars(4)).await.expect(201);
    let of_site = market.talent.post(&of_booking(&booking), stars(2)).await.expect(201);
    let thanks = json!({ "response": "Merci, à bientôt !" });
    let stranger = market.world.nurse("other", 2.0).await;
    for review in [&of_talent, &of_site] {
        stranger.post(&answer(review), thanks.clone()).await.expect_error(403, "NOT_A_PARTY");
    }
    market.client.post(&answer(&of_talent), thanks.clone()).await.expect_error(403, "OWN_REVIEW");
    market.talent.post(&answer(&of_site), thanks.clone()).await.expect_error(403, "OWN_REVIEW");
    for bad in [json!({}), json!({ "response": " " }), json!({ "response": "x".repeat(1001) })] {
        market.talent.post(&answer(&of_talent), bad).await.expect(400);
    }
    for (who, review) in [(&market.talent, &of_talent), (&market.client, &of_site)] {
        let path = answer(review);
        let twice = join!(who.post(&path, thanks.clone()), who.post(&path, json!({ "response": "Non." })));
        let mut statuses = [twice.0.status.as_u16(), twice.1.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
    market.world.drain().await;
    let subject = "Réponse à votre avis";
    for who in [&market.client, &market.talent] {
        assert_eq!(told(&market.world, who, "REVIEW_ANSWERED", subject).await, (1, 1));
    }
    let seen = stranger.get(&format!("/api/v1/talents/{}/reviews", market.talent.id)).await.expect(200);
    assert!(seen["items"][0]["response"].is_string() && seen["items"][0]["respondedAt"].is_string());

    // Not even behind the platform's back.
    for change in [
        "update reviews set rating = 1",
        "update reviews set response = null, responded_at = null, responded_by = null",
        "delete from reviews",
    ] {
        let refused = sqlx::query(change).execute(&market.world.pool).await.unwrap_err();
        assert!(refused.to_string().contains("neither changed nor deleted"), "{refused}");
    }
    market.world.end().await;
}

#[tokio::test]
async fn whoever_stands_on_both_sides_does_not_review() {
    let market = Market::new().await;
    let booking = held_bookings(&market, 1).await.remove(0);
    let join = "insert into establishment_members (establishment_id, user_id, role, joined_at)
                select establishment_id, $1::uuid, 'MANAGER', now() from establishment_members where user_id = $2::uuid";
    let joined = sqlx::query(join).bind(&market.talent.id).bind(&market.client.id);
    joined.execute(&market.world.pool).await.unwrap();
    market.talent.post(&of_booking(&booking), stars(5)).await.expect_error(403, "OWN_WORK");
    // A colleague of the client's may, and then the client's side has spoken.
    let colleague = market.world.client("colleague").await;
    let joined = sqlx::query(join).bind(&colleague.id).bind(&market.client.id);
    joined.execute(&market.world.pool).await.unwrap();
    colleague.post(&of_booking(&booking), stars(5)).await.expect(201);
    market.client.post(&of_booking(&booking), stars(1)).await.expect_error(409, "ALREADY_REVIEWED");
    market.world.admin().await.post(&of_booking(&booking), stars(1)).await.expect_error(403, "NOT_A_PARTY");
    market.world.drain().await;
    assert_recounted(&market.world).await;
    market.world.end().await;
}

#[tokio::test]
async fn of_several_talents_the_one_who_is_meant_is_reviewed() {
    let mut shift = Shift::assigned().await;
    shift.begin().await;
    shift.report(480).await;
    let second = shift.world.nurse("second", 2.0).await;
    // A second talent, who has only been assigned.
    let place = "with wider as (update missions set slots = 2, filled = 2 where id = $1::uuid)
                 insert into assignments (id, mission_id, talent_id, period, created_at)
                 select gen_random_uuid(), id, $2::uuid, tstzrange(start_date, end_date), now() from missions where id = $1::uuid
                 returning id::text";
    let unfinished: String = sqlx::query_scalar(place)
        .bind(&shift.mission)
        .bind(&second.id)
        .fetch_one(&shift.world.pool)
        .await
        .unwrap();
    let path = of_mission(&shift.mission);
    let unsaid = shift.client.post(&path, stars(5)).await.expect(400);
    assert_eq!(unsaid["errors"][0]["field"], "assignmentId");
    let of = |assignment: &str| json!({ "rating": 5, "assignmentId": assignment });
    shift.client.post(&path, of(&unfinished)).await.expect_error(409, "WORK_NOT_COMPLETED");
    shift.client.post(&path, of(&shift.client.id)).await.expect_error(404, "NOT_FOUND");
    let finished: String = sqlx::query_scalar("select assignment_id::text from reports")
        .fetch_one(&shift.world.pool)
        .await
        .unwrap();
    let written = shift.client.post(&path, of(&finished)).await.expect(201);
    assert_eq!(written["assignmentId"], finished.as_str());
    shift.world.drain().await;
    shift.world.end().await;
}

#[tokio::test]
async fn what_is_no_review_is_refused() {
    let market = Market::new().await;
    let booking = held_bookings(&market, 1).await.remove(0);
    for bad in [
        json!({}),
        json!({ "rating": 0 }),
        json!({ "rating": 6 }),
        json!({ "rating": 4.5 }),
        json!({ "rating": "5" }),
        json!({ "rating": 5, "comment": "" }),
        json!({ "rating": 5, "comment": " \t " }),
        json!({ "rating": 5, "comment": "x".repeat(1001) }),
        json!({ "rating": 5, "points": 1000 }),
        json!({ "rating": 5, "authorId": market.talent.id }),
    ] {
        let refused = market.client.post(&of_booking(&booking), bad.clone()).await;
        assert_eq!(refused.status.as_u16(), 400, "{bad}: {}", refused.body);
    }
    let nowhere = uuid::Uuid::now_v7().to_string();
    market.client.post(&of_booking(&nowhere), stars(5)).await.expect_error(404, "NOT_FOUND");
    market.client.post(&of_mission(&nowhere), stars(5)).await.expect_error(404, "NOT_FOUND");
    let lost = format!("/api/v1/reviews/{nowhere}/response");
    market.client.post(&lost, json!({ "response": "Merci" })).await.expect_error(404, "NOT_FOUND");
    market.client.get("/api/v1/me/reviews?direction=ALL").await.expect(400);
    market.client.get("/api/v1/me/reviews?cursor=nonsense").await.expect(400);
    assert_eq!(market.world.count("select count(*) from reviews").await, 0);
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn however_many_come_at_once_the_averages_are_those_of_a_recount() {
    const BOOKINGS_HELD: i32 = 40;
    let market = Market::new().await;
    let held = held_bookings(&market, BOOKINGS_HELD).await;
    let write = |who: Client, path: String, rating: i32| async move {
        // Twice at once: one of the two counts.
        let (one, other) = join!(who.post(&path, stars(rating)), who.post(&path, stars(rating)));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", one.body, other.body);
    };
    // Sixteen requests at a time, about more than the API has connections.
    for (n, bookings) in (0..).zip(held.chunks(4)) {
        let both = bookings.iter().zip(n..).flat_map(|(booking, n)| {
            let (rating, path) = (n % 5 + 1, of_booking(booking));
            [
                write(market.client.clone(), path.clone(), rating),
                write(market.talent.clone(), path, 6 - rating),
            ]
        });
        join_all(both).await;
    }
    let rows = market.world.count("select count(*) from reviews").await;
    assert_eq!(rows, 2 * i64::from(BOOKINGS_HELD));
    let shown = market.client.get(&format!("/api/v1/talents/{}", market.talent.id)).await.expect(200);
    assert_eq!((&shown["averageRating"], &shown["totalReviews"]), (&json!(3.0), &json!(BOOKINGS_HELD)));
    assert_recounted(&market.world).await;

    // Page by page the list is whole, newest first.
    let path = format!("/api/v1/talents/{}/reviews?limit=15", market.talent.id);
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = market.client.get(&format!("{path}{next}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(seen.len(), 40);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 40);
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn ratings_decide_the_order_of_who_is_matched() {
    let market = Market::new().await;
    // Nearer, and so the first until somebody is rated.
    let near = market.world.nurse("near", 0.1).await;
    let first = async || {
        let posted =
            market.client.post("/api/v1/matching/missions", crate::world::mission()).await.expect(201);
        market.world.drain().await;
        let matches = format!("/api/v1/matching/missions/{}/matches", id(&posted));
        market.client.get(&matches).await.expect(200)["items"][0]["talentId"].clone()
    };
    assert_eq!(first().await, near.id.as_str());
    let booking = held_bookings(&market, 1).await.remove(0);
    market.client.post(&of_booking(&booking), stars(5)).await.expect(201);
    assert_eq!(first().await, market.talent.id.as_str());
    market.world.end().await;
}

#[tokio::test]
async fn an_hour_after_a_session_whoever_has_not_spoken_is_asked() {
    let mut market = Market::new().await;
    let mut workshop = offer();
    workshop["type"] = json!("WORKSHOP");
    market.service = id(&market.talent.post(SERVICES, workshop).await.expect(201));
    let start: OffsetDateTime = market.ahead(Duration::days(5));
    let booking = market.paid(start).await;
    market.client.post(&of_booking(&booking), stars(5)).await.expect_error(409, "WORK_NOT_COMPLETED");
    market.wait_until(start + Duration::minutes(76)).await;
    assert_eq!(market.status(&booking).await, "COMPLETED");
    market.client.post(&of_booking(&booking), stars(5)).await.expect(201);
    market.wait(Duration::minutes(59)).await;
    assert_eq!(market.told(&market.talent, "REVIEW_REQUESTED").await, 0);
    market.wait(Duration::minutes(2)).await;
    let asked = async |market: &Market| {
        let subject = "Votre avis compte";
        let kind = "REVIEW_REQUESTED";
        [
            told(&market.world, &market.client, kind, subject).await,
            told(&market.world, &market.talent, kind, subject).await,
        ]
    };
    assert_eq!(asked(&market).await, [(0, 0), (1, 1)], "whoever has spoken is left alone");
    again(&market.world, "request-review").await;
    assert_eq!(asked(&market).await, [(0, 0), (1, 1)]);
    // Whoever speaks before the mail goes out is asked no more.
    market.talent.post(&of_booking(&booking), stars(4)).await.expect(201);
    market.wait(Duration::minutes(16)).await;
    assert_eq!(asked(&market).await, [(0, 0), (1, 0)]);
    market.world.end().await;
}
