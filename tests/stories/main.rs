//! Stories over both processes, against real PostgreSQL and Redis: a database and a Redis prefix each.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a story fails by panicking")]

mod letters;
mod world;

mod account_cascade;
mod account_states;
mod accounts;
mod accounts_guessing;
mod applications;
mod auth;
mod availability;
mod chat;
mod conversations;
mod edge;
mod eligibility;
mod engine;
mod explanation;
mod faults;
mod idempotency;
mod mails;
mod matching;
mod mission_end;
mod mission_fields;
mod notifications;
mod openapi;
mod places;
mod purges;
mod races;
mod ranking;
mod roles;
mod telemetry;
mod twice;
mod waves;
