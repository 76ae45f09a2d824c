//! What a client has still to pay by card of what is signed. Whose payment a bank or a public body is at work on has nothing to do.

use sqlx::PgConnection;

use crate::error::Result;
use crate::ids::{ContractId, MissionId};

/// Whether the contract of a quote is to be paid.
pub(crate) async fn is_unpaid(conn: &mut PgConnection, id: ContractId) -> Result<bool> {
    is_any_unpaid(conn, None, Some(id)).await
}

/// Whether a contract of a mission is: the price of its cancellation, where it was cancelled at one.
pub(crate) async fn is_mission_unpaid(conn: &mut PgConnection, id: MissionId) -> Result<bool> {
    is_any_unpaid(conn, Some(id), None).await
}

async fn is_any_unpaid(
    conn: &mut PgConnection,
    mission: Option<MissionId>,
    contract: Option<ContractId>,
) -> Result<bool> {
    let unpaid = sqlx::query_scalar!(
        r#"select exists (
               select from contracts c
                 left join assignments a on a.id = c.assignment_id
                 left join missions m on m.id = c.mission_id
                 left join payments p on p.contract_id = c.id and p.kind = 'CHARGE' and p.status <> 'CANCELLED'
                where (c.mission_id = $1 or c.id = $2) and c.amount_cents > 0
                  and c.status in ('SIGNED', 'IN_PROGRESS', 'COMPLETED')
                  and a.status is distinct from 'WITHDRAWN'
                  and (a.status is distinct from 'CANCELLED' or m.cancellation_cents > 0)
                  and (p.id is null or p.method = 'CARD' and p.status in ('REQUIRES_PAYMENT', 'FAILED'))
           ) as "unpaid!""#,
        mission.map(|id| id.0),
        contract.map(|id| id.0),
    );
    Ok(unpaid.fetch_one(conn).await?)
}

/// Whether a supplement is: more was worked than planned.
pub(crate) async fn has_supplement_due(conn: &mut PgConnection, mission: MissionId) -> Result<bool> {
    let due = sqlx::query_scalar!(
        r#"select exists (
               select from payments
                where mission_id = $1 and kind = 'SUPPLEMENT' and method = 'CARD' and status in ('REQUIRES_PAYMENT', 'FAILED')
           ) as "due!""#,
        mission.0,
    );
    Ok(due.fetch_one(conn).await?)
}
