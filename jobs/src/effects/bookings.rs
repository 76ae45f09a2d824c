//! What the events of a booking set off.

use domain::bookings::{Booking, BookingStatus, Cancelled, Completed, EndCause, Look, Progress, Unmet};
use domain::contracts::{self, CalledOff, Source};
use domain::error::Result;
use domain::ids::UserId;
use domain::notifications::{About, NotificationType};
use domain::payments::closing;
use domain::reviews::Work;
use domain::services::ServiceType;
use domain::video_events::Received;
use domain::{Tx, messages};
use time::OffsetDateTime;

use super::notices;
use crate::ledger::{self, NewJob};
use crate::request_review::ASKED_AFTER;
use crate::{
    CloseRoom, ConcludeBooking, ContractOf, DraftContract, ExpireBooking, ProcessVideoEvent, RemindBooking,
    Reminder, RequestReview,
};

fn notice(booking: &Booking, kind: NotificationType, user_id: UserId) -> NewJob {
    notices::notice(About::Booking(booking.id), kind, user_id)
}

fn both(booking: &Booking, kind: NotificationType) -> [NewJob; 2] {
    [booking.client_id, booking.talent_id].map(|user| notice(booking, kind, user))
}

/// A client asked for a service: its talent learns of it, and has so long to answer.
pub async fn asked(tx: &mut Tx, booking: &Booking) -> Result<()> {
    let expire = ExpireBooking { booking_id: booking.id, unmet: Unmet::Answer };
    let jobs = [
        notice(booking, NotificationType::BookingRequested, booking.talent_id),
        NewJob::of(&expire).at(booking.answer_by),
    ];
    ledger::enqueue(tx, jobs).await
}

/// The talent accepted: the client learns of it, and has so long to pay.
pub async fn accepted(tx: &mut Tx, booking: &Booking, now: OffsetDateTime) -> Result<()> {
    let expire = ExpireBooking { booking_id: booking.id, unmet: Unmet::Payment };
    let timer = booking.pay_by.map(|pay_by| NewJob::of(&expire).at(pay_by));
    let notice = notice(booking, NotificationType::BookingConfirmed, booking.client_id);
    let contract = NewJob::of(&DraftContract { of: ContractOf::Booking(booking.id) });
    ledger::enqueue(tx, [notice, contract].into_iter().chain(timer)).await?;
    say(tx, booking, "Le talent a accepté la réservation.", now).await
}

/// The client paid: both learn of it and are reminded, and the session's end is looked at.
pub async fn paid(tx: &mut Tx, booking: &Booking, now: OffsetDateTime) -> Result<()> {
    let booking_id = booking.id;
    let reminders = Reminder::ALL.into_iter().filter_map(|reminder| {
        let at = booking.starts_at - reminder.before();
        (at > now).then(|| NewJob::of(&RemindBooking { booking_id, reminder }).at(at))
    });
    let looks = [Look::First, Look::Last];
    let looks = looks.map(|look| NewJob::of(&ConcludeBooking { booking_id, look }).at(look.at(booking)));
    let room = (booking.kind == ServiceType::CoachingVideo)
        .then(|| NewJob::of(&CloseRoom { booking_id }).at(booking.closes_at()));
    let jobs = both(booking, NotificationType::BookingPaid).into_iter().chain(reminders).chain(looks);
    ledger::enqueue(tx, jobs.chain(room).collect::<Vec<_>>()).await?;
    say(tx, booking, "La réservation est réglée : la séance aura lieu comme prévu.", now).await
}

/// A session is near: both are reminded, once however often the job is delivered.
pub async fn near(tx: &mut Tx, booking: &Booking, reminder: Reminder) -> Result<()> {
    let notices = [booking.client_id, booking.talent_id].map(|user| {
        let kind = reminder.notice();
        notice(booking, kind, user).once(format!("notify:{}:{}:{user}", booking.id, kind.code()))
    });
    ledger::enqueue(tx, notices).await
}

