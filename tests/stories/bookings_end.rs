//! Bookings that do not take place: refused, expired, cancelled at a price, called off with an account.

use domain::bookings::{self, Booking, BookingStatus, EndCause};
use domain::ids::{BookingId, ConversationId, ServiceId, UserId};
use domain::services::ServiceType;
use serde_json::json;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::market::{BOOKINGS, Market, key};

const START: OffsetDateTime = datetime!(2026-06-02 20:00 UTC);

fn booking(status: BookingStatus, price_cents: i64) -> Booking {
    Booking {
        id: BookingId::new(),
        service_id: ServiceId::new(),
        client_id: UserId::new(),
        talent_id: UserId::new(),
        establishment_id: None,
        conversation_id: ConversationId::new(),
        title: String::new(),
        option_name: String::new(),
        kind: ServiceType::CoachingVideo,
        price_cents,
        commission_bps: 1500,
        participants: 1,
        message: None,
        starts_at: START,
        ends_at: START + Duration::HOUR,
        status,
        created_at: START,
        answer_by: START,
        pay_by: None,
        paid_at: None,
        started_at: None,
        ended_at: None,
        end_cause: None,
        end_reason: None,
        due_cents: None,
        refund_cents: None,
        refunded_at: None,
    }
}

#[test]
fn the_price_changes_exactly_at_48_and_24_hours() {
    let micro = Duration::microseconds(1);
    let price = |status, cause, notice: Duration, cents| {
        let price = bookings::price(&booking(status, cents), cause, START - notice);
        (price.share_bps, price.due_cents, price.refund_cents)
    };
    let client = |notice| price(BookingStatus::Paid, EndCause::Client, notice, 9001);
    assert_eq!(client(Duration::hours(480)), (0, 0, 9001));
    assert_eq!(client(Duration::hours(48)), (0, 0, 9001));
    assert_eq!(client(Duration::hours(48) - micro), (5000, 4501, 4500), "half a cent up, and nothing lost");
    assert_eq!(client(Duration::hours(24)), (5000, 4501, 4500));
    assert_eq!(client(Duration::hours(24) - micro), (10_000, 9001, 0));
    assert_eq!(client(micro), (10_000, 9001, 0));
    for cause in [EndCause::Talent, EndCause::Admin, EndCause::Account] {
        assert_eq!(price(BookingStatus::Paid, cause, micro, 9001), (0, 0, 9001), "everything goes back");
    }
    for status in [BookingStatus::Pending, BookingStatus::Confirmed] {
        assert_eq!(price(status, EndCause::Client, micro, 9001), (0, 0, 0), "nothing was paid");
    }
}

#[test]
fn a_room_is_open_from_ten_minutes_before_until_half_an_hour_after() {
    let micro = Duration::microseconds(1);
    let paid = booking(BookingStatus::Paid, 9001);
    let (opens, closes) = (START - Duration::minutes(10), START + Duration::minutes(90));
    assert_eq!((paid.opens_at(), paid.closes_at()), (opens, closes));
    for (at, open) in [(opens - micro, false), (opens, true), (closes, true), (closes + micro, false)] {
        assert_eq!(paid.is_open(at), open, "{at}");
        assert_eq!(booking(BookingStatus::InProgress, 1).is_open(at), open);
        assert!(
            !booking(BookingStatus::Confirmed, 1).is_open(at)
                && !booking(BookingStatus::Completed, 1).is_open(at)
        );
    }
}

