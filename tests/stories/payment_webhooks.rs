//! What Stripe tells: believed by its signature, counted once, in any order.

use futures_util::StreamExt;
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};
use stripe_connect::signature::sign;
use tests::{Answer, Client};

use crate::money::{Money, SECRET, WEBHOOKS};

async fn send(stranger: &Client, body: &str, header: Option<String>) -> Answer {
    let mut request = stranger
        .request(reqwest::Method::POST, WEBHOOKS)
        .header("content-type", "application/json")
        .body(body.to_owned());
    if let Some(header) = header {
        request = request.header("stripe-signature", header);
    }
    stranger.send(request).await
}

impl Money {
    fn now(&self) -> i64 {
        self.world.clock.now().unix_timestamp()
    }

    /// As Stripe would.
    pub async fn deliver(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let header = sign(body.as_bytes(), SECRET, self.now());
        send(&self.world.anonymous(), &body, Some(header)).await
    }
}

#[tokio::test]
async fn who_cannot_sign_is_not_believed() {
    let money = Money::new().await;
    let body = json!({ "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1, "livemode": false,
                       "data": { "object": {} } })
    .to_string();
    let stranger = money.world.anonymous();
    let good = sign(body.as_bytes(), SECRET, money.now());
    for header in [
        None,
        Some(String::new()),
        Some(good[..good.len() - 1].to_owned()),
        Some(sign(body.as_bytes(), "whsec_of_somebody_else", money.now())),
        Some(sign(body.as_bytes(), SECRET, money.now() - 302)),
        Some(sign(body.as_bytes(), SECRET, money.now() + 302)),
        Some(sign(b"{}", SECRET, money.now())),
    ] {
        assert_eq!(send(&stranger, &body, header).await.expect(400)["code"], "BAD_SIGNATURE");
    }
    for body in ["", "[]", "{", "null", "{\"id\": 7}", "\u{fffd}"] {
        let header = sign(body.as_bytes(), SECRET, money.now());
        send(&stranger, body, Some(header)).await.expect(400);
    }
    assert_eq!(money.world.count("select count(*) from stripe_events").await, 0);
    send(&stranger, &body, Some(good)).await.expect(200);
    money.world.drain().await;
    assert_eq!(money.world.count("select count(*) from stripe_events").await, 1);
    money.world.end().await;
}

#[tokio::test]
async fn what_concerns_nobody_is_kept_and_what_is_of_the_other_mode_is_not() {
    let money = Money::new().await;
    let event = |id: &str, kind: &str| {
        json!({ "id": id, "object": "event", "type": kind, "created": money.now(), "livemode": false, "api_version": "1999-01-01",
                "data": { "object": { "id": "pi_unknown", "object": "payment_intent", "amount_received": 5, "currency": "eur" } } })
    };
    for (id, kind) in
        [("evt_1", "invoice.created"), ("evt_2", "payment_intent.succeeded"), ("evt_3", "charge.refunded")]
    {
        money.deliver(&event(id, kind)).await.expect(200);
    }
    let mut live = event("evt_4", "payment_intent.succeeded");
    live["livemode"] = json!(true);
    money.deliver(&live).await.expect(200);
    money.drain().await;
    assert_eq!(money.world.count("select count(*) from stripe_events").await, 3);
    assert_eq!(money.world.count("select count(*) from ledger_entries").await, 0);
    assert_eq!(money.world.count("select count(*) from jobs where state = 'dead'").await, 0);
    money.world.end().await;
}

#[tokio::test]
async fn fifty_deliveries_of_one_event_settle_once() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let payment = money.intent(&mission).await;
    money.stripe.hold(true);
    money.stripe.pay(&money.intent_of(&payment).await);
    let event = money.stripe.events("payment_intent.succeeded").pop().unwrap();
    let answers = join_all((0..50).map(|_| money.deliver(&event))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    money.world.drain().await;
    assert_eq!(
        money.world.count("select count(*) from stripe_events where type = 'payment_intent.succeeded'").await,
        1
    );
    assert_eq!(money.world.count("select count(*) from ledger_entries where event = 'PAID'").await, 1);
    assert_eq!(money.world.count("select count(*) from payouts").await, 1);
    assert_eq!(money.world.count("select count(*) from invoices").await, 2);
    money.check().await;
    money.world.end().await;
}

#[tokio::test]
async fn of_events_that_come_at_once_each_is_judged_for_itself() {
    let money = Money::new().await;
    let event = |n: usize| {
        // PostgreSQL stores no such character, and nothing that comes in one statement with it.
        let id = if n == 7 { "in_\u{0}" } else { "in_1" };
        json!({ "id": format!("evt_{n}"), "object": "event", "type": "invoice.created", "created": money.now(), "livemode": false,
                "data": { "object": { "id": id } } })
    };
    // As Stripe does it: who is answered 503, because every connection is taken, comes again.
    let answer = async |n: usize| loop {
        let status = money.deliver(&event(n)).await.status;
        if status != 503 {
            return (n, status);
        }
    };
    for (n, status) in join_all((0..60).map(|n| answer(n / 2))).await {
        assert_eq!(status, if n == 7 { 500 } else { 200 }, "{n}");
    }
    assert_eq!(money.world.count("select count(*) from stripe_events").await, 29);
    money.world.end().await;
}

