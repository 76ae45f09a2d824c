//! When the work of a payment was accepted, or will not be done: what is owed of it is paid out, the rest goes back, and what is
//! missing is asked for. One rule, whether the client had paid before or pays after.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::payouts::{self, Scheduled};
use super::refunds::{self, NewRefund, Requested};
use super::{Payment, PaymentKind, PaymentMethod, PaymentStatus, RefundWay, asking};
use crate::assignments::AssignmentStatus;
use crate::bookings::{self, BookingStatus};
use crate::contracts::{self, Contract, ContractStatus};
use crate::error::Result;
use crate::ids::{BookingId, ContractId, PaymentId};
use crate::missions::{self, Mission};
use crate::{chorus, money, surcharges};

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
    /// What public bodies owe from now on: their invoices are handed in.
    pub hand_in: Vec<PaymentId>,
    /// A cancelled mission has a price that nobody has paid.
    pub indemnity_due: bool,
}

/// What a contract or a booking comes to, once that is known, and what to call the rest of what was paid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed<'a> {
    pub cents: i64,
    pub cause: &'a str,
    pub reason: &'a str,
}

impl Owed<'static> {
    /// Of what was called off while its client paid.
    pub const NOTHING: Self = Self::called_off(0, "Annulé avant le paiement");

    const fn called_off(cents: i64, reason: &'static str) -> Self {
        Self { cents, cause: refunds::CALLED_OFF, reason }
    }

    /// Of what was worked and accepted.
    pub(super) const fn worked(cents: i64) -> Self {
        Self { cents, cause: "worked-less", reason: "Durée réelle inférieure à la durée prévue" }
    }
}

/// What a contract comes to; none where its work is still to be done or accepted.
pub(crate) async fn owed_for(conn: &mut PgConnection, contract: &Contract) -> Result<Option<Owed<'static>>> {
    let row = sqlx::query!(
        r#"select a.status as "status: AssignmentStatus", r.accepted_minutes as "accepted_minutes?", m.start_date, m.end_date,
                  m.cancelled_at, coalesce(m.cancellation_cents, 0) as "cancellation_cents!",
                  coalesce(a.hourly_rate_cents, m.hourly_rate_cents)::bigint as "rate!"
             from assignments a join missions m on m.id = a.mission_id left join reports r on r.assignment_id = a.id
            where a.id = $1"#,
        contract.assignment_id.map(|id| id.0),
    );
    let Some(row) = row.fetch_optional(conn).await? else {
        // What was agreed in a quote is one price.
        let done = [Some(contract.status), contract.disputed_from].contains(&Some(ContractStatus::Completed));
        return Ok(done.then(|| Owed::worked(contract.amount_cents)));
    };
    Ok(match (row.status, row.accepted_minutes) {
        (AssignmentStatus::Withdrawn, _) => Some(Owed::called_off(0, "Désistement du talent")),
        (AssignmentStatus::Cancelled, _) => {
            let notice =
                row.cancelled_at.filter(|_| row.cancellation_cents > 0).map(|at| row.start_date - at);
            let share_bps = notice.map_or(0, missions::cancellation_share_bps);
            Some(Owed::called_off(money::share(contract.amount_cents, share_bps), "Mission annulée"))
        }
        (_, Some(minutes)) if i64::from(minutes) == (row.end_date - row.start_date).whole_minutes() => {
            Some(Owed::worked(contract.amount_cents))
        }
        // From the planned start on, at the contract's own rate.
        (_, Some(minutes)) => {
            let end = row.start_date + Duration::minutes(minutes.into());
            Some(Owed::worked(surcharges::price(row.start_date, end, row.rate).total_cents))
        }
        (_, None) => None,
    })
}

/// What stays due of a payment that has come; none where its work is still to be done or accepted.
pub(crate) async fn owed_of(conn: &mut PgConnection, payment: &Payment) -> Result<Option<Owed<'static>>> {
    match (payment.kind, payment.contract_id) {
        // Asked for because it was accepted.
        (PaymentKind::Supplement, _) => Ok(Some(Owed::worked(payment.amount_cents))),
        (PaymentKind::Charge, Some(contract)) => {
            let contract = contracts::get(&mut *conn, contract).await?;
            owed_for(conn, &contract).await
        }
        (PaymentKind::Charge, None) => Ok(None),
    }
}

impl Closed {
    /// Brings a payment that the caller has locked to what is owed.
    pub(super) async fn close(
        &mut self,
        conn: &mut PgConnection,
        payment: &Payment,
        owed: Owed<'_>,
        now: OffsetDateTime,
    ) -> Result<()> {
        match payment.status {
            PaymentStatus::Cancelled => Ok(()),
            PaymentStatus::Succeeded if payment.settled_at.is_some() => {
                self.settle(conn, payment, owed, now).await
            }
            _ if payment.method == PaymentMethod::Chorus => self.submit(conn, payment, owed, now).await,
            // When it comes all the same, its settlement finds that it was another amount.
            _ => {
                self.unwanted.extend((payment.amount_cents != owed.cents).then_some(payment.id));
                Ok(())
            }
        }
    }

