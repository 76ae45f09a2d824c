//! Whether something is still worth telling, asked when a mail or a push is about to go out.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::manner::Lasts;
use super::{About, NotificationType};
use crate::bookings::{self, BookingStatus};
use crate::error::Result;
use crate::ids::UserId;
use crate::invitations::{self, InvitationStatus};
use crate::missions::{self, MatchingState, MissionStatus};
use crate::{contracts, instructions, quotes, unread_digests};

/// That something is still so, and until when, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    pub until: Option<OffsetDateTime>,
}

impl News {
    const ALWAYS: Self = Self { until: None };

    fn until(time: OffsetDateTime) -> Self {
        Self { until: Some(time) }
    }
}

/// Nothing when it is over.
pub async fn find_news(
    conn: &mut PgConnection,
    kind: NotificationType,
    about: Option<About>,
    reader: UserId,
    now: OffsetDateTime,
) -> Result<Option<News>> {
    let lasts = kind.manner().lasts;
    Ok(match about {
        Some(About::Invitation(id)) if lasts == Lasts::WhileInvited => {
            let invitation = invitations::get(conn, id, reader).await?;
            let mission = missions::get(conn, invitation.mission_id).await?;
            let open = invitation.status == InvitationStatus::Pending && mission.takes_people(now);
            open.then_some(News::until(mission.start_date))
        }
        Some(About::Mission(id)) => {
            let mission = missions::get(&mut *conn, id).await?;
            let cancelled = mission.status == MissionStatus::Cancelled;
            let searching = mission.takes_people(now).then_some(News::until(mission.start_date));
            match lasts {
                Lasts::WhileAssigned => {
                    missions::is_participant(conn, id, reader).await?.then_some(News::ALWAYS)
                }
                Lasts::WhileStaffed => (mission.filled > 0 && !cancelled).then_some(News::ALWAYS),
                Lasts::BeforeMission => mission.is_ahead(now).then_some(News::until(mission.start_date)),
                Lasts::WhileUnbriefed => {
                    let instructions = instructions::find(conn, id).await?;
                    instructions.filter(|instructions| instructions.awaits(reader)).map(|_| News::ALWAYS)
                }
                Lasts::UnlessCancelled => (!cancelled).then_some(News::ALWAYS),
                Lasts::WhileSearching => searching,
                Lasts::WhileUnlocated => {
                    searching.filter(|_| mission.matching == MatchingState::WaitingForLocation)
                }
                _ => Some(News::ALWAYS),
            }
        }
        Some(About::Quote(id)) if lasts == Lasts::WhileQuoted => {
            quotes::find_open(conn, id, now).await?.map(|quote| News { until: quote.expires_at })
        }
        Some(About::Contract(id)) if lasts == Lasts::WhileUnsigned => {
            let contract = contracts::get(conn, id).await?;
            let missing = |(side, user)| user == reader && !contract.has_signed(side);
            let open =
                contract.is_pending() && contract.sign_by > now && contract.people().into_iter().any(missing);
            open.then_some(News::until(contract.sign_by))
        }
        Some(About::Booking(id)) => {
            let booking = bookings::get(conn, id).await?;
            let (status, until) = match lasts {
                Lasts::WhileRequested => (BookingStatus::Pending, Some(booking.answer_by)),
                Lasts::WhilePayable => (BookingStatus::Confirmed, booking.pay_by),
                Lasts::BeforeSession => (BookingStatus::Paid, Some(booking.starts_at)),
                _ => return Ok(Some(News::ALWAYS)),
            };
            (booking.status == status && until.is_none_or(|until| until > now)).then_some(News { until })
        }
        Some(About::Conversation(id)) if lasts == Lasts::WhileUnread => {
            (unread_digests::count(conn, id, reader).await? > 0).then_some(News::ALWAYS)
        }
        _ => Some(News::ALWAYS),
    })
}
