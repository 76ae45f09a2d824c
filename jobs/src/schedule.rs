//! What comes back by the clock. Minutes are spread, so that nothing meets at full hours; nights are those of Paris.

use crate::ledger::{Cron, Every, NewJob};
use crate::purge::{Purge, Stale};

pub const SCHEDULE: [Cron; 2] = [
    Cron { name: "purge-jobs", every: Every::Minutes(10), job: || NewJob::of(&Purge { stale: Stale::Jobs }) },
    Cron {
        name: "purge-feeds",
        every: Every::DayAt(3, 17),
        job: || NewJob::of(&Purge { stale: Stale::Feeds }),
    },
];
