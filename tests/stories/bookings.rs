//! The way of a booking: asked for, accepted, paid, held; and what it takes of the talent's time.

use serde_json::json;
use time::Duration;

use crate::letters::letters;
use crate::market::{BOOKINGS, Market, SERVICES, id, offer};
use crate::world::{World, mission, rfc3339};

#[tokio::test]
async fn a_booking_keeps_its_price_and_goes_its_way() {
    let market = Market::new().await;
    let Market { world, client, talent, .. } = &market;
    let start = market.ahead(Duration::days(10));
    let mut request = market.request(start);
    request["message"] = json!("Nous sommes deux.");
    request["participants"] = json!(2);
    let asked = client.post(BOOKINGS, request).await.expect(201);
    assert_eq!((&asked["status"], &asked["priceCents"]), (&json!("PENDING"), &json!(9001)));
    assert_eq!(asked["endsAt"], rfc3339(start + Duration::HOUR));
    assert!(asked.get("commissionBps").is_none(), "the talent's affair");
    world.drain().await;
    assert_eq!(market.told(talent, "BOOKING_REQUESTED").await, 1);

    // Dearer from now on, and called otherwise.
    let option = json!({ "name": "Une heure", "priceCents": 20_000, "durationMinutes": 90 });
    let dearer = json!({ "name": "Supervision", "options": [option] });
    talent.patch(&format!("{SERVICES}/{}", market.service), dearer).await.expect(200);
    let path = format!("{BOOKINGS}/{}", id(&asked));
    client.act(&format!("{path}/accept")).await.expect_error(403, "ROLE_NOT_ALLOWED");
    world
        .nurse("other", 2.0)
        .await
        .act(&format!("{path}/accept"))
        .await
        .expect_error(403, "NOT_A_PARTICIPANT");
    let accepted = market.accept(&id(&asked)).await.expect(200);
    assert_eq!((&accepted["status"], &accepted["commissionBps"]), (&json!("CONFIRMED"), &json!(1500)));
    assert_eq!(accepted["payBy"], rfc3339(start - Duration::DAY));
    assert_eq!((&accepted["title"], &accepted["priceCents"]), (&json!("Analyse de pratiques"), &json!(9001)));
    market.accept(&id(&asked)).await.expect_error(409, "BOOKING_NOT_PENDING");
    world.drain().await;
    assert_eq!(market.told(client, "BOOKING_CONFIRMED").await, 1);

    market.pay(&id(&asked)).await;
    market.pay(&id(&asked)).await;
    world.drain().await;
    assert_eq!(market.status(&id(&asked)).await, "PAID");
    for who in [client, talent] {
        assert_eq!(market.told(who, "BOOKING_PAID").await, 1, "once, however often");
        let list = who.get(&format!("{BOOKINGS}?status=PAID")).await.expect(200);
        assert_eq!(list["items"][0]["id"], asked["id"]);
        assert_eq!(who.get(&format!("{BOOKINGS}?status=PENDING")).await.expect(200)["items"], json!([]));
    }
    let paid =
        letters(world).into_iter().filter(|letter| letter.subject == "Réservation confirmée et réglée");
    assert_eq!(paid.count(), 2);
    let entries = world.mails().into_iter().filter(|mail| mail.contains("text/calendar")).collect::<Vec<_>>();
    assert_eq!(entries.len(), 2, "a calendar's entry goes with them");
    let stranger = world.client("roses").await;
    stranger.get(&path).await.expect_error(403, "NOT_A_PARTICIPANT");
    assert_eq!(stranger.get(BOOKINGS).await.expect(200)["items"], json!([]));
    let admin = world.admin().await;
    assert_eq!(admin.get(BOOKINGS).await.expect(200)["items"][0]["id"], asked["id"]);
    market.world.end().await;
}

