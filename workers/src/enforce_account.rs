use domain::growth::points::{self, Action};
use domain::growth::referrals;
use domain::ids::UserId;
use domain::users::{self, Status};
use domain::{account_decisions, assignments, auth_tokens, bookings, email_changes, missions, sessions};
use jobs::{EnforceAccount, effects};

use crate::App;
use crate::engine::{JobError, JobResult, Run};

/// Brings everything that hangs on an account in line with its status, whatever decided it, and tells the person once.
///
/// Each step is harmless when repeated, so a second run, or one that comes after the next decision, ends in the same state.
pub async fn run(job: EnforceAccount, run: Run<App>) -> JobResult {
    let now = run.now();
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
                effects::missions::released(&mut tx, &released, now).await?;
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
            effects::missions::cancelled(&mut tx, &cancelled).await?;
        }
        tx.commit().await?;
    } else {
        drop(conn);
    }

    if status == Status::Banned {
        take_back(&run, user).await?;
    }

    let mut tx = run.begin().await?;
    users::lock(&mut tx, user).await?;
    if users::get(&mut tx, user).await?.status == Status::Banned {
        email_changes::withdraw(&mut tx, user, now).await?;
        auth_tokens::void_all(&mut tx, user, now).await?;
        sessions::revoke_all(&mut tx, user, now).await?;
    }
    if let Some(decision) = account_decisions::enforce(&mut tx, user, now).await? {
        effects::accounts::enforced(&mut tx, user, decision).await?;
    }
    run.done(tx).await
}

/// The points of somebody who is banned, and what their registration gave to whoever recommended the platform: one user's row at a
/// time.
async fn take_back(run: &Run<App>, user: UserId) -> Result<(), JobError> {
    let now = run.now();
    let mut tx = run.begin().await?;
    points::reverse_all(&mut tx, user, now).await?;
    let referrer = referrals::find_referrer(&mut tx, user).await?;
    tx.commit().await?;
    let Some(referrer) = referrer else { return Ok(()) };
    let mut tx = run.begin().await?;
    if let Some(reversed) = points::reverse(&mut tx, referrer, Action::Referral, user.0, now).await? {
        effects::growth::changed(&mut tx, &[reversed], now).await?;
    }
    tx.commit().await?;
    Ok(())
}
