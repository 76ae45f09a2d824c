//! Whether something is still worth telling, asked when a mail or a push is about to go out.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::manner::Lasts;
use super::{About, NotificationType};
use crate::assignments::{self, AssignmentStatus};
use crate::bookings::{self, BookingStatus};
use crate::error::Result;
use crate::ids::{BookingId, ContractId, InvitationId, MissionId, UserId};
use crate::invitations::{self, InvitationStatus};
use crate::missions::{self, MatchingState, MissionStatus};
use crate::reviews::{self, Work};
use crate::{applications, contracts, instructions, paris, quotes, reports, unread_digests};

/// That something is still so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Where that is known.
    pub until: Option<OffsetDateTime>,
    /// Of what is ahead.
    starts_at: Option<OffsetDateTime>,
}

impl Validity {
    const UNBOUNDED: Self = Self { until: None, starts_at: None };

    fn until(time: OffsetDateTime) -> Self {
        Self { until: Some(time), starts_at: None }
    }

    fn before(start: OffsetDateTime) -> Self {
        Self { until: Some(start), starts_at: Some(start) }
    }

    /// The sentence of a type, and before it when it begins what it is about. A push may come hours after its reminder: a text that
    /// counts them would be wrong.
    pub fn body(self, kind: NotificationType, locale: &str) -> String {
        let body = kind.words(locale).body;
        let Some(start) = self.starts_at else { return body.to_owned() };
        let begins = if locale == "en" { "Starts on" } else { "Début le" };
        format!("{begins} {}. {body}", paris::date_and_time(start, locale))
    }
}

/// Nothing when it is over.
pub async fn find_validity(
    conn: &mut PgConnection,
    kind: NotificationType,
    about: Option<About>,
    reader: UserId,
    now: OffsetDateTime,
) -> Result<Option<Validity>> {
    match (kind.manner().lasts, about) {
        (Lasts::Always, _) => Ok(Some(Validity::UNBOUNDED)),
        (lasts, Some(About::Mission(id))) => of_mission(conn, id, lasts, reader, now).await,
        (lasts, Some(About::Contract(id))) => of_contract(conn, id, lasts, reader, now).await,
        (lasts, Some(About::Booking(id))) => of_booking(conn, id, lasts, reader, now).await,
        (Lasts::WhileInvited, Some(About::Invitation(id))) => of_invitation(conn, id, reader, now).await,
        (Lasts::WhileQuoted, Some(About::Quote(id))) => {
            let quote = quotes::find_open(conn, id, now).await?;
            Ok(quote.map(|quote| Validity { until: quote.expires_at, ..Validity::UNBOUNDED }))
        }
        (Lasts::WhileUnread, Some(About::Conversation(id))) => {
            let unread = unread_digests::count(conn, id, reader).await? > 0;
            Ok(unread.then_some(Validity::UNBOUNDED))
        }
        _ => Ok(Some(Validity::UNBOUNDED)),
    }
}

async fn of_invitation(
    conn: &mut PgConnection,
    id: InvitationId,
    reader: UserId,
    now: OffsetDateTime,
) -> Result<Option<Validity>> {
    let invitation = invitations::get(&mut *conn, id, reader).await?;
    let mission = missions::get(conn, invitation.mission_id).await?;
    let open = invitation.status == InvitationStatus::Pending && mission.takes_people(now);
    Ok(open.then_some(Validity::until(mission.start_date)))
}

async fn of_mission(
    conn: &mut PgConnection,
    id: MissionId,
    lasts: Lasts,
    reader: UserId,
    now: OffsetDateTime,
) -> Result<Option<Validity>> {
    let mission = missions::get(&mut *conn, id).await?;
    let cancelled = mission.status == MissionStatus::Cancelled;
    // A talent is told of itself, a client of all its talents.
    let talent = (reader != mission.client_id).then_some(reader);
    let holds = match lasts {
        Lasts::WhileAssigned => missions::is_participant(conn, id, reader).await?,
        Lasts::WhileStaffed => mission.filled > 0 && !cancelled,
        Lasts::UnlessCancelled => !cancelled,
        Lasts::BeforeMission => mission.is_ahead(now) && missions::is_participant(conn, id, reader).await?,
        Lasts::WhileUnbriefed => {
            instructions::find(conn, id).await?.is_some_and(|instructions| instructions.awaits(reader))
        }
        Lasts::WhileSearching => mission.takes_people(now),
        Lasts::WhileUnlocated => {
            mission.takes_people(now) && mission.matching == MatchingState::WaitingForLocation
        }
        Lasts::WhileApplied => {
            mission.takes_people(now) && applications::has_pending(conn, id, talent).await?
        }
        // Who never came to a mission that is done is not waited for.
        Lasts::WhileUnstarted => {
            mission.status != MissionStatus::Completed
                && assignments::has_any(conn, id, talent, AssignmentStatus::Assigned).await?
        }
        Lasts::WhileUnreported => {
            assignments::has_any(conn, id, talent, AssignmentStatus::InProgress).await?
        }
        Lasts::WhileUnjudged => reports::has_unjudged(conn, id).await?,
        Lasts::WhileUnreviewed => reviews::list_silent_on(conn, id).await?.contains(&reader),
        Lasts::WhileIndemnityDue => contracts::is_indemnity_due(conn, id).await?,
        Lasts::WhileSupplementDue => contracts::is_supplement_due(conn, id).await?,
        _ => true,
    };
    let validity = match lasts {
        Lasts::BeforeMission => Validity::before(mission.start_date),
        Lasts::WhileSearching | Lasts::WhileUnlocated | Lasts::WhileApplied => {
            Validity::until(mission.start_date)
        }
        _ => Validity::UNBOUNDED,
    };
    Ok(holds.then_some(validity))
}

async fn of_contract(
    conn: &mut PgConnection,
    id: ContractId,
    lasts: Lasts,
    reader: UserId,
    now: OffsetDateTime,
) -> Result<Option<Validity>> {
    match lasts {
        Lasts::WhileUnsigned => {
            let contract = contracts::get(conn, id).await?;
            let missing = |(side, user)| user == reader && !contract.has_signed(side);
            let open =
                contract.is_pending() && contract.sign_by > now && contract.people().into_iter().any(missing);
            Ok(open.then_some(Validity::until(contract.sign_by)))
        }
        Lasts::WhileUnpaid => Ok(contracts::is_unpaid(conn, id).await?.then_some(Validity::UNBOUNDED)),
        _ => Ok(Some(Validity::UNBOUNDED)),
    }
}

async fn of_booking(
    conn: &mut PgConnection,
    id: BookingId,
    lasts: Lasts,
    reader: UserId,
    now: OffsetDateTime,
) -> Result<Option<Validity>> {
    if lasts == Lasts::WhileUnreviewed {
        let silent = reviews::list_silent(conn, Work::Booking(id)).await?.contains(&reader);
        return Ok(silent.then_some(Validity::UNBOUNDED));
    }
    let booking = bookings::get(conn, id).await?;
    let (status, validity) = match lasts {
        Lasts::WhileRequested => (BookingStatus::Pending, Validity::until(booking.answer_by)),
        Lasts::WhilePayable => {
            (BookingStatus::Confirmed, Validity { until: booking.pay_by, ..Validity::UNBOUNDED })
        }
        Lasts::BeforeSession => (BookingStatus::Paid, Validity::before(booking.starts_at)),
        _ => return Ok(Some(Validity::UNBOUNDED)),
    };
    let open = booking.status == status && validity.until.is_none_or(|until| until > now);
    Ok(open.then_some(validity))
}
