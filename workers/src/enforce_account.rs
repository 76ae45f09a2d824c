use domain::users::{self, Status};
use domain::{account_decisions, assignments, auth_tokens, email_changes, invitations, missions, sessions};
use jobs::{EnforceAccount, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Brings everything that hangs on an account in line with its status, whatever decided it, and tells the person once.
///
/// The status is read under the account's lock and each step is harmless when repeated, so a second run, or one that comes
/// after the next decision, ends in the same state.
pub async fn run(job: EnforceAccount, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let user = job.user_id;
    let mut tx = run.begin().await?;
    // Before the account's row is held: whoever assigns a talent holds the mission first, then the account.
    let account = users::get(&mut tx, user).await?;
    if matches!(account.status, Status::Suspended | Status::Banned) {
        for released in assignments::release_all(&mut tx, user, "compte suspendu", now).await? {
            effects::released(&mut tx, &released, now).await?;
        }
        for cancelled in missions::cancel_all(&mut tx, user, now).await? {
            effects::cancelled(&mut tx, &cancelled).await?;
        }
    }
    users::lock(&mut tx, user).await?;
    let status = users::get(&mut tx, user).await?.status;
    if status == Status::Banned {
        invitations::expire_of_talent(&mut tx, user).await?;
        email_changes::withdraw(&mut tx, user, now).await?;
        auth_tokens::void_all(&mut tx, user, now).await?;
        sessions::revoke_all(&mut tx, user, now).await?;
    }
    if let Some(decision) = account_decisions::enforce(&mut tx, user, now).await? {
        effects::account_enforced(&mut tx, user, decision).await?;
    }
    run.done(tx).await
}
