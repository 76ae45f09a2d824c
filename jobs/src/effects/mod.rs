//! What an event sets off, by area. Domain functions return an outcome; endpoints and handlers pass it here.

pub mod accounts;
pub mod bookings;
pub mod chorus;
pub mod contracts;
pub mod conversations;
pub mod growth;
pub mod hub;
pub mod missions;
pub mod notices;
pub mod papers;
pub mod payments;
pub mod proofs;
pub mod quotes;
pub mod reviews;

use domain::error::Result;
use domain::ids::UserId;
use domain::live::{self, MissionCount, Telling};
use domain::missions::Mission;
use domain::{Tx, messages};
use time::OffsetDateTime;

use crate::ledger::NewJob;
use crate::{Mail, SendMail};

fn mail(to: UserId, mail: Mail) -> NewJob {
    NewJob::of(&SendMail { to, mail })
}

/// The room reads it, and everybody who takes part, or did until now, is told to look; and what else there is to tell.
async fn told(
    tx: &mut Tx,
    mission: &Mission,
    message: &str,
    others: Vec<UserId>,
    mut tellings: Vec<Telling>,
    now: OffsetDateTime,
) -> Result<()> {
    let people = distinct(domain::missions::list_participants(tx, mission.id).await?, others);
    messages::post_system(tx, &[(mission.id, message.to_owned())], now).await?;
    tellings.extend(hub::updated(mission, &people));
    live::tell(tx, now, tellings).await
}

/// As [`told`], where somebody's number of active missions has changed too: a participant's, or that of one who has left.
async fn told_and_counted(
    tx: &mut Tx,
    mission: &Mission,
    message: &str,
    left: &[UserId],
    others: Vec<UserId>,
    mut tellings: Vec<Telling>,
    now: OffsetDateTime,
) -> Result<()> {
    let counted = distinct(domain::missions::list_participants(tx, mission.id).await?, left.to_vec());
    let people = distinct(counted.clone(), others);
    messages::post_system(tx, &[(mission.id, message.to_owned())], now).await?;
    live::hold(tx, &people).await?;
    tellings.extend(hub::updated(mission, &people));
    let counts = domain::missions::count_active(tx, &counted).await?;
    tellings.extend(counts.into_iter().map(|(user, active)| Telling::new(user, &MissionCount { active })));
    live::tell(tx, now, tellings).await
}

fn distinct(mut people: Vec<UserId>, others: Vec<UserId>) -> Vec<UserId> {
    people.extend(others);
    people.sort_unstable();
    people.dedup();
    people
}
