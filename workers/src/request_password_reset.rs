use domain::auth_tokens::{self, Purpose};
use domain::users::{self, Status};
use jobs::{RequestPasswordReset, effects};
use time::Duration;

use crate::App;
use crate::engine::{JobResult, Run};

/// Links within an hour beyond which nobody is sent another: a form that anybody may fill in must not flood a mailbox.
const MOST_AN_HOUR: i64 = 3;

pub async fn run(job: RequestPasswordReset, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(user) = users::find_by_email(&mut tx, &job.email).await? else {
        return run.done_without_effects();
    };
    let sent =
        auth_tokens::count_since(&mut tx, user.id, Purpose::PasswordReset, now - Duration::HOUR).await?;
    if user.status == Status::Banned || sent >= MOST_AN_HOUR {
        return run.done_without_effects();
    }
    effects::accounts::password_reset_granted(&mut tx, user.id, run.id()).await?;
    run.done(tx).await
}
