//! Queues are classes of service, not subjects: each has slots of its own in every worker, so that a thousand mails never
//! delay one match.

use crate::ledger::Queue;

/// Somebody is watching a screen: matches, codes, webhooks. Promised to start within 5 s.
pub const CRITICAL: Queue = Queue::new("critical");
/// Somebody will look soon.
pub const DEFAULT: Queue = Queue::new("default");
/// Mail and fan-out.
pub const BULK: Queue = Queue::new("bulk");
/// PDF and images: long and heavy on the processor.
pub const MEDIA: Queue = Queue::new("media");

pub const ALL: [Queue; 4] = [CRITICAL, DEFAULT, BULK, MEDIA];
