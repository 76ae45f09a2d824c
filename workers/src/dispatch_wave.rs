use domain::live::{self, MissionUpdated, Telling};
use domain::matching::{self, Ranking, Whom};
use domain::{invitations, messages, missions, trace, waves};
use jobs::effects::missions::SentWave;
use jobs::{DispatchWave, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// The next people of the ranking are invited, as in wave 1, and the wave behind this one is scheduled.
///
/// The mission's row says which wave of which round was sent last: a second delivery finds its own there.
pub async fn run(job: DispatchWave, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let locked = missions::lock_for_wave(&mut tx, job.mission_id, job.round, job.wave, now).await?;
    let Some(mission) = locked else { return run.done_without_effects() };
    let Some(wave) = waves::find(mission.urgency_level, job.wave) else { return run.done_without_effects() };

    let talents = matching::rank(&mut tx, &mission, Whom::NotYetInvited, wave.size(&mission)).await?;
    let ranking = [Ranking { mission: &mission, talents }];
    let invitations = invitations::insert(&mut tx, &ranking, wave.number, now).await?;
    matching::explanation::record(&mut tx, &ranking, &invitations, wave.number, now).await?;
    missions::set_wave(&mut tx, mission.id, wave.number).await?;
    let invitations = invitations.concat();
    let invited = invitations.len();
    let sent = SentWave { mission: &mission, wave: Some(wave), invitations, cause: trace::current() };
    let mut tellings = effects::missions::invited(&mut tx, &[sent], now).await?;
    if invited > 0 {
        let message = match invited {
            1 => "Recherche élargie. Un autre talent a été invité.".into(),
            several => format!("Recherche élargie. {several} autres talents ont été invités."),
        };
        let updated = MissionUpdated { mission_id: mission.id, status: mission.status };
        tellings.push(Telling::new(mission.client_id, &updated));
        messages::post_system(&mut tx, &[(mission.id, message)], now).await?;
        live::tell(&mut tx, now, tellings).await?;
    }
    run.done(tx).await
}