#[tokio::test]
async fn cancelling_costs_what_was_shown_before() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::hours(49));
    let (free, half, full, talents, admins) = (
        market.paid(start).await,
        market.paid(start + Duration::hours(2)).await,
        market.paid(start + Duration::hours(4)).await,
        market.paid(start + Duration::hours(6)).await,
        market.paid(start + Duration::hours(8)).await,
    );
    let shown = async |market: &Market, booking: &str, who: &tests::Client| {
        let price = who.get(&format!("{BOOKINGS}/{booking}/cancellation")).await.expect(200);
        (
            price["shareBps"].as_i64().unwrap(),
            price["dueCents"].clone(),
            price["refundCents"].clone(),
            market.see(booking).await,
        )
    };
    let cancelled = async |market: &Market, booking: &str, who: &tests::Client, bps: i64, due: i64| {
        let (share, due_cents, refund_cents, _) = shown(market, booking, who).await;
        assert_eq!((share, due_cents, refund_cents), (bps, json!(due), json!(9001 - due)));
        let seen = market.cancel(who, booking).await.expect(200);
        assert_eq!((&seen["status"], &seen["dueCents"]), (&json!("CANCELLED"), &json!(due)));
        assert_eq!(seen["refundCents"], 9001 - due);
        market.cancel(who, booking).await.expect_error(409, "BOOKING_NOT_CANCELLABLE");
        let gone = format!("{BOOKINGS}/{booking}/cancellation");
        who.get(&gone).await.expect_error(409, "BOOKING_NOT_CANCELLABLE");
    };
    cancelled(&market, &free, &market.client, 0, 0).await;
    market.wait_until(start + Duration::hours(2) - Duration::hours(25)).await;
    cancelled(&market, &half, &market.client, 5000, 4501).await;
    market.wait_until(start + Duration::hours(4) - Duration::hours(23)).await;
    cancelled(&market, &full, &market.client, 10_000, 9001).await;
    cancelled(&market, &talents, &market.talent, 0, 0).await;
    let admin = market.world.admin().await;
    cancelled(&market, &admins, &admin, 0, 0).await;
    market.world.drain().await;
    assert_eq!(market.told(&market.client, "BOOKING_CANCELLATION_CONFIRMED").await, 3);
    assert_eq!(market.told(&market.client, "BOOKING_CANCELLED").await, 2);
    assert_eq!(market.told(&market.talent, "BOOKING_CANCELLED").await, 4);

    // What went back is noted once, and the talent's time is free again.
    let mut tx = market.begin().await;
    let now = market.world.clock.now();
    assert!(bookings::mark_refunded(&mut tx, key(&half), now).await.unwrap().is_some());
    assert!(bookings::mark_refunded(&mut tx, key(&half), now).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(market.status(&half).await, "REFUNDED");
    market.confirmed(start + Duration::hours(8)).await;
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn only_what_is_ahead_is_cancelled_and_only_by_its_people() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::hours(30));
    let pending = market.asked(start).await;
    market.cancel(&market.talent, &pending).await.expect_error(409, "BOOKING_NOT_CANCELLABLE");
    let stranger = market.world.client("roses").await;
    market.cancel(&stranger, &pending).await.expect_error(403, "NOT_A_PARTICIPANT");
    let seen = market.cancel(&market.client, &pending).await.expect(200);
    assert!(seen.get("refundCents").is_none(), "nothing was paid: {seen}");
    let refused = market.asked(start).await;
    let refuse = format!("{BOOKINGS}/{refused}/refuse");
    let seen = market.talent.post(&refuse, json!({ "reason": "Déjà pris" })).await.expect(200);
    assert_eq!((&seen["status"], &seen["endReason"]), (&json!("REJECTED"), &json!("Déjà pris")));
    market.talent.post(&refuse, json!({})).await.expect_error(409, "BOOKING_NOT_PENDING");
    market.accept(&refused).await.expect_error(409, "BOOKING_NOT_PENDING");
    market.world.drain().await;
    assert_eq!(market.told(&market.client, "BOOKING_REFUSED").await, 1);
    let held = market.paid(start).await;
    market.wait_until(start + Duration::SECOND).await;
    for who in [&market.client, &market.talent] {
        market.cancel(who, &held).await.expect_error(409, "BOOKING_NOT_CANCELLABLE");
    }
    market.wait(Duration::hours(3)).await;
    market.world.end().await;
}

#[tokio::test]
async fn what_nobody_answers_or_pays_expires() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::days(9));
    let unanswered = market.asked(start).await;
    let unpaid = market.confirmed(start + Duration::days(1)).await;
    let paid = market.paid(start + Duration::days(2)).await;
    market.wait(Duration::hours(48) - Duration::seconds(30)).await;
    assert_eq!(market.status(&unanswered).await, "PENDING");
    market.wait(Duration::seconds(31)).await;
    let seen = market.see(&unanswered).await;
    assert_eq!((&seen["status"], &seen["endCause"]), (&json!("EXPIRED"), &json!("UNANSWERED")));
    market.accept(&unanswered).await.expect_error(410, "BOOKING_EXPIRED");
    market.wait_until(start - Duration::seconds(30)).await;
    assert_eq!(market.status(&unpaid).await, "CONFIRMED");
    market.wait_until(start + Duration::SECOND).await;
    let seen = market.see(&unpaid).await;
    assert_eq!((&seen["status"], &seen["endCause"]), (&json!("EXPIRED"), &json!("UNPAID")));
    market.pay(&unpaid).await;
    assert_eq!(market.status(&unpaid).await, "EXPIRED", "too late: the money has to go back");
    for who in [&market.client, &market.talent] {
        assert_eq!(market.told(who, "BOOKING_UNANSWERED").await, 1);
        assert_eq!(market.told(who, "BOOKING_UNPAID").await, 1);
    }
    assert_eq!(market.status(&paid).await, "PAID");
    market.world.end().await;
}

