//! What can go wrong in the domain, in the words of the domain; the edges decide on statuses and retries.

use sqlx::error::DatabaseError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing does not exist, or not for this caller.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The request is sound but the present state forbids it. The code is stable and public.
    #[error("{message}")]
    Conflict { code: &'static str, message: &'static str },
    /// The caller may not do this, whatever the state. The code is stable and public.
    #[error("{message}")]
    Refused { code: &'static str, message: &'static str },
    /// What the caller shows is no proof: forged, unknown or used. The code is stable and public.
    #[error("{message}")]
    Unusable { code: &'static str, message: &'static str },
    /// Its time is over. The code is stable and public.
    #[error("{message}")]
    Expired { code: &'static str, message: &'static str },
    /// A value of the request that cannot be taken, and what is wrong with it: a predicate, in lower case, behind the field's name.
    #[error("{field}: {message}")]
    Invalid { field: &'static str, message: &'static str },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// True when trying again later may succeed without anything being wrong with the work itself: the server is away or
    /// restarting, a lock or a serialisation was lost, the pool is exhausted.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Database(error) if is_outage(error))
    }
}

pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Protocol(_) => true,
        // 08 connection, 40 rollback (serialisation, deadlock), 53 resources, 55P03 lock time-out, 57P shutdown, 25P03 idle
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class))
                || code == "55P03"
                || code == "25P03"
        }),
        _ => false,
    }
}

/// Names the error that a constraint stands for: the database noticed, the domain says what it means.
pub trait OnConstraint<T> {
    fn on_constraint(self, constraint: &str, meaning: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T, sqlx::Error> {
    fn on_constraint(self, constraint: &str, meaning: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|error| if violates(&error, constraint) { meaning() } else { Error::Database(error) })
    }
}

pub fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().and_then(DatabaseError::constraint) == Some(constraint)
}
