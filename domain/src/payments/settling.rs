//! What is true of a payment becomes true of everything else: the ledger, the booking, the payout. However often and whenever
//! this is asked, it adds what is missing and nothing more.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::closing::{Closed, Owed};
use super::refunds::{NewRefund, Requested};
use super::{
    DisputeStatus, FailedRefund, Payment, PaymentMethod, PaymentStatus, RefundWay, bank_transfers, closing,
    failed_refunds, payouts, refunds,
};
use crate::bookings::{self, Booking};
use crate::error::Result;
use crate::ids::PaymentId;
use crate::ledger;
use crate::timeline::{self, EventKind, NewEvent};

/// The cause of what a bank takes back.
const DISPUTE: &str = "dispute";

/// What a look at a payment changed. See `jobs::effects::payments::settled`.
#[derive(Debug)]
#[must_use = "a settlement has effects"]
pub struct Settled {
    pub payment: Payment,
    /// It was settled just now.
    pub paid: bool,
    pub booking: Option<Booking>,
    /// What has to go back, and what is to be paid out.
    pub closed: Closed,
    /// What had gone back and just came back, as far as it is owed.
    pub failed_refunds: Vec<FailedRefund>,
    /// What became of a dispute just now.
    pub dispute: Option<DisputeStatus>,
    /// Another amount came than was asked for.
    pub mismatch: bool,
}

/// Draws the conclusions from a payment that the caller has locked.
pub async fn settle(conn: &mut PgConnection, payment: Payment, now: OffsetDateTime) -> Result<Settled> {
    let mut settled = Settled {
        payment,
        paid: false,
        booking: None,
        closed: Closed::default(),
        failed_refunds: Vec::new(),
        dispute: None,
        mismatch: false,
    };
    if settled.payment.status != PaymentStatus::Succeeded {
        return Ok(settled);
    }
    if settled.payment.settled_at.is_none() {
        if settled.payment.mismatch_cents.is_some() {
            settled.mismatch = true;
            return Ok(settled);
        }
        settle_paid(&mut *conn, &mut settled, now).await?;
    }
    settle_dispute(&mut *conn, &mut settled, now).await?;
    settle_refunds(&mut *conn, &mut settled, now).await?;
    settle_failed_refunds(conn, &mut settled, now).await?;
    Ok(settled)
}

async fn settle_paid(conn: &mut PgConnection, settled: &mut Settled, now: OffsetDateTime) -> Result<()> {
    let payment = &mut settled.payment;
    sqlx::query!("update payments set settled_at = $2 where id = $1", payment.id.0, now)
        .execute(&mut *conn)
        .await?;
    payment.settled_at = Some(now);
    match payment.method {
        PaymentMethod::Card => ledger::paid(&mut *conn, payment, now).await?,
        PaymentMethod::Chorus => ledger::chorus_paid(&mut *conn, payment, now).await?,
    };
    payouts::insert(&mut *conn, payment).await?;
    if let Some(mission) = payment.mission_id {
        let event = NewEvent {
            amount_cents: Some(payment.amount_cents),
            ..NewEvent::by(mission, EventKind::Payment, payment.id.0, payment.talent_id)
        };
        timeline::record(&mut *conn, event, now).await?;
    }
    settled.paid = true;
    let owed = match payment.booking_id {
        Some(booking) => {
            settled.booking = bookings::mark_paid(&mut *conn, booking, now).await?;
            settled.booking.is_none().then_some(Owed::NOTHING)
        }
        None => closing::owed_of(&mut *conn, payment).await?,
    };
    // Called off, or done and accepted, before the client paid.
    match owed {
        Some(owed) => settled.closed.close(conn, payment, owed, now).await,
        None => Ok(()),
    }
}

