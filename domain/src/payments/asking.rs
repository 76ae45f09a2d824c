//! What a client can be asked to pay now, and the payment that asks for it.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Payment, PaymentMethod, PaymentStatus, closing, select_payments};
use crate::bookings::{self, BookingStatus};
use crate::contracts::{self, ContractKind, ContractStatus};
use crate::error::{Error, Result};
use crate::ids::{BookingId, ContractId, MissionId, PaymentId, UserId};
use crate::sessions::Viewer;
use crate::standing::{NOT_A_PARTY, Side};
use crate::{missions, plans};

pub const NOT_PAYABLE: Error =
    Error::Conflict { code: "NOT_PAYABLE", message: "There is nothing to pay here now" };
const ALREADY_PAID: Error = Error::Conflict { code: "ALREADY_PAID", message: "This is paid" };
pub const PROCESSING: Error =
    Error::Conflict { code: "PAYMENT_PROCESSING", message: "The bank is at work on this payment" };

/// What a client is to pay now.
#[derive(Debug)]
pub enum Asked {
    Payment(Payment),
    /// An open one is for an amount that is owed no more: it has to be cancelled before another can be.
    Outdated(Payment),
}

/// What a client wants to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bill {
    Booking(BookingId),
    Mission(MissionId),
    /// Of a quote.
    Contract(ContractId),
}

pub async fn of(
    conn: &mut PgConnection,
    bill: Bill,
    method: PaymentMethod,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Asked> {
    match bill {
        Bill::Booking(id) => of_booking(conn, id, method, viewer, now).await,
        Bill::Mission(id) => of_mission(conn, id, method, viewer, now).await,
        Bill::Contract(id) => of_contract(conn, id, method, viewer, now).await,
    }
}

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Booking(BookingId),
    /// Of a mission, or of a quote.
    Contract(ContractId, Option<MissionId>),
}

#[derive(Debug)]
struct Payable {
    payer: UserId,
    talent: UserId,
    subject: Subject,
    amount_cents: i64,
    commission_bps: i32,
}

