//! A worker that dies at any await of a settlement, a payout or a refund: whatever was under way at Stripe and in the ledger,
//! the next run ends it once.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use domain::payments::closing;
use jobs::PayOut;
use jobs::ledger::{self, NewJob};
use serde_json::json;
use time::Duration;
use uuid::Uuid;
use workers::engine::{Handlers, JobError, JobResult, Underway};

use crate::market::{BOOKINGS, SERVICES, id, offer};
use crate::money::Money;
use crate::world::rfc3339;

const KINDS: [&str; 3] = ["settle-payment", "pay-out", "refund-payment"];

/// The next run of each kind dies when it would wait for the n-th time.
#[derive(Clone, Default)]
struct Reaper(Arc<Mutex<Armed>>);

#[derive(Default)]
struct Armed {
    n: usize,
    /// What became of each kind since: true where it died.
    died: BTreeMap<&'static str, bool>,
}

impl Reaper {
    fn arm(&self, n: usize) {
        *self.0.lock().unwrap() = Armed { n, died: BTreeMap::new() };
    }

    fn died(&self) -> BTreeMap<&'static str, bool> {
        self.0.lock().unwrap().died.clone()
    }

    fn around(&self, kind: &'static str, run: Underway) -> Underway {
        let spared = !KINDS.contains(&kind) || self.0.lock().unwrap().died.contains_key(kind);
        if spared {
            return run;
        }
        Box::pin(Doomed { reaper: self.clone(), kind, run: Some(run), waited: 0 })
    }

    fn note(&self, kind: &'static str, died: bool) {
        self.0.lock().unwrap().died.insert(kind, died);
    }
}

struct Doomed {
    reaper: Reaper,
    kind: &'static str,
    run: Option<Underway>,
    waited: usize,
}

impl Future for Doomed {
    type Output = JobResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobResult> {
        let kind = self.kind;
        let Some(run) = &mut self.run else { return Poll::Pending };
        if let Poll::Ready(result) = run.as_mut().poll(context) {
            self.reaper.note(kind, false);
            return Poll::Ready(result);
        }
        self.waited += 1;
        if self.waited < self.reaper.0.lock().unwrap().n {
            return Poll::Pending;
        }
        // Its connections and its calls end with it, as those of a killed process do.
        self.run = None;
        self.reaper.note(kind, true);
        Poll::Ready(Err(JobError::RetryIn(std::time::Duration::ZERO, "died".into())))
    }
}

#[tokio::test]
async fn whoever_dies_at_any_await_has_paid_nobody_twice() {
    let reaper = Reaper::default();
    let money = {
        let reaper = reaper.clone();
        let shape = |handlers: Handlers<workers::App>| {
            Money::quiet(handlers).around(move |kind, run| reaper.around(kind, run))
        };
        Money::with(&[], &[], shape).await
    };
    money.onboarded().await;
    let service = id(&money.nurse.post(SERVICES, offer()).await.expect(201));
    let mut deepest = 0;
    for n in 1.. {
        reaper.arm(n);
        life(&money, &service, n).await;
        let died = reaper.died();
        assert_eq!(died.len(), KINDS.len(), "each kind has run");
        if !died.values().any(|died| *died) {
            break;
        }
        deepest = n;
    }
    assert!(deepest > 5, "only {deepest} awaits were seen");
    let lives = deepest + 1;
    for kind in ["transfer", "transfer_reversal", "refund", "charge"] {
        assert_eq!(money.stripe.objects(kind).len(), lives, "{kind}");
    }
    for event in ["PAID", "PAID_OUT", "PAYOUT_REVERSED", "REFUNDED"] {
        let count = format!("select count(*) from ledger_entries where event = '{event}'");
        let count: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&money.world.pool).await.unwrap();
        assert_eq!(count, i64::try_from(lives).unwrap(), "{event}");
    }
    assert_eq!(money.world.count("select count(*) from jobs where state = 'dead'").await, 0);
    money.check().await;
    money.world.end().await;
}

/// A booking that is paid, held, paid out, and half given back.
async fn life(money: &Money, service: &str, n: usize) {
    let start = money.world.clock.now() + Duration::days(3 + i64::try_from(n).unwrap());
    let start = rfc3339(start.replace_nanosecond(0).unwrap());
    let request = json!({ "serviceId": service, "option": "Une heure", "startsAt": start });
    let booking = id(&money.client.post(BOOKINGS, request).await.expect(201));
    money.nurse.act(&format!("{BOOKINGS}/{booking}/accept")).await.expect(200);
    let payment = money.client.act(&format!("/api/v1/payments/bookings/{booking}/intent")).await.expect(201);
    money.stripe.pay(&money.intent_of(&payment).await);
    money.drain().await;
    money.check().await;

    let id: Uuid = payment["paymentId"].as_str().unwrap().parse().unwrap();
    let mut tx = money.world.db().begin().await.unwrap();
    let now = money.world.clock.now();
    let closed =
        closing::booking_completed(&mut tx, booking.parse::<Uuid>().unwrap().into(), now).await.unwrap();
    // Due at once.
    sqlx::query("update payouts set due_at = $2 where payment_id = $1")
        .bind(id)
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
    let payouts = closed.payouts.iter().map(|payout| NewJob::of(&PayOut { payout_id: payout.payout }));
    ledger::enqueue(&mut tx, payouts.collect::<Vec<_>>()).await.unwrap();
    tx.commit().await.unwrap();
    money.drain().await;
    money.check().await;

    let half = json!({ "amountCents": 4_500, "reason": "Moitié" });
    money.admin.post(&format!("/api/v1/payments/{id}/refund"), half).await.expect(201);
    money.drain().await;
    money.check().await;
}
