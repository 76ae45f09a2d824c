//! A booking's money: paid, held, given back as its cancellation says, and transferred.

use domain::bookings;
use serde_json::json;
use time::Duration;

use crate::market::{BOOKINGS, SERVICES, id, key, offer};
use crate::money::Money;
use crate::world::rfc3339;

impl Money {
    /// A booking so many hours ahead that its talent has accepted.
    async fn confirmed(&self, hours: i64) -> String {
        let service = match &self.nurse.get("/api/v1/me/services").await.body["items"][0]["id"] {
            serde_json::Value::String(id) => id.clone(),
            _ => id(&self.nurse.post(SERVICES, offer()).await.expect(201)),
        };
        let start = (self.world.clock.now() + Duration::hours(hours)).replace_nanosecond(0).unwrap();
        let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": rfc3339(start) });
        let booking = id(&self.client.post(BOOKINGS, request).await.expect(201));
        self.nurse.act(&format!("{BOOKINGS}/{booking}/accept")).await.expect(200);
        booking
    }

    /// And is paid; its payment.
    async fn booked(&self, hours: i64) -> (String, String) {
        let booking = self.confirmed(hours).await;
        let intent =
            self.client.act(&format!("/api/v1/payments/bookings/{booking}/intent")).await.expect(201);
        self.stripe.pay(&self.intent_of(&intent).await);
        self.drain().await;
        (booking, intent["paymentId"].as_str().unwrap().to_owned())
    }

    async fn booking(&self, booking: &str) -> serde_json::Value {
        self.client.get(&format!("{BOOKINGS}/{booking}")).await.expect(200)
    }

    async fn cancel_booking(&self, who: &tests::Client, booking: &str) {
        let reason = json!({ "reason": "Un empêchement" });
        who.post(&format!("{BOOKINGS}/{booking}/cancel"), reason).await.expect(200);
        self.drain().await;
    }
}

