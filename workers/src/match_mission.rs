use domain::live::{self, Channel, Delivery, MissionMatched, MissionUpdated, Telling};
use domain::matching::{self, Whom};
use domain::missions::{self, MatchingState};
use domain::{invitations, messages, waves};
use jobs::{MatchMission, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// In one transaction: the top 3, their invitations and notifications, the chat's SYSTEM message, the live events. A mission
/// that was matched before says nothing when nothing changed; whoever fits it no longer is not invited any more.
///
/// The mission's row is locked and its `matching` state is the guard: a second job for the same search finds nothing to do.
pub async fn run(job: MatchMission, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    let Some(mission) = missions::lock_for_matching(&mut tx, job.mission_id).await? else {
        return run.done_without_effects();
    };
    let first = mission.matched_at.is_none();

    let (before, expired) = if first {
        (Vec::new(), Vec::new())
    } else {
        let before = matching::list_stored(&mut tx, mission.id).await?;
        let fitting = matching::rank(&mut tx, &mission, Whom::Invited, i64::MAX).await?;
        let fitting: Vec<_> = fitting.iter().map(|talent| talent.talent_id).collect();
        (before, invitations::expire_others(&mut tx, mission.id, &fitting, now).await?)
    };
    let found = matching::rank(&mut tx, &mission, Whom::Everybody, matching::TOP).await?;
    let talents: Vec<_> = found.iter().map(|talent| talent.talent_id).collect();
    let invited = invitations::insert(&mut tx, mission.id, &talents, 1, now).await?;
    let matches = matching::store(&mut tx, &mission, &found).await?;
    matching::explanation::record(&mut tx, &mission, 1, &found, now).await?;
    let state = if found.is_empty() { MatchingState::None } else { MatchingState::Matched };
    missions::mark_matched(&mut tx, mission.id, state, now).await?;

    let wave = waves::find(mission.urgency_level, 1);
    let mut tellings = effects::invited(&mut tx, &mission, wave, &invited, now).await?;
    if !first && invited.is_empty() && expired.is_empty() && before == matches {
        return run.done(tx).await;
    }
    let updated = MissionUpdated { mission_id: mission.id, status: mission.status };
    tellings.extend(expired.iter().map(|talent| Telling::new(*talent, &updated)));
    let matched =
        MissionMatched { mission_id: mission.id, conversation_id: mission.conversation_id, matches };
    tellings.push(Telling::new(mission.client_id, &matched));
    // Everybody else in the room; the client reads it in its feed.
    let to_the_room = Delivery { seq: None, except: vec![mission.client_id], frame: live::frame(&matched) };
    live::announce(&mut tx, Channel::Conversation(mission.conversation_id), &to_the_room);
    messages::post_system(&mut tx, mission.id, &summary(first, invited.len()), now).await?;
    live::tell(&mut tx, now, tellings).await?;
    run.done(tx).await
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
