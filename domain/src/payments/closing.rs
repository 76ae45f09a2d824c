//! When the work of a payment was accepted, or will not be done: what is owed of it is paid out, the rest goes back.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::payouts::{self, Scheduled};
use super::refunds::{self, NewRefund, Requested};
use super::{Payment, PaymentKind, PaymentMethod, PaymentStatus, RefundWay, asking, select_payments};
use crate::assignments::AssignmentStatus;
use crate::bookings::{self, BookingStatus};
use crate::error::Result;
use crate::ids::{BookingId, ContractId, PaymentId};
use crate::missions::{self, Mission, MissionStatus};
use crate::{contracts, money, surcharges};

/// Less than this no card can be charged.
const LEAST_CENTS: i64 = 50;

/// What has to be done about money that was paid, or was asked for. See `jobs::effects::payments::closed`.
#[derive(Debug, Default)]
#[must_use = "money has to move"]
pub struct Closed {
    pub refunds: Vec<Requested>,
    pub payouts: Vec<Scheduled>,
    /// Asked for and not paid: nobody should pay them any more.
    pub unwanted: Vec<PaymentId>,
    /// What more was worked, and is to be paid.
    pub supplement: Option<Payment>,
}

/// Of what is owed, how much of a payment it is, and what to call the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed<'a> {
    pub cents: i64,
    pub cause: &'a str,
    pub reason: &'a str,
}

impl Owed<'static> {
    /// Of what was called off while its client paid.
    pub const NOTHING: Self = Self::late(0);

    const fn late(cents: i64) -> Self {
        Self { cents, cause: refunds::CALLED_OFF, reason: "Annulé avant le paiement" }
    }
}

/// Of what was worked in fewer minutes than planned.
fn worked(cents: i64) -> Owed<'static> {
    Owed { cents, cause: "worked-less", reason: "Durée réelle inférieure à la durée prévue" }
}

impl Closed {
    async fn close(
        &mut self,
        conn: &mut PgConnection,
        payment: PaymentId,
        owed: Owed<'_>,
        now: OffsetDateTime,
    ) -> Result<()> {
        let payment = super::lock(&mut *conn, payment).await?;
        match payment.status {
            PaymentStatus::Cancelled => return Ok(()),
            PaymentStatus::Succeeded if payment.settled_at.is_some() => {}
            // When it comes all the same, its settlement finds that it is not wanted.
            _ => {
                self.unwanted.push(payment.id);
                return Ok(());
            }
        }
        let back = payment.amount_cents - owed.cents - payment.reserved_cents;
        // What a public body paid is given back by people, from bank to bank.
        if back > 0 && payment.method == PaymentMethod::Card {
            let new = NewRefund {
                cause: owed.cause,
                way: RefundWay::Stripe,
                amount_cents: back,
                reason: owed.reason,
                requested_by: None,
            };
            self.refunds.push(refunds::request(&mut *conn, &payment, new, now).await?);
        }
        if owed.cents > 0 {
            self.payouts.extend(payouts::schedule(conn, payment.id, now + payouts::AFTER).await?);
        }
        Ok(())
    }
}

/// What stays due of a contract whose mission was cancelled.
fn owed(mission: &Mission, amount_cents: i64) -> i64 {
    let (Some(cancelled_at), Some(price)) = (mission.cancelled_at, mission.cancellation_cents) else {
        return 0;
    };
    match price {
        0 => 0,
        _ => money::share(amount_cents, missions::cancellation_share_bps(mission.start_date - cancelled_at)),
    }
}

/// A mission was cancelled, or a talent left it: the contracts that nobody will fulfil.
pub async fn called_off(conn: &mut PgConnection, mission: &Mission, now: OffsetDateTime) -> Result<Closed> {
    let mut closed = Closed::default();
    let payments = sqlx::query!(
        r#"select p.id as "id: PaymentId", p.amount_cents, a.status as "status: AssignmentStatus"
             from payments p join contracts c on c.id = p.contract_id join assignments a on a.id = c.assignment_id
            where p.mission_id = $1 and a.status in ('CANCELLED', 'WITHDRAWN') and p.status <> 'CANCELLED' order by p.id"#,
        mission.id.0,
    );
    for row in payments.fetch_all(&mut *conn).await? {
        let owed = match row.status {
            AssignmentStatus::Cancelled => Owed {
                cents: owed(mission, row.amount_cents),
                cause: refunds::CALLED_OFF,
                reason: "Mission annulée",
            },
            _ => Owed { cents: 0, cause: refunds::CALLED_OFF, reason: "Désistement du talent" },
        };
        closed.close(&mut *conn, row.id, owed, now).await?;
    }
    Ok(closed)
}

/// A booking ended before its time, or somebody did not come.
pub async fn booking_ended(
    conn: &mut PgConnection,
    booking: BookingId,
    due_cents: i64,
    now: OffsetDateTime,
) -> Result<Closed> {
    let mut closed = Closed::default();
    let owed = Owed { cents: due_cents, cause: refunds::CALLED_OFF, reason: "Réservation annulée" };
    for payment in list_of_booking(&mut *conn, booking).await? {
        closed.close(&mut *conn, payment, owed, now).await?;
    }
    Ok(closed)
}