#[tokio::test]
async fn another_amount_than_asked_for_settles_nothing_and_calls_somebody() {
    let money = Money::new().await;
    let mission = money.signed().await;
    let payment = money.intent(&mission).await;
    money.stripe.hold(true);
    money.stripe.pay(&money.intent_of(&payment).await);
    let mut event = money.stripe.events("payment_intent.succeeded").pop().unwrap();
    event["data"]["object"]["amount_received"] = json!(1);
    money.deliver(&event).await.expect(200);
    money.world.drain().await;
    assert_eq!(money.world.count("select count(*) from ledger_entries").await, 0);
    let letters = crate::letters::letters(&money.world);
    let alert = letters.iter().find(|letter| letter.to == "ops@example.org").unwrap();
    assert!(alert.subject.starts_with("Paiements : Montant reçu différent"), "{}", alert.subject);
    assert!(alert.text.contains("0,01\u{a0}€ au lieu de 200,00\u{a0}€"), "{}", alert.text);
    money.world.end().await;
}

/// Everything that can be told of one payment, each twice.
async fn told(money: &Money) -> (String, Vec<Value>) {
    let mission = money.signed().await;
    let payment = money.intent(&mission).await;
    let intent = money.intent_of(&payment).await;
    money.stripe.hold(true);
    money.stripe.decline(&intent);
    money.stripe.pay_later(&intent);
    money.stripe.arrive(&intent, true);
    let charge = money.stripe.objects("charge").pop().unwrap()["id"].as_str().unwrap().to_owned();
    money.refund_at_stripe(&charge, 5_000).await;
    money.stripe.dispute(&charge);
    let kinds = [
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.succeeded",
        "charge.refunded",
        "charge.dispute.created",
    ];
    let events: Vec<_> = kinds.iter().map(|kind| money.stripe.events(kind).pop().expect(kind)).collect();
    (payment["paymentId"].as_str().unwrap().to_owned(), events)
}

/// One more payment like this one, with a contract and an intent of its own.
async fn another(money: &Money, like: &str, n: usize) -> (String, String) {
    let (contract, payment) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    let intent = format!("pi_order_{n}");
    sqlx::query(
        "insert into contracts
         select (jsonb_populate_record(null::contracts, to_jsonb(c) || jsonb_build_object(
                    'id', $2::uuid, 'reference', 'CTR-2035-' || $3, 'assignment_id', null))).*
           from payments p join contracts c on c.id = p.contract_id where p.id = $1::uuid",
    )
    .bind(like)
    .bind(contract)
    .bind(n.to_string())
    .execute(&money.world.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into payments
         select (jsonb_populate_record(null::payments, to_jsonb(p) || jsonb_build_object(
                    'id', $2::uuid, 'contract_id', $3::uuid, 'intent_id', $4::text))).*
           from payments p where p.id = $1::uuid",
    )
    .bind(like)
    .bind(payment)
    .bind(contract)
    .bind(&intent)
    .execute(&money.world.pool)
    .await
    .unwrap();
    (payment.to_string(), intent)
}

/// All that follows from a payment.
async fn state(money: &Money, payment: &str) -> Value {
    let pool = &money.world.pool;
    let row: (String, i64, String, i64) = sqlx::query_as(
        "select status::text, refunded_cents, dispute::text, reserved_cents from payments where id = $1::uuid",
    )
    .bind(payment)
    .fetch_one(pool)
    .await
    .unwrap();
    let entries: Vec<(String, i64)> = sqlx::query_as(
        "select e.event::text || ' ' || p.account::text, p.amount_cents from ledger_entries e
           join ledger_postings p on p.entry_id = e.id where e.payment_id = $1::uuid order by 1, 2",
    )
    .bind(payment)
    .fetch_all(pool)
    .await
    .unwrap();
    let invoices: Vec<(String, i64)> = sqlx::query_as(
        "select i.kind::text, i.total_cents from invoices i left join invoices o on o.id = i.corrects_id
          where coalesce(o.payment_id, i.payment_id) = $1::uuid order by 1, 2",
    )
    .bind(payment)
    .fetch_all(pool)
    .await
    .unwrap();
    json!([row, entries, invoices])
}

#[tokio::test]
async fn every_order_of_what_is_told_ends_in_one_state() {
    let money = Money::with(&[], &[], Money::quiet).await;
    let (first, events) = told(&money).await;
    let mut payments = Vec::new();
    for (n, order) in orders(events.len()).into_iter().enumerate() {
        payments.push((order, another(&money, &first, n).await));
    }
    let deliveries = payments.iter().map(async |(order, (payment, intent))| {
        // Each twice: once in this order, and once more in its reverse.
        for n in order.iter().chain(order.iter().rev()) {
            let mut event = events[*n].clone();
            event["id"] = json!(format!("evt_{intent}_{n}"));
            let object = &mut event["data"]["object"];
            let name = if object["object"] == "payment_intent" { "id" } else { "payment_intent" };
            object[name] = json!(intent);
            object["metadata"] = json!({ "paymentId": payment });
            // As Stripe does it: who is answered 503, because every connection is taken, comes again.
            while money.deliver(&event).await.status != 200 {}
        }
    });
    futures_util::stream::iter(deliveries).buffer_unordered(8).collect::<()>().await;
    money.world.drain().await;
    let expected = state(&money, &payments[0].1.0).await;
    assert_eq!(expected[0], json!(["SUCCEEDED", 5_000, "OPEN", 5_000]));
    for (order, (payment, _)) in &payments {
        assert_eq!(state(&money, payment).await, expected, "in the order {order:?}");
    }
    let dead = "select count(*) from jobs where state = 'dead'";
    assert_eq!(money.world.count(dead).await, 0);
    money.world.end().await;
}

/// All orders of so many things.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = orders(n - 1);
    shorter
        .iter()
        .flat_map(|order| (0..=order.len()).map(|at| [&order[..at], &[n - 1], &order[at..]].concat()))
        .collect()
}

proptest! {
    #[test]
    fn orders_are_all(n in 1..=5_usize) {
        let count: usize = (1..=n).product();
        let mut all = orders(n);
        all.sort();
        all.dedup();
        prop_assert_eq!(all.len(), count);
    }
}
