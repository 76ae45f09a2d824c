//! A contract after it was issued: signed or cancelled, begun, completed, disputed and resolved. Each step is one conditional
//! update; who may sign is in `crate::signatures`.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{
    Contract, ContractCancelCause, ContractEventKind, ContractKind, ContractStatus, NewEvent, Origin, Source,
    get, insert_event, lock,
};
use crate::error::{Error, Result};
use crate::ids::{AssignmentId, BookingId, ContractId, MissionId, UserId};
use crate::payments::closing::{self, Closed};
use crate::sessions::Viewer;
use crate::standing::{NOT_A_PARTY, Side};
use crate::timeline::{self, EventKind, NewEvent as MissionEvent};

/// How long after its payment, or its deferral, the contract of a quote counts as completed, where nobody says otherwise †.
pub const COMPLETED_AFTER: Duration = Duration::days(14);

/// A contract will not be signed. See `jobs::effects::contracts::cancelled`.
#[derive(Debug)]
#[must_use = "a cancelled contract has effects"]
pub struct Cancelled {
    pub contract: Contract,
    /// Who did it and needs not be told.
    pub by: Option<UserId>,
}

/// Cancels, for one of its parties, a contract that not both have signed.
pub async fn cancel(
    conn: &mut PgConnection,
    id: ContractId,
    viewer: Viewer,
    reason: &str,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<Cancelled> {
    let side = get(&mut *conn, id).await?.between().side(&mut *conn, viewer).await?;
    let cancelled = end(&mut *conn, id, ContractCancelCause::Party, Some(reason), now).await?;
    let contract = cancelled.ok_or(Error::Conflict {
        code: "CONTRACT_NOT_PENDING",
        message: "Only a contract that not both have signed can be cancelled",
    })?;
    let event =
        NewEvent { actor: Some(viewer.user), side: Some(side), origin: Some(origin), detail: Some(reason) };
    insert_event(conn, id, ContractEventKind::Cancelled, event, now).await?;
    Ok(Cancelled { contract, by: Some(viewer.user) })
}

/// Cancels a contract that was not signed in time; nothing when it was, or still has time.
pub async fn expire(
    conn: &mut PgConnection,
    id: ContractId,
    now: OffsetDateTime,
) -> Result<Option<Cancelled>> {
    if get(&mut *conn, id).await?.sign_by > now {
        return Ok(None);
    }
    let Some(contract) = end(&mut *conn, id, ContractCancelCause::TimeOut, None, now).await? else {
        return Ok(None);
    };
    insert_event(conn, id, ContractEventKind::Cancelled, NewEvent::default(), now).await?;
    Ok(Some(Cancelled { contract, by: None }))
}

async fn end(
    conn: &mut PgConnection,
    id: ContractId,
    cause: ContractCancelCause,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<Option<Contract>> {
    let ended = select_contracts!(
        with
        "with ended as (
             update contracts set status = 'CANCELLED', cancel_cause = $2, cancel_reason = $3, cancelled_at = $4
              where id = $1 and status in ('PENDING', 'PENDING_CLIENT', 'PENDING_TALENT') returning *
         )",
        "from ended c",
        id.0,
        cause as ContractCancelCause,
        reason,
        now,
    );
    Ok(ended.fetch_optional(conn).await?)
}

/// What will not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledOff {
    /// The whole mission.
    Mission(MissionId),
    /// One talent's place in a mission.
    Assignment(AssignmentId),
    Booking(BookingId),
}

/// Cancels the contracts, not yet signed by both, of what will not take place. Their people are told of the cause.
pub async fn call_off(conn: &mut PgConnection, what: CalledOff, now: OffsetDateTime) -> Result<()> {
    let (mission, assignment, booking) = match what {
        CalledOff::Mission(mission) => (Some(mission.0), None, None),
        CalledOff::Assignment(assignment) => (None, Some(assignment.0), None),
        CalledOff::Booking(booking) => (None, None, Some(booking.0)),
    };
    let cancelled = sqlx::query_scalar!(
        r#"update contracts set status = 'CANCELLED', cancel_cause = 'CALLED_OFF', cancelled_at = $4
            where (mission_id = $1 or assignment_id = $2 or booking_id = $3)
              and status in ('PENDING', 'PENDING_CLIENT', 'PENDING_TALENT')
           returning id as "id: ContractId""#,
        mission,
        assignment,
        booking,
        now,
    );
    for id in cancelled.fetch_all(&mut *conn).await? {
        insert_event(&mut *conn, id, ContractEventKind::Cancelled, NewEvent::default(), now).await?;
    }
    Ok(())
}

