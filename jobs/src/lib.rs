//! What a job is: the wire contract between those who ask and those who run.
//!
//! One job is one file here (payload and policy) and one file of the same name in `workers` (the handler).

pub mod effects;
pub mod ledger;
pub mod match_mission;
pub mod notify;
pub mod purge;
pub mod queues;
pub mod schedule;
pub mod send_mail;

pub use ledger::{Job, Policy};
pub use match_mission::MatchMission;
pub use notify::Notify;
pub use purge::Purge;
pub use send_mail::{Mail, SendMail};

/// Every kind of job. `workers::handlers` must know them all; a test compares.
pub const KINDS: &[Policy] = &[MatchMission::POLICY, Notify::POLICY, Purge::POLICY, SendMail::POLICY];
