use domain::live;
use domain::missions;
use domain::notifications::{self, NewNotification, NotificationType};
use jobs::{AlertUnfilled, Mail, Occasion, SendMail};

use crate::App;
use crate::engine::{JobResult, Run};

/// The in-app row, its live event and the mail; harmless when the mission is filled, over, in another round, or was moved. The
/// row's cause makes a second delivery silent.
pub async fn run(job: AlertUnfilled, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    let mission = missions::lock(&mut tx, job.mission_id).await?;
    let (kind, due) = match job.occasion {
        Occasion::Unfilled { round } => (NotificationType::MissionUnfilled, mission.round == round),
        Occasion::Deadline { start_date } => {
            (NotificationType::MissionDeadline, mission.start_date == start_date)
        }
    };
    if !due || !mission.takes_people(now) {
        return run.done_without_effects();
    }
    let notification = NewNotification {
        user: mission.client_id,
        kind,
        data: serde_json::json!({ "missionId": mission.id }),
        cause: format!("job:{}", run.id()),
    };
    let told = notifications::insert(&mut tx, &[notification], now).await?;
    if told.is_empty() {
        return run.done_without_effects();
    }
    let mail = SendMail { to: mission.client_id, mail: Mail::MissionUnfilled { mission_id: mission.id } };
    jobs::ledger::enqueue(&mut tx, [jobs::ledger::NewJob::of(&mail)]).await?;
    live::tell(&mut tx, now, told).await?;
    run.done(tx).await
}
