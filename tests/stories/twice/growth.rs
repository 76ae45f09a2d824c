//! The jobs of growth: points given and taken back, a review asked for, the nightly comparison.

use domain::growth::points::Action;
use jobs::ledger::NewJob;
use jobs::{CheckPoints, ReversePoints};
use serde_json::json;
use time::Duration;

use super::Delivered;
use crate::growth::points;
use crate::market::{Market, SERVICES, id, offer};

pub(super) async fn play(twice: &mut Delivered) {
    let mut market = Market::new().await;
    let mut workshop = offer();
    workshop["type"] = json!("WORKSHOP");
    market.service = id(&market.talent.post(SERVICES, workshop).await.expect(201));
    let start = market.ahead(Duration::days(5));
    market.paid(start).await;
    twice.again(&market.world).await;
    assert_eq!(points(&market.talent).await, 40);
    market.wait_until(start + Duration::hours(3)).await;
    twice.again(&market.world).await;
    let (user_id, reference) =
        (market.talent.id.parse::<uuid::Uuid>().unwrap(), market.service.parse().unwrap());
    let reverse = ReversePoints { user_id: user_id.into(), action: Action::ServicePublished, reference };
    market.world.enqueue(NewJob::of(&reverse)).await;
    market.world.enqueue(NewJob::of(&CheckPoints {})).await;
    twice.again(&market.world).await;
    assert_eq!(points(&market.talent).await, 20);
    market.world.end().await;
}
