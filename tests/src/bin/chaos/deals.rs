//! Money under chaos: clients book talents and pay at a bank that speaks Stripe; some of it is paid out, some goes back.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::BookingId;
use domain::payments::closing;
use domain::{Bus, Clock, Db};
use jobs::PayOut;
use jobs::ledger::{self, NewJob};
use rand::RngExt;
use serde_json::{Value, json};
use sqlx::PgPool;
use tests::stripe_sandbox::{Armed, Fault, Sandbox, Settings};
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::Outcome;
use crate::history::{Deal, Fate, Promise};
use crate::servers::Servers;
use crate::socket;
use crate::world::{Person, World, pause};

pub const SECRET: &str = "whsec_chaos_chaos_chaos_chaos";
/// Clients who book, each the same talent day after day.
pub const PAIRS: usize = 4;
const PRICE_CENTS: i64 = 9_000;

/// Stripe, in this process: what is killed are those who ask it.
pub async fn bank() -> Outcome<Arc<Sandbox>> {
    let settings = Settings { webhook_secrets: vec![SECRET.into()], ..Settings::default() };
    Ok(Arc::new(Sandbox::start(settings).await?))
}

/// Webhooks go to one replica after the other: what it does not take comes again, as from Stripe.
pub fn tell_replica(bank: &Sandbox, world: &World, n: usize) {
    let port = world.ports[n % world.ports.len()];
    bank.send_to(&format!("http://127.0.0.1:{port}/api/v1/payments/webhooks"));
}

/// Pairs that deal from now on; each ends once nothing new is begun.
pub async fn begin(
    world: &World,
    bank: &Arc<Sandbox>,
    pool: &PgPool,
    db: Db,
    dealers: Vec<[Person; 3]>,
) -> Outcome<Vec<JoinHandle<()>>> {
    tell_replica(bank, world, 0);
    let mut pairs = Vec::new();
    for dealers in dealers {
        for person in &dealers[..2] {
            socket::live(world.clone(), *person);
        }
        pairs.push(Pair::meet(world, bank, pool, &db, dealers).await?);
    }
    for account in bank.objects("account") {
        bank.onboard(account["id"].as_str().unwrap_or_default());
    }
    tokio::spawn(be_moody(world.clone(), bank.clone()));
    Ok(pairs.into_iter().map(Pair::live).collect())
}

/// Now and then it fails, says nothing, or hangs up after it has done what it was asked for. It never refuses, and calms down once
/// nothing new is begun.
async fn be_moody(world: World, bank: Arc<Sandbox>) {
    const ASKED: [&str; 4] =
        ["/v1/payment_intents", "/v1/transfers", "/v1/transfers/*/reversals", "/v1/refunds"];
    while !world.is_closing() {
        pause(500, 2_000).await;
        // What nobody has met yet does not pile up.
        bank.disarm();
        let (asked, mood) = (rand::rng().random_range(0..ASKED.len()), rand::rng().random_range(0..4));
        let fault = match mood {
            0 => Fault::Busy,
            1 => Fault::Fail,
            2 => Fault::DropBefore,
            _ => Fault::DropAfter,
        };
        bank.arm(Armed::once(ASKED[asked], fault));
    }
    bank.disarm();
}

/// A client and a talent who deal with each other.
#[derive(Debug)]
struct Pair {
    world: World,
    bank: Arc<Sandbox>,
    pool: PgPool,
    db: Db,
    client: Person,
    talent: Person,
    admin: Person,
    service: String,
}

impl Pair {
    /// The talent offers something, and has an account that can be paid. Before anything is hurt.
    async fn meet(
        world: &World,
        bank: &Arc<Sandbox>,
        pool: &PgPool,
        db: &Db,
        [client, talent, admin]: [Person; 3],
    ) -> Outcome<Self> {
        let offer = json!({
            "name": "Analyse de pratiques", "description": "Une heure à deux.", "type": "COACHING_VIDEO",
            "options": [{ "name": "Une heure", "priceCents": PRICE_CENTS, "durationMinutes": 60 }], "participants": 3,
        });
        let offered = kept(world.insist(talent, "/api/v1/services", Some(&offer)).await)?;
        let service = offered["id"].as_str().unwrap_or_default().to_owned();
        kept(world.insist(talent, "/api/v1/payments/connect/onboarding", None).await)?;
        Ok(Self {
            world: world.clone(),
            bank: bank.clone(),
            pool: pool.clone(),
            db: db.clone(),
            client,
            talent,
            admin,
            service,
        })
    }

