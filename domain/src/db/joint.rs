//! One transaction around everything that a request does, unknown to those who do it. Within [`Db::jointly`] each
//! `begin` is a step, fenced by a savepoint: its `commit` keeps what it did for the one commit at the end, and a `Tx` that
//! is dropped undoes its own step only.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{PgConnection, Postgres, Transaction};

use super::{Db, Held, Tx};
use crate::bus::Signal;

tokio::task_local! {
    static JOINT: Joint;
}

/// Between steps only the caller's own rows are held, and an endpoint may hash or ask an outside service; a step is
/// bound by the session's own setting again.
const PATIENT: &str = "set local idle_in_transaction_session_timeout = '30s'";
const STEP: &str = "savepoint step; set local idle_in_transaction_session_timeout = '3s'";
const KEEP: &str = "release savepoint step";
const UNDO: &str = "rollback to savepoint step; release savepoint step";

#[derive(Clone, Debug)]
pub(super) struct Joint(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Away while a step works with it.
    tx: Option<Transaction<'static, Postgres>>,
    last: Step,
    signals: Vec<Signal>,
}

/// How the last step ended.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Its savepoint is gone.
    Settled,
    /// A connection for single statements came back: each that succeeded counts, as it would have alone.
    Released,
    /// Dropped before its commit.
    Abandoned,
}

/// The transaction, on its way through one step.
#[derive(Debug)]
pub(super) struct Loan {
    tx: Option<Transaction<'static, Postgres>>,
    joint: Joint,
    ends: Step,
}

impl Joint {
    pub(super) fn current() -> Option<Self> {
        JOINT.try_with(Self::clone).ok()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None while another step is under way.
    fn lend(&self, ends: Step) -> Option<(Loan, Step)> {
        let mut state = self.state();
        let tx = state.tx.take()?;
        Some((Loan { tx: Some(tx), joint: self.clone(), ends }, state.last))
    }

    /// A step that counts once it is committed.
    pub(super) async fn begin(&self) -> Result<Loan, sqlx::Error> {
        let nested = || sqlx::Error::Configuration("begin inside another transaction of this request".into());
        let (mut loan, last) = self.lend(Step::Abandoned).ok_or_else(nested)?;
        settle(&mut loan, last).await?;
        sqlx::raw_sql(STEP).execute(&mut *loan).await?;
        Ok(loan)
    }

    /// A step of single statements, unless a transaction is under way: then they stand outside, as they would alone.
    pub(super) async fn conn(&self) -> Result<Option<Loan>, sqlx::Error> {
        let Some((mut loan, last)) = self.lend(Step::Released) else { return Ok(None) };
        settle(&mut loan, last).await?;
        sqlx::raw_sql(STEP).execute(&mut *loan).await?;
        Ok(Some(loan))
    }
}

async fn settle(conn: &mut PgConnection, last: Step) -> Result<(), sqlx::Error> {
    let undo = match last {
        Step::Settled => false,
        Step::Abandoned => true,
        Step::Released => match sqlx::raw_sql(KEEP).execute(&mut *conn).await {
            Ok(_) => false,
            // One of its statements failed, and PostgreSQL refuses everything until it is undone.
            Err(sqlx::Error::Database(_)) => true,
            Err(error) => return Err(error),
        },
    };
    if undo {
        sqlx::raw_sql(UNDO).execute(conn).await?;
    }
    Ok(())
}

impl Loan {
    pub(super) async fn commit(mut self, signals: Vec<Signal>) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(KEEP).execute(&mut *self).await?;
        self.ends = Step::Settled;
        self.joint.state().signals.extend(signals);
        Ok(())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut state = self.joint.state();
        state.tx = self.tx.take();
        state.last = self.ends;
    }
}

#[expect(clippy::expect_used, reason = "only `drop` takes it")]
impl Deref for Loan {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.tx.as_ref().expect("a loan holds its transaction")
    }
}

#[expect(clippy::expect_used, reason = "only `drop` takes it")]
impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.tx.as_mut().expect("a loan holds its transaction")
    }
}

impl Db {
    /// Runs `work` so that all it commits becomes part of `tx`, which comes back uncommitted.
    ///
    /// Steps follow each other: a `begin` while another transaction of the work is open is refused. Tasks that the work
    /// spawns stand outside.
    pub async fn jointly<T>(&self, tx: Tx, work: impl Future<Output = T>) -> (T, Result<Tx, sqlx::Error>) {
        let Tx { held, signals, bus } = tx;
        let mut own = match held {
            Held::Own(own) => own,
            Held::Loan(_) => {
                let nested = sqlx::Error::Configuration("jointly inside jointly".into());
                return (work.await, Err(nested));
            }
        };
        let patient = sqlx::raw_sql(PATIENT).execute(&mut *own).await;
        let state = State { tx: Some(own), last: Step::Settled, signals };
        let joint = Joint(Arc::new(Mutex::new(state)));
        let done = JOINT.scope(joint.clone(), work).await;
        let whole = async {
            patient?;
            let lost = || sqlx::Error::Configuration("a transaction outlived its request".into());
            let (mut loan, last) = joint.lend(Step::Settled).ok_or_else(lost)?;
            settle(&mut loan, last).await?;
            let own = loan.tx.take().ok_or_else(lost)?;
            let signals = std::mem::take(&mut joint.state().signals);
            Ok(Tx { held: Held::Own(own), bus, signals })
        };
        (done, whole.await)
    }
}
