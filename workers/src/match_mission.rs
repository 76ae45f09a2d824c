use domain::live::{self, Channel, Delivery, MissionMatched, Telling};
use domain::missions::{self, MatchingState, MissionStatus};
use domain::{invitations, matching, messages};
use jobs::{MatchMission, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// In one transaction: the top 3, their invitations and notifications, the chat's SYSTEM message, the live events.
///
/// The mission's row is locked and its `matching` state is the guard: a second job for the same mission finds nothing to do.
pub async fn run(job: MatchMission, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    if !missions::lock_for_matching(&mut tx, job.mission_id).await? {
        return run.done_without_effects();
    }
    let mission = missions::get(&mut tx, job.mission_id).await?;
    if mission.status != MissionStatus::Open {
        return run.done_without_effects();
    }

    let found = matching::rank(&mut tx, &mission, matching::Whom::Everybody, matching::TOP).await?;
    let talents: Vec<_> = found.iter().map(|talent| talent.talent_id).collect();
    let invited = invitations::insert(&mut tx, mission.id, &talents, 1, now).await?;
    let matches = matching::store(&mut tx, &mission, &found).await?;
    matching::explanation::record(&mut tx, &mission, 1, &found, now).await?;
    let state = if found.is_empty() { MatchingState::None } else { MatchingState::Matched };
    missions::set_matching(&mut tx, mission.id, state).await?;

    let mut tellings = effects::invited(&mut tx, &invited, now).await?;
    let matched =
        MissionMatched { mission_id: mission.id, conversation_id: mission.conversation_id, matches };
    tellings.push(Telling::new(mission.client_id, &matched));
    // Everybody else in the room; the client reads it in its feed.
    let to_the_room = Delivery { seq: None, except: vec![mission.client_id], frame: live::frame(&matched) };
    live::announce(&mut tx, Channel::Conversation(mission.conversation_id), &to_the_room);
    messages::post_system(&mut tx, mission.id, &summary(talents.len()), now).await?;
    live::tell(&mut tx, now, tellings).await?;
    run.done(tx).await
}

fn summary(invited: usize) -> String {
    match invited {
        0 => "Mission publiée. Aucun talent ne correspond pour le moment.".into(),
        1 => "Mission publiée. Un talent a été invité.".into(),
        several => format!("Mission publiée. {several} talents ont été invités."),
    }
}
