//! What a client has still to pay by card of what is signed. Where a bank or a public body is at work on a payment, nothing.

use sqlx::PgConnection;

use crate::error::Result;
use crate::ids::{ContractId, MissionId};

/// Whether the work of a contract is to be paid: it was not called off.
pub(crate) async fn is_unpaid(conn: &mut PgConnection, id: ContractId) -> Result<bool> {
    let unpaid = sqlx::query_scalar!(
        r#"select exists (
               select from contracts c
                 left join assignments a on a.id = c.assignment_id
                 left join payments p on p.contract_id = c.id and p.kind = 'CHARGE' and p.status <> 'CANCELLED'
                where c.id = $1 and c.status in ('SIGNED', 'IN_PROGRESS', 'COMPLETED') and c.amount_cents > 0
                  and coalesce(a.status not in ('WITHDRAWN', 'CANCELLED'), true)
                  and (p.id is null or p.method = 'CARD' and p.status in ('REQUIRES_PAYMENT', 'FAILED'))
           ) as "unpaid!""#,
        id.0,
    );
    Ok(unpaid.fetch_one(conn).await?)
}

/// Whether the price of a mission's cancellation is.
pub(crate) async fn is_indemnity_due(conn: &mut PgConnection, mission: MissionId) -> Result<bool> {
    let due = sqlx::query_scalar!(
        r#"select exists (
               select from contracts c
                 join missions m on m.id = c.mission_id and m.cancellation_cents > 0
                 join assignments a on a.id = c.assignment_id and a.status = 'CANCELLED'
                 left join payments p on p.contract_id = c.id and p.kind = 'CHARGE' and p.status <> 'CANCELLED'
                where c.mission_id = $1 and c.status in ('SIGNED', 'IN_PROGRESS', 'COMPLETED') and c.amount_cents > 0
                  and (p.id is null or p.method = 'CARD' and p.status in ('REQUIRES_PAYMENT', 'FAILED'))
           ) as "due!""#,
        mission.0,
    );
    Ok(due.fetch_one(conn).await?)
}

/// Whether what was worked beyond the plan of a mission is.
pub(crate) async fn is_supplement_due(conn: &mut PgConnection, mission: MissionId) -> Result<bool> {
    let due = sqlx::query_scalar!(
        r#"select exists (
               select from contracts c join payments p on p.contract_id = c.id and p.kind = 'SUPPLEMENT'
                where c.mission_id = $1 and p.method = 'CARD' and p.status in ('REQUIRES_PAYMENT', 'FAILED')
           ) as "due!""#,
        mission.0,
    );
    Ok(due.fetch_one(conn).await?)
}
