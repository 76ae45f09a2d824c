use domain::bookings;
use jobs::{ExpireBooking, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the answer or the payment has come, or the booking is off.
pub async fn run(job: ExpireBooking, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(expired) = bookings::expire(&mut tx, job.booking_id, job.unmet, now).await? else {
        return run.done_without_effects();
    };
    effects::bookings::cancelled(&mut tx, &expired, now).await?;
    run.done(tx).await
}