/// A session was held.
pub async fn booking_completed(
    conn: &mut PgConnection,
    booking: BookingId,
    now: OffsetDateTime,
) -> Result<Closed> {
    let mut closed = Closed::default();
    for payment in list_of_booking(&mut *conn, booking).await? {
        closed.payouts.extend(payouts::schedule(&mut *conn, payment, now + payouts::AFTER).await?);
    }
    Ok(closed)
}

async fn list_of_booking(conn: &mut PgConnection, booking: BookingId) -> Result<Vec<PaymentId>> {
    let payments = sqlx::query_scalar!(
        r#"select id as "id: PaymentId" from payments where booking_id = $1 and status <> 'CANCELLED' order by id"#,
        booking.0,
    );
    Ok(payments.fetch_all(conn).await?)
}

/// The client accepted what a talent worked on a mission, in minutes: less than planned goes back, more is to be paid.
pub async fn work_accepted(
    conn: &mut PgConnection,
    contract: ContractId,
    minutes: i64,
    now: OffsetDateTime,
) -> Result<Closed> {
    let mut closed = Closed::default();
    let charge = select_payments!(
        "where contract_id = $1 and kind = 'CHARGE' and status <> 'CANCELLED' for update",
        contract.0
    );
    let Some(charge) = charge.fetch_optional(&mut *conn).await? else { return Ok(closed) };
    let worked_cents = price(&mut *conn, contract, minutes).await?;
    if worked_cents - charge.amount_cents >= LEAST_CENTS {
        closed.supplement =
            asking::supplement(&mut *conn, &charge, worked_cents - charge.amount_cents, now).await?;
    }
    if charge.settled_at.is_some() {
        let owed = worked(worked_cents.min(charge.amount_cents));
        closed.close(&mut *conn, charge.id, owed, now).await?;
    }
    Ok(closed)
}

/// What the minutes worked cost from the planned start on, at the contract's own rate.
async fn price(conn: &mut PgConnection, contract: ContractId, minutes: i64) -> Result<i64> {
    let contract = contracts::get(&mut *conn, contract).await?;
    let row = sqlx::query!(
        r#"select coalesce(a.hourly_rate_cents, m.hourly_rate_cents)::bigint as "rate!", m.start_date, m.end_date
             from contracts c join missions m on m.id = c.mission_id join assignments a on a.id = c.assignment_id
            where c.id = $1"#,
        contract.id.0,
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(contract.amount_cents) };
    if minutes == (row.end_date - row.start_date).whole_minutes() {
        return Ok(contract.amount_cents);
    }
    let end = row.start_date + Duration::minutes(minutes.max(0));
    Ok(surcharges::price(row.start_date, end, row.rate).total_cents)
}

/// Whether the work was accepted before it was paid: a supplement always, and what a public body pays.
pub(super) async fn is_accepted(conn: &mut PgConnection, payment: &Payment) -> Result<bool> {
    let accepted = sqlx::query_scalar!(
        r#"select exists (select from contracts where id = $1 and 'COMPLETED' in (status, disputed_from)) as "accepted!""#,
        payment.contract_id.map(|id| id.0),
    );
    Ok(payment.kind == PaymentKind::Supplement || accepted.fetch_one(conn).await?)
}

/// A bank left a booking paid: what it was disputed for counts as held.
pub(super) async fn dispute_won(
    conn: &mut PgConnection,
    payment: &Payment,
    now: OffsetDateTime,
) -> Result<Option<Scheduled>> {
    let Some(booking) = payment.booking_id else { return Ok(None) };
    match bookings::settle_dispute(&mut *conn, booking, true, now).await? {
        Some(booking) if booking.status == BookingStatus::Completed => {
            payouts::schedule(conn, payment.id, now + payouts::AFTER).await
        }
        _ => Ok(None),
    }
}

/// What stays due of a payment that came when its work was called off, or accepted, already; nothing is known where it is still
/// to be done.
pub(super) async fn still_owed(conn: &mut PgConnection, payment: &Payment) -> Result<Option<Owed<'static>>> {
    let (Some(contract), Some(mission)) = (payment.contract_id, payment.mission_id) else { return Ok(None) };
    let place = sqlx::query!(
        r#"select a.status as "status: AssignmentStatus", r.accepted_minutes as "accepted_minutes?"
             from contracts c join assignments a on a.id = c.assignment_id left join reports r on r.assignment_id = a.id
            where c.id = $1"#,
        contract.0,
    );
    let Some(place) = place.fetch_optional(&mut *conn).await? else { return Ok(None) };
    match (place.status, place.accepted_minutes) {
        (AssignmentStatus::Withdrawn, _) => Ok(Some(Owed::NOTHING)),
        (AssignmentStatus::Cancelled, _) => {
            let mission = missions::get(conn, mission).await?;
            let cancelled = mission.status == MissionStatus::Cancelled;
            Ok(Some(Owed::late(if cancelled { owed(&mission, payment.amount_cents) } else { 0 })))
        }
        // What a public body pays was invoiced as it is.
        (_, Some(_))
            if payment.kind == PaymentKind::Supplement || payment.method == PaymentMethod::Chorus =>
        {
            Ok(Some(worked(payment.amount_cents)))
        }
        (_, Some(minutes)) => {
            let cents = price(conn, contract, minutes.into()).await?;
            Ok(Some(worked(cents.min(payment.amount_cents))))
        }
        (_, None) => Ok(None),
    }
}
