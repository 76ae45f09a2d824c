use domain::bookings::{self, BookingStatus};
use jobs::{RemindBooking, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Harmless when the session will not take place, or has begun: a reminder that comes too late is none.
pub async fn run(job: RemindBooking, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let booking = bookings::get(&mut tx, job.booking_id).await?;
    if booking.status != BookingStatus::Paid || booking.starts_at <= run.now() {
        return run.done_without_effects();
    }
    effects::bookings::near(&mut tx, &booking, job.reminder).await?;
    run.done(tx).await
}