/// A booking will not take place, or did not: whoever must learn of it does. What goes back of a paid one stands in the outcome.
pub async fn cancelled(tx: &mut Tx, cancelled: &Cancelled, now: OffsetDateTime) -> Result<()> {
    use NotificationType as Type;
    let booking = &cancelled.booking;
    let by_one = |who: UserId| {
        let others = notice(booking, Type::BookingCancelled, booking.other(who));
        vec![notice(booking, Type::BookingCancellationConfirmed, who), others]
    };
    let (mut jobs, message) = match (booking.status, booking.end_cause) {
        (BookingStatus::Rejected, _) => (
            vec![notice(booking, Type::BookingRefused, booking.client_id)],
            "Le talent a refusé la réservation.",
        ),
        (BookingStatus::Expired, Some(EndCause::Unpaid)) => (
            both(booking, Type::BookingUnpaid).into(),
            "La réservation n’a pas été réglée à temps et a expiré.",
        ),
        (BookingStatus::Expired, _) => {
            (both(booking, Type::BookingUnanswered).into(), "La demande est restée sans réponse et a expiré.")
        }
        (BookingStatus::NoShow, _) => (
            both(booking, Type::BookingMissed).into(),
            "La séance n’a pas eu lieu : une personne au moins n’est pas venue.",
        ),
        (_, Some(EndCause::Client)) => (by_one(booking.client_id), "Le client a annulé la réservation."),
        (_, Some(EndCause::Talent)) => (by_one(booking.talent_id), "Le talent a annulé la réservation."),
        (..) => (both(booking, Type::BookingCancelled).into(), "SocioPulse a annulé la réservation."),
    };
    // Somebody may have been let in already; the room's own end is another job.
    if booking.status == BookingStatus::Cancelled && booking.paid_at.is_some() && now >= booking.opens_at() {
        let close = NewJob::of(&CloseRoom { booking_id: booking.id });
        jobs.push(close.once(format!("close-room:{}:cancelled", booking.id)));
    }
    ledger::enqueue(tx, jobs).await?;
    // Its time was taken from when its talent accepted, and is free again.
    if booking.pay_by.is_some() && booking.ends_at > now {
        super::missions::talent_changed(tx, booking.talent_id, now).await?;
    }
    contracts::call_off(tx, CalledOff::Booking(booking.id), now).await?;
    let closed = closing::booking_ended(tx, booking.id, cancelled.due_cents, now).await?;
    super::payments::closed(tx, &closed).await?;
    say(tx, booking, message, now).await
}

/// A session went on or was judged.
pub async fn progressed(tx: &mut Tx, progress: &Progress, now: OffsetDateTime) -> Result<()> {
    match progress {
        Progress::Started(booking) => {
            contracts::mark_started(tx, Source::Booking(booking.id), now).await?;
            say(tx, booking, "La séance a commencé.", now).await
        }
        Progress::Completed(done) => completed(tx, done, now).await,
        Progress::Missed(missed) => cancelled(tx, missed, now).await,
    }
}

/// A session took place.
pub async fn completed(tx: &mut Tx, completed: &Completed, now: OffsetDateTime) -> Result<()> {
    let booking = &completed.booking;
    let request = NewJob::of(&RequestReview { of: Work::Booking(booking.id) }).at(now + ASKED_AFTER);
    let jobs = both(booking, NotificationType::BookingCompleted).into_iter().chain([request]);
    ledger::enqueue(tx, jobs).await?;
    contracts::mark_completed(tx, Source::Booking(booking.id), now).await?;
    let closed = closing::booking_completed(tx, booking.id, now).await?;
    super::payments::closed(tx, &closed).await?;
    say(tx, booking, "La séance est terminée.", now).await
}

/// The video server told something of a booking: it is read by a job, so that the server is answered at once.
pub async fn told(tx: &mut Tx, received: Received) -> Result<()> {
    let Received::Told(event_id) = received else { return Ok(()) };
    ledger::enqueue(tx, [NewJob::of(&ProcessVideoEvent { event_id })]).await
}

/// In the two's conversation. Last: it holds the conversation's row until the commit.
async fn say(tx: &mut Tx, booking: &Booking, message: &str, now: OffsetDateTime) -> Result<()> {
    messages::post_system_in(tx, booking.conversation_id, message, now).await
}
