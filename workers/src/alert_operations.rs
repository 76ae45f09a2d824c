use domain::missions;
use jobs::AlertOperations;
use minijinja::{Value, context};

use crate::App;
use crate::delivery;
use crate::engine::{JobResult, Run};
use crate::mailer::Letter;

/// To the operations address, when there is one and the mission is still open.
pub async fn run(job: AlertOperations, run: Run<App>) -> JobResult {
    // Given back before the call to the outside.
    let mission = missions::get(&mut *run.app.db.conn().await?, job.mission_id).await?;
    if !mission.takes_people(run.now()) {
        return run.done_without_effects();
    }
    let link = format!("{}/missions/{}", run.app.mailer.frontend_url(), mission.id);
    tell_operations(&run, "critical-mission", link, crate::send_mail::about(&mission, "fr")).await
}

/// One mail to the operations address, as all that a job does.
pub async fn tell_operations(
    run: &Run<App>,
    template: &'static str,
    link: String,
    facts: Value,
) -> JobResult {
    let Some(address) = run.app.alert_email.clone() else { return run.done_without_effects() };
    let letter = Letter {
        calendar: None,
        id: run.id().to_string(),
        to: address,
        template,
        locale: "fr".into(),
        facts: context! { first_name => (), link => link.clone(), ..facts },
        link,
        unsubscribe: None,
    };
    delivery::hand_over(&run.app, letter).await?;
    run.done_without_effects()
}
