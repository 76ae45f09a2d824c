//! PostgreSQL and Redis of the profile `chaos` of `scripts/servers`, and what may be done to them.

use std::env;
use std::process::Stdio;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, PgPool};
use tokio::process::Command;

use crate::Outcome;

/// Stands for a server that is somebody else's business.
const LEAVE_ALONE: &str = "elsewhere";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Postgres,
    Redis,
}

#[derive(Clone, Debug)]
pub struct Servers {
    main_url: String,
    pub redis_url: String,
    data_directory: String,
}

pub async fn signal(pid: u32, signal: &str) -> Outcome {
    let status =
        Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).stderr(Stdio::null()).status();
    status.await?;
    Ok(())
}

impl Servers {
    pub async fn find() -> Outcome<Self> {
        let url = |name| env::var(name).map_err(|_| format!("{name} is not set; run `make chaos`"));
        let (main_url, redis_url) = (url("DATABASE_URL")?, url("REDIS_URL")?);
        let mut conn = connect(&main_url).await?;
        let data_directory = sqlx::query_scalar("show data_directory").fetch_one(&mut conn).await?;
        Ok(Self { main_url, redis_url, data_directory })
    }

    /// A migrated database of this name, made anew.
    pub async fn database(&self, name: &str) -> Outcome<String> {
        let mut conn = connect(&self.main_url).await?;
        conn.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
        conn.execute(AssertSqlSafe(format!("create database {name}"))).await?;
        let (server, _) = self.main_url.rsplit_once('/').ok_or("DATABASE_URL names no database")?;
        let url = format!("{server}/{name}");
        domain::db::MIGRATOR.run(&mut connect(&url).await?).await?;
        Ok(url)
    }

    pub async fn pid(&self, which: Which) -> Outcome<u32> {
        Ok(match which {
            Which::Postgres => {
                let file = format!("{}/postmaster.pid", self.data_directory);
                let text = tokio::fs::read_to_string(file).await?;
                text.lines().next().ok_or("an empty postmaster.pid")?.parse()?
            }
            Which::Redis => {
                let mut connection =
                    redis::Client::open(&*self.redis_url)?.get_multiplexed_async_connection().await?;
                let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
                let line = info.lines().find_map(|line| line.strip_prefix("process_id:"));
                line.ok_or("Redis does not say its pid")?.trim().parse()?
            }
        })
    }

    pub async fn signal(&self, which: Which, name: &str) -> Outcome {
        signal(self.pid(which).await?, name).await
    }

    /// Stops the process as a whole for a while. Only the postmaster's children do the work of PostgreSQL.
    pub async fn freeze(&self, which: Which, long: Duration) -> Outcome {
        let mut pids = vec![self.pid(which).await?];
        if which == Which::Postgres {
            let children = format!("/proc/{0}/task/{0}/children", pids[0]);
            let children = tokio::fs::read_to_string(children).await?;
            pids.extend(children.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        for pid in &pids {
            signal(*pid, "STOP").await?;
        }
        tokio::time::sleep(long).await;
        for pid in &pids {
            signal(*pid, "CONT").await?;
        }
        Ok(())
    }

    /// Starts it again, on its port.
    pub async fn start(&self, which: Which) -> Outcome {
        let (database, redis) = match which {
            Which::Postgres => (&*self.main_url, LEAVE_ALONE),
            Which::Redis => (LEAVE_ALONE, &*self.redis_url),
        };
        let mut command = Command::new("scripts/servers");
        command.args(["up", "chaos"]).env("DATABASE_URL", database).env("REDIS_URL", redis);
        let output =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await?;
        if output.success() { Ok(()) } else { Err(format!("{which:?} does not start").into()) }
    }

    pub async fn flush(&self) -> Outcome {
        let mut connection =
            redis::Client::open(&*self.redis_url)?.get_multiplexed_async_connection().await?;
        redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await?;
        Ok(())
    }

    /// Ends every session of every database but our own.
    pub async fn drop_connections(&self) -> Outcome {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
        connect(&self.main_url).await?.execute(sql).await?;
        Ok(())
    }
}

pub async fn connect(url: &str) -> Outcome<PgConnection> {
    Ok(url.parse::<PgConnectOptions>()?.connect().await?)
}

/// A small pool of the harness.
pub fn pool(url: &str) -> Outcome<PgPool> {
    let options = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(20));
    Ok(options.connect_lazy(url)?)
}