    /// What was paid too much goes back, what is owed is paid out, what is missing is asked for.
    async fn settle(
        &mut self,
        conn: &mut PgConnection,
        payment: &Payment,
        owed: Owed<'_>,
        now: OffsetDateTime,
    ) -> Result<()> {
        let back = payment.amount_cents - payment.reserved_cents - owed.cents;
        if back > 0 {
            let new = NewRefund {
                cause: owed.cause,
                way: RefundWay::of(payment),
                amount_cents: back,
                reason: owed.reason,
                requested_by: None,
            };
            self.refunds.push(refunds::request(&mut *conn, payment, new, now).await?);
        }
        if owed.cents > 0 {
            self.payouts.extend(payouts::schedule(&mut *conn, payment.id, now + payouts::AFTER).await?);
        }
        self.ask_for_the_rest(conn, payment, owed, now).await
    }

    /// What a public body will pay becomes what is owed, as long as its invoice is not issued.
    async fn submit(
        &mut self,
        conn: &mut PgConnection,
        payment: &Payment,
        owed: Owed<'_>,
        now: OffsetDateTime,
    ) -> Result<()> {
        if owed.cents == 0 {
            self.unwanted.push(payment.id);
            return Ok(());
        }
        let payment = chorus::adjust(&mut *conn, payment, owed.cents).await?;
        self.hand_in.push(payment.id);
        self.ask_for_the_rest(conn, &payment, owed, now).await
    }

    async fn ask_for_the_rest(
        &mut self,
        conn: &mut PgConnection,
        payment: &Payment,
        owed: Owed<'_>,
        now: OffsetDateTime,
    ) -> Result<()> {
        let more = owed.cents - payment.amount_cents;
        if more >= LEAST_CENTS && payment.contract_id.is_some() {
            self.supplement = asking::supplement(conn, payment, more, now).await?;
        }
        Ok(())
    }
}

/// A mission was cancelled, or a talent left it: the contracts that nobody will fulfil.
pub async fn called_off(conn: &mut PgConnection, mission: &Mission, now: OffsetDateTime) -> Result<Closed> {
    let mut closed = Closed::default();
    let contracts = sqlx::query_scalar!(
        r#"select c.id as "id: ContractId" from contracts c join assignments a on a.id = c.assignment_id
            where c.mission_id = $1 and c.signed_at is not null and a.status in ('CANCELLED', 'WITHDRAWN') order by c.id"#,
        mission.id.0,
    );
    for contract in contracts.fetch_all(&mut *conn).await? {
        let contract = contracts::get(&mut *conn, contract).await?;
        let Some(owed) = owed_for(&mut *conn, &contract).await? else { continue };
        let asked = closed.contract(&mut *conn, contract.id, owed, now).await?;
        closed.indemnity_due |= owed.cents > 0 && !asked;
    }
    Ok(closed)
}

/// The client accepted what a talent worked, or what a quote had promised.
pub async fn work_accepted(
    conn: &mut PgConnection,
    contract: ContractId,
    now: OffsetDateTime,
) -> Result<Closed> {
    let mut closed = Closed::default();
    let contract = contracts::get(&mut *conn, contract).await?;
    if let Some(owed) = owed_for(&mut *conn, &contract).await? {
        closed.contract(conn, contract.id, owed, now).await?;
    }
    Ok(closed)
}

impl Closed {
    /// Closes the living charge of a contract; true where that is paid, or will be without being asked for.
    async fn contract(
        &mut self,
        conn: &mut PgConnection,
        contract: ContractId,
        owed: Owed<'_>,
        now: OffsetDateTime,
    ) -> Result<bool> {
        let charge = sqlx::query_scalar!(
            r#"select id as "id: PaymentId" from payments where contract_id = $1 and kind = 'CHARGE' and status <> 'CANCELLED'"#,
            contract.0,
        );
        let Some(charge) = charge.fetch_optional(&mut *conn).await? else { return Ok(false) };
        let charge = super::lock(&mut *conn, charge).await?;
        self.close(conn, &charge, owed, now).await?;
        let under_way = matches!(charge.status, PaymentStatus::Processing | PaymentStatus::Succeeded);
        Ok(under_way || charge.method == PaymentMethod::Chorus)
    }
}

/// A booking ended before its time, or somebody did not come.
pub async fn booking_ended(
    conn: &mut PgConnection,
    booking: BookingId,
    due_cents: i64,
    now: OffsetDateTime,
) -> Result<Closed> {
    let mut closed = Closed::default();
    let owed = Owed::called_off(due_cents, "Réservation annulée");
    for payment in list_of_booking(&mut *conn, booking).await? {
        let payment = super::lock(&mut *conn, payment).await?;
        closed.close(&mut *conn, &payment, owed, now).await?;
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