    /// Deals until the end.
    fn live(self) -> JoinHandle<()> {
        tokio::spawn(async move {
            for day in 0..300 {
                if self.world.is_closing() {
                    return;
                }
                let fate = Fate::ALL[day % Fate::ALL.len()];
                if let Err(error) = self.deal(day, fate).await {
                    let what = format!("a deal that was meant to be {fate:?} ended early: {error}");
                    self.world.book.write().strange.push(what);
                }
                pause(500, 2_500).await;
            }
        })
    }

    async fn deal(&self, day: usize, fate: Fate) -> Outcome {
        let start = Clock::default().now() + time::Duration::days(4 + i64::try_from(day)?);
        let start = start.replace_nanosecond(0)?.format(&Rfc3339)?;
        let request = json!({ "serviceId": self.service, "option": "Une heure", "startsAt": start });
        let booking = kept(self.world.insist(self.client, "/api/v1/bookings", Some(&request)).await)?;
        let booking: Uuid = booking["id"].as_str().unwrap_or_default().parse()?;
        let path = format!("/api/v1/bookings/{booking}");
        kept(self.world.insist(self.talent, &format!("{path}/accept"), None).await)?;
        let intent = format!("/api/v1/payments/bookings/{booking}/intent");
        let intent = kept(self.world.insist(self.client, &intent, None).await)?;
        let payment: Uuid = intent["paymentId"].as_str().unwrap_or_default().parse()?;
        let secret = intent["clientSecret"].as_str().unwrap_or_default();
        let (name, _) = secret.split_once("_secret").ok_or("a secret that names no intent")?;
        self.bank.pay(name);
        let number = {
            let mut history = self.world.book.write();
            let phase = history.phase;
            history.deals.push(Deal { phase, payment, fate: Fate::Paid });
            history.deals.len() - 1
        };
        self.until("select exists (select from payments where id = $1 and settled_at is not null)", payment)
            .await?;

        if matches!(fate, Fate::PaidOut | Fate::HalfBack) {
            self.complete(booking, payment).await;
            self.until(
                "select exists (select from payouts where payment_id = $1 and status = 'SENT')",
                payment,
            )
            .await?;
        }
        match fate {
            Fate::Paid | Fate::PaidOut => {}
            Fate::HalfBack => {
                let half = json!({ "amountCents": PRICE_CENTS / 2, "reason": "Moitié" });
                kept(
                    self.world
                        .insist(self.admin, &format!("/api/v1/payments/{payment}/refund"), Some(&half))
                        .await,
                )?;
            }
            Fate::CalledOff => {
                let reason = json!({ "reason": "Un empêchement" });
                kept(self.world.insist(self.talent, &format!("{path}/cancel"), Some(&reason)).await)?;
            }
        }
        self.world.book.write().deals[number].fate = fate;
        Ok(())
    }

    /// The session is over and its 48 hours have passed: nobody waits for them here. Both or neither, so it may be tried again.
    async fn complete(&self, booking: Uuid, payment: Uuid) {
        let complete = async || -> Outcome {
            let now = Clock::default().now();
            let mut tx = self.db.begin().await?;
            let closed = closing::booking_completed(&mut tx, BookingId(booking), now).await?;
            sqlx::query("update payouts set due_at = $2 where payment_id = $1")
                .bind(payment)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            let due = closed.payouts.iter().map(|payout| NewJob::of(&PayOut { payout_id: payout.payout }));
            ledger::enqueue(&mut tx, due.collect::<Vec<_>>()).await?;
            Ok(tx.commit().await?)
        };
        while complete().await.is_err() && !self.world.is_over() {
            pause(100, 500).await;
        }
    }

    async fn until(&self, sql: &'static str, payment: Uuid) -> Outcome {
        while !self.world.is_over() {
            if let Ok(true) = sqlx::query_scalar::<_, bool>(sql).bind(payment).fetch_one(&self.pool).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("never, for {payment}: {sql}").into())
    }
}

/// The harness' own way into the database, with doorbells.
pub fn db(servers: &Servers, database_url: &str) -> Outcome<Db> {
    let redis = domain::bus::connect(&servers.redis_url)?;
    Ok(Db::connect(database_url, 2, Bus::new(redis, "chaos"))?)
}

fn kept(promise: Promise<Value>) -> Outcome<Value> {
    match promise {
        Promise::Kept(answer) => Ok(answer),
        other => Err(format!("not granted: {other:?}").into()),
    }
}
