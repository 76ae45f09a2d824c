//! The rules of money: each payment settled once, and what the bank says moved is what the ledger says moved.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgPool};
use tests::stripe_sandbox::Sandbox;
use uuid::Uuid;

use crate::Outcome;
use crate::check::{Checker, Harm, count};
use crate::history::Fate;
use crate::snapshot::rows;

/// An entry of the ledger.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    pub event: String,
    pub payment_id: Option<Uuid>,
    /// The bank's name of the movement.
    pub source_id: Option<String>,
    pub sum_cents: i64,
    /// What our balance at the bank gained.
    pub bank_cents: i64,
}

/// What moved at the bank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Movement {
    pub event: &'static str,
    pub id: String,
    pub cents: i64,
}

/// What each kind of movement is in the ledger, and which way it goes.
const KINDS: [(&str, &str, i64); 4] = [
    ("charge", "PAID", 1),
    ("transfer", "PAID_OUT", -1),
    ("transfer_reversal", "PAYOUT_REVERSED", 1),
    ("refund", "REFUNDED", -1),
];

pub async fn entries(pool: &PgPool) -> Outcome<Vec<Entry>> {
    rows(
        pool,
        "select e.event::text, e.payment_id, e.source_id, sum(p.amount_cents)::bigint as sum_cents,
                coalesce(sum(p.amount_cents) filter (where p.account = 'STRIPE'), 0)::bigint as bank_cents
           from ledger_entries e join ledger_postings p on p.entry_id = e.id group by e.id",
    )
    .await
}

pub fn movements(bank: &Sandbox) -> Vec<Movement> {
    let of_kind = |(kind, event, sign): (&str, &'static str, i64)| {
        bank.objects(kind).into_iter().map(move |object| Movement {
            event,
            id: object["id"].as_str().unwrap_or_default().to_owned(),
            cents: sign * object["amount"].as_i64().unwrap_or_default(),
        })
    };
    KINDS.into_iter().flat_map(of_kind).collect()
}

/// Whether everything that the deals set off has ended.
pub async fn at_rest(pool: &PgPool, bank: &Sandbox) -> bool {
    let told = bank.objects("event").iter().all(|event| event["pending_webhooks"] == 0);
    let under_way = "select exists (select from refunds where status = 'PENDING')
                         or exists (select from payouts where status in ('SCHEDULED', 'SENDING') and due_at <= now())";
    told && matches!(sqlx::query_scalar(under_way).fetch_one(pool).await, Ok(false))
}

impl Checker<'_> {
    pub fn money(&mut self) {
        self.deals();
        self.balances();
        self.movements();
    }

    fn deals(&mut self) {
        const RULE: &str = "a payment is settled once, and what was meant to follow has followed once";
        let entries =
            count(self.rows.entries.iter().filter_map(|entry| Some((entry.payment_id?, &*entry.event))));
        for deal in &self.history.deals {
            let follows: &[&str] = match deal.fate {
                Fate::Paid => &[],
                Fate::PaidOut => &["PAID_OUT"],
                Fate::HalfBack => &["PAID_OUT", "PAYOUT_REVERSED", "REFUNDED"],
                Fate::CalledOff => &["REFUNDED"],
            };
            for event in ["PAID", "PAID_OUT", "PAYOUT_REVERSED", "REFUNDED"] {
                let found = entries.get(&(deal.payment, event)).copied().unwrap_or(0);
                let expected = usize::from(event == "PAID" || follows.contains(&event));
                if found != expected {
                    let harm = if found < expected { Harm::Lost } else { Harm::Doubled };
                    let what = format!("{event} of payment {}: {found}, not {expected}", deal.payment);
                    self.harmed(RULE, harm, deal.phase, what);
                }
            }
        }
    }

    fn balances(&mut self) {
        for entry in self.rows.entries.iter().filter(|entry| entry.sum_cents != 0) {
            self.wrong("an entry of the ledger sums to zero", None, format!("{entry:?}"));
        }
    }

    fn movements(&mut self) {
        const RULE: &str = "the bank and the ledger tell the same movements";
        let booked = self.rows.entries.iter().filter(|entry| entry.event != "FEE").map(|entry| {
            (entry.event.clone(), entry.source_id.clone().unwrap_or_default(), entry.bank_cents)
        });
        let moved = self.rows.movements.iter();
        let moved = moved.map(|moved| (moved.event.to_owned(), moved.id.clone(), moved.cents));
        let (booked, moved) = (count(booked), count(moved));
        let all: BTreeMap<_, ()> = booked.keys().chain(moved.keys()).map(|movement| (movement, ())).collect();
        for movement in all.into_keys() {
            let times = |counts: &BTreeMap<_, usize>| counts.get(movement).copied().unwrap_or(0);
            let (booked, moved) = (times(&booked), times(&moved));
            if booked != moved {
                let what = format!("{movement:?}: {moved} at the bank, {booked} in the ledger");
                self.wrong(RULE, None, what);
            }
        }
    }
}
