use domain::missions;
use domain::notifications::NotificationType;
use jobs::{AlertUnfilled, Occasion, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the mission is filled, over, in another round, or was moved.
pub async fn run(job: AlertUnfilled, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let mission = missions::get(&mut tx, job.mission_id).await?;
    let (kind, due) = match job.occasion {
        Occasion::Unfilled { round } => (NotificationType::MissionUnfilled, mission.round == round),
        Occasion::Deadline { start_date } => {
            (NotificationType::MissionDeadline, mission.start_date == start_date)
        }
    };
    if !due || !mission.takes_people(run.now()) {
        return run.done_without_effects();
    }
    effects::missions::unfilled(&mut tx, &mission, kind, run.id()).await?;
    run.done(tx).await
}
