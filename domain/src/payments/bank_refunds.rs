//! Refunds that go from bank to bank: what a public body had paid, and what Stripe refused to give back. They count as soon as they
//! are owed; the transfer follows.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::refunds::{self, Refund, RefundStatus, Refunded, Requested, Underway};
use super::{BankTransfer, DisputeStatus, bank_transfers};
use crate::error::{Error, Result};
use crate::ids::RefundId;
use crate::{ledger, payments};

/// A payer is owed a refund. See `jobs::effects::payments::refund_owed`.
#[derive(Debug)]
#[must_use = "somebody has to transfer it"]
pub struct Owed {
    pub refunded: Refunded,
    pub transfer: BankTransfer,
}

/// From now on we owe it, and nobody else has it.
pub async fn mark_owed(
    conn: &mut PgConnection,
    underway: &Underway,
    now: OffsetDateTime,
) -> Result<Option<Owed>> {
    let payment = payments::lock(&mut *conn, underway.payment.id).await?;
    let returned_cents = refunds::returned(&mut *conn, &payment).await?;
    let transfer = bank_transfers::insert_for_refund(&mut *conn, underway.refund.id, now).await?;
    let Some(transfer) = transfer else { return Ok(None) };
    let refund = Refund { owed: true, ..underway.refund.clone() };
    ledger::refunded(&mut *conn, &payment, &refund, returned_cents, None, now).await?;
    bank_transfers::cover(&mut *conn, &payment, now).await?;
    let transfer = bank_transfers::get(conn, transfer).await?;
    Ok(Some(Owed { refunded: Refunded { payment, refund, returned_cents }, transfer }))
}

/// What Stripe refused goes from bank to bank. What a rule gave the client is still taken of its payment; what a person had asked
/// for is taken again, where that much is left.
pub async fn by_bank(conn: &mut PgConnection, id: RefundId) -> Result<Requested> {
    let payment = refunds::get(&mut *conn, id).await?.payment_id;
    let payment = payments::lock(&mut *conn, payment).await?;
    // What had come back from the talent stays; what had not is asked for anew.
    let begun = sqlx::query!(
        r#"with begun as (
               update refunds r
                  set status = 'PENDING', way = 'BANK', ended_at = null, asked_at = null,
                      reversal_cents = case when r.reversal_id is not null then r.reversal_cents end
                 from payments p
                where r.id = $1 and r.status = 'FAILED' and p.id = r.payment_id and p.dispute <> 'OPEN'
                  and p.reserved_cents + case when r.requested_by is null then 0 else r.amount_cents end <= p.amount_cents
               returning r.payment_id, case when r.requested_by is null then 0 else r.amount_cents end as taken
           )
           update payments p set reserved_cents = p.reserved_cents + begun.taken from begun where p.id = begun.payment_id"#,
        id.0,
    );
    let begun = begun.execute(&mut *conn).await?.rows_affected() > 0;
    let refund = refunds::get(conn, id).await?;
    match begun {
        true => Ok(Requested { refund, again: false }),
        false if refund.status != RefundStatus::Failed => Err(Error::Conflict {
            code: "REFUND_NOT_FAILED",
            message: "Only a refund that Stripe refused goes from bank to bank instead",
        }),
        false if payment.dispute == DisputeStatus::Open => Err(refunds::DISPUTED),
        false => Err(refunds::TOO_LARGE),
    }
}
