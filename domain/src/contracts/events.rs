//! What happened to a contract, in order: the evidence of its signatures. Rows are only added; the database refuses the rest.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Result;
use crate::ids::{ContractId, UserId};
use crate::standing::Side;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "contract_event_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContractEventKind {
    Issued,
    CodeRequested,
    CodeSent,
    WrongCode,
    Signed,
    Started,
    Completed,
    Disputed,
    Resolved,
    Cancelled,
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ContractEvent {
    pub id: Uuid,
    pub kind: ContractEventKind,
    /// Nobody, where the clock or the platform did it.
    pub actor_id: Option<UserId>,
    pub side: Option<Side>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// The SHA-256 of the text that was shown or signed, the number of a try, a reason.
    pub detail: Option<String>,
    pub created_at: OffsetDateTime,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct NewEvent<'e> {
    pub actor: Option<UserId>,
    pub side: Option<Side>,
    pub origin: Option<&'e Origin>,
    pub detail: Option<&'e str>,
}

/// Appends an event.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    contract: ContractId,
    kind: ContractEventKind,
    event: NewEvent<'_>,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "insert into contract_events (id, contract_id, kind, actor_id, side, ip, user_agent, detail, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        Uuid::now_v7(),
        contract.0,
        kind as ContractEventKind,
        event.actor.map(|actor| actor.0),
        event.side as Option<Side>,
        event.origin.and_then(|origin| origin.ip.as_deref()),
        event.origin.and_then(|origin| origin.user_agent.as_deref()),
        event.detail,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Everything that happened to a contract, oldest first.
pub async fn list(conn: &mut PgConnection, contract: ContractId) -> Result<Vec<ContractEvent>> {
    let events = sqlx::query_as!(
        ContractEvent,
        r#"select id, kind as "kind: _", actor_id as "actor_id: _", side as "side: _", ip, user_agent, detail, created_at
             from contract_events where contract_id = $1 order by created_at, id"#,
        contract.0,
    );
    Ok(events.fetch_all(conn).await?)
}
