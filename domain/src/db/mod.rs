//! The pool, and the transaction that announces itself once it is committed.

mod joint;

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{PgConnection, Postgres, Transaction};

use self::joint::{Joint, Loan};
use crate::bus::{Bus, Signal};

pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// No stopped process may hold a row for longer than a lease, and no client that went away may keep the server busy.
const SESSION: [(&str, &str); 5] = [
    ("idle_in_transaction_session_timeout", "3s"),
    ("lock_timeout", "3s"),
    ("client_connection_check_interval", "1s"),
    ("statement_timeout", "15s"),
    // A statement here takes milliseconds; compiling one takes two hundred.
    ("jit", "off"),
];

#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    bus: Bus,
}

impl Db {
    /// Opens connections when they are needed: a process may start before PostgreSQL does.
    pub fn connect(url: &str, max_connections: u32, bus: Bus) -> Result<Self, sqlx::Error> {
        Ok(Self { pool: pool(url, max_connections, &SESSION)?, bus })
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// A connection for statements that stand alone.
    pub async fn conn(&self) -> Result<Conn, sqlx::Error> {
        if let Some(joint) = Joint::current()
            && let Some(loan) = joint.conn().await?
        {
            return Ok(Conn(Line::Loan(loan)));
        }
        Ok(Conn(Line::Own(self.pool.acquire().await?)))
    }

    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let held = match Joint::current() {
            Some(joint) => Held::Loan(joint.begin().await?),
            None => Held::Own(self.pool.begin().await?),
        };
        Ok(Tx { held, bus: self.bus.clone(), signals: Vec::new() })
    }

    /// True when the schema is that of this program, or newer: migrations only widen, and a rolling deploy migrates first.
    pub async fn is_migrated(&self) -> Result<bool, sqlx::Error> {
        let newest = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default();
        // The table is sqlx's own, so its query cannot be checked against our migrations.
        let applied = sqlx::query_scalar::<_, i64>(
            "select coalesce(max(version), 0) from _sqlx_migrations where success",
        );
        Ok(applied.fetch_one(&self.pool).await? >= newest)
    }
}

/// A pool whose sessions carry the given settings.
pub fn pool(url: &str, max_connections: u32, settings: &[(&str, &str)]) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?.options(settings.iter().copied());
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        // A new connection costs tens of milliseconds: the first requests should not pay for it.
        .min_connections(max_connections.min(4))
        .acquire_timeout(Duration::from_secs(3))
        // A ping before each use would cost a round trip per request; a dead connection fails once and is replaced.
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

/// A connection of the pool or, within [`Db::jointly`], the joint one.
#[derive(Debug)]
pub struct Conn(Line);

#[derive(Debug)]
enum Line {
    Own(PoolConnection<Postgres>),
    Loan(Loan),
}

impl Deref for Conn {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match &self.0 {
            Line::Own(conn) => conn,
            Line::Loan(loan) => loan,
        }
    }
}

impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.0 {
            Line::Own(conn) => conn,
            Line::Loan(loan) => loan,
        }
    }
}

/// A transaction. What is announced inside it is sent after its commit, and only then: nobody can forget it, and nobody
/// hears of a row that is not there.
#[derive(Debug)]
#[must_use = "a transaction that is dropped rolls back"]
pub struct Tx {
    held: Held,
    bus: Bus,
    signals: Vec<Signal>,
}

#[derive(Debug)]
enum Held {
    Own(Transaction<'static, Postgres>),
    Loan(Loan),
}

impl Tx {
    /// Sends the signal after the commit; a repetition inside one transaction is dropped.
    pub fn announce(&mut self, channel: String, payload: String) {
        let signal = Signal { channel, payload };
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
    }

    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Until the end of the transaction its statements keep the plan that they were given first. For those whose arguments
    /// PostgreSQL would else plan anew each time, which can cost more than running them; a plan made while a table was empty
    /// must not read the whole of it later.
    pub async fn keep_plans(&mut self) -> Result<(), sqlx::Error> {
        let settings = "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off";
        sqlx::raw_sql(settings).execute(&mut **self).await?;
        Ok(())
    }

    /// Within [`Db::jointly`], what is kept here counts with the commit at the end.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.held {
            Held::Loan(loan) => return loan.commit(self.signals).await,
            Held::Own(own) => own.commit().await?,
        }
        for signal in self.signals {
            self.bus.send(signal);
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match &self.held {
            Held::Own(own) => own,
            Held::Loan(loan) => loan,
        }
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.held {
            Held::Own(own) => own,
            Held::Loan(loan) => loan,
        }
    }
}
