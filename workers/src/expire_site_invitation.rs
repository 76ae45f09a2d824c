use domain::members;
use jobs::ExpireSiteInvitation;

use crate::App;
use crate::engine::{JobResult, Run};

pub async fn run(job: ExpireSiteInvitation, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    members::expire(&mut tx, job.invitation_id, run.now()).await?;
    run.done(tx).await
}
