//! Stories over both processes, against real PostgreSQL and Redis: a database and a Redis prefix each.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a story fails by panicking")]

mod world;

mod auth;
mod chat;
mod conversations;
mod engine;
mod faults;
mod matching;
mod openapi;
mod roles;
