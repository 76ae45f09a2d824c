//! Contracts: what they are, who may read and act on them, and whether a mission may start. Issuing, their text, their events,
//! what is due of them and the rest of their life have files of their own; `crate::signatures` has theirs.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::error::{Error, Result};
use crate::ids::{AssignmentId, BookingId, ContractId, EstablishmentId, MissionId, QuoteId, UserId};
use crate::page::{Cursor, Page};
use crate::quotes::Parties;
use crate::sessions::Viewer;
use crate::standing::{Between, Side};
use crate::totals::{Line, VatGroup};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "contract_kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContractKind {
    /// Of an assignment.
    MissionSos,
    ServiceBooking,
    /// Of a quote.
    Framework,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "contract_status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContractStatus {
    /// Issued; nobody has signed.
    Pending,
    /// The talent has signed, the client has not.
    PendingClient,
    /// The client has signed, the talent has not.
    PendingTalent,
    Signed,
    InProgress,
    Completed,
    /// Frozen until an admin decides.
    Disputed,
    Cancelled,
}

/// Why a contract was never signed by both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "contract_cancel_cause", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContractCancelCause {
    /// One side does not want it.
    Party,
    TimeOut,
    /// What it is about will not take place.
    CalledOff,
}

#[derive(Clone, Debug)]
pub struct Contract {
    pub id: ContractId,
    pub reference: String,
    pub kind: ContractKind,
    pub status: ContractStatus,
    pub client_id: UserId,
    pub establishment_id: Option<EstablishmentId>,
    pub talent_id: UserId,
    pub mission_id: Option<MissionId>,
    pub assignment_id: Option<AssignmentId>,
    pub booking_id: Option<BookingId>,
    pub quote_id: Option<QuoteId>,
    pub title: String,
    /// With VAT.
    pub amount_cents: i64,
    pub lines: Json<Vec<Line>>,
    pub vat: Json<Vec<VatGroup>>,
    pub vat_mention: Option<String>,
    /// As they were when it was issued.
    pub parties: Json<Parties>,
    /// The text that both sign.
    pub terms: String,
    /// Hexadecimal, of the text's UTF-8.
    pub terms_sha256: String,
    pub starts_at: Option<OffsetDateTime>,
    pub ends_at: Option<OffsetDateTime>,
    pub issued_at: OffsetDateTime,
    /// Unsigned then, it is cancelled.
    pub sign_by: OffsetDateTime,
    pub client_signed_at: Option<OffsetDateTime>,
    pub talent_signed_at: Option<OffsetDateTime>,
    pub signed_at: Option<OffsetDateTime>,
    pub cancelled_at: Option<OffsetDateTime>,
    pub cancel_cause: Option<ContractCancelCause>,
    pub cancel_reason: Option<String>,
    /// Where it stood, or would stand by now, without the dispute.
    pub disputed_from: Option<ContractStatus>,
    pub disputed_at: Option<OffsetDateTime>,
    pub disputed_by: Option<UserId>,
    pub dispute_reason: Option<String>,
    pub resolved_at: Option<OffsetDateTime>,
    pub resolution: Option<String>,
}

impl Contract {
    pub fn between(&self) -> Between {
        Between { client: self.client_id, site: self.establishment_id, talent: self.talent_id }
    }

    /// The lines of a quote are without VAT; a mission's rate and a booking's price contain it.
    pub fn lines_contain_vat(&self) -> bool {
        self.kind != ContractKind::Framework
    }

    /// Issued, and not signed by both.
    pub fn is_pending(&self) -> bool {
        use ContractStatus::{Pending, PendingClient, PendingTalent};
        matches!(self.status, Pending | PendingClient | PendingTalent)
    }

    pub fn has_signed(&self, side: Side) -> bool {
        match side {
            Side::Client => self.client_signed_at.is_some(),
            Side::Talent => self.talent_signed_at.is_some(),
        }
    }

