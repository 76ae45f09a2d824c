//! The money ledger: double entry, append-only, one function for each business event. The database refuses an entry that does
//! not sum to zero, and a second one for the same cause.
//!
//! Debits are positive: what we have, or have spent. Credits are negative: what we owe, or have earned.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;
use crate::ids::{PaymentId, RefundId, UserId};
use crate::money;
use crate::payments::{BankTransfer, FailedRefund, Payment, PaymentMethod, Payout, Refund, RefundWay};

/// VAT on the platform's commission, which contains it.
pub const COMMISSION_VAT_BPS: i32 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "ledger_account", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Account {
    Stripe,
    Bank,
    Chorus,
    Talent,
    Commission,
    Vat,
    Disputed,
    StripeFees,
    Losses,
    OwedBack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "ledger_event", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Event {
    Paid,
    PaidOut,
    PayoutReversed,
    Refunded,
    RefundFailed,
    DisputeOpened,
    DisputeWon,
    DisputeLost,
    ChorusAccepted,
    ChorusPaid,
    ChorusRejected,
    RefundTransferred,
    TransferCovered,
    Fee,
}

/// An amount as its shares: what its talent gets, and the commission with its VAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shares {
    talent: i64,
    commission: i64,
    vat: i64,
}

impl Shares {
    fn of(cents: i64, commission_bps: i32) -> Self {
        let (fee, talent) = money::split(cents, commission_bps);
        let (commission, vat) = money::included_vat(fee, COMMISSION_VAT_BPS);
        Self { talent, commission, vat }
    }

    /// What goes back when `returned` has gone back and `more` follows. What stays is split as if it had never been more, so that
    /// any number of refunds ends where one would.
    fn going_back(payment: &Payment, returned: i64, more: i64) -> Self {
        let kept = |back: i64| Self::of((payment.amount_cents - back).max(0), payment.commission_bps);
        let (before, after) = (kept(returned), kept(returned + more));
        Self {
            talent: before.talent - after.talent,
            commission: before.commission - after.commission,
            vat: before.vat - after.vat,
        }
    }

    fn postings(self, talent: UserId, sign: i64) -> [Posting; 3] {
        [
            Posting { account: Account::Talent, owner: Some(talent), cents: sign * self.talent },
            Posting { account: Account::Commission, owner: None, cents: sign * self.commission },
            Posting { account: Account::Vat, owner: None, cents: sign * self.vat },
        ]
    }
}

#[derive(Clone, Copy, Debug)]
struct Posting {
    account: Account,
    owner: Option<UserId>,
    cents: i64,
}

/// A posting to an account of the platform.
const fn ours(account: Account, cents: i64) -> Posting {
    Posting { account, owner: None, cents }
}

/// What an entry belongs to.
#[derive(Clone, Copy, Debug, Default)]
struct About<'a> {
    payment: Option<&'a Payment>,
    payout: Option<&'a Payout>,
    refund: Option<RefundId>,
    source: Option<&'a str>,
}

impl<'a> About<'a> {
    fn payment(payment: &'a Payment) -> Self {
        Self { payment: Some(payment), ..Self::default() }
    }
}

/// A client's payment came: to us the cents, to its talent and to the commission the shares.
pub async fn paid(conn: &mut PgConnection, payment: &Payment, now: OffsetDateTime) -> Result<bool> {
    let shares = Shares::of(payment.amount_cents, payment.commission_bps).postings(payment.talent_id, -1);
    let postings = shares.into_iter().chain([ours(Account::Stripe, payment.amount_cents)]);
    let about = About { source: payment.charge_id.as_deref(), ..About::payment(payment) };
    post(conn, Event::Paid, &format!("paid:{}", payment.id), about, postings, now).await
}