/// One side signs the text with this hash; the second signature completes it. Nothing where that cannot be.
pub(crate) async fn sign(
    conn: &mut PgConnection,
    id: ContractId,
    side: Side,
    terms_sha256: &str,
    now: OffsetDateTime,
) -> Result<Option<Contract>> {
    let signed = select_contracts!(
        with
        "with signed as (
             update contracts
                set client_signed_at = case when $2::contract_side = 'CLIENT' then $4 else client_signed_at end,
                    talent_signed_at = case when $2::contract_side = 'TALENT' then $4 else talent_signed_at end,
                    status = case when status <> 'PENDING' then 'SIGNED' when $2::contract_side = 'CLIENT' then 'PENDING_TALENT'
                                  else 'PENDING_CLIENT' end::contract_status,
                    signed_at = case when status <> 'PENDING' then $4 end
              where id = $1 and terms_sha256 = $3 and sign_by > $4
                and (status = 'PENDING'
                     or status = case when $2::contract_side = 'CLIENT' then 'PENDING_CLIENT' else 'PENDING_TALENT' end::contract_status)
             returning *
         )",
        "from signed c",
        id.0,
        side as Side,
        terms_sha256,
        now,
    );
    let signed = signed.fetch_optional(&mut *conn).await?;
    if let Some(contract) = &signed
        && let (Some(mission), Some(_)) = (contract.mission_id, contract.signed_at)
    {
        let event = MissionEvent::by(mission, EventKind::ContractSigned, id.0, contract.talent_id);
        timeline::record(conn, event, now).await?;
    }
    Ok(signed)
}

/// The work of a signed contract has begun. A dispute stays one, and remembers it.
pub async fn mark_started(
    conn: &mut PgConnection,
    of: Source,
    now: OffsetDateTime,
) -> Result<Option<ContractId>> {
    advance(conn, of, ContractStatus::InProgress, now).await
}

/// The work of a signed contract is done.
pub async fn mark_completed(
    conn: &mut PgConnection,
    of: Source,
    now: OffsetDateTime,
) -> Result<Option<ContractId>> {
    advance(conn, of, ContractStatus::Completed, now).await
}

async fn advance(
    conn: &mut PgConnection,
    of: Source,
    to: ContractStatus,
    now: OffsetDateTime,
) -> Result<Option<ContractId>> {
    let (assignment, booking, quote) = match of {
        Source::Assignment { assignment, .. } => (Some(assignment.0), None, None),
        Source::Booking(booking) => (None, Some(booking.0), None),
        Source::Quote(quote) => (None, None, Some(quote.0)),
    };
    let advanced = sqlx::query_scalar!(
        r#"update contracts
              set status = case when status = 'DISPUTED' then status else $4 end,
                  disputed_from = case when status = 'DISPUTED' then $4 else disputed_from end
            where (assignment_id = $1 or booking_id = $2 or quote_id = $3)
              and case when status = 'DISPUTED' then disputed_from else status end
                  = any (case when $4 = 'COMPLETED'::contract_status then array['SIGNED', 'IN_PROGRESS']
                              else array['SIGNED'] end::contract_status[])
           returning id as "id: ContractId""#,
        assignment,
        booking,
        quote,
        to as ContractStatus,
    );
    let Some(id) = advanced.fetch_optional(&mut *conn).await? else { return Ok(None) };
    let kind = match to {
        ContractStatus::Completed => ContractEventKind::Completed,
        _ => ContractEventKind::Started,
    };
    insert_event(conn, id, kind, NewEvent::default(), now).await?;
    Ok(Some(id))
}

/// What a quote had promised is done. See `jobs::effects::contracts::completed`.
#[derive(Debug)]
#[must_use = "completed work is paid"]
pub struct Completed {
    pub contract: Contract,
    /// Who said so; nobody, where the time to object has passed.
    pub by: Option<UserId>,
    /// What follows for the money.
    pub closed: Closed,
}

