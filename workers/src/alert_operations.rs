use domain::missions;
use jobs::AlertOperations;
use minijinja::context;

use crate::App;
use crate::engine::{JobError, JobResult, Run};
use crate::mailer::{Letter, MailError};

/// To the operations address, when there is one and the mission is still open.
pub async fn run(job: AlertOperations, run: Run<App>) -> JobResult {
    let Some(address) = run.app.alert_email.clone() else { return run.done_without_effects() };
    let mut tx = run.begin().await?;
    let mission = missions::get(&mut tx, job.mission_id).await?;
    // No transaction is open during a call to the outside.
    drop(tx);
    if !mission.takes_people(run.app.clock.now()) {
        return run.done_without_effects();
    }
    let link = format!("{}/missions/{}", run.app.mailer.frontend_url(), mission.id);
    let letter = Letter {
        id: run.id().to_string(),
        to: address,
        template: "critical-mission",
        locale: "fr".into(),
        facts: context! { first_name => (), link => link.clone(), ..crate::send_mail::about(&mission, "fr") },
        link,
    };
    match run.app.mailer.send(letter).await {
        Ok(()) => run.done_without_effects(),
        Err(MailError::Refused(error)) => Err(JobError::GiveUp(error)),
        Err(MailError::Later(error)) => Err(JobError::Retry(error)),
    }
}