/// A talent's share was transferred.
pub async fn paid_out(
    conn: &mut PgConnection,
    payment: &Payment,
    payout: &Payout,
    cents: i64,
    transfer: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let talent = Posting { account: Account::Talent, owner: Some(payment.talent_id), cents };
    let about = About { payout: Some(payout), source: Some(transfer), ..About::payment(payment) };
    let cause = format!("paid-out:{}", payout.id);
    post(conn, Event::PaidOut, &cause, about, [talent, ours(Account::Stripe, -cents)], now).await
}

/// A part of a transfer came back, because of a refund.
pub async fn payout_reversed(
    conn: &mut PgConnection,
    payment: &Payment,
    refund: &Refund,
    cents: i64,
    reversal: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let talent = Posting { account: Account::Talent, owner: Some(payment.talent_id), cents: -cents };
    let about = About { refund: Some(refund.id), source: Some(reversal), ..About::payment(payment) };
    let cause = format!("payout-reversed:{}", refund.id);
    post(conn, Event::PayoutReversed, &cause, about, [talent, ours(Account::Stripe, cents)], now).await
}

/// A part of a transfer was taken back on Stripe's own pages: of `total_cents` in all, `cents` that nobody here had asked for.
pub async fn payout_reversed_elsewhere(
    conn: &mut PgConnection,
    payment: &Payment,
    payout: &Payout,
    cents: i64,
    total_cents: i64,
    now: OffsetDateTime,
) -> Result<bool> {
    let talent = Posting { account: Account::Talent, owner: Some(payment.talent_id), cents: -cents };
    let about = About { payout: Some(payout), ..About::payment(payment) };
    let cause = format!("payout-reversed:{}:{total_cents}", payout.id);
    post(conn, Event::PayoutReversed, &cause, about, [talent, ours(Account::Stripe, cents)], now).await
}