/// Both were there.
async fn held(money: &Money, booking: &str) {
    let mut tx = money.world.db().begin().await.unwrap();
    sqlx::query("update bookings set status = 'COMPLETED', ended_at = $2 where id = $1::uuid")
        .bind(booking)
        .bind(money.world.clock.now())
        .execute(&mut *tx)
        .await
        .unwrap();
    let completed = bookings::Completed { booking: bookings::get(&mut tx, key(booking)).await.unwrap() };
    jobs::effects::bookings::completed(&mut tx, &completed, money.world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_booking_is_paid_held_and_paid_out() {
    let money = Money::new().await;
    money.onboarded().await;
    let (booking, payment) = money.booked(72).await;
    assert_eq!(money.booking(&booking).await["status"], "PAID");
    assert_eq!(
        money.ledger().await,
        json!({ "STRIPE": 9_001, "TALENT": -7_651, "COMMISSION": -1_125, "VAT": -225 })
    );
    let again = money.client.act(&format!("/api/v1/payments/bookings/{booking}/intent")).await;
    assert_eq!(again.expect(409)["code"], "ALREADY_PAID");
    held(&money, &booking).await;
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer")[0]["amount"], 7_651);
    let client = money.world.returning(&money.client).await;
    assert_eq!(client.get(&format!("/api/v1/payments/{payment}")).await.expect(200)["status"], "SUCCEEDED");
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_cancelled_booking_gives_back_what_was_shown() {
    let money = Money::new().await;
    for (hours, back) in [(72, 9_001), (36, 4_500), (20, 0)] {
        let (booking, payment) = money.booked(hours).await;
        let price = money.client.get(&format!("{BOOKINGS}/{booking}/cancellation")).await.expect(200);
        assert_eq!(price["refundCents"], back);
        money.cancel_booking(&money.client, &booking).await;
        assert_eq!(money.payment(&payment).await["refundedCents"], back);
        let status = if back > 0 { "REFUNDED" } else { "CANCELLED" };
        assert_eq!(money.booking(&booking).await["status"], status);
        money.check().await;
    }
    // What stays due is the talent's, two days later.
    money.onboarded().await;
    money.advance(Duration::hours(48));
    money.drain().await;
    let mut cents: Vec<_> =
        money.stripe.objects("transfer").iter().map(|t| t["amount"].as_i64().unwrap()).collect();
    cents.sort_unstable();
    assert_eq!(cents, [3_826, 7_651]);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_talent_who_cancels_gives_everything_back() {
    let money = Money::new().await;
    let (booking, payment) = money.booked(20).await;
    money.cancel_booking(&money.nurse, &booking).await;
    assert_eq!(money.payment(&payment).await["refundedCents"], 9_001);
    assert_eq!(money.booking(&booking).await["status"], "REFUNDED");
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_booking_that_is_off_cannot_be_paid_any_more() {
    let money = Money::new().await;
    let booking = money.confirmed(72).await;
    let path = format!("/api/v1/payments/bookings/{booking}/intent");
    let intent = money.client.act(&path).await.expect(201);
    let stripes = money.intent_of(&intent).await;
    money.cancel_booking(&money.client, &booking).await;
    assert_eq!(money.stripe.object(&stripes).unwrap()["status"], "canceled");
    let payment = money.payment(intent["paymentId"].as_str().unwrap()).await;
    assert_eq!(payment["status"], "CANCELLED");
    assert_eq!(money.client.act(&path).await.expect(409)["code"], "NOT_PAYABLE");
    money.nurse.act(&path).await.expect(403);
    let stranger = money.world.client("rose").await;
    assert_eq!(stranger.act(&path).await.expect(403)["code"], "NOT_A_PARTICIPANT");
    money.world.end().await;
}

#[tokio::test]
async fn who_has_paid_a_booking_can_object_whether_or_not_its_contract_is_signed() {
    let mut money = Money::new().await;
    let unpaid = money.confirmed(360).await;
    money.drain().await;
    let path = crate::contracts::newest(&money.client).await;
    let reason = json!({ "reason": "La séance n’a rien donné" });
    let refused = money.client.post(&format!("{path}/dispute"), reason.clone()).await;
    refused.expect_error(409, "CONTRACT_NOT_DISPUTABLE");
    money.cancel_booking(&money.client, &unpaid).await;

    money.onboarded().await;
    // One whose contract nobody has signed yet, and one whose time to sign is over.
    for (hours, status) in [(72, "PENDING"), (400, "CANCELLED")] {
        let (booking, _) = money.booked(hours).await;
        let path = crate::contracts::newest(&money.client).await;
        let contract = money.client.get(&path).await.expect(200);
        assert_eq!(contract["bookingId"], booking.as_str());
        if status == "CANCELLED" {
            money.advance(Duration::days(8));
            money.drain().await;
            money.return_all().await;
        }
        assert_eq!(money.client.get(&path).await.expect(200)["status"], status);
        let dispute = format!("{path}/dispute");
        let disputed = money.client.post(&dispute, reason.clone()).await.expect(200);
        assert_eq!(disputed["status"], "DISPUTED");
        money.client.post(&dispute, reason.clone()).await.expect_error(409, "CONTRACT_NOT_DISPUTABLE");
        held(&money, &booking).await;
        money.advance(Duration::hours(49));
        money.drain().await;
        money.return_all().await;
        let before = money.stripe.objects("transfer").len();
        let resolve = path.replace("/api/v1/", "/api/v1/admin/") + "/resolve";
        let resolved =
            money.admin.post(&resolve, json!({ "resolution": "La séance est due" })).await.expect(200);
        assert_eq!(resolved["status"], status, "where it stood");
        money.drain().await;
        assert_eq!(money.stripe.objects("transfer").len(), before + 1, "what waited for the decision goes");
        money.check().await;
    }
    // Nobody signs a contract whose time was over meanwhile.
    assert_eq!(money.world.count("select count(*) from contracts where status = 'PENDING'").await, 0);
    money.world.end().await;
}

#[tokio::test]
async fn an_accepted_booking_has_a_contract_that_ends_with_it() {
    let money = Money::new().await;
    let booking = money.confirmed(240).await;
    money.drain().await;
    let path = crate::contracts::newest(&money.client).await;
    let contract = money.nurse.get(&path).await.expect(200);
    assert_eq!((&contract["bookingId"], &contract["status"]), (&json!(booking), &json!("PENDING")));
    assert_eq!(contract["amountCents"], 9_001);
    crate::signatures::sign(&money.world, &money.client, &path).await;
    crate::signatures::sign(&money.world, &money.nurse, &path).await;
    assert_eq!(money.client.get(&path).await.expect(200)["status"], "SIGNED");

    let other = money.confirmed(360).await;
    money.drain().await;
    let path = crate::contracts::newest(&money.client).await;
    money.cancel_booking(&money.client, &other).await;
    let called_off = money.client.get(&path).await.expect(200);
    assert_eq!((&called_off["bookingId"], &called_off["status"]), (&json!(other), &json!("CANCELLED")));
    money.drain().await;
    money.world.end().await;
}
