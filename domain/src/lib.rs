//! Ids, rows, rules and SQL of SocioPulse: what both processes know. No HTTP here, no queue engine.
//!
//! Functions take a connection (or the [`Tx`] when they have something to announce) and never end a transaction:
//! whoever began it does. Where the database can decide, the statement decides: conditional `UPDATE`, `ON CONFLICT`,
//! a named constraint.

pub mod account;
pub mod account_decisions;
pub mod applications;
pub mod assignments;
pub mod auth_tokens;
pub mod availability;
pub mod billing;
pub mod bookings;
pub mod bus;
pub mod chorus;
pub mod clock;
pub mod contracts;
pub mod conversations;
pub mod db;
pub mod documents;
pub mod email_changes;
pub mod error;
pub mod establishments;
pub mod exclusions;
pub mod geo;
pub mod idempotency;
pub mod ids;
pub mod invitations;
pub mod invoices;
pub mod ledger;
pub mod live;
pub mod matching;
pub mod members;
pub mod message_pushes;
pub mod message_reports;
pub mod messages;
pub mod missions;
pub mod money;
pub mod network;
pub mod notifications;
pub mod page;
pub mod paper;
pub mod paris;
pub mod parties;
pub mod payments;
pub mod places;
pub mod plans;
pub mod process;
pub mod professions;
pub mod profiles;
pub mod push_subscriptions;
pub mod quotes;
pub mod references;
pub mod reports;
pub mod services;
pub mod sessions;
pub mod signatures;
pub mod specialties;
pub mod standing;
pub mod surcharges;
pub mod totals;
pub mod trace;
pub mod unread_digests;
pub mod users;
pub mod video_events;
pub mod waves;
pub mod working_time;

pub use bus::Bus;
pub use clock::Clock;
pub use db::{Db, Tx};
pub use error::{Error, Result};
