//! Whether what a notice says is still so when its mail is sent. What undid it has a notice of its own.

use domain::ids::UserId;
use domain::notifications::{About, NotificationType};
use domain::{bookings, contracts, instructions, missions, quotes};
use sqlx::PgConnection;
use time::OffsetDateTime;

pub async fn is_news(
    conn: &mut PgConnection,
    notice: NotificationType,
    about: About,
    to: UserId,
    now: OffsetDateTime,
) -> domain::Result<bool> {
    match (notice, about) {
        (NotificationType::QuoteReceived | NotificationType::QuoteExpiring, About::Quote(id)) => {
            Ok(quotes::find_open(conn, id, now).await?.is_some())
        }
        (NotificationType::ContractToSign | NotificationType::ContractReminder, About::Contract(id)) => {
            let contract = contracts::get(conn, id).await?;
            let missing = |(side, user)| user == to && !contract.has_signed(side);
            Ok(contract.is_pending() && contract.sign_by > now && contract.people().into_iter().any(missing))
        }
        (NotificationType::MissionTomorrow | NotificationType::MissionSoon, About::Mission(id)) => {
            Ok(missions::get(conn, id).await?.is_ahead(now))
        }
        (NotificationType::InstructionsUpdated, About::Mission(id)) => {
            let instructions = instructions::find(conn, id).await?;
            let mut readers = instructions.iter().flat_map(|instructions| &instructions.readers);
            Ok(readers.any(|reader| reader.talent_id == to && reader.read_at.is_none()))
        }
        (notice, About::Booking(id)) => Ok(bookings::is_news(&bookings::get(conn, id).await?, notice, now)),
        _ => Ok(true),
    }
}