async fn settle_dispute(conn: &mut PgConnection, settled: &mut Settled, now: OffsetDateTime) -> Result<()> {
    let payment = &settled.payment;
    if payment.dispute == DisputeStatus::None {
        return Ok(());
    }
    let mut news = ledger::dispute_opened(&mut *conn, payment, now).await?;
    if let Some(booking) = payment.booking_id.filter(|_| news) {
        let _ = bookings::mark_disputed(&mut *conn, booking, now).await?;
    }
    match payment.dispute {
        DisputeStatus::None | DisputeStatus::Open => {}
        DisputeStatus::Won => {
            if ledger::dispute_won(&mut *conn, payment, now).await? {
                news = true;
                settled.closed.payouts.extend(closing::dispute_won(&mut *conn, payment, now).await?);
            }
        }
        DisputeStatus::Lost => {
            news |= settle_lost(&mut *conn, payment, &mut settled.closed.refunds, now).await?;
        }
    }
    settled.dispute = news.then_some(payment.dispute);
    Ok(())
}

/// A bank took a payment back: its shares go back as in a refund. What had gone back before is lost, unless it is still to be
/// transferred.
async fn settle_lost(
    conn: &mut PgConnection,
    payment: &Payment,
    requests: &mut Vec<Requested>,
    now: OffsetDateTime,
) -> Result<bool> {
    let taken = refunds::find_by_cause(&mut *conn, payment.id, DISPUTE).await?;
    let left = match &taken {
        Some(refund) => refund.amount_cents,
        None => payment.disputed_cents.min(payment.amount_cents - payment.reserved_cents).max(0),
    };
    let beyond = payment.disputed_cents - left;
    let mut news = taken.is_none();
    if beyond > 0 {
        news = ledger::dispute_lost_beyond(&mut *conn, payment, beyond, now).await?;
        bank_transfers::cover(&mut *conn, payment, now).await?;
    }
    if left > 0 {
        let lost = NewRefund {
            cause: DISPUTE,
            way: RefundWay::Dispute,
            amount_cents: left,
            reason: "La banque du client a repris le paiement",
            requested_by: None,
        };
        requests.push(refunds::request(&mut *conn, payment, lost, now).await?);
    }
    if let Some(booking) = payment.booking_id.filter(|_| news) {
        let _ = bookings::settle_dispute(conn, booking, false, now).await?;
    }
    Ok(news)
}

/// What Stripe says has gone back, and no refund here accounts for.
async fn settle_refunds(conn: &mut PgConnection, settled: &mut Settled, now: OffsetDateTime) -> Result<()> {
    let payment = &settled.payment;
    let known = accounted_for(&mut *conn, payment.id).await?;
    let unknown = payment.refunded_cents - known;
    if unknown <= 0 {
        return Ok(());
    }
    let cause = format!("external:{}", payment.refunded_cents);
    let external = NewRefund {
        cause: &cause,
        way: RefundWay::External,
        amount_cents: unknown,
        reason: "Remboursement effectué chez Stripe",
        requested_by: None,
    };
    settled.closed.refunds.push(refunds::request(conn, payment, external, now).await?);
    Ok(())
}

/// What refunds have gone through at Stripe, or may have: it was asked.
async fn accounted_for(conn: &mut PgConnection, payment: PaymentId) -> Result<i64> {
    let cents = sqlx::query_scalar!(
        r#"select coalesce(sum(amount_cents), 0)::bigint as "cents!" from refunds
            where payment_id = $1 and way in ('STRIPE', 'EXTERNAL')
              and (status = 'SUCCEEDED' or status = 'PENDING' and (asked_at is not null or way = 'EXTERNAL'))"#,
        payment.0,
    );
    Ok(cents.fetch_one(conn).await?)
}

/// What came back is owed to its payer. It stays taken from the shares: it is still the client's, and no talent is paid it.
async fn settle_failed_refunds(
    conn: &mut PgConnection,
    settled: &mut Settled,
    now: OffsetDateTime,
) -> Result<()> {
    let payment = &settled.payment;
    if payment.failed_refund_cents == 0 {
        return Ok(());
    }
    for failed in failed_refunds::list(&mut *conn, payment.id).await? {
        if !ledger::refund_failed(&mut *conn, payment, &failed, now).await? {
            continue;
        }
        let transfer = bank_transfers::insert_for_failed(&mut *conn, &failed.refund_id, now).await?;
        bank_transfers::cover(&mut *conn, payment, now).await?;
        let owed = bank_transfers::get(&mut *conn, transfer).await?.cents();
        settled.failed_refunds.extend((owed > 0).then_some(FailedRefund { amount_cents: owed, ..failed }));
    }
    Ok(())
}
