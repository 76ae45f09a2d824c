//! What comes back by the clock. Minutes are spread, so that nothing meets at full hours; nights are those of Paris.

use crate::check_points::CheckPoints;
use crate::digest_unread::DigestUnread;
use crate::draft_missing_contracts::DraftMissingContracts;
use crate::ledger::{Cron, Every, NewJob};
use crate::poll_chorus::PollChorus;
use crate::purge::{Purge, Stale};
use crate::push_messages::PushMessages;
use crate::reconcile_stripe::ReconcileStripe;

pub const SCHEDULE: &[Cron] = &[
    line("push-messages", Every::Seconds(5), || NewJob::of(&PushMessages {})),
    line("digest-unread", Every::Minutes(1), || NewJob::of(&DigestUnread {})),
    line("poll-chorus", Every::Minutes(360), || {
        NewJob::of(&PollChorus { payment_id: None, credit_note_id: None })
    }),
    line("draft-missing-contracts", Every::Minutes(60), || NewJob::of(&DraftMissingContracts {})),
    line("purge-jobs", Every::Minutes(10), || NewJob::of(&Purge { stale: Stale::Jobs })),
    line("purge-feeds", Every::DayAt(3, 17), || NewJob::of(&Purge { stale: Stale::Feeds })),
    line("purge-notifications", Every::DayAt(3, 41), || NewJob::of(&Purge { stale: Stale::Notifications })),
    line("purge-answers", Every::Minutes(60), || NewJob::of(&Purge { stale: Stale::Answers })),
    line("purge-links", Every::DayAt(4, 7), || NewJob::of(&Purge { stale: Stale::Links })),
    line("purge-codes", Every::DayAt(4, 13), || NewJob::of(&Purge { stale: Stale::Codes })),
    line("purge-sessions", Every::DayAt(4, 23), || NewJob::of(&Purge { stale: Stale::Sessions })),
    line("purge-networks", Every::DayAt(4, 37), || NewJob::of(&Purge { stale: Stale::Networks })),
    line("reconcile-stripe", Every::DayAt(5, 11), || NewJob::of(&ReconcileStripe {})),
    line("check-points", Every::DayAt(5, 29), || NewJob::of(&CheckPoints {})),
    line("purge-video-events", Every::DayAt(4, 43), || NewJob::of(&Purge { stale: Stale::VideoEvents })),
    line("purge-stripe-events", Every::DayAt(4, 47), || NewJob::of(&Purge { stale: Stale::StripeEvents })),
    line("purge-places", Every::DayAt(4, 53), || NewJob::of(&Purge { stale: Stale::Places })),
];

const fn line(name: &'static str, every: Every, job: fn() -> NewJob) -> Cron {
    Cron { name, every, job }
}
