//! The jobs of bookings: what waits in vain, what is held, what is missed.

use time::Duration;

use super::Delivered;
use crate::market::{Market, Rooms};

pub(super) async fn play(twice: &mut Delivered) {
    let rooms = Rooms::start(&[200]).await;
    let mut market = Market::with_video(&rooms.url).await;
    let start = market.ahead(Duration::days(5));
    let unanswered = market.asked(start + Duration::hours(6)).await;
    let unpaid = market.confirmed(start + Duration::hours(3)).await;
    let (held, missed) = (market.paid(start).await, market.paid(start + Duration::minutes(90)).await);
    let refused = market.paid(start + Duration::hours(5)).await;
    market.cancel(&market.talent, &refused).await.expect(200);
    twice.again(&market.world).await;
    for at in [start - Duration::hours(24), start - Duration::hours(1), start - Duration::minutes(15)] {
        market.world.clock.advance(at + Duration::SECOND - market.world.clock.now());
        twice.again(&market.world).await;
    }
    market.wait_until(start).await;
    for (n, who) in [&market.client, &market.talent].into_iter().enumerate() {
        let event = market.event(&format!("EV_{n}"), "participant_joined", &held, Some(who));
        market.tell(&event).await.expect(200);
        twice.again(&market.world).await;
    }
    for minutes in [76, 15, 75, 15] {
        market.world.clock.advance(Duration::minutes(minutes));
        twice.again(&market.world).await;
    }
    market.wait(Duration::ZERO).await;
    for (booking, end) in
        [(unanswered, "EXPIRED"), (unpaid, "EXPIRED"), (held, "COMPLETED"), (missed, "NO_SHOW")]
    {
        assert_eq!(market.status(&booking).await, end);
    }
    market.world.end().await;
}
