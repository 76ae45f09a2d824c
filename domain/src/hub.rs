//! A mission as those who take part in it find it on one screen, and what each has to do next.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::assignments::AssignmentStatus;
use crate::contracts::ContractStatus;
use crate::conversations::{self, ChatStatus};
use crate::error::Result;
use crate::ids::{AssignmentId, ContractId, MissionId, UserId};
use crate::instructions::{self, Instructions};
use crate::missions::{self, Mission, MissionStatus, OPENS_BEFORE};
use crate::page::Page;
use crate::payments::{PaymentMethod, PaymentStatus};
use crate::reports::{self, Report, ReportStatus};
use crate::sessions::Viewer;
use crate::standing::Side;
use crate::timeline::{self, Event};
use crate::users::Role;

/// Events that come with it.
const LATEST: i64 = 10;

#[derive(Debug)]
pub struct Hub {
    pub mission: Mission,
    /// All of them to the client's side, a talent's own to the talent.
    pub places: Vec<Place>,
    pub instructions: Option<Instructions>,
    pub reports: Vec<Report>,
    pub chat: ChatStatus,
    /// The newest first.
    pub events: Vec<Event>,
    pub next_step: NextStep,
}

/// A talent's place in the mission, with its contract and what was paid for it.
#[derive(Clone, Debug)]
pub struct Place {
    pub assignment_id: AssignmentId,
    pub talent_id: UserId,
    pub first_name: Option<String>,
    pub last_initial: Option<String>,
    pub status: AssignmentStatus,
    pub started_at: Option<OffsetDateTime>,
    pub contract_id: Option<ContractId>,
    pub contract_reference: Option<String>,
    pub contract_status: Option<ContractStatus>,
    /// With VAT.
    pub contract_cents: Option<i64>,
    pub client_signed_at: Option<OffsetDateTime>,
    pub talent_signed_at: Option<OffsetDateTime>,
    pub payment_status: Option<PaymentStatus>,
    pub payment_method: Option<PaymentMethod>,
    pub paid_at: Option<OffsetDateTime>,
    /// More was worked than planned, and is not paid yet.
    pub supplement_cents: Option<i64>,
}

/// What one has to do, or to wait for. In the order of urgency: what one can do oneself comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextStep {
    JudgeReport,
    Report,
    Start,
    SignContract,
    ReadInstructions,
    Pay,
    /// Places are free.
    WaitForTalent,
    /// The contract is being made.
    WaitForContract,
    /// The other side has to sign.
    WaitForSignature,
    WaitForStart,
    WaitForReport,
    /// The client reads the report.
    WaitForJudgement,
    /// An admin decides.
    WaitForDecision,
    Nothing,
}

/// The composed view, for those who take part.
pub async fn get(conn: &mut PgConnection, id: MissionId, viewer: Viewer, now: OffsetDateTime) -> Result<Hub> {
    let mission = missions::get_whole(&mut *conn, id, viewer).await?;
    let places = list_places(&mut *conn, id, viewer).await?;
    let instructions = instructions::find(&mut *conn, id).await?;
    let reports = reports::read(&mut *conn, id, viewer).await?;
    let chat = conversations::get_status(&mut *conn, id, viewer, now).await?;
    let latest = Page { after: None, limit: LATEST };
    let (events, _) = timeline::read(conn, id, viewer, latest).await?;
    let side = if viewer.role == Role::Talent { Side::Talent } else { Side::Client };
    let next_step = next_step(side, &mission, &places, instructions.as_ref(), &reports, now);
    let instructions = instructions.map(|instructions| instructions.seen_by(viewer));
    Ok(Hub { mission, places, instructions, reports, chat, events, next_step })
}

