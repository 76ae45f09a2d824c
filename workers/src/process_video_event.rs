use domain::bookings;
use domain::video_events::{self, Said};
use jobs::{ProcessVideoEvent, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// Notes the fact, then draws the booking's state from all that is known: the order of events does not matter, nor how often.
pub async fn run(job: ProcessVideoEvent, run: Run<App>) -> JobResult {
    let now = run.now();
    let mut tx = run.begin().await?;
    let Some(event) = video_events::find(&mut tx, &job.event_id).await? else {
        return run.done_without_effects();
    };
    let (booking, at) = (event.booking_id, event.occurred_at);
    // The booking's row is what its events queue on.
    bookings::lock(&mut tx, booking).await?;
    match event.said {
        Said::Arrived(user) => bookings::note_arrival(&mut tx, booking, user, at).await?,
        Said::Left(user) => bookings::note_leaving(&mut tx, booking, user, at).await?,
        Said::Ended => bookings::note_end(&mut tx, booking, at).await?,
    }
    if let Some(progress) = bookings::advance(&mut tx, booking, now).await? {
        effects::bookings::progressed(&mut tx, &progress, now).await?;
    }
    run.done(tx).await
}
