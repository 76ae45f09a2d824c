//! What a mission comes to, whenever its client pays: the work that was accepted, or the price of a cancellation.

use futures_util::future::join_all;
use serde_json::{Value, json};
use time::Duration;

use crate::contracts::{again, assigned, told, weekday};
use crate::hub::start_of;
use crate::money::Money;

impl Money {
    /// Time passes until so long before the start of a mission, which is then cancelled.
    async fn cancelled(&mut self, mission: &str, notice: Duration) {
        let start = start_of(&self.client, mission).await;
        self.advance(start - notice - self.world.clock.now());
        self.return_all().await;
        self.cancel(mission).await;
    }

    async fn cancel(&self, mission: &str) {
        let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
        self.client.post(&cancel, json!({ "reason": "Retour anticipé" })).await.expect(200);
    }

    async fn pay(&self, payment: &Value) {
        self.stripe.pay(&self.intent_of(payment).await);
        self.drain().await;
    }

    async fn refusal(&self, mission: &str) -> Value {
        let intent = self.client.act(&format!("/api/v1/payments/missions/{mission}/intent")).await;
        intent.expect(409)["code"].clone()
    }

    /// What the newest invoice of a talent says was delivered.
    async fn invoiced(&self) -> String {
        sqlx::query_scalar(
            "select content -> 'lines' -> 0 ->> 'description' from invoices where issuer_id is not null
              order by issued_at desc, id desc limit 1",
        )
        .fetch_one(&self.world.pool)
        .await
        .unwrap()
    }

    async fn transferred(&self) -> i64 {
        self.stripe.objects("transfer").iter().map(|transfer| transfer["amount"].as_i64().unwrap()).sum()
    }
}

const HALF: Duration = Duration::hours(12);

fn half() -> Value {
    json!({ "STRIPE": 10_000, "TALENT": -8_500, "COMMISSION": -1_250, "VAT": -250 })
}

#[tokio::test]
async fn a_late_cancellation_is_paid_although_the_mission_was_not() {
    let mut money = Money::new().await;
    let mission = money.signed().await;
    money.onboarded().await;
    money.cancelled(&mission, HALF).await;
    money.drain().await;
    again(&money.world, "cancel-cascade").await;
    assert_eq!(told(&money.world, &money.client, "CANCELLATION_DUE", "Annulation à régler").await, (1, 1));

    let asked = join_all((0..20).map(|_| money.intent(&mission))).await;
    assert_eq!(asked[0]["amountCents"], 10_000);
    assert!(asked.iter().all(|payment| payment == &asked[0]));
    assert_eq!(money.stripe.objects("payment_intent").len(), 1);
    money.pay(&asked[0]).await;
    assert_eq!(money.refusal(&mission).await, "ALREADY_PAID");
    assert_eq!(money.ledger().await, half());
    let line = money.invoiced().await;
    assert!(line.starts_with("Indemnité d’annulation – "), "{line}");
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.transferred().await, 8_500);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn nothing_is_owed_in_time_or_to_nobody() {
    let mut money = Money::new().await;
    let mission = money.signed().await;
    money.cancelled(&mission, Duration::hours(25)).await;
    money.drain().await;
    assert_eq!(money.refusal(&mission).await, "NOT_PAYABLE");
    assert_eq!(told(&money.world, &money.client, "CANCELLATION_DUE", "").await.0, 0);

    let mut money = Money::new().await;
    let mission = assigned(&money.world, &money.client, &money.nurse, weekday()).await;
    money.cancelled(&mission, HALF).await;
    money.drain().await;
    assert_eq!(money.refusal(&mission).await, "NOT_PAYABLE", "nobody had signed");
    let seen = money.client.get(&format!("/api/v1/matching/missions/{mission}")).await.expect(200);
    assert_eq!(seen["cancellationCents"], 0);
    assert_eq!(money.world.count("select count(*) from payments").await, 0);
    money.world.end().await;
}