async fn list_places(conn: &mut PgConnection, id: MissionId, viewer: Viewer) -> Result<Vec<Place>> {
    let places = sqlx::query_as!(
        Place,
        r#"select a.id as "assignment_id: _", a.talent_id as "talent_id: _", f.first_name as "first_name?",
                  left(f.last_name, 1) as "last_initial?", a.status as "status: _", a.started_at,
                  c.id as "contract_id?: _", c.reference as "contract_reference?", c.status as "contract_status?: _",
                  c.amount_cents as "contract_cents?", c.client_signed_at as "client_signed_at?",
                  c.talent_signed_at as "talent_signed_at?", p.status as "payment_status?: _", p.method as "payment_method?: _",
                  p.settled_at as "paid_at?", s.amount_cents as "supplement_cents?"
             from assignments a
             left join profiles f on f.user_id = a.talent_id
             left join contracts c on c.assignment_id = a.id
             left join payments p on p.contract_id = c.id and p.kind = 'CHARGE' and p.status <> 'CANCELLED'
             left join payments s on s.contract_id = c.id and s.kind = 'SUPPLEMENT' and s.status not in ('CANCELLED', 'SUCCEEDED')
            where a.mission_id = $1 and a.status in ('ASSIGNED', 'IN_PROGRESS', 'COMPLETED')
              and ($2::uuid is null or a.talent_id = $2)
            order by a.created_at, a.id"#,
        id.0,
        (viewer.role == Role::Talent).then_some(viewer.user.0),
    );
    Ok(places.fetch_all(conn).await?)
}

/// Of all places, the most urgent step.
fn next_step(
    side: Side,
    mission: &Mission,
    places: &[Place],
    instructions: Option<&Instructions>,
    reports: &[Report],
    now: OffsetDateTime,
) -> NextStep {
    let free = (side == Side::Client && mission.takes_people(now)).then_some(NextStep::WaitForTalent);
    let steps = places.iter().map(|place| {
        let report = reports.iter().find(|report| report.assignment_id == place.assignment_id);
        let unread = instructions.is_some_and(|read| !read.is_read_by(place.assignment_id));
        match place.status {
            _ if mission.status == MissionStatus::Cancelled => NextStep::Nothing,
            AssignmentStatus::Assigned if mission.status == MissionStatus::Completed => NextStep::Nothing,
            AssignmentStatus::Assigned => place.before_start(side, mission, unread, now),
            AssignmentStatus::InProgress => match side {
                Side::Client if place.is_to_be_paid() => NextStep::Pay,
                Side::Client => NextStep::WaitForReport,
                Side::Talent => NextStep::Report,
            },
            _ => place.after_report(side, report.map(|report| report.status)),
        }
    });
    steps.chain(free).min().unwrap_or(NextStep::Nothing)
}

impl Place {
    fn before_start(&self, side: Side, mission: &Mission, unread: bool, now: OffsetDateTime) -> NextStep {
        let (own, other) = match side {
            Side::Client => (self.client_signed_at, self.talent_signed_at),
            Side::Talent => (self.talent_signed_at, self.client_signed_at),
        };
        match side {
            _ if self.contract_id.is_none() => NextStep::WaitForContract,
            _ if self.contract_status == Some(ContractStatus::Cancelled) => NextStep::Nothing,
            _ if own.is_none() => NextStep::SignContract,
            _ if other.is_none() => NextStep::WaitForSignature,
            Side::Client if self.is_to_be_paid() => NextStep::Pay,
            Side::Talent if unread => NextStep::ReadInstructions,
            Side::Talent if now >= mission.start_date - OPENS_BEFORE => NextStep::Start,
            _ => NextStep::WaitForStart,
        }
    }

    fn after_report(&self, side: Side, report: Option<ReportStatus>) -> NextStep {
        match (report, side) {
            (Some(ReportStatus::Submitted), Side::Client) => NextStep::JudgeReport,
            (Some(ReportStatus::Submitted), Side::Talent) => NextStep::WaitForJudgement,
            (Some(ReportStatus::Contested), _) => NextStep::WaitForDecision,
            (_, Side::Client) if self.is_to_be_paid() => NextStep::Pay,
            _ => NextStep::Nothing,
        }
    }

    /// By card: who pays over Chorus Pro has nothing to do here.
    fn is_to_be_paid(&self) -> bool {
        let charge = match (self.payment_status, self.payment_method) {
            (_, Some(PaymentMethod::Chorus)) => false,
            (None | Some(PaymentStatus::RequiresPayment | PaymentStatus::Failed), _) => {
                self.contract_cents.is_some_and(|cents| cents > 0)
            }
            _ => false,
        };
        charge || self.supplement_cents.is_some()
    }
}
