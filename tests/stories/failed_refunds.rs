//! Refunds that Stripe took and that the payer's bank sends back days later: the money is owed again, whatever is told in which order.

use futures_util::future::join_all;
use jobs::ReconcileStripe;
use jobs::ledger::NewJob;
use serde_json::{Value, json};
use tests::stripe_sandbox::{Armed, Fault};
use time::Duration;
use uuid::Uuid;

use crate::contracts::told;
use crate::letters::{Letter, letters};
use crate::market::{BOOKINGS, SERVICES, id, offer};
use crate::money::Money;
use crate::payment_webhooks::orders;
use crate::world::rfc3339;

fn alerts(money: &Money, about: &str) -> Vec<Letter> {
    let all = letters(&money.world).into_iter();
    all.filter(|letter| letter.to == "ops@example.org" && letter.subject.contains(about)).collect()
}

fn newest(money: &Money, kind: &str) -> String {
    id(&money.stripe.objects(kind).pop().unwrap())
}

#[tokio::test]
async fn a_refund_that_comes_back_is_owed_to_the_client_again() {
    let mut money = Money::new().await;
    let (mission, payment) = money.paid().await;
    money.onboarded().await;
    let half = json!({ "amountCents": 10_000, "reason": "Moitié" });
    money.admin.post(&format!("/api/v1/payments/{payment}/refund"), half).await.expect(201);
    money.drain().await;
    assert_eq!(money.payment(&payment).await["refundedCents"], 10_000);
    money.advance(Duration::days(3));
    money.return_all().await;
    money.stripe.fail_refund(&newest(&money, "refund"));
    money.drain().await;
    assert_eq!(
        money.ledger().await,
        json!({ "STRIPE": 20_000, "OWED_BACK": -10_000, "TALENT": -8_500, "COMMISSION": -1_250, "VAT": -250 })
    );
    assert_eq!(money.payment(&payment).await["refundedCents"], 0);
    let seen = money.client.get("/api/v1/me/transactions").await.expect(200);
    assert_eq!(
        (&seen["items"][0]["event"], &seen["items"][0]["amountCents"]),
        (&json!("REFUND_FAILED"), &json!(-10_000))
    );
    let [alert] = &alerts(&money, "Remboursement rejeté")[..] else { panic!("one alert") };
    assert!(alert.text.contains("100,00\u{a0}€ à rendre autrement"), "{}", alert.text);

    // It is the client's: the talent gets the own half and no more, and at night nothing is found to differ.
    money.accepted(&mission, 480).await;
    money.advance(Duration::hours(49));
    money.drain().await;
    assert_eq!(money.stripe.objects("transfer").pop().unwrap()["amount"], 8_500);
    money.world.enqueue(NewJob::of(&ReconcileStripe {})).await;
    money.drain().await;
    assert!(alerts(&money, "Écart").is_empty());
    money.check().await;

    // It goes back by bank, and its payer hears of it once more.
    money.return_all().await;
    assert_eq!(told(&money.world, &money.client, "REFUND_MADE", "Remboursement effectué").await, (1, 1));
    let [due] = &money.transfers(false).await[..] else { panic!("one transfer") };
    assert_eq!((&due["why"], &due["amountCents"]), (&json!("REFUND_CAME_BACK"), &json!(10_000)));
    for answer in join_all((0..5).map(|_| money.transfer(due, "VIR-1"))).await {
        answer.expect(200);
    }
    money.transfer(due, "VIR-2").await.expect_error(409, "NO_TRANSFER_DUE");
    money.drain().await;
    let ledger = money.ledger().await;
    assert_eq!((&ledger["OWED_BACK"], &ledger["BANK"]), (&Value::Null, &json!(-10_000)));
    assert_eq!(money.payment(&payment).await["refundedCents"], 10_000);
    assert_eq!(told(&money.world, &money.client, "REFUND_MADE", "Remboursement effectué").await, (2, 2));
    let seen = money.client.get("/api/v1/me/transactions").await.expect(200);
    let seen: Vec<_> =
        seen["items"].as_array().unwrap().iter().map(|item| item["amountCents"].clone()).collect();
    assert_eq!(seen, [10_000, -10_000, 10_000, -20_000]);
    money.check().await;
    money.world.end().await;
}