    /// Who is told of what happens to it: the two who are named, whether or not somebody else acts for the client.
    pub fn people(&self) -> [(Side, UserId); 2] {
        [(Side::Client, self.client_id), (Side::Talent, self.talent_id)]
    }
}

/// Contracts as they are read, as `c`; the rest of the statement says which.
macro_rules! select_contracts {
    ($rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        select_contracts!(with "", "from contracts c " + $rest $(+ $more)*, $($argument),*)
    };
    (with $before:literal, $rest:literal $(+ $more:literal)*, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Contract,
            $before
                + r#" select c.id as "id!: _", c.reference as "reference!", c.kind as "kind!: _", c.status as "status!: _",
                             c.client_id as "client_id!: _", c.establishment_id as "establishment_id?: _",
                             c.talent_id as "talent_id!: _", c.mission_id as "mission_id?: _",
                             c.assignment_id as "assignment_id?: _", c.booking_id as "booking_id?: _", c.quote_id as "quote_id?: _",
                             c.title as "title!", c.amount_cents as "amount_cents!", c.lines as "lines!: _", c.vat as "vat!: _",
                             c.vat_mention as "vat_mention?", c.parties as "parties!: _", c.terms as "terms!",
                             c.terms_sha256 as "terms_sha256!", c.starts_at as "starts_at?", c.ends_at as "ends_at?",
                             c.issued_at as "issued_at!", c.sign_by as "sign_by!", c.client_signed_at as "client_signed_at?",
                             c.talent_signed_at as "talent_signed_at?", c.signed_at as "signed_at?",
                             c.cancelled_at as "cancelled_at?", c.cancel_cause as "cancel_cause?: _",
                             c.cancel_reason as "cancel_reason?", c.disputed_from as "disputed_from?: _",
                             c.disputed_at as "disputed_at?", c.disputed_by as "disputed_by?: _",
                             c.dispute_reason as "dispute_reason?", c.resolved_at as "resolved_at?", c.resolution as "resolution?" "#
                + $rest $(+ $more)*,
            $($argument),*
        )
    };
}

mod dues;
mod events;
mod issuing;
mod life;
mod terms;

pub(crate) use dues::{is_indemnity_due, is_supplement_due, is_unpaid};
pub use events::{ContractEvent, ContractEventKind, Origin, list as list_events};
pub(crate) use events::{NewEvent, insert as insert_event};
pub(crate) use issuing::sha256;
pub use issuing::{
    Draft, Issued, Source, draft_for_assignment, draft_for_booking, included, issue, issue_for_quote,
    list_undrafted,
};
pub(crate) use life::sign;
pub use life::{
    COMPLETED_AFTER, CalledOff, Cancelled, Completed, Disputed, Resolved, call_off, cancel, complete,
    complete_by_time, dispute, expire, mark_completed, mark_started, resolve,
};

pub async fn get(conn: &mut PgConnection, id: ContractId) -> Result<Contract> {
    find(conn, id).await?.ok_or(Error::NotFound("contract"))
}

pub async fn find(conn: &mut PgConnection, id: ContractId) -> Result<Option<Contract>> {
    Ok(select_contracts!("where c.id = $1", id.0).fetch_optional(conn).await?)
}

/// Locks the contract as it is: the row that signatures, codes and tries queue on.
pub async fn lock(conn: &mut PgConnection, id: ContractId) -> Result<Contract> {
    let contract = select_contracts!("where c.id = $1 for no key update of c", id.0);
    contract.fetch_optional(conn).await?.ok_or(Error::NotFound("contract"))
}

/// The contract, for its parties, whoever reads for the client's site, and admins.
pub async fn get_for(conn: &mut PgConnection, id: ContractId, viewer: Viewer) -> Result<Contract> {
    let contract = get(&mut *conn, id).await?;
    contract.between().standing(conn, viewer).await?;
    Ok(contract)
}

