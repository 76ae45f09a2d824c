use domain::bookings;
use jobs::{ConcludeBooking, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the session was judged, or will not take place.
pub async fn run(job: ConcludeBooking, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(progress) = bookings::conclude(&mut tx, job.booking_id, job.look, now).await? else {
        return run.done_without_effects();
    };
    effects::bookings::progressed(&mut tx, &progress, now).await?;
    run.done(tx).await
}
