//! Nothing is given back twice: whatever Stripe tells late, and whatever the payer's bank takes, counts for what is still to be
//! transferred.

use serde_json::{Value, json};
use tests::stripe_sandbox::Verdict;
use time::Duration;
use uuid::Uuid;

use crate::contracts::told;
use crate::market::{BOOKINGS, SERVICES, id, offer};
use crate::money::Money;
use crate::payment_webhooks::orders;
use crate::world::rfc3339;

fn charge(money: &Money) -> String {
    id(&money.stripe.objects("charge").pop().unwrap())
}

impl Money {
    /// What Stripe refused, and is owed.
    async fn owed(&self) -> String {
        let (payment, refund) = self.refused().await;
        self.by_bank(&refund).await.expect(200);
        self.drain().await;
        payment
    }

    async fn lose_dispute(&self) {
        let dispute = self.stripe.dispute(&charge(self));
        self.drain().await;
        self.stripe.close_dispute(&dispute, Verdict::Lost);
        self.drain().await;
    }
}

#[tokio::test]
async fn what_is_given_back_on_stripes_pages_is_not_transferred_too() {
    let money = Money::new().await;
    let payment = money.owed().await;
    money.refund_at_stripe(&charge(&money), 5_000).await;
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 15_000, "OWED_BACK": -15_000 }));
    let [due] = &money.transfers(false).await[..] else { panic!("one transfer") };
    assert_eq!((&due["amountCents"], &due["coveredCents"]), (&json!(15_000), &json!(5_000)));
    assert_eq!(money.world.count("select count(*) from invoices where kind = 'CREDIT_NOTE'").await, 2);
    money.transfer(due, "VIR-1").await.expect(200);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "STRIPE": 15_000, "BANK": -15_000 }));
    assert_eq!(money.payment(&payment).await["refundedCents"], 20_000);
    let seen = money.client.get("/api/v1/me/transactions").await.expect(200);
    let seen = seen["items"].as_array().unwrap().iter();
    assert_eq!(seen.map(|item| item["amountCents"].as_i64().unwrap()).sum::<i64>(), 0);
    money.check().await;

    // What somebody gives back on top of it is lost.
    money.refund_at_stripe(&charge(&money), 15_000).await;
    money.drain().await;
    assert_eq!(money.ledger().await, json!({ "BANK": -15_000, "LOSSES": 15_000 }));
    money.check().await;
    money.world.end().await;

    let money = Money::new().await;
    let payment = money.owed().await;
    let due = money.transfers(false).await.pop().unwrap();
    money.refund_at_stripe(&charge(&money), 20_000).await;
    money.drain().await;
    assert_eq!(money.ledger().await, json!({}));
    assert!(money.transfers(false).await.is_empty());
    money.transfer(&due, "VIR-1").await.expect_error(409, "NO_TRANSFER_DUE");
    assert_eq!(money.payment(&payment).await["refundedCents"], 20_000);
    assert_eq!(told(&money.world, &money.client, "REFUND_MADE", "Remboursement effectué").await, (1, 1));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_had_gone_back_on_stripes_pages_does_not_go_by_bank() {
    let money = Money::new().await;
    let (_, refund) = money.refused().await;
    money.refund_at_stripe(&charge(&money), 20_000).await;
    money.drain().await;
    money.by_bank(&refund).await.expect_error(409, "REFUND_TOO_LARGE");
    assert_eq!(money.ledger().await, json!({}));
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn what_a_bank_takes_is_not_transferred_too() {
    let money = Money::new().await;
    money.owed().await;
    let dispute = money.stripe.dispute(&charge(&money));
    money.drain().await;
    assert_eq!(money.transfers(false).await[0]["dispute"], "OPEN");
    money.stripe.close_dispute(&dispute, Verdict::Lost);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({}));
    assert!(money.transfers(false).await.is_empty());
    let covered = &money.transfers(true).await[0];
    assert_eq!((&covered["amountCents"], &covered["coveredCents"]), (&json!(0), &json!(20_000)));
    assert!(covered["reference"].is_null());
    assert_eq!(money.world.count("select count(*) from refunds where status <> 'SUCCEEDED'").await, 0);
    money.check().await;
    money.world.end().await;

    // Taken before: then the refund is booked, and nothing is owed.
    let money = Money::new().await;
    let (_, refund) = money.refused().await;
    money.lose_dispute().await;
    assert_eq!(money.ledger().await["LOSSES"], 20_000);
    money.by_bank(&refund).await.expect(200);
    money.drain().await;
    assert_eq!(money.ledger().await, json!({}));
    assert!(money.transfers(false).await.is_empty());
    let mails = crate::letters::letters(&money.world).into_iter();
    assert_eq!(mails.filter(|letter| letter.subject.contains("Virement bancaire")).count(), 0);
    money.check().await;
    money.world.end().await;
}

/// A booking that is paid; its payment.
async fn paid(money: &Money, service: &str, n: usize) -> Uuid {
    let start = money.world.clock.now() + Duration::days(3 + i64::try_from(n).unwrap());
    let start = rfc3339(start.replace_nanosecond(0).unwrap());
    let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": start });
    let booking = id(&money.client.post(BOOKINGS, request).await.expect(201));
    money.nurse.act(&format!("{BOOKINGS}/{booking}/accept")).await.expect(200);
    let payment = money.client.act(&format!("/api/v1/payments/bookings/{booking}/intent")).await.expect(201);
    money.stripe.pay(&money.intent_of(&payment).await);
    payment["paymentId"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_refund_that_comes_back_is_owed_unless_the_bank_took_it_in_any_order() {
    let money = Money::with(&[], &[], Money::quiet).await;
    let service = id(&money.nurse.post(SERVICES, offer()).await.expect(201));
    let kinds = ["charge.refunded", "refund.failed", "charge.dispute.closed"];
    let orders = orders(kinds.len());
    for (n, order) in orders.iter().enumerate() {
        let payment = paid(&money, &service, n).await;
        money.drain().await;
        money.stripe.hold(true);
        money.refund_at_stripe(&charge(&money), 4_000).await;
        money.stripe.fail_refund(&id(&money.stripe.objects("refund").pop().unwrap()));
        // All of it, since it has come back.
        let dispute = money.stripe.dispute(&charge(&money));
        money.stripe.close_dispute(&dispute, Verdict::Lost);
        let told: Vec<Value> =
            kinds.iter().map(|kind| money.stripe.events(kind).pop().expect(kind)).collect();
        for event in order.iter().chain(order.iter().rev()) {
            money.deliver(&told[*event]).await.expect(200);
            money.world.drain().await;
        }
        let held: i64 = sqlx::query_scalar(
            "select count(*) from (select account from ledger_postings p join ledger_entries e on e.id = p.entry_id
                                    where e.payment_id = $1 group by account having sum(p.amount_cents) <> 0) as held",
        )
        .bind(payment)
        .fetch_one(&money.world.pool)
        .await
        .unwrap();
        assert_eq!(held, 0, "in the order {order:?}");
        money.stripe.hold(false);
        money.drain().await;
    }
    assert_eq!(money.ledger().await, json!({}));
    assert!(money.transfers(false).await.is_empty());
    money.check().await;
    money.world.end().await;
}