/// The payment of a confirmed booking, by its client.
async fn of_booking(
    conn: &mut PgConnection,
    id: BookingId,
    method: PaymentMethod,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Asked> {
    let booking = bookings::lock(&mut *conn, id).await?;
    if booking.client_id != viewer.user {
        return Err(bookings::NOT_A_PARTICIPANT);
    }
    match booking.status {
        BookingStatus::Confirmed => {}
        BookingStatus::Paid | BookingStatus::InProgress | BookingStatus::Completed => {
            return Err(ALREADY_PAID);
        }
        _ => return Err(NOT_PAYABLE),
    }
    let payable = Payable {
        payer: booking.client_id,
        talent: booking.talent_id,
        subject: Subject::Booking(id),
        amount_cents: booking.price_cents,
        commission_bps: booking.commission_bps,
    };
    ask(conn, &payable, method, now).await
}

/// The payment of a mission's signed contract: the first of them that is not paid, then a supplement that is due. For whoever
/// manages the mission; several talents are paid one after the other. What is known to be owed is asked for: what was worked, or
/// the price of a cancellation; and before that what was planned.
async fn of_mission(
    conn: &mut PgConnection,
    id: MissionId,
    method: PaymentMethod,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Asked> {
    let mission = missions::lock_managed(&mut *conn, id, viewer).await?;
    // What cannot be asked for now, because a bank or a public body is at work on it, holds up no other talent.
    let signed = sqlx::query!(
        r#"select c.id as "id: ContractId", coalesce(p.status = 'SUCCEEDED', false) as "paid!",
                  p.id is null or p.method = $2 and p.status in ('REQUIRES_PAYMENT', 'FAILED') as "open!"
             from contracts c
             join assignments a on a.id = c.assignment_id and a.status <> 'WITHDRAWN'
             left join payments p on p.contract_id = c.id and p.kind = 'CHARGE' and p.status <> 'CANCELLED'
            where c.mission_id = $1 and c.status in ('SIGNED', 'IN_PROGRESS', 'COMPLETED')
            order by 3 desc, 2, c.signed_at, c.id"#,
        id.0,
        method as PaymentMethod,
    );
    let mut refusal = NOT_PAYABLE;
    for signed in signed.fetch_all(&mut *conn).await? {
        if !signed.open {
            refusal = if signed.paid { ALREADY_PAID } else { PROCESSING };
            break;
        }
        // Whoever calls the contract off waits for us, or we for them.
        let contract = contracts::lock(&mut *conn, signed.id).await?;
        let owed = closing::owed_for(&mut *conn, &contract).await?;
        let amount_cents = owed.map_or(contract.amount_cents, |owed| owed.cents);
        if amount_cents > 0 {
            let plan = plans::get(&mut *conn, mission.client_id, mission.establishment_id).await?;
            let payable = Payable {
                payer: mission.client_id,
                talent: contract.talent_id,
                subject: Subject::Contract(contract.id, Some(id)),
                amount_cents,
                commission_bps: plan.commission_bps(),
            };
            return ask(conn, &payable, method, now).await;
        }
    }
    let supplement = select_payments!(
        "where mission_id = $1 and kind = 'SUPPLEMENT' and method = $2 and status in ('REQUIRES_PAYMENT', 'FAILED')
         order by id limit 1",
        id.0,
        method as PaymentMethod,
    );
    supplement.fetch_optional(conn).await?.map(Asked::Payment).ok_or(refusal)
}

/// The payment of a quote's signed contract, by its client's side: its total with VAT, as it was frozen.
async fn of_contract(
    conn: &mut PgConnection,
    id: ContractId,
    method: PaymentMethod,
    viewer: Viewer,
    now: OffsetDateTime,
) -> Result<Asked> {
    let contract = contracts::lock(&mut *conn, id).await?;
    if contract.between().side(&mut *conn, viewer).await? != Side::Client {
        return Err(NOT_A_PARTY);
    }
    let signed = matches!(
        contract.status,
        ContractStatus::Signed | ContractStatus::InProgress | ContractStatus::Completed
    );
    if contract.kind != ContractKind::Framework || !signed {
        return Err(NOT_PAYABLE);
    }
    let plan = plans::get(&mut *conn, contract.client_id, contract.establishment_id).await?;
    let payable = Payable {
        payer: contract.client_id,
        talent: contract.talent_id,
        subject: Subject::Contract(id, None),
        amount_cents: contract.amount_cents,
        commission_bps: plan.commission_bps(),
    };
    ask(conn, &payable, method, now).await
}

/// The living payment for a thing, made where there is none.
async fn ask(
    conn: &mut PgConnection,
    payable: &Payable,
    method: PaymentMethod,
    now: OffsetDateTime,
) -> Result<Asked> {
    if payable.amount_cents == 0 {
        return Err(NOT_PAYABLE);
    }
    let (booking, contract, mission) = match payable.subject {
        Subject::Booking(booking) => (Some(booking.0), None, None),
        Subject::Contract(contract, mission) => (None, Some(contract.0), mission.map(|mission| mission.0)),
    };
    // What was asked for at the same time is found below: the unique indexes let one of them be.
    sqlx::query!(
        "insert into payments (id, kind, method, payer_id, talent_id, mission_id, contract_id, booking_id, amount_cents,
                               commission_bps, created_at)
         values ($1, 'CHARGE', $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        PaymentId::new().0,
        method as PaymentMethod,
        payable.payer.0,
        payable.talent.0,
        mission,
        contract,
        booking,
        payable.amount_cents,
        payable.commission_bps,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let payment = select_payments!(
        "where (booking_id = $1 or contract_id = $2 and kind = 'CHARGE') and status <> 'CANCELLED'",
        booking,
        contract,
    )
    .fetch_one(conn)
    .await?;
    match payment.status {
        PaymentStatus::Succeeded | PaymentStatus::Cancelled => Err(ALREADY_PAID),
        _ if payment.method != method => Err(PROCESSING),
        // What a public body is asked for follows what it owes by itself.
        PaymentStatus::RequiresPayment | PaymentStatus::Failed => {
            match payment.amount_cents == payable.amount_cents || method == PaymentMethod::Chorus {
                true => Ok(Asked::Payment(payment)),
                false => Ok(Asked::Outdated(payment)),
            }
        }
        PaymentStatus::Processing => Err(PROCESSING),
    }
}

/// A supplement for what was worked beyond the plan, once for each contract.
pub(super) async fn supplement(
    conn: &mut PgConnection,
    charge: &Payment,
    amount_cents: i64,
    now: OffsetDateTime,
) -> Result<Option<Payment>> {
    let id = PaymentId::new();
    let made = sqlx::query!(
        "insert into payments (id, kind, method, payer_id, talent_id, mission_id, contract_id, amount_cents, commission_bps, created_at)
         select $1, 'SUPPLEMENT', $2, payer_id, talent_id, mission_id, contract_id, $4, commission_bps, $5 from payments
          where id = $3
         on conflict do nothing",
        id.0,
        PaymentMethod::Card as PaymentMethod,
        charge.id.0,
        amount_cents,
        now,
    );
    match made.execute(&mut *conn).await?.rows_affected() {
        0 => Ok(None),
        _ => super::get(conn, id).await.map(Some),
    }
}

/// Keeps Stripe's name of a payment, as its answer gave it; false where nobody should pay it any more.
pub async fn set_intent(conn: &mut PgConnection, id: PaymentId, intent: &str) -> Result<bool> {
    let set = sqlx::query!(
        "update payments set intent_id = $2 where id = $1 and coalesce(intent_id, $2) = $2 and status <> 'CANCELLED'",
        id.0,
        intent,
    );
    Ok(set.execute(conn).await?.rows_affected() > 0)
}

/// Stripe has cancelled it, or was never asked for it; false where it has another name there by now, and is to be looked at again.
pub async fn mark_cancelled(conn: &mut PgConnection, payment: &Payment, now: OffsetDateTime) -> Result<bool> {
    let cancelled = sqlx::query!(
        "update payments
            set status_at = case when status in ('CANCELLED', 'SUCCEEDED') then status_at else $3 end,
                status = case when status = 'SUCCEEDED' then status else 'CANCELLED' end
          where id = $1 and intent_id is not distinct from $2",
        payment.id.0,
        payment.intent_id,
        now,
    );
    Ok(cancelled.execute(conn).await?.rows_affected() > 0)
}