/// A booking that waits for its payment; the payment's id and Stripe's.
async fn asked(money: &Money, service: &str, n: usize) -> (Uuid, String) {
    let start = money.world.clock.now() + Duration::days(3 + i64::try_from(n).unwrap());
    let start = rfc3339(start.replace_nanosecond(0).unwrap());
    let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": start });
    let booking = id(&money.client.post(BOOKINGS, request).await.expect(201));
    money.nurse.act(&format!("{BOOKINGS}/{booking}/accept")).await.expect(200);
    let payment = money.client.act(&format!("/api/v1/payments/bookings/{booking}/intent")).await.expect(201);
    (payment["paymentId"].as_str().unwrap().parse().unwrap(), money.intent_of(&payment).await)
}

#[tokio::test]
async fn every_order_of_a_payment_its_refund_and_its_failing_ends_in_one_state() {
    let money = Money::with(&[], &[], Money::quiet).await;
    let service = id(&money.nurse.post(SERVICES, offer()).await.expect(201));
    money.stripe.hold(true);
    let kinds = ["payment_intent.succeeded", "charge.refunded", "refund.updated", "refund.failed"];
    let orders = orders(kinds.len());
    let mut payments = Vec::new();
    for (n, order) in orders.iter().enumerate() {
        let (payment, intent) = asked(&money, &service, n).await;
        money.stripe.pay(&intent);
        money.refund_at_stripe(&newest(&money, "charge"), 4_000).await;
        money.stripe.fail_refund(&newest(&money, "refund"));
        let told: Vec<Value> =
            kinds.iter().map(|kind| money.stripe.events(kind).pop().expect(kind)).collect();
        // Each twice: once in this order, and once more in its reverse; half of them before anything was acted on.
        for (at, event) in order.iter().chain(order.iter().rev()).enumerate() {
            money.deliver(&told[*event]).await.expect(200);
            if n % 2 == 0 || at == order.len() {
                money.world.drain().await;
            }
        }
        payments.push(payment);
    }
    // And everything once more, with all that concerns nobody.
    money.stripe.hold(false);
    money.drain().await;
    let count = i64::try_from(orders.len()).unwrap();
    let entries = "select count(*) from ledger_entries where payment_id = $1 and event = $2::ledger_event";
    for (payment, order) in payments.iter().zip(&orders) {
        for event in ["PAID", "REFUNDED", "REFUND_FAILED"] {
            let entries: i64 = sqlx::query_scalar(entries)
                .bind(payment)
                .bind(event)
                .fetch_one(&money.world.pool)
                .await
                .unwrap();
            assert_eq!(entries, 1, "{event} in the order {order:?}");
        }
    }
    assert_eq!(money.ledger().await["OWED_BACK"], json!(-4_000 * count));
    assert_eq!(alerts(&money, "Remboursement rejeté").len(), orders.len());
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn a_failing_that_is_told_before_the_answer_to_the_refund_waits_for_it() {
    let money = Money::with(&[], &[], Money::quiet).await;
    let service = id(&money.nurse.post(SERVICES, offer()).await.expect(201));
    let (payment, intent) = asked(&money, &service, 0).await;
    money.stripe.pay(&intent);
    money.drain().await;
    // However long the failing takes, no try in between hears that the refund was made.
    money.stripe.arm(Armed { times: 10, ..Armed::once("/v1/refunds", Fault::DropAfter) });
    let all = json!({ "reason": "Tout" });
    money.admin.post(&format!("/api/v1/payments/{payment}/refund"), all).await.expect(201);
    money.drain().await;
    money.stripe.fail_refund(&newest(&money, "refund"));
    money.drain().await;
    assert_eq!(money.ledger().await["OWED_BACK"], Value::Null, "nothing has gone that could come back");
    // Asked again with the same key: it was made.
    money.stripe.disarm();
    money.advance(Duration::minutes(5));
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 9_001, "OWED_BACK": -9_001 }));
    assert_eq!(alerts(&money, "Remboursement rejeté").len(), 1);
    money.check().await;
    money.world.end().await;
}