#[tokio::test]
async fn an_open_payment_of_the_whole_is_taken_back_first() {
    let mut money = Money::new().await;
    let mission = money.signed().await;
    let whole = money.intent(&mission).await;
    let stripes = money.intent_of(&whole).await;
    // Before the cascade has run, who asks for the price does what it would have done.
    money.admin.act("/api/v1/admin/queues/default/pause").await.expect(200);
    money.cancelled(&mission, HALF).await;
    let price = money.intent(&mission).await;
    assert_eq!((&whole["amountCents"], &price["amountCents"]), (&json!(20_000), &json!(10_000)));
    assert_eq!(money.stripe.object(&stripes).unwrap()["status"], "canceled");
    money.admin.act("/api/v1/admin/queues/default/resume").await.expect(200);
    money.drain().await;
    assert_eq!(money.payment(whole["paymentId"].as_str().unwrap()).await["status"], "CANCELLED");
    assert_eq!(money.intent(&mission).await, price, "and leaves the new one alone");
    money.pay(&price).await;
    assert_eq!(money.ledger().await, half());
    money.check().await;
    money.world.end().await;

    let mut money = Money::new().await;
    let mission = money.signed().await;
    let whole = money.intent(&mission).await;
    money.cancelled(&mission, HALF).await;
    money.drain().await;
    assert_eq!(money.payment(whole["paymentId"].as_str().unwrap()).await["status"], "CANCELLED");
    let price = money.intent(&mission).await;
    money.pay(&price).await;
    assert_eq!(money.ledger().await, half());
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn who_pays_while_it_is_cancelled_gets_the_rest_back() {
    let mut money = Money::new().await;
    let mission = money.signed().await;
    let whole = money.intent(&mission).await;
    let id = whole["paymentId"].as_str().unwrap();
    money.stripe.hold(true);
    let start = start_of(&money.client, &mission).await;
    money.advance(start - HALF - money.world.clock.now());
    money.return_all().await;
    money.stripe.pay(&money.intent_of(&whole).await);
    money.cancel(&mission).await;
    money.world.drain().await;
    assert_eq!(
        money.refusal(&mission).await,
        "PAYMENT_PROCESSING",
        "Stripe has been paid and nobody knows it"
    );
    money.stripe.hold(false);
    money.drain().await;
    let paid = money.payment(id).await;
    assert_eq!((&paid["status"], &paid["refundedCents"]), (&json!("SUCCEEDED"), &json!(10_000)));
    assert_eq!(money.refusal(&mission).await, "ALREADY_PAID");
    assert_eq!(money.ledger().await, half());
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_is_asked_for_after_the_work_is_what_was_accepted() {
    for (minutes, cents, share) in [(540, 22_500, 19_125), (450, 18_750, 15_937)] {
        let money = Money::new().await;
        let mission = money.signed().await;
        money.onboarded().await;
        money.accepted(&mission, minutes).await;
        let asked = join_all((0..5).map(|_| money.intent(&mission))).await;
        assert!(asked.iter().all(|payment| payment == &asked[0]));
        assert_eq!(asked[0]["amountCents"], cents);
        money.pay(&asked[0]).await;
        assert_eq!(money.world.count("select count(*) from payments").await, 1, "and no supplement");
        assert_eq!(money.refusal(&mission).await, "ALREADY_PAID");
        money.advance(Duration::hours(48));
        money.drain().await;
        assert_eq!(money.transferred().await, share);
        money.check().await;
        money.world.end().await;
    }
}

#[tokio::test]
async fn whatever_was_asked_for_before_ends_at_the_accepted_minutes() {
    for minutes in [540, 450] {
        let money = Money::new().await;
        let mission = money.signed().await;
        let planned = money.intent(&mission).await;
        money.accepted(&mission, minutes).await;
        assert_eq!(money.payment(planned["paymentId"].as_str().unwrap()).await["status"], "CANCELLED");
        let payment = money.intent(&mission).await;
        money.pay(&payment).await;
        let came = money.ledger().await["STRIPE"].clone();
        assert_eq!(came, 20_000 + (minutes - 480) * 2_500 / 60);
        money.check().await;
        money.world.end().await;
    }

    // Paid at the moment of the acceptance.
    let money = Money::new().await;
    let mission = money.signed().await;
    money.onboarded().await;
    let planned = money.intent(&mission).await;
    money.stripe.hold(true);
    money.stripe.pay(&money.intent_of(&planned).await);
    money.world.drain().await;
    tokio::join!(money.accepted(&mission, 540), async { money.stripe.hold(false) });
    money.drain().await;
    assert_eq!(told(&money.world, &money.client, "SUPPLEMENT_DUE", "Complément à régler").await, (1, 1));
    let supplement = money.intent(&mission).await;
    assert_eq!(supplement["amountCents"], 2_500);
    money.pay(&supplement).await;
    assert_eq!(money.ledger().await["STRIPE"], 22_500);
    money.advance(Duration::hours(48));
    money.drain().await;
    assert_eq!(money.transferred().await, 19_125);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_nobody_begins_costs_nothing() {
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    let path = format!("/api/v1/matching/missions/{mission}");
    let start = start_of(&money.client, &mission).await;
    money.advance(start + Duration::minutes(14) - money.world.clock.now());
    money.return_all().await;
    let price = format!("{path}/cancellation");
    assert_eq!(money.client.get(&price).await.expect(200)["priceCents"], 20_000, "the talent may be late");
    money.cancelled(&mission, -Duration::minutes(15)).await;
    money.drain().await;
    assert_eq!(money.client.get(&path).await.expect(200)["cancellationCents"], 0);
    assert_eq!(money.payment(&payment).await["refundedCents"], 20_000);
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;

    // Nor where its client does nothing: a week after its end nobody can begin it any more.
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    let path = format!("/api/v1/matching/missions/{mission}");
    let start = start_of(&money.client, &mission).await;
    money.advance(start + Duration::hours(7 * 24 + 7) - money.world.clock.now());
    money.drain().await;
    money.return_all().await;
    assert_eq!(money.client.get(&path).await.expect(200)["status"], "ASSIGNED");
    assert_eq!(money.client.get("/api/v1/missions/active/count").await.expect(200)["active"], 1);
    money.advance(Duration::hours(1));
    money.return_all().await;
    money.drain().await;
    again(&money.world, "check-assignment").await;
    let seen = money.client.get(&path).await.expect(200);
    assert_eq!((&seen["status"], &seen["cancelCause"]), (&json!("CANCELLED"), &json!("NOT_STARTED")));
    assert_eq!(money.client.get("/api/v1/missions/active/count").await.expect(200)["active"], 0);
    for person in [&money.client, &money.nurse] {
        assert_eq!(told(&money.world, person, "MISSION_CANCELLED", "").await.0, 1);
    }
    assert_eq!(money.payment(&payment).await["refundedCents"], 20_000);
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}