#[tokio::test]
async fn a_late_booking_is_answered_and_paid_within_hours() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::hours(12));
    let asked = market.asked(start).await;
    let late = market.asked(start + Duration::hours(3)).await;
    assert_eq!(market.see(&asked).await["answerBy"], crate::world::rfc3339(start - Duration::hours(2)));
    let accepted = market.accept(&late).await.expect(200);
    assert_eq!(accepted["payBy"], crate::world::rfc3339(start + Duration::hours(2)));
    market.wait_until(start - Duration::hours(2) - Duration::seconds(30)).await;
    assert_eq!(market.status(&asked).await, "PENDING");
    // Its time is over, and the job that says so has not run yet.
    market.world.clock.advance(Duration::seconds(31));
    market.accept(&asked).await.expect_error(410, "BOOKING_EXPIRED");
    market.wait(Duration::ZERO).await;
    assert_eq!(market.status(&asked).await, "EXPIRED");
    market.wait_until(start + Duration::hours(2) + Duration::SECOND).await;
    assert_eq!(market.status(&late).await, "EXPIRED");
    market.world.end().await;
}

#[tokio::test]
async fn a_suspended_accounts_bookings_are_called_off_and_paid_back() {
    for suspended in ["client", "talent"] {
        let market = Market::new().await;
        let start = market.ahead(Duration::hours(20));
        let paid = market.paid(start).await;
        let confirmed = market.confirmed(start + Duration::hours(3)).await;
        let pending = market.asked(start + Duration::hours(6)).await;
        market.world.drain().await;
        let admin = market.world.admin().await;
        let who = if suspended == "client" { &market.client } else { &market.talent };
        let suspend = format!("/api/v1/admin/users/{}/suspend", who.id);
        admin.patch(&suspend, json!({ "reason": "Plainte en cours" })).await.expect(200);
        market.world.drain().await;
        for (booking, refund) in [(&paid, json!(9001)), (&confirmed, json!(null)), (&pending, json!(null))] {
            let seen = admin.get(&format!("{BOOKINGS}/{booking}")).await.expect(200);
            assert_eq!((&seen["status"], &seen["endCause"]), (&json!("CANCELLED"), &json!("ACCOUNT")));
            assert_eq!(seen["refundCents"], refund, "{suspended}");
        }
        let told = "select count(*) from notifications where type = 'BOOKING_CANCELLED'";
        assert_eq!(market.world.count(told).await, 6);
        let again = "update jobs set state = 'waiting', token = null, worker = null, finished_at = null, run_at = clock_timestamp() where kind = 'enforce-account'";
        sqlx::query(again).execute(&market.world.pool).await.unwrap();
        market.world.drain().await;
        assert_eq!(market.world.count(told).await, 6, "once, however often the cascade runs");
        market.world.end().await;
    }
}

#[tokio::test]
async fn a_disputed_booking_ends_as_the_bank_decides() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::hours(30));
    let bookings = [market.paid(start).await, market.paid(start + Duration::hours(2)).await];
    market.wait_until(start + Duration::hours(5)).await;
    for (booking, won, end) in [(&bookings[0], true, "NO_SHOW"), (&bookings[1], false, "REFUNDED")] {
        let now = market.world.clock.now();
        let mut tx = market.begin().await;
        assert!(bookings::mark_disputed(&mut tx, key(booking), now).await.unwrap().is_some());
        assert!(bookings::mark_disputed(&mut tx, key(booking), now).await.unwrap().is_none());
        let settled = bookings::settle_dispute(&mut tx, key(booking), won, now).await.unwrap().unwrap();
        assert!(bookings::settle_dispute(&mut tx, key(booking), won, now).await.unwrap().is_none());
        assert_eq!(serde_json::to_value(settled.status).unwrap(), end);
        tx.commit().await.unwrap();
    }
    market.world.end().await;
}

#[tokio::test]
async fn a_talent_whose_booking_ends_early_is_found_for_the_missions_of_that_time() {
    let mut market = Market::new().await;
    let start = market.ahead(Duration::days(5));
    let booking = market.confirmed(start + Duration::hours(2)).await;
    let mut mission = crate::world::mission();
    mission["startDate"] = json!(crate::world::rfc3339(start));
    market.client.post("/api/v1/matching/missions", mission).await.expect(201);
    market.world.drain().await;
    let invitations = async |market: &Market| {
        let page = market.talent.get("/api/v1/me/invitations").await.expect(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(invitations(&market).await, 0, "booked");
    // What nobody has accepted took no time.
    let asked = market.asked(start + Duration::days(1)).await;
    let rematches = "select count(*) from jobs where kind = 'rematch-open' and state = 'waiting'";
    market.wait(Duration::seconds(61)).await;
    market.talent.act(&format!("{BOOKINGS}/{asked}/refuse")).await;
    assert_eq!(market.world.count(rematches).await, 0);
    market.cancel(&market.client, &booking).await.expect(200);
    assert_eq!(market.world.count(rematches).await, 1);
    market.wait(Duration::seconds(61)).await;
    assert_eq!(invitations(&market).await, 1, "free again");
    market.world.end().await;
}
