//! Real deaths: for every n a worker's process is killed where its settlement, payout or refund would wait for the n-th time. One
//! healthy worker ends what all of them began, once. `make chaos` runs these; `faltering` is their like in one process.

use std::os::unix::process::ExitStatusExt;

use domain::payments::closing;
use futures_util::StreamExt;
use jobs::PayOut;
use jobs::ledger::{self, NewJob};
use serde_json::json;
use tests::stripe_sandbox::KEY;
use time::Duration;
use uuid::Uuid;

use crate::faults::wait_until;
use crate::market::{BOOKINGS, SERVICES, id, offer};
use crate::money::Money;
use crate::world::rfc3339;

const SIGKILL: i32 = 9;
/// Processes that live and die at a time: each has connections of its own.
const AT_ONCE: usize = 6;
/// The last so many lives have more than enough awaits.
const TAIL: usize = 10;

/// A booking of its own.
struct Life {
    booking: Uuid,
    payment: Uuid,
}

async fn born(money: &Money, service: &str, n: usize) -> Life {
    let start = money.world.clock.now() + Duration::days(3 + i64::try_from(n).unwrap());
    let start = rfc3339(start.replace_nanosecond(0).unwrap());
    let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": start });
    let booking = id(&money.client.post(BOOKINGS, request).await.expect(201));
    money.nurse.act(&format!("{BOOKINGS}/{booking}/accept")).await.expect(200);
    let payment = money.client.act(&format!("/api/v1/payments/bookings/{booking}/intent")).await.expect(201);
    money.stripe.pay(&money.intent_of(&payment).await);
    let payment = payment["paymentId"].as_str().unwrap().parse().unwrap();
    Life { booking: booking.parse().unwrap(), payment }
}

/// The session is over, and its talent is to be paid at once.
async fn completed(money: &Money, life: &Life) {
    let mut tx = money.world.db().begin().await.unwrap();
    let now = money.world.clock.now();
    let closed = closing::booking_completed(&mut tx, life.booking.into(), now).await.unwrap();
    sqlx::query("update payouts set due_at = $2 where payment_id = $1")
        .bind(life.payment)
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
    let payouts = closed.payouts.iter().map(|payout| NewJob::of(&PayOut { payout_id: payout.payout }));
    ledger::enqueue(&mut tx, payouts.collect::<Vec<_>>()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn refunded(money: &Money, life: &Life) {
    let half = json!({ "amountCents": 4_500, "reason": "Moitié" });
    money.admin.post(&format!("/api/v1/payments/{}/refund", life.payment), half).await.expect(201);
}

/// Every doomed worker takes one job of this kind; the exit of each, from the first await on.
async fn doom(money: &Money, kind: &str, lives: usize) -> Vec<bool> {
    let died = (1..=lives).map(async |n| {
        let mut doomed = money.world.program("doomed");
        doomed.args(["--kind", kind, "--at", &n.to_string()]);
        doomed.env("STRIPE_SECRET_KEY", KEY).env("STRIPE_API_BASE", &money.stripe.url);
        doomed.env("WORKER_SLOTS", "1").env("WORKER_DATABASE_CONNECTIONS", "2").env("WORKER_CRON", "false");
        let status = tokio::time::timeout(tests::PATIENCE, doomed.spawn().unwrap().wait()).await;
        let status = status.unwrap_or_else(|_| panic!("nobody died at await {n} of {kind}")).unwrap();
        assert!(status.success() || status.signal() == Some(SIGKILL), "{status}");
        !status.success()
    });
    futures_util::stream::iter(died).buffered(AT_ONCE).collect().await
}

/// `prepare` makes a life ready, `cause` sets off the job in which its worker dies.
async fn whoever_dies_in(
    kind: &str,
    lives: usize,
    prepare: impl AsyncFn(&Money, &Life),
    cause: impl AsyncFn(&Money, &[Life]),
) -> Money {
    let mut money = Money::with(&[], &[], Money::quiet).await;
    money.onboarded().await;
    let service = id(&money.nurse.post(SERVICES, offer()).await.expect(201));
    money.stripe.hold(kind == "settle-payment");
    let mut all = Vec::new();
    for n in 0..lives {
        let life = born(&money, &service, n).await;
        prepare(&money, &life).await;
        all.push(life);
    }
    money.world.drain().await;
    money.world.stop_workers().await;
    cause(&money, &all).await;
    let died = doom(&money, kind, lives).await;
    // How often a run waits varies a little; past its last await it ends alive.
    assert!(
        died[0] && died[lives - TAIL..].contains(&false),
        "{kind} waits more often than {lives} times: {died:?}"
    );

    money.start_worker(&[], Money::quiet);
    let ended = format!("select count(*) from jobs where kind = '{kind}' and state = 'done'");
    // As long as one after the other ends, nobody is impatient.
    for n in 1..=lives {
        wait_until(&money.world, &ended, i64::try_from(n).unwrap()).await;
    }
    money.drain().await;
    assert_eq!(money.world.count("select count(*) from jobs where state = 'dead'").await, 0);
    money.check().await;
    money
}

/// One for each life.
async fn assert_once(money: Money, lives: usize, objects: &[&str], events: &[&str]) {
    for kind in objects {
        assert_eq!(money.stripe.objects(kind).len(), lives, "{kind}");
    }
    for event in events {
        let count = "select count(*) from ledger_entries where event = $1::ledger_event";
        let count: i64 = sqlx::query_scalar(count).bind(event).fetch_one(&money.world.pool).await.unwrap();
        assert_eq!(count, i64::try_from(lives).unwrap(), "{event}");
    }
    money.world.end().await;
}

#[tokio::test]
#[ignore = "hundreds of processes take minutes: part of make chaos"]
async fn whoever_dies_in_a_settlement_has_settled_nothing_twice() {
    let lives = 100;
    let nothing = async |_: &Money, _: &Life| ();
    let told = async |money: &Money, _: &[Life]| {
        money.stripe.hold(false);
        money.stripe.settled().await;
    };
    let money = whoever_dies_in("settle-payment", lives, nothing, told).await;
    assert_once(money, lives, &["charge"], &["PAID"]).await;
}

#[tokio::test]
#[ignore = "hundreds of processes take minutes: part of make chaos"]
async fn whoever_dies_in_a_payout_has_paid_nobody_twice() {
    let lives = 70;
    let nothing = async |_: &Money, _: &Life| ();
    let due = async |money: &Money, lives: &[Life]| {
        for life in lives {
            completed(money, life).await;
        }
    };
    let money = whoever_dies_in("pay-out", lives, nothing, due).await;
    assert_once(money, lives, &["charge", "transfer"], &["PAID", "PAID_OUT"]).await;
}

#[tokio::test]
#[ignore = "hundreds of processes take minutes: part of make chaos"]
async fn whoever_dies_in_a_refund_has_given_nothing_back_twice() {
    let lives = 90;
    let paid_out = async |money: &Money, life: &Life| {
        money.drain().await;
        completed(money, life).await;
    };
    let asked_back = async |money: &Money, lives: &[Life]| {
        for life in lives {
            refunded(money, life).await;
        }
    };
    let money = whoever_dies_in("refund-payment", lives, paid_out, asked_back).await;
    let objects = ["charge", "transfer", "transfer_reversal", "refund"];
    assert_once(money, lives, &objects, &["PAID", "PAID_OUT", "PAYOUT_REVERSED", "REFUNDED"]).await;
}
