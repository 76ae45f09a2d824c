use domain::bookings;
use jobs::CloseRoom;

use crate::App;
use crate::engine::{JobError, JobResult, Run};

/// Closing a room that is not there is harmless, and so is closing it twice: nobody can come back into it by then.
pub async fn run(job: CloseRoom, run: Run<App>) -> JobResult {
    let Some(livekit) = run.app.livekit.clone() else { return run.done_without_effects() };
    let booking = bookings::get(&mut *run.app.db.conn().await?, job.booking_id).await?;
    let closed = livekit.close_room(&booking.room(), run.now()).await;
    closed.map_err(|fault| JobError::Retry(fault.to_string()))?;
    run.done_without_effects()
}
