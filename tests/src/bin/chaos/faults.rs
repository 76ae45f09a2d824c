//! What is done to the platform.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;

use crate::Outcome;
use crate::history::{self, Book};
use crate::processes::Process;
use crate::servers::{Servers, Which};

/// All that can be hurt.
#[derive(Clone, Debug)]
pub struct Targets {
    pub servers: Servers,
    pub apis: Arc<Mutex<Vec<Process>>>,
    pub workers: Arc<Mutex<Vec<Process>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    FlushRedis,
    RedisAway,
    KillRedis,
    FreezeRedis,
    RestartPostgres,
    CrashPostgres,
    FreezePostgres,
    KillWorker,
    FreezeWorker,
    KillApi,
    DropConnections,
    /// All of them, at random times, three at once.
    Mixed,
}

pub const ALL: [Fault; 13] = [
    Fault::Nothing,
    Fault::FlushRedis,
    Fault::RedisAway,
    Fault::KillRedis,
    Fault::FreezeRedis,
    Fault::RestartPostgres,
    Fault::CrashPostgres,
    Fault::FreezePostgres,
    Fault::KillWorker,
    Fault::FreezeWorker,
    Fault::KillApi,
    Fault::DropConnections,
    Fault::Mixed,
];

/// Kinds of faults that exclude each other, because they hurt the same thing.
const REDIS: [Fault; 4] = [Fault::FlushRedis, Fault::RedisAway, Fault::KillRedis, Fault::FreezeRedis];
const POSTGRES: [Fault; 4] =
    [Fault::RestartPostgres, Fault::CrashPostgres, Fault::FreezePostgres, Fault::DropConnections];
const PROCESSES: [Fault; 3] = [Fault::KillWorker, Fault::FreezeWorker, Fault::KillApi];

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::FlushRedis => "FLUSHALL",
            Self::RedisAway => "Redis down for 10 s",
            Self::KillRedis => "Redis kill -9",
            Self::FreezeRedis => "Redis stopped for 5 s",
            Self::RestartPostgres => "PostgreSQL restart, fast",
            Self::CrashPostgres => "PostgreSQL restart, immediate",
            Self::FreezePostgres => "PostgreSQL stopped for 3 s",
            Self::KillWorker => "worker kill -9",
            Self::FreezeWorker => "worker stopped for 6 s",
            Self::KillApi => "API kill -9 and restart",
            Self::DropConnections => "all sessions of PostgreSQL ended",
            Self::Mixed => "mixed",
        }
    }

    /// How long the load should last for this fault to meet it.
    pub fn load(self) -> Duration {
        Duration::from_secs(match self {
            Self::RedisAway => 15,
            Self::FreezeRedis | Self::FreezeWorker => 11,
            Self::Mixed => 50,
            _ => 8,
        })
    }
}

impl Targets {
    /// Does it, undoes it, and writes down when.
    pub async fn suffer(&self, fault: Fault, book: &Book, dice: &mut StdRng) -> Outcome {
        let from = Instant::now();
        match fault {
            Fault::Nothing | Fault::Mixed => {}
            Fault::FlushRedis => self.servers.flush().await?,
            Fault::RedisAway => {
                self.servers.signal(Which::Redis, "TERM").await?;
                tokio::time::sleep(Duration::from_secs(10)).await;
                self.servers.start(Which::Redis).await?;
            }
            Fault::KillRedis => {
                self.servers.signal(Which::Redis, "KILL").await?;
                self.servers.start(Which::Redis).await?;
            }
            Fault::FreezeRedis => self.servers.freeze(Which::Redis, Duration::from_secs(5)).await?,
            Fault::RestartPostgres => {
                self.servers.signal(Which::Postgres, "INT").await?;
                self.servers.start(Which::Postgres).await?;
            }
            Fault::CrashPostgres => {
                self.servers.signal(Which::Postgres, "QUIT").await?;
                self.servers.start(Which::Postgres).await?;
            }
            Fault::FreezePostgres => self.servers.freeze(Which::Postgres, Duration::from_secs(3)).await?,
            Fault::KillWorker => self.kill_one(&self.workers, dice).await?,
            Fault::KillApi => self.kill_one(&self.apis, dice).await?,
            Fault::FreezeWorker => {
                let workers = self.workers.lock().await;
                let one = dice.random_range(0..workers.len());
                workers[one].freeze(Duration::from_secs(6)).await?;
            }
            Fault::DropConnections => self.servers.drop_connections().await?,
        }
        if fault != Fault::Nothing {
            book.write().faults.push(history::Fault { name: fault.name(), from, to: Instant::now() });
        }
        Ok(())
    }

    async fn kill_one(&self, processes: &Mutex<Vec<Process>>, dice: &mut StdRng) -> Outcome {
        let mut processes = processes.lock().await;
        let one = dice.random_range(0..processes.len());
        processes[one].kill().await?;
        processes[one].restart().await
    }

    /// Faults of three kinds beside each other for this long.
    pub async fn suffer_all(&self, book: &Book, seed: u64, long: Duration) -> Outcome {
        let end = Instant::now() + long;
        tokio::try_join!(
            self.suffer_some(&REDIS, book, seed ^ 1, end),
            self.suffer_some(&POSTGRES, book, seed ^ 2, end),
            self.suffer_some(&PROCESSES, book, seed ^ 3, end),
        )?;
        Ok(())
    }

    fn suffer_some(
        &self,
        kinds: &'static [Fault],
        book: &Book,
        seed: u64,
        end: Instant,
    ) -> impl Future<Output = Outcome> {
        let mut dice = StdRng::seed_from_u64(seed);
        async move {
            while Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(dice.random_range(500..5000))).await;
                let fault = kinds[dice.random_range(0..kinds.len())];
                self.suffer(fault, book, &mut dice).await?;
            }
            Ok(())
        }
    }

    /// Processes that are not there any more although nobody killed them.
    pub async fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for processes in [&self.apis, &self.workers] {
            for process in processes.lock().await.iter_mut() {
                if process.has_ended() {
                    missing.push(format!("{} ended by itself", process.name));
                }
            }
        }
        missing
    }
}
