use domain::users::{self, Status};
use domain::{account_decisions, assignments, auth_tokens, bookings, email_changes, missions, sessions};
use jobs::{EnforceAccount, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Brings everything that hangs on an account in line with its status, whatever decided it, and tells the person once.
///
/// Each step is harmless when repeated, so a second run, or one that comes after the next decision, ends in the same state.
pub async fn run(job: EnforceAccount, run: Run<App>) -> JobResult {
    let now = run.app.clock.now();
    let user = job.user_id;
    let mut conn = run.app.db.conn().await?;
    let status = users::get(&mut conn, user).await?.status;
    if matches!(status, Status::Suspended | Status::Banned) {
        let ahead = assignments::list_ahead(&mut conn, user, now).await?;
        let booked = bookings::list_ahead(&mut conn, user, now).await?;
        drop(conn);
        // A transaction each: a room and the feeds of its people are locked for one mission at a time, and what is done stays
        // done when this run dies. The mission before the account, as whoever assigns holds them.
        for mission in ahead {
            let mut tx = run.begin().await?;
            if let Some(released) =
                assignments::take_out(&mut tx, mission, user, "compte suspendu", now).await?
            {
                effects::released(&mut tx, &released, now).await?;
            }
            tx.commit().await?;
        }
        for booking in booked {
            let mut tx = run.begin().await?;
            if let Some(cancelled) = bookings::call_off(&mut tx, booking, now).await? {
                effects::bookings::cancelled(&mut tx, &cancelled, now).await?;
            }
            tx.commit().await?;
        }
        let mut tx = run.begin().await?;
        assignments::close_requests(&mut tx, user, now).await?;
        for cancelled in missions::cancel_all(&mut tx, user, now).await? {
            effects::cancelled(&mut tx, &cancelled).await?;
        }
        tx.commit().await?;
    } else {
        drop(conn);
    }

    let mut tx = run.begin().await?;
    users::lock(&mut tx, user).await?;
    if users::get(&mut tx, user).await?.status == Status::Banned {
        email_changes::withdraw(&mut tx, user, now).await?;
        auth_tokens::void_all(&mut tx, user, now).await?;
        sessions::revoke_all(&mut tx, user, now).await?;
    }
    if let Some(decision) = account_decisions::enforce(&mut tx, user, now).await? {
        effects::account_enforced(&mut tx, user, decision).await?;
    }
    run.done(tx).await
}
