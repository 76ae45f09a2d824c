//! The matching engine: the binding six steps as one statement on one index, and the explained ranking beside it.
//!
//! Filters, score, order and limit all run in PostgreSQL, so that the answer is never fetched-then-ranked and the same
//! data gives the same list. The order is total: score, rating, distance, missions, id.

mod candidates;
pub mod explanation;
mod rank;
mod rematch;
mod stored;

pub use candidates::{Candidate, CandidateSearch, FULL_EXPERIENCE, WEIGHTS, list_candidates};
pub use rank::{Match, Ranking, Whom, rank, score};
pub use rematch::reopen;
pub use stored::{MatchedTalent, list_stored, store};

pub const TOP: i64 = 3;

pub fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
