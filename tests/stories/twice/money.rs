//! The jobs of money: paid, paid out, given back, compared; and asked for in vain.

use jobs::ReconcileStripe;
use jobs::ledger::NewJob;
use serde_json::json;
use time::Duration;

use super::Delivered;
use crate::market::id;
use crate::money::Money;

pub(super) async fn play(twice: &mut Delivered) {
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    twice.again(&money.world).await;
    money.onboarded().await;
    twice.again(&money.world).await;
    money.accepted(&mission, 480).await;
    twice.again(&money.world).await;
    money.advance(Duration::hours(49));
    money.return_all().await;
    money.drain().await;
    twice.again(&money.world).await;
    assert_eq!(money.stripe.objects("transfer").len(), 1);
    let part = json!({ "amountCents": 5_000, "reason": "Geste commercial" });
    money.admin.post(&format!("/api/v1/payments/{payment}/refund"), part).await.expect(201);
    money.drain().await;
    twice.again(&money.world).await;
    assert_eq!(
        (money.stripe.objects("refund").len(), money.stripe.objects("transfer_reversal").len()),
        (1, 1)
    );
    // A bank sends it back.
    money.stripe.fail_refund(&id(&money.stripe.objects("refund")[0]));
    money.drain().await;
    twice.again(&money.world).await;
    money.transfer(&money.transfers(false).await[0], "VIR-1").await.expect(200);
    twice.again(&money.world).await;
    money.world.enqueue(NewJob::of(&ReconcileStripe {})).await;
    twice.again(&money.world).await;
    money.check().await;
    money.world.end().await;

    let money = Money::new().await;
    let mission = money.signed().await;
    let asked = money.intent(&mission).await;
    let cancel = format!("/api/v1/matching/missions/{mission}/cancel");
    money.client.post(&cancel, json!({ "reason": "Erreur" })).await.expect(200);
    money.drain().await;
    twice.again(&money.world).await;
    let asked = asked["paymentId"].as_str().unwrap();
    assert_eq!(money.payment(asked).await["status"], "CANCELLED");
    money.world.end().await;

    // Refused, and given back by bank instead.
    let mut money = Money::new().await;
    let (_, refund) = money.refused().await;
    money.by_bank(&refund).await.expect(200);
    twice.again(&money.world).await;
    money.transfer(&money.transfers(false).await[0], "VIR-1").await.expect(200);
    twice.again(&money.world).await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 20_000, "BANK": -20_000 }));
    money.return_all().await;
    money.check().await;
    money.world.end().await;

    let money = Money::new().await;
    let contract = money.quoted().await;
    let payment = money.bill(&contract).await.expect(201);
    money.stripe.pay(&money.intent_of(&payment).await);
    money.drain().await;
    twice.again(&money.world).await;
    money.advance(Duration::days(14));
    twice.again(&money.world).await;
    let completed = "select count(*) from contracts where status = 'COMPLETED'";
    assert_eq!(money.world.count(completed).await, 1);
    money.check().await;
    money.world.end().await;
}
