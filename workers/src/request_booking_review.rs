use domain::bookings::{self, BookingStatus};
use domain::reviews::{self, Work};
use jobs::{RequestBookingReview, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Nothing where both have spoken, or the session is disputed by now.
pub async fn run(job: RequestBookingReview, run: Run<App>) -> JobResult {
    let mut tx = run.begin().await?;
    let booking = bookings::get(&mut tx, job.booking_id).await?;
    let silent = reviews::list_silent(&mut tx, Work::Booking(booking.id)).await?;
    if booking.status != BookingStatus::Completed || silent.is_empty() {
        return run.done_without_effects();
    }
    effects::bookings::review_requested(&mut tx, &booking, &silent).await?;
    run.done(tx).await
}