pub async fn find_of_assignment(
    conn: &mut PgConnection,
    assignment: AssignmentId,
) -> Result<Option<Contract>> {
    Ok(select_contracts!("where c.assignment_id = $1", assignment.0).fetch_optional(conn).await?)
}

pub async fn find_of_booking(conn: &mut PgConnection, booking: BookingId) -> Result<Option<Contract>> {
    Ok(select_contracts!("where c.booking_id = $1", booking.0).fetch_optional(conn).await?)
}

/// What those contracts of a mission come to that both sides have signed and that are still to be fulfilled.
pub async fn list_signed_amounts(conn: &mut PgConnection, mission: MissionId) -> Result<Vec<i64>> {
    let amounts = sqlx::query_scalar!(
        "select c.amount_cents from contracts c join assignments a on a.id = c.assignment_id
          where c.mission_id = $1 and c.signed_at is not null and a.status = 'ASSIGNED'",
        mission.0,
    );
    Ok(amounts.fetch_all(conn).await?)
}

fn cut(page: Page, contracts: Vec<Contract>) -> (Vec<Contract>, Option<Cursor>) {
    page.cut(contracts, |contract| Cursor { created_at: contract.issued_at, id: contract.id.0 })
}

/// The contracts that the viewer is a party of, or reads for a site, newest first.
pub async fn list(
    conn: &mut PgConnection,
    viewer: UserId,
    status: Option<ContractStatus>,
    page: Page,
) -> Result<(Vec<Contract>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    let contracts = select_contracts!(
        "where c.id in (select id from contracts where talent_id = $1
                      union select id from contracts where client_id = $1
                      union select d.id from establishment_members e join contracts d on d.establishment_id = e.establishment_id
                             where e.user_id = $1)
           and ($2::contract_status is null or c.status = $2)
           and ($3::timestamptz is null or (c.issued_at, c.id) < ($3, $4))
         order by c.issued_at desc, c.id desc limit $5",
        viewer.0,
        status as Option<ContractStatus>,
        after,
        after_id,
        page.rows(),
    );
    Ok(cut(page, contracts.fetch_all(conn).await?))
}

/// All contracts, newest first, for admins.
pub async fn list_all(
    conn: &mut PgConnection,
    status: Option<ContractStatus>,
    page: Page,
) -> Result<(Vec<Contract>, Option<Cursor>)> {
    let (after, after_id) = page.after.map(|cursor| (cursor.created_at, cursor.id)).unzip();
    // One statement for each: both have an index of their own.
    let contracts = match status {
        Some(status) => {
            select_contracts!(
                "where c.status = $1 and ($2::timestamptz is null or (c.issued_at, c.id) < ($2, $3))
                 order by c.issued_at desc, c.id desc limit $4",
                status as ContractStatus,
                after,
                after_id,
                page.rows(),
            )
            .fetch_all(conn)
            .await?
        }
        None => {
            select_contracts!(
                "where $1::timestamptz is null or (c.issued_at, c.id) < ($1, $2) order by c.issued_at desc, c.id desc limit $3",
                after,
                after_id,
                page.rows(),
            )
            .fetch_all(conn)
            .await?
        }
    };
    Ok(cut(page, contracts))
}

pub const SIGNED_FIRST: Error = Error::Conflict {
    code: "CONTRACT_NOT_SIGNED",
    message: "Both sides sign the contract before the mission starts",
};

/// Lets a talent start a mission whose contract both have signed.
pub async fn require_signed(conn: &mut PgConnection, mission: MissionId, talent: UserId) -> Result<()> {
    let signed = sqlx::query_scalar!(
        r#"select exists (select from contracts c join assignments a on a.id = c.assignment_id
                           where c.mission_id = $1 and c.talent_id = $2 and c.status in ('SIGNED', 'IN_PROGRESS')
                             and a.status in ('ASSIGNED', 'IN_PROGRESS')) as "signed!""#,
        mission.0,
        talent.0,
    );
    if signed.fetch_one(conn).await? { Ok(()) } else { Err(SIGNED_FIRST) }
}
