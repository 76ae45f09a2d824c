use std::collections::HashMap;

use domain::ids::UserId;
use domain::live::{self, Channel, Delivery, MissionMatched, MissionUpdated, Telling};
use domain::matching::{self, MatchedTalent, Ranking, Whom};
use domain::missions::{self, Mission};
use domain::{Tx, invitations, messages, waves};
use jobs::effects::missions::SentWave;
use jobs::{MatchMission, effects};
use time::OffsetDateTime;

use crate::App;
use crate::engine::{JobResult, Part, Run};

/// In one transaction: the top 3, their invitations and notifications, the chat's SYSTEM message, the live events. A mission
/// that was matched before says nothing when nothing changed; whoever fits it no longer is not invited any more.
///
/// The mission's row is locked and its `matching` state is the guard: a second job for the same search finds nothing to do.
/// Where several missions wait, they share the statements, which cost more than what is in them.
pub async fn run(jobs: Vec<Part<MatchMission>>, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    tx.keep_plans().await?;
    let ids: Vec<_> = jobs.iter().map(|part| part.job.mission_id).collect();
    let missions = missions::lock_for_matching(&mut tx, &ids).await?;
    if missions.is_empty() {
        return run.done_without_effects();
    }

    let (mut rankings, mut before) = (Vec::new(), Vec::new());
    for mission in &missions {
        before.push(Before::of(&mut tx, mission, now).await?);
        let talents = matching::rank(&mut tx, mission, Whom::Everybody, matching::TOP).await?;
        rankings.push(Ranking { mission, talents });
    }
    let invited = invitations::insert(&mut tx, &rankings, 1, now).await?;
    let stored = matching::store(&mut tx, &rankings).await?;
    matching::explanation::record(&mut tx, &rankings, &invited, 1, now).await?;
    missions::mark_matched(&mut tx, &rankings, now).await?;

    let mut causes: HashMap<_, _> = jobs.into_iter().map(|part| (part.job.mission_id, part.cause)).collect();
    let sent: Vec<_> = missions
        .iter()
        .zip(invited)
        .map(|(mission, invitations)| SentWave {
            mission,
            wave: waves::find(mission.urgency_level, 1),
            invitations,
            cause: causes.remove(&mission.id).unwrap_or_default(),
        })
        .collect();
    let mut tellings = effects::missions::invited(&mut tx, &sent, now).await?;
    let mut summaries = Vec::new();
    for ((SentWave { mission, invitations, .. }, before), matches) in sent.iter().zip(&before).zip(stored) {
        if before.matches.as_ref() == Some(&matches) && before.expired.is_empty() && invitations.is_empty() {
            continue;
        }
        let updated = MissionUpdated { mission_id: mission.id, status: mission.status };
        tellings.extend(before.expired.iter().map(|talent| Telling::new(*talent, &updated)));
        let matched =
            MissionMatched { mission_id: mission.id, conversation_id: mission.conversation_id, matches };
        tellings.push(Telling::new(mission.client_id, &matched));
        // Everybody else in the room; the client reads it in its feed.
        let to_the_room =
            Delivery { seq: None, except: vec![mission.client_id], frame: live::frame(&matched) };
        live::announce(&mut tx, Channel::Conversation(mission.conversation_id), &to_the_room);
        summaries.push((mission.id, summary(before.matches.is_none(), invitations.len())));
    }
    messages::post_system(&mut tx, &summaries, now).await?;
    live::tell(&mut tx, now, tellings).await?;
    run.done(tx).await
}

/// What a mission's last matching left; nothing before the first.
#[derive(Debug, Default)]
struct Before {
    matches: Option<Vec<MatchedTalent>>,
    /// Invited then, and not fitting any more.
    expired: Vec<UserId>,
}

impl Before {
    async fn of(tx: &mut Tx, mission: &Mission, now: OffsetDateTime) -> domain::Result<Self> {
        if mission.matched_at.is_none() {
            return Ok(Self::default());
        }
        let matches = matching::list_stored(tx, mission.id).await?;
        let fitting = matching::rank(tx, mission, Whom::Invited, i64::MAX).await?;
        let fitting: Vec<_> = fitting.iter().map(|talent| talent.talent_id).collect();
        let expired = invitations::expire_others(tx, mission.id, &fitting, now).await?;
        Ok(Self { matches: Some(matches), expired })
    }
}

fn summary(first: bool, invited: usize) -> String {
    let done = if first { "Mission publiée." } else { "Recherche actualisée." };
    match invited {
        0 if first => format!("{done} Aucun talent ne correspond pour le moment."),
        0 => format!("{done} Aucun nouveau talent n’a été invité."),
        1 => format!("{done} Un talent a été invité."),
        several => format!("{done} {several} talents ont été invités."),
    }
}