/// The client's side confirms that what a quote had promised is done. Missions have reports for that, bookings their session.
pub async fn complete(
    conn: &mut PgConnection,
    id: ContractId,
    viewer: Viewer,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<Completed> {
    let contract = lock(&mut *conn, id).await?;
    if contract.between().side(&mut *conn, viewer).await? != Side::Client {
        return Err(NOT_A_PARTY);
    }
    let completable = matches!(contract.status, ContractStatus::Signed | ContractStatus::InProgress);
    if contract.kind != ContractKind::Framework || !completable {
        return Err(Error::Conflict {
            code: "CONTRACT_NOT_COMPLETABLE",
            message: "Only the signed contract of a quote, not in dispute, is completed like this",
        });
    }
    let event = NewEvent {
        actor: Some(viewer.user),
        side: Some(Side::Client),
        origin: Some(origin),
        ..NewEvent::default()
    };
    finish(conn, id, event, now).await
}

/// Counts a contract of a quote as completed, so long after it was paid, or a public body's payment was deferred; nothing where it was
/// completed, or is in dispute.
pub async fn complete_by_time(
    conn: &mut PgConnection,
    id: ContractId,
    now: OffsetDateTime,
) -> Result<Option<Completed>> {
    let contract = lock(&mut *conn, id).await?;
    let paid = sqlx::query_scalar!(
        r#"select exists (select from payments p left join chorus_submissions s on s.payment_id = p.id
                           where p.contract_id = $1 and p.status <> 'CANCELLED' and (p.settled_at <= $2 or s.created_at <= $2)) as "paid!""#,
        id.0,
        now - COMPLETED_AFTER,
    );
    let completable = matches!(contract.status, ContractStatus::Signed | ContractStatus::InProgress);
    if contract.kind != ContractKind::Framework || !completable || !paid.fetch_one(&mut *conn).await? {
        return Ok(None);
    }
    finish(conn, id, NewEvent::default(), now).await.map(Some)
}

/// Of a contract that the caller has locked.
async fn finish(
    conn: &mut PgConnection,
    id: ContractId,
    event: NewEvent<'_>,
    now: OffsetDateTime,
) -> Result<Completed> {
    sqlx::query!("update contracts set status = 'COMPLETED' where id = $1", id.0).execute(&mut *conn).await?;
    let by = event.actor;
    insert_event(&mut *conn, id, ContractEventKind::Completed, event, now).await?;
    let closed = closing::work_accepted(&mut *conn, id, now).await?;
    Ok(Completed { contract: get(conn, id).await?, by, closed })
}

/// A party objects: what is paid out for this contract waits. See `jobs::effects::contracts::disputed`.
#[derive(Debug)]
#[must_use = "a dispute has effects"]
pub struct Disputed {
    pub contract: Contract,
    pub by: Side,
}

/// Disputes a contract that both have signed. That of a booking also where that was paid without: who has paid can object, signed,
/// in time or not.
pub async fn dispute(
    conn: &mut PgConnection,
    id: ContractId,
    viewer: Viewer,
    reason: &str,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<Disputed> {
    let side = get(&mut *conn, id).await?.between().side(&mut *conn, viewer).await?;
    let disputed = select_contracts!(
        with
        "with disputed as (
             update contracts
                set status = 'DISPUTED', disputed_from = status, disputed_at = $2, disputed_by = $3, dispute_reason = $4,
                    resolved_at = null, resolved_by = null, resolution = null
              where id = $1
                and (status in ('SIGNED', 'IN_PROGRESS', 'COMPLETED')
                     or status <> 'DISPUTED'
                        and exists (select from payments p where p.booking_id = contracts.booking_id and p.settled_at is not null))
             returning *
         )",
        "from disputed c",
        id.0,
        now,
        viewer.user.0,
        reason,
    );
    let contract = disputed.fetch_optional(&mut *conn).await?.ok_or(Error::Conflict {
        code: "CONTRACT_NOT_DISPUTABLE",
        message: "Only a contract that is signed, or paid, and not yet in dispute can be disputed",
    })?;
    let event =
        NewEvent { actor: Some(viewer.user), side: Some(side), origin: Some(origin), detail: Some(reason) };
    insert_event(conn, id, ContractEventKind::Disputed, event, now).await?;
    Ok(Disputed { contract, by: side })
}

/// An admin decided: the contract goes on where it stood. See `jobs::effects::contracts::resolved`.
#[derive(Debug)]
#[must_use = "a resolution has effects"]
pub struct Resolved {
    pub contract: Contract,
}

pub async fn resolve(
    conn: &mut PgConnection,
    id: ContractId,
    admin: Viewer,
    resolution: &str,
    origin: &Origin,
    now: OffsetDateTime,
) -> Result<Resolved> {
    get(&mut *conn, id).await?;
    let resolved = select_contracts!(
        with
        "with resolved as (
             update contracts
                set status = disputed_from, disputed_from = null, resolved_at = $2, resolved_by = $3, resolution = $4
              where id = $1 and status = 'DISPUTED' returning *
         )",
        "from resolved c",
        id.0,
        now,
        admin.user.0,
        resolution,
    );
    let contract = resolved.fetch_optional(&mut *conn).await?.ok_or(Error::Conflict {
        code: "CONTRACT_NOT_DISPUTED",
        message: "This contract is not in dispute",
    })?;
    let event = NewEvent {
        actor: Some(admin.user),
        origin: Some(origin),
        detail: Some(resolution),
        ..NewEvent::default()
    };
    insert_event(conn, id, ContractEventKind::Resolved, event, now).await?;
    Ok(Resolved { contract })
}
