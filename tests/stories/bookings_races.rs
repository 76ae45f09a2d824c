//! One talent and two who want the same hour: whoever comes first has it, whichever kind of work it is.

use futures_util::future::join_all;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio::join;

use crate::market::{BOOKINGS, Market, id, key};
use crate::world::{mission, rfc3339};

const ROUNDS: i64 = 20;

/// A start of each round, on days of their own.
fn round(market: &Market, n: i64) -> OffsetDateTime {
    market.ahead(Duration::days(3 + 2 * n))
}

/// True when it was granted; else it must have been refused because the talent is taken.
#[track_caller]
fn granted(answer: &tests::Answer) -> bool {
    let granted = answer.status.as_u16() == 200;
    assert!(granted || answer.body["code"] == "TALENT_ALREADY_BOOKED", "{}", answer.body);
    granted
}

async fn assert_nobody_is_in_two_places(market: &Market) {
    let twice = "with work as (
                     select id, talent_id, period from assignments where status in ('ASSIGNED', 'IN_PROGRESS')
                     union all select id, talent_id, period from bookings where status in ('CONFIRMED', 'PAID', 'IN_PROGRESS'))
                 select count(*) from work a join work b on a.talent_id = b.talent_id and a.id < b.id and a.period && b.period";
    assert_eq!(market.world.count(twice).await, 0);
}

#[tokio::test]
async fn two_bookings_of_one_hour_are_accepted_at_once() {
    let market = Market::new().await;
    for n in 0..ROUNDS {
        let start = round(&market, n);
        // Overlapping, each in its own way.
        let mut asked = Vec::new();
        for minutes in [-30, 0, 0, 45] {
            asked.push(market.asked(start + Duration::minutes(minutes)).await);
        }
        let answers = join_all(asked.iter().map(|booking| market.accept(booking))).await;
        let won = answers.iter().filter(|answer| granted(answer)).count();
        assert!((1..=2).contains(&won), "the first and the last hour do not meet");
        assert_nobody_is_in_two_places(&market).await;
    }
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn a_booking_and_a_mission_of_one_hour_are_accepted_at_once() {
    let market = Market::new().await;
    for n in 0..ROUNDS {
        let start = round(&market, n);
        let booking = market.asked(start).await;
        let mut shift = mission();
        shift["startDate"] = json!(rfc3339(start - Duration::hours(4)));
        shift["endDate"] = json!(rfc3339(start + Duration::minutes(30)));
        let posted = market.client.post("/api/v1/matching/missions", shift).await.expect(201);
        market.world.drain().await;
        let invitations = market.talent.get("/api/v1/me/invitations").await.expect(200);
        assert_eq!(invitations["items"][0]["missionId"], posted["id"]);
        let accept = format!("/api/v1/invitations/{}/accept", id(&invitations["items"][0]));
        let (booked, assigned) = join!(market.accept(&booking), market.talent.act(&accept));
        assert_ne!(granted(&booked), granted(&assigned), "one of the two");
        assert_nobody_is_in_two_places(&market).await;
    }
    market.world.drain().await;
    market.world.end().await;
}

#[tokio::test]
async fn a_booking_is_accepted_and_cancelled_at_once() {
    let market = Market::new().await;
    for n in 0..ROUNDS {
        let booking = market.asked(round(&market, n)).await;
        let refuse = format!("{BOOKINGS}/{booking}/refuse");
        let (accepted, refused, cancelled) = join!(
            market.accept(&booking),
            market.talent.post(&refuse, json!({})),
            market.cancel(&market.client, &booking),
        );
        let ended = refused.status.as_u16() == 200 || cancelled.status.as_u16() == 200;
        assert!(ended, "accepted or not, the client may cancel");
        assert!(!(refused.status.as_u16() == 200 && accepted.status.as_u16() == 200));
        let seen = market.status(&booking).await;
        assert!(seen == "CANCELLED" || seen == "REJECTED", "{seen}");
    }
    market.world.drain().await;
    market.world.end().await;
}

/// A payment that arrives while the booking is cancelled: either it is paid and its refund is known, or it never was.
#[tokio::test]
async fn a_booking_is_paid_and_cancelled_at_once() {
    let market = Market::new().await;
    for n in 0..ROUNDS {
        let booking = market.confirmed(round(&market, n)).await;
        let (cancelled, ()) = join!(market.cancel(&market.client, &booking), market.pay(&booking));
        let seen = cancelled.expect(200);
        let paid = seen.get("paidAt").is_some();
        assert_eq!(seen.get("refundCents").map(|cents| cents == 9001), paid.then_some(true));
        assert_eq!(market.status(&booking).await, "CANCELLED");
        let mut tx = market.begin().await;
        let late =
            domain::bookings::mark_paid(&mut tx, key(&booking), market.world.clock.now()).await.unwrap();
        assert!(late.is_none());
    }
    market.world.drain().await;
    market.world.end().await;
}