/// A refund went through, or is owed, or a bank took the money back: `returned` had gone back before it. What is more than the
/// payment still had to give is lost.
pub async fn refunded(
    conn: &mut PgConnection,
    payment: &Payment,
    refund: &Refund,
    returned: i64,
    source: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool> {
    let cents = refund.amount_cents;
    let (event, from) = match (refund.way, payment.method) {
        (RefundWay::Dispute, _) => (Event::DisputeLost, Account::Disputed),
        (RefundWay::Bank, _) => (Event::Refunded, Account::OwedBack),
        (RefundWay::Stripe | RefundWay::External, PaymentMethod::Card) => (Event::Refunded, Account::Stripe),
        (RefundWay::Stripe | RefundWay::External, PaymentMethod::Chorus) => (Event::Refunded, Account::Bank),
    };
    let shares = Shares::going_back(payment, returned, cents).postings(payment.talent_id, 1);
    let beyond = cents - shares.iter().map(|share| share.cents).sum::<i64>();
    let postings = shares.into_iter().chain([ours(from, -cents), ours(Account::Losses, beyond)]);
    let about = About { refund: Some(refund.id), source, ..About::payment(payment) };
    post(conn, event, &format!("refunded:{}", refund.id), about, postings, now).await
}

/// What was owed left our bank.
pub async fn refund_transferred(
    conn: &mut PgConnection,
    payment: &Payment,
    transfer: &BankTransfer,
    now: OffsetDateTime,
) -> Result<bool> {
    let postings = [ours(Account::OwedBack, transfer.cents()), ours(Account::Bank, -transfer.cents())];
    let about = About { refund: transfer.refund_id, ..About::payment(payment) };
    let cause = format!("refund-transferred:{}", transfer.refund());
    post(conn, Event::RefundTransferred, &cause, about, postings, now).await
}

/// What was owed had come to its payer in another way, and was lost there: it is neither owed nor lost.
pub async fn transfer_covered(
    conn: &mut PgConnection,
    payment: &Payment,
    transfer: &BankTransfer,
    cents: i64,
    now: OffsetDateTime,
) -> Result<bool> {
    let postings = [ours(Account::OwedBack, cents), ours(Account::Losses, -cents)];
    let about = About { refund: transfer.refund_id, ..About::payment(payment) };
    let cause = format!("transfer-covered:{}:{}", transfer.id, transfer.covered_cents + cents);
    post(conn, Event::TransferCovered, &cause, about, postings, now).await
}

/// A refund came back: its payer is owed it again. The shares stay with what they were taken for, on paper and in here.
pub async fn refund_failed(
    conn: &mut PgConnection,
    payment: &Payment,
    failed: &FailedRefund,
    now: OffsetDateTime,
) -> Result<bool> {
    let cents = failed.amount_cents;
    let postings = [ours(Account::Stripe, cents), ours(Account::OwedBack, -cents)];
    let about = About { source: Some(&failed.refund_id), ..About::payment(payment) };
    post(conn, Event::RefundFailed, &format!("refund-failed:{}", failed.refund_id), about, postings, now)
        .await
}

/// A bank holds a payment back until it has decided.
pub async fn dispute_opened(conn: &mut PgConnection, payment: &Payment, now: OffsetDateTime) -> Result<bool> {
    let cents = payment.disputed_cents;
    let postings = [ours(Account::Disputed, cents), ours(Account::Stripe, -cents)];
    let cause = format!("dispute-opened:{}", payment.id);
    post(conn, Event::DisputeOpened, &cause, About::payment(payment), postings, now).await
}

/// It decided for us.
pub async fn dispute_won(conn: &mut PgConnection, payment: &Payment, now: OffsetDateTime) -> Result<bool> {
    let cents = payment.disputed_cents;
    let postings = [ours(Account::Disputed, -cents), ours(Account::Stripe, cents)];
    let cause = format!("dispute-won:{}", payment.id);
    post(conn, Event::DisputeWon, &cause, About::payment(payment), postings, now).await
}

/// A bank took more back than was left of a payment, because the client had got it already: that is lost.
pub async fn dispute_lost_beyond(
    conn: &mut PgConnection,
    payment: &Payment,
    cents: i64,
    now: OffsetDateTime,
) -> Result<bool> {
    let postings = [ours(Account::Losses, cents), ours(Account::Disputed, -cents)];
    let cause = format!("dispute-lost:{}", payment.id);
    post(conn, Event::DisputeLost, &cause, About::payment(payment), postings, now).await
}

/// A public body owes a payment, by its invoice.
pub async fn chorus_accepted(
    conn: &mut PgConnection,
    payment: &Payment,
    now: OffsetDateTime,
) -> Result<bool> {
    let shares = Shares::of(payment.amount_cents, payment.commission_bps).postings(payment.talent_id, -1);
    let postings = shares.into_iter().chain([ours(Account::Chorus, payment.amount_cents)]);
    let cause = format!("chorus-accepted:{}", payment.id);
    post(conn, Event::ChorusAccepted, &cause, About::payment(payment), postings, now).await
}

/// It has paid.
pub async fn chorus_paid(conn: &mut PgConnection, payment: &Payment, now: OffsetDateTime) -> Result<bool> {
    let cents = payment.amount_cents;
    let postings = [ours(Account::Bank, cents), ours(Account::Chorus, -cents)];
    let cause = format!("chorus-paid:{}", payment.id);
    post(conn, Event::ChorusPaid, &cause, About::payment(payment), postings, now).await
}

/// It refuses the invoice: nobody owes anything.
pub async fn chorus_rejected(
    conn: &mut PgConnection,
    payment: &Payment,
    now: OffsetDateTime,
) -> Result<bool> {
    let shares = Shares::of(payment.amount_cents, payment.commission_bps).postings(payment.talent_id, 1);
    let postings = shares.into_iter().chain([ours(Account::Chorus, -payment.amount_cents)]);
    let cause = format!("chorus-rejected:{}", payment.id);
    post(conn, Event::ChorusRejected, &cause, About::payment(payment), postings, now).await
}

/// Stripe took something for a movement of its own.
pub async fn fee(conn: &mut PgConnection, movement: &str, cents: i64, now: OffsetDateTime) -> Result<bool> {
    let postings = [ours(Account::StripeFees, cents), ours(Account::Stripe, -cents)];
    let about = About { source: Some(movement), ..About::default() };
    post(conn, Event::Fee, &format!("fee:{movement}"), about, postings, now).await
}

/// Writes an entry with its postings, those of nothing left out; false where its cause was written before.
async fn post(
    conn: &mut PgConnection,
    event: Event,
    cause: &str,
    about: About<'_>,
    postings: impl IntoIterator<Item = Posting>,
    now: OffsetDateTime,
) -> Result<bool> {
    let postings: Vec<_> = postings.into_iter().filter(|posting| posting.cents != 0).collect();
    let accounts: Vec<_> = postings.iter().map(|posting| posting.account).collect();
    let owners: Vec<_> = postings.iter().map(|posting| posting.owner.map(|owner| owner.0)).collect();
    let cents: Vec<_> = postings.iter().map(|posting| posting.cents).collect();
    let written = sqlx::query!(
        "with entry as (
             insert into ledger_entries (id, event, cause, payment_id, payout_id, refund_id, source_id, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict on constraint ledger_entries_cause do nothing
             returning id
         )
         insert into ledger_postings (entry_id, line, account, owner_id, amount_cents)
         select entry.id, line, account, owner, cents
           from entry, unnest($9::ledger_account[], $10::uuid[], $11::bigint[])
                       with ordinality as posting (account, owner, cents, line)",
        Uuid::now_v7(),
        event as Event,
        cause,
        about.payment.map(|payment| payment.id.0),
        about.payout.map(|payout| payout.id.0),
        about.refund.map(|refund| refund.0),
        about.source,
        now,
        accounts as Vec<Account>,
        &owners as &[Option<Uuid>],
        &cents,
    );
    Ok(written.execute(conn).await?.rows_affected() > 0)
}

/// What our balance at Stripe gained or lost by a movement that Stripe names; nothing where the ledger does not know it. A refund that
/// came back moved twice under one name.
pub async fn of_source(conn: &mut PgConnection, source: &str, came_back: bool) -> Result<Option<i64>> {
    let cents = sqlx::query_scalar!(
        "select sum(p.amount_cents)::bigint from ledger_entries e join ledger_postings p on p.entry_id = e.id
          where e.source_id = $1 and e.event <> 'FEE' and (e.event = 'REFUND_FAILED') = $2 and p.account = 'STRIPE'",
        source,
        came_back,
    );
    Ok(cents.fetch_one(conn).await?)
}

/// What went to the payer of a payment beyond what there was of it.
pub async fn lost(conn: &mut PgConnection, payment: PaymentId) -> Result<i64> {
    let cents = sqlx::query_scalar!(
        r#"select coalesce(sum(p.amount_cents), 0)::bigint as "cents!"
             from ledger_entries e join ledger_postings p on p.entry_id = e.id
            where e.payment_id = $1 and p.account = 'LOSSES'"#,
        payment.0,
    );
    Ok(cents.fetch_one(conn).await?)
}

/// What an account holds, as its debits less its credits.
pub async fn balance(conn: &mut PgConnection, account: Account, owner: Option<UserId>) -> Result<i64> {
    let cents = sqlx::query_scalar!(
        r#"select coalesce(sum(amount_cents), 0)::bigint as "cents!" from ledger_postings
            where account = $1 and owner_id is not distinct from $2"#,
        account as Account,
        owner.map(|owner| owner.0),
    );
    Ok(cents.fetch_one(conn).await?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_are_the_whole(cents in 0..1_000_000_000_i64, bps in 0..=10_000_i32) {
            let shares = Shares::of(cents, bps);
            prop_assert_eq!(shares.talent + shares.commission + shares.vat, cents);
            prop_assert!(shares.talent >= 0 && shares.commission >= 0 && shares.vat >= 0);
        }
    }
}
