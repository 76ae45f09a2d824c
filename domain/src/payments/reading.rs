//! What people see of their money: drawn from the ledger, so that it cannot say anything else.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Payment;
use super::refunds::{Refund, RefundStatus, select_refunds};
use crate::error::Result;
use crate::ids::{BookingId, MissionId, PaymentId, UserId};
use crate::ledger::{self, Account, Event};
use crate::page::{Cursor, Page};
use crate::sessions::Viewer;
use crate::standing::NOT_A_PARTY;

/// A payment, for its payer, its talent, who manages the site that it is for, and admins.
pub async fn get_for(conn: &mut PgConnection, id: PaymentId, viewer: Viewer) -> Result<Payment> {
    let payment = super::get(&mut *conn, id).await?;
    if viewer.is_admin() || [payment.payer_id, payment.talent_id].contains(&viewer.user) {
        return Ok(payment);
    }
    let managed = sqlx::query_scalar!(
        r#"select exists (select from contracts c join establishment_members e on e.establishment_id = c.establishment_id
                           where c.id = $1 and e.user_id = $2 and e.role in ('OWNER', 'MANAGER')) as "managed!""#,
        payment.contract_id.map(|id| id.0),
        viewer.user.0,
    );
    if managed.fetch_one(conn).await? { Ok(payment) } else { Err(NOT_A_PARTY) }
}

/// What a talent has coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Owed to the talent, whether it is due yet or not; below zero the talent owes.
    pub owed_cents: i64,
    /// Of it, what waits for its time.
    pub scheduled_cents: i64,
    /// Transferred until today, less what was taken back.
    pub paid_out_cents: i64,
    pub next_payout_at: Option<OffsetDateTime>,
}

pub async fn balance(conn: &mut PgConnection, talent: UserId) -> Result<Balance> {
    let owed_cents = -ledger::balance(&mut *conn, Account::Talent, Some(talent)).await?;
    let paid_out = sqlx::query_scalar!(
        r#"select coalesce(sum(p.amount_cents), 0)::bigint as "cents!"
             from ledger_postings p join ledger_entries e on e.id = p.entry_id
            where p.owner_id = $1 and e.event in ('PAID_OUT', 'PAYOUT_REVERSED')"#,
        talent.0,
    );
    let paid_out_cents = paid_out.fetch_one(&mut *conn).await?;
    let scheduled = super::select_payments!(
        "where talent_id = $1
           and exists (select from payouts o where o.payment_id = payments.id and o.status in ('SCHEDULED', 'SENDING'))",
        talent.0,
    );
    let scheduled = scheduled.fetch_all(&mut *conn).await?;
    let next = sqlx::query_scalar!(
        "select min(due_at) from payouts where talent_id = $1 and status in ('SCHEDULED', 'SENDING')",
        talent.0
    );
    Ok(Balance {
        owed_cents,
        scheduled_cents: scheduled.iter().map(Payment::entitled_cents).sum(),
        paid_out_cents,
        next_payout_at: next.fetch_one(conn).await?,
    })
}

/// A movement of somebody's money.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Transaction {
    pub id: Uuid,
    pub event: Event,
    /// Positive where the reader got it.
    pub amount_cents: i64,
    pub created_at: OffsetDateTime,
    pub payment_id: Option<PaymentId>,
    pub mission_id: Option<MissionId>,
    pub booking_id: Option<BookingId>,
}

/// What a talent earned and got, or what a client paid and got back, newest first.
pub async fn list_transactions(
    conn: &mut PgConnection,
    viewer: Viewer,
    page: Page,
) -> Result<(Vec<Transaction>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    // A talent reads the own account. A client has none: what came from it stands on ours, at Stripe or with Chorus. A refund by bank
    // counts as given back once it is owed, unless it came in another way; what a bank sent back, once it is transferred.
    let rows = sqlx::query_as!(
        Transaction,
        r#"select e.id, e.event as "event: Event", (-sum(l.amount_cents))::bigint as "amount_cents!", e.created_at,
                  p.id as "payment_id?: PaymentId", p.mission_id as "mission_id?: MissionId", p.booking_id as "booking_id?: BookingId"
             from ledger_entries e
             join payments p on p.id = e.payment_id
             join ledger_postings l on l.entry_id = e.id
            where (l.owner_id = $1
                   or p.payer_id = $1
                      and (e.event in ('PAID', 'REFUNDED', 'REFUND_FAILED', 'DISPUTE_LOST', 'CHORUS_ACCEPTED', 'CHORUS_REJECTED')
                           and l.account in ('STRIPE', 'BANK', 'CHORUS', 'DISPUTED')
                           or e.event in ('REFUNDED', 'TRANSFER_COVERED') and e.refund_id is not null and l.account = 'OWED_BACK'
                           or e.event = 'REFUND_TRANSFERRED' and e.refund_id is null and l.account = 'BANK'))
              and ($2::timestamptz is null or (e.created_at, e.id) < ($2, $3))
            group by e.id, p.id
            order by e.created_at desc, e.id desc limit $4"#,
        viewer.user.0,
        after,
        after_id,
        page.rows(),
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(page.cut(rows, |row| Cursor { created_at: row.created_at, id: row.id }))
}

/// All refunds, or those of a status, newest first, for admins.
pub async fn list_refunds(
    conn: &mut PgConnection,
    status: Option<RefundStatus>,
    page: Page,
) -> Result<(Vec<Refund>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let refunds = select_refunds!(
        "where ($1::refund_status is null or status = $1)
           and ($2::timestamptz is null or (created_at, id) < ($2, $3))
         order by created_at desc, id desc limit $4",
        status as Option<RefundStatus>,
        after,
        after_id,
        page.rows(),
    );
    let refunds = refunds.fetch_all(conn).await?;
    Ok(page.cut(refunds, |refund| Cursor { created_at: refund.created_at, id: refund.id.0 }))
}
