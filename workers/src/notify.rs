use domain::live;
use domain::notifications::{self, NewNotification, NotificationType};
use jobs::ledger::{self, NewJob};
use jobs::{Mail, Notify, SendMail};

use crate::App;
use crate::engine::{JobResult, Run};

/// The in-app row, its live event and the mail, together. The row's cause makes a second job of the same event silent.
pub async fn run(job: Notify, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let mut tx = run.begin().await?;
    let notification = NewNotification {
        user: job.user_id,
        kind: job.kind,
        data: serde_json::json!({ "missionId": job.mission_id }),
        cause: format!("job:{}", run.id()),
    };
    let told = notifications::insert(&mut tx, &[notification], now).await?;
    let mail = match job.kind {
        NotificationType::MissionAssigned => Some(Mail::MissionAssigned { mission_id: job.mission_id }),
        NotificationType::AssignmentConfirmed => {
            Some(Mail::AssignmentConfirmed { mission_id: job.mission_id })
        }
        // Its mail names the invitation, and is enqueued with it.
        NotificationType::MissionInvitation => None,
    };
    if let Some(mail) = mail {
        ledger::enqueue(&mut tx, [NewJob::of(&SendMail { to: job.user_id, mail })]).await?;
    }
    live::tell(&mut tx, now, told).await?;
    run.done(tx).await
}
