//! Contracts as they are read.

use domain::contracts::{Contract, ContractEvent};
use domain::parties::Party;
use domain::quotes::Parties;
use domain::totals::{Line, VatGroup};
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::wire::mirror;

mirror! {
    ContractKind = domain::contracts::ContractKind { MissionSos, ServiceBooking, Framework }
    ContractStatus = domain::contracts::ContractStatus {
        Pending, PendingClient, PendingTalent, Signed, InProgress, Completed, Disputed, Cancelled
    }
    ContractCancelCause = domain::contracts::ContractCancelCause { Party, TimeOut, CalledOff }
    ContractEventKind = domain::contracts::ContractEventKind {
        Issued, CodeRequested, CodeSent, WrongCode, Signed, Started, Completed, Disputed, Resolved, Cancelled
    }
    ContractSide = domain::standing::Side { Client, Talent }
}

/// A line of a price.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct PriceLine {
    #[oai(validator(max_length = 300))]
    description: String,
    /// Thousandths of the unit.
    quantity_milli: i64,
    #[oai(validator(max_length = 20))]
    unit: String,
    unit_price_cents: i64,
    vat_bps: i32,
    amount_cents: i64,
}

impl From<Line> for PriceLine {
    fn from(line: Line) -> Self {
        Self {
            description: line.description,
            quantity_milli: line.quantity_milli,
            unit: line.unit,
            unit_price_cents: line.unit_price_cents,
            vat_bps: line.vat_bps,
            amount_cents: line.amount_cents,
        }
    }
}

/// What is taxed at one rate, and the tax.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct VatView {
    rate_bps: i32,
    /// Without VAT.
    base_cents: i64,
    vat_cents: i64,
}

impl From<VatGroup> for VatView {
    fn from(group: VatGroup) -> Self {
        Self { rate_bps: group.rate_bps, base_cents: group.base_cents, vat_cents: group.vat_cents }
    }
}

/// A side as it stands on the paper.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
struct PartyView {
    user_id: Uuid,
    #[oai(validator(max_length = 300))]
    name: String,
    #[oai(validator(max_length = 254))]
    email: Option<String>,
    #[oai(validator(max_length = 14))]
    siret: Option<String>,
    #[oai(validator(max_length = 20))]
    vat_number: Option<String>,
    #[oai(validator(max_length = 300))]
    address: Option<String>,
    #[oai(validator(max_length = 5))]
    postal_code: Option<String>,
    #[oai(validator(max_length = 100))]
    city: Option<String>,
}

impl From<Party> for PartyView {
    fn from(party: Party) -> Self {
        Self {
            user_id: party.user_id.0,
            name: party.name,
            email: Some(party.email),
            siret: party.siret,
            vat_number: party.vat_number,
            address: party.address,
            postal_code: party.postal_code,
            city: party.city,
        }
    }
}

/// Both sides, as they were when the paper was issued.
#[derive(Debug, Object)]
pub struct PartiesView {
    client: PartyView,
    talent: PartyView,
}

impl PartiesView {
    /// Before they have agreed, the two do not learn each other's mail addresses.
    pub fn without_addresses(parties: Parties) -> Self {
        let mut view = Self::from(parties);
        (view.client.email, view.talent.email) = (None, None);
        view
    }
}

impl From<Parties> for PartiesView {
    fn from(parties: Parties) -> Self {
        Self { client: parties.client.into(), talent: parties.talent.into() }
    }
}

/// A contract, as its parties and admins read it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ContractView {
    id: Uuid,
    #[oai(validator(max_length = 30))]
    reference: String,
    kind: ContractKind,
    status: ContractStatus,
    client_id: Uuid,
    establishment_id: Option<Uuid>,
    talent_id: Uuid,
    mission_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    quote_id: Option<Uuid>,
    #[oai(validator(max_length = 300))]
    title: String,
    /// With VAT.
    amount_cents: i64,
    #[oai(validator(max_items = 100))]
    lines: Vec<PriceLine>,
    /// Whether the amounts of the lines contain it.
    lines_contain_vat: bool,
    #[oai(validator(max_items = 4))]
    vat: Vec<VatView>,
    #[oai(validator(max_length = 200))]
    vat_mention: Option<String>,
    parties: PartiesView,
    /// The text that both sign, a paragraph a line.
    #[oai(validator(max_length = 200_000))]
    terms: String,
    /// SHA-256 of the text's UTF-8, to be sent back by who signs.
    #[oai(validator(max_length = 64))]
    terms_sha256: String,
    starts_at: Option<OffsetDateTime>,
    ends_at: Option<OffsetDateTime>,
    issued_at: OffsetDateTime,
    /// Unsigned then, it is cancelled.
    sign_by: OffsetDateTime,
    client_signed_at: Option<OffsetDateTime>,
    talent_signed_at: Option<OffsetDateTime>,
    /// By both.
    signed_at: Option<OffsetDateTime>,
    cancelled_at: Option<OffsetDateTime>,
    cancel_cause: Option<ContractCancelCause>,
    #[oai(validator(max_length = 1000))]
    cancel_reason: Option<String>,
    disputed_at: Option<OffsetDateTime>,
    #[oai(validator(max_length = 1000))]
    dispute_reason: Option<String>,
    resolved_at: Option<OffsetDateTime>,
    #[oai(validator(max_length = 1000))]
    resolution: Option<String>,
}

