use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Deletes what nobody needs any more, in batches.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purge {
    pub stale: Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stale {
    /// Rows of the ledger that ended long ago.
    Jobs,
    /// Events of users' feeds, past what a client may resume from.
    Feeds,
    /// Notifications that were read long ago.
    Notifications,
    /// Answers of the address service that are believed no more.
    Places,
    /// Answers to requests with an idempotency key.
    Answers,
    /// Links of mails that expired long ago.
    Links,
    /// Signature codes that expired long ago.
    Codes,
    /// Sessions that ended long ago.
    Sessions,
    /// Events of the video server, past what may still come again.
    VideoEvents,
    /// Events of Stripe that have been acted on, long past what is compared at night.
    StripeEvents,
    /// Networks that their users have not been seen in for long.
    Networks,
}

impl Job for Purge {
    /// One at a time: two would only wait for each other's rows. The next tick goes on where this one stops.
    const POLICY: Policy =
        Policy::new("purge", queues::DEFAULT).low().attempts(3).timeout(Duration::from_secs(300)).at_most(1);
}