#[tokio::test]
async fn the_two_of_a_booking_talk_and_nobody_else() {
    let market = Market::new().await;
    let booking = market.asked(market.ahead(Duration::days(3))).await;
    market.accept(&booking).await.expect(200);
    let conversation = market.see(&booking).await["conversationId"].as_str().unwrap().to_owned();
    let messages = format!("/api/v1/conversations/{conversation}/messages");
    market.client.post(&messages, json!({ "content": "Bonjour" })).await.expect(201);
    market.talent.post(&messages, json!({ "content": "Bonjour à vous" })).await.expect(201);
    let read = market.client.get(&messages).await.expect(200);
    let read: Vec<_> =
        read["items"].as_array().unwrap().iter().map(|item| item["content"].as_str().unwrap()).collect();
    assert_eq!(read, ["Le talent a accepté la réservation.", "Bonjour", "Bonjour à vous"]);
    let list = market.talent.get("/api/v1/conversations").await.expect(200);
    assert_eq!(
        (&list["items"][0]["kind"], &list["items"][0]["bookingId"]),
        (&json!("BOOKING"), &json!(booking))
    );
    let stranger = market.world.client("roses").await;
    stranger.post(&messages, json!({ "content": "Et moi" })).await.expect_error(403, "NOT_A_MEMBER");
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn what_cannot_be_booked_says_why() {
    let market = Market::new().await;
    let Market { world, client, talent, .. } = &market;
    let ask = async |body| client.post(BOOKINGS, body).await;
    let field = |answer: serde_json::Value| answer["errors"][0]["field"].clone();
    let request = |hours: i64| market.request(market.ahead(Duration::hours(hours)));
    let with = |name: &str, value: serde_json::Value| {
        let mut body = request(72);
        body[name] = value;
        body
    };
    assert_eq!(field(ask(request(2)).await.expect_error(400, "INVALID_REQUEST")), "startsAt");
    assert_eq!(field(ask(request(-1)).await.expect_error(400, "INVALID_REQUEST")), "startsAt");
    assert_eq!(field(ask(request(24 * 366)).await.expect_error(400, "INVALID_REQUEST")), "startsAt");
    assert_eq!(
        field(ask(with("option", json!("Trois"))).await.expect_error(400, "INVALID_REQUEST")),
        "option"
    );
    let many = with("participants", json!(4));
    assert_eq!(field(ask(many).await.expect_error(400, "INVALID_REQUEST")), "participants");
    ask(with("serviceId", json!(uuid::Uuid::now_v7()))).await.expect_error(404, "NOT_FOUND");
    ask(with("establishmentId", json!(uuid::Uuid::now_v7()))).await.expect_error(403, "NOT_A_MANAGER");
    talent.post(BOOKINGS, request(72)).await.expect_error(403, "ROLE_NOT_ALLOWED");
    world
        .pending("new", "CLIENT")
        .await
        .post(BOOKINGS, request(72))
        .await
        .expect_error(403, "ACCOUNT_NOT_VERIFIED");

    // Declared away on that day.
    let (from, to) = (market.ahead(Duration::hours(60)), market.ahead(Duration::hours(90)));
    let away = json!({ "exceptions": [{ "from": rfc3339(from), "to": rfc3339(to), "available": false }] });
    talent.put("/api/v1/me/availability", away).await.expect(200);
    ask(request(72)).await.expect_error(409, "TALENT_NOT_AVAILABLE");
    ask(request(100)).await.expect(201);
    assert_eq!(world.count("select count(*) from bookings").await, 1);
    world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn the_commission_is_that_of_the_plan() {
    let market = Market::new().await;
    for (n, (plan, rate)) in [("BETA", 200), ("ENTERPRISE", 0), ("STANDARD", 1500)].into_iter().enumerate() {
        let site = "update establishments set plan = $1::price_plan";
        sqlx::query(site).bind(plan).execute(&market.world.pool).await.unwrap();
        let booking = market.asked(market.ahead(Duration::days(2 + n as i64))).await;
        let seen = market.talent.get(&format!("{BOOKINGS}/{booking}")).await.expect(200);
        assert_eq!(seen["commissionBps"], rate, "{plan}");
    }
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn who_is_booked_is_offered_no_mission_of_that_time() {
    let market = Market::new().await;
    let Market { world, client, talent, .. } = &market;
    let other = world.nurse("other", 2.0).await;
    let start = market.ahead(Duration::days(4));
    let mut shift = mission();
    shift["startDate"] = json!(rfc3339(start - Duration::hours(2)));
    shift["endDate"] = json!(rfc3339(start + Duration::hours(6)));
    shift["slots"] = json!(2);
    // Invited while free, booked since.
    let early = client.post("/api/v1/matching/missions", shift.clone()).await.expect(201);
    world.drain().await;
    market.confirmed(start).await;
    let late = client.post("/api/v1/matching/missions", shift).await.expect(201);
    world.drain().await;
    let matched = async |mission: &serde_json::Value| {
        let path = format!("/api/v1/matching/missions/{}/matches", id(mission));
        let matches = client.get(&path).await.expect(200);
        matches["items"].as_array().unwrap().iter().map(|item| item["talentId"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(matched(&early).await, [json!(talent.id), json!(other.id)]);
    assert_eq!(matched(&late).await, [json!(other.id)]);
    let why = format!("/api/v1/matching/missions/{}/explanation?talentId={}", id(&late), talent.id);
    let why = talent.get(&why).await.expect(200).to_string();
    assert!(why.contains("has other work"), "{why}");
    let candidates = format!("/api/v1/matching/missions/{}/candidates", id(&late));
    let candidates = client.get(&candidates).await.expect(200);
    let mut candidates = candidates["items"].as_array().unwrap().iter();
    assert_eq!(candidates.find(|item| item["talentId"] == json!(talent.id)).unwrap()["available"], false);

    let invitations = talent.get("/api/v1/me/invitations").await.expect(200);
    let accept = format!("/api/v1/invitations/{}/accept", id(&invitations["items"][0]));
    talent.act(&accept).await.expect_error(409, "TALENT_ALREADY_BOOKED");
    // And the other way round.
    let invitations = other.get("/api/v1/me/invitations").await.expect(200);
    other.act(&format!("/api/v1/invitations/{}/accept", id(&invitations["items"][0]))).await.expect(200);
    let service = id(&other.post(SERVICES, offer()).await.expect(201));
    let mut request = market.request(start);
    request["serviceId"] = json!(service);
    client.post(BOOKINGS, request.clone()).await.expect_error(409, "TALENT_ALREADY_BOOKED");
    // Free again once it is cancelled.
    world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn bookings_count_as_working_time() {
    let market = Market::new().await;
    let Market { world, client, talent, .. } = &market;
    // A day whose morning is a shift of eight hours.
    let noon = (world.clock.now() + Duration::days(6)).replace_time(time::macros::time!(12:00));
    let mut shift = mission();
    shift["startDate"] = json!(rfc3339(noon - Duration::hours(6)));
    shift["endDate"] = json!(rfc3339(noon + Duration::hours(2)));
    client.post("/api/v1/matching/missions", shift).await.expect(201);
    world.drain().await;
    let pending = market.asked(noon + Duration::hours(6)).await;
    let invitations = talent.get("/api/v1/me/invitations").await.expect(200);
    talent.act(&format!("/api/v1/invitations/{}/accept", id(&invitations["items"][0]))).await.expect(200);
    world.drain().await;
    // From 06 to 19 is a working day of thirteen hours; an hour later would be fourteen.
    let late = market.request(noon + Duration::hours(7));
    client.post(BOOKINGS, late).await.expect_error(409, "TALENT_NOT_AVAILABLE");
    market.accept(&pending).await.expect(200);
    // What was asked for before it became too much is refused at the answer, by the database.
    sqlx::query("update bookings set starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour', status = 'PENDING'")
        .execute(&world.pool)
        .await
        .unwrap();
    market.accept(&pending).await.expect_error(409, "WORKING_TIME");
    world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn a_paid_session_is_reminded_of_three_times_and_a_cancelled_one_not() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::days(5));
    let held = market.paid(start).await;
    let off = market.paid(start + Duration::days(2)).await;
    market.cancel(&market.talent, &off).await.expect(200);
    for (before, kind) in [
        (Duration::hours(24), "BOOKING_TOMORROW"),
        (Duration::hours(1), "BOOKING_IN_AN_HOUR"),
        (Duration::minutes(15), "BOOKING_SOON"),
    ] {
        market.wait_until(start - before - Duration::seconds(20)).await;
        assert_eq!(market.told(&market.client, kind).await, 0, "{kind}");
        market.wait_until(start - before + Duration::seconds(1)).await;
        for who in [&market.client, &market.talent] {
            assert_eq!(market.told(who, kind).await, 1, "{kind}");
        }
    }
    market.wait(Duration::days(4)).await;
    assert_eq!(market.told(&market.client, "BOOKING_TOMORROW").await, 1, "of the one alone");
    let mails = letters(&market.world);
    let mails = |subject: &str| mails.iter().filter(|letter| letter.subject == subject).collect::<Vec<_>>();
    for subject in ["Votre séance approche", "Votre séance commence bientôt"] {
        let begins = domain::paris::date_and_time(start, "fr");
        let mails = mails(subject);
        assert!(mails.len() == 2 && mails.iter().all(|mail| mail.text.contains(&begins)), "{mails:?}");
    }
    assert!(mails("Votre séance va commencer").is_empty(), "too short for a mail");
    assert_eq!(market.status(&held).await, "NO_SHOW");
    market.world.end().await;
}

#[tokio::test]
async fn a_workshop_is_over_a_quarter_of_an_hour_after_its_end() {
    let world = World::new().await;
    let mut market = Market::of(world).await;
    let mut workshop = offer();
    workshop["type"] = json!("WORKSHOP");
    market.service = id(&market.talent.post(SERVICES, workshop).await.expect(201));
    let start = market.ahead(Duration::days(2));
    let booking = market.paid(start).await;
    market.wait_until(start + Duration::minutes(74)).await;
    assert_eq!(market.status(&booking).await, "PAID");
    market.wait(Duration::minutes(2)).await;
    assert_eq!(market.status(&booking).await, "COMPLETED");
    for who in [&market.client, &market.talent] {
        assert_eq!(market.told(who, "BOOKING_COMPLETED").await, 1);
    }
    market.wait(Duration::hours(1)).await;
    assert_eq!(market.status(&booking).await, "COMPLETED");
    market.world.end().await;
}