impl From<Contract> for ContractView {
    fn from(contract: Contract) -> Self {
        Self {
            lines_contain_vat: contract.lines_contain_vat(),
            id: contract.id.0,
            reference: contract.reference,
            kind: contract.kind.into(),
            status: contract.status.into(),
            client_id: contract.client_id.0,
            establishment_id: contract.establishment_id.map(|id| id.0),
            talent_id: contract.talent_id.0,
            mission_id: contract.mission_id.map(|id| id.0),
            booking_id: contract.booking_id.map(|id| id.0),
            quote_id: contract.quote_id.map(|id| id.0),
            title: contract.title,
            amount_cents: contract.amount_cents,
            lines: contract.lines.0.into_iter().map(Into::into).collect(),
            vat: contract.vat.0.into_iter().map(Into::into).collect(),
            vat_mention: contract.vat_mention,
            parties: contract.parties.0.into(),
            terms: contract.terms,
            terms_sha256: contract.terms_sha256,
            starts_at: contract.starts_at,
            ends_at: contract.ends_at,
            issued_at: contract.issued_at,
            sign_by: contract.sign_by,
            client_signed_at: contract.client_signed_at,
            talent_signed_at: contract.talent_signed_at,
            signed_at: contract.signed_at,
            cancelled_at: contract.cancelled_at,
            cancel_cause: contract.cancel_cause.map(Into::into),
            cancel_reason: contract.cancel_reason,
            disputed_at: contract.disputed_at,
            dispute_reason: contract.dispute_reason,
            resolved_at: contract.resolved_at,
            resolution: contract.resolution,
        }
    }
}

/// A contract in a list.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ContractSummary {
    id: Uuid,
    #[oai(validator(max_length = 30))]
    reference: String,
    kind: ContractKind,
    status: ContractStatus,
    client_id: Uuid,
    talent_id: Uuid,
    mission_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    quote_id: Option<Uuid>,
    #[oai(validator(max_length = 300))]
    title: String,
    /// With VAT.
    amount_cents: i64,
    starts_at: Option<OffsetDateTime>,
    issued_at: OffsetDateTime,
    /// Unsigned then, it is cancelled.
    sign_by: OffsetDateTime,
    client_signed_at: Option<OffsetDateTime>,
    talent_signed_at: Option<OffsetDateTime>,
    /// By both.
    signed_at: Option<OffsetDateTime>,
    #[oai(validator(max_length = 1000))]
    dispute_reason: Option<String>,
}

impl From<Contract> for ContractSummary {
    fn from(contract: Contract) -> Self {
        Self {
            id: contract.id.0,
            reference: contract.reference,
            kind: contract.kind.into(),
            status: contract.status.into(),
            client_id: contract.client_id.0,
            talent_id: contract.talent_id.0,
            mission_id: contract.mission_id.map(|id| id.0),
            booking_id: contract.booking_id.map(|id| id.0),
            quote_id: contract.quote_id.map(|id| id.0),
            title: contract.title,
            amount_cents: contract.amount_cents,
            starts_at: contract.starts_at,
            issued_at: contract.issued_at,
            sign_by: contract.sign_by,
            client_signed_at: contract.client_signed_at,
            talent_signed_at: contract.talent_signed_at,
            signed_at: contract.signed_at,
            dispute_reason: contract.dispute_reason,
        }
    }
}

/// A page of contracts, newest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ContractPage {
    #[oai(validator(max_items = 100))]
    pub items: Vec<ContractSummary>,
    /// For the next page; absent on the last.
    #[oai(validator(max_length = 100))]
    pub next_cursor: Option<String>,
}

/// Something that happened to a contract.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ContractEventView {
    id: Uuid,
    kind: ContractEventKind,
    /// Nobody, where the clock or the platform did it.
    actor_id: Option<Uuid>,
    side: Option<ContractSide>,
    #[oai(validator(max_length = 45))]
    ip: Option<String>,
    #[oai(validator(max_length = 300))]
    user_agent: Option<String>,
    /// The SHA-256 of the text that was issued, shown or signed; the number of a try; a reason.
    #[oai(validator(max_length = 1000))]
    detail: Option<String>,
    created_at: OffsetDateTime,
}

impl From<ContractEvent> for ContractEventView {
    fn from(event: ContractEvent) -> Self {
        Self {
            id: event.id,
            kind: event.kind.into(),
            actor_id: event.actor_id.map(|id| id.0),
            side: event.side.map(Into::into),
            ip: event.ip,
            user_agent: event.user_agent,
            detail: event.detail,
            created_at: event.created_at,
        }
    }
}

/// All events of a contract, oldest first.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ContractEventList {
    #[oai(validator(max_items = 10_000))]
    pub items: Vec<ContractEventView>,
    #[oai(validator(max_length = 100))]
    pub next_cursor: Option<String>,
}
