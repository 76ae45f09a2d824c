//! The two servers, and databases and Redis prefixes of our own on them.

use std::env;

use domain::{Bus, Db};
use redis::aio::ConnectionManager;
use sqlx::{AssertSqlSafe, PgPool};

use crate::Outcome;

#[derive(Debug)]
pub struct Servers {
    database_url: String,
    pub redis_url: String,
    pub admin: PgPool,
}

impl Servers {
    pub async fn find() -> Outcome<Self> {
        let url = |name| env::var(name).map_err(|_| format!("{name} is not set; run `make bench`"));
        let (database_url, redis_url) = (url("DATABASE_URL")?, url("REDIS_URL")?);
        let servers = Self { admin: PgPool::connect(&database_url).await?, database_url, redis_url };
        servers.drop_leftovers().await?;
        Ok(servers)
    }

    /// Databases of runs that were interrupted; one in use belongs to a run beside this one.
    async fn drop_leftovers(&self) -> Outcome {
        let left: Vec<String> = sqlx::query_scalar(
            "select datname from pg_database d where datname ~ '^bench_[a-z0-9]+_[0-9]+$'
                and not exists (select from pg_stat_activity a where a.datname = d.datname)",
        )
        .fetch_all(&self.admin)
        .await?;
        for name in left {
            self.execute(format!("drop database if exists {name}")).await?;
        }
        Ok(())
    }

    async fn execute(&self, sql: String) -> Outcome {
        sqlx::query(AssertSqlSafe(sql)).execute(&self.admin).await?;
        Ok(())
    }

    pub async fn setting(&self, name: &str) -> Outcome<String> {
        Ok(sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&self.admin).await?)
    }

    fn redis(&self) -> Outcome<ConnectionManager> {
        Ok(domain::bus::connect(&self.redis_url)?)
    }

    /// A line of Redis' `INFO`.
    pub async fn redis_info(&self, section: &str, key: &str) -> Outcome<String> {
        let info: String = redis::cmd("INFO").arg(section).query_async(&mut self.redis()?).await?;
        let value = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().trim().to_owned())
    }

    /// A migrated database and a Redis prefix. What earlier figures have left to write is written first.
    pub async fn place(&self, figure: &str) -> Outcome<Place> {
        let name = format!("bench_{figure}_{}", std::process::id());
        self.execute(format!("create database {name}")).await?;
        let (server, options) = self.database_url.split_once('?').unwrap_or((&self.database_url, ""));
        let (server, _) = server.rsplit_once('/').ok_or("DATABASE_URL names no database")?;
        let separator = if options.is_empty() { "" } else { "?" };
        let database_url = format!("{server}/{name}{separator}{options}");
        let pool = PgPool::connect(&database_url).await?;
        domain::db::MIGRATOR.run(&pool).await?;
        // Only a superuser may; without it a figure may pay for the one before.
        let _ = self.execute("checkpoint".into()).await;
        let place = Place {
            prefix: name.replace('_', "-"),
            name,
            database_url,
            redis_url: self.redis_url.clone(),
            pool,
        };
        Ok(place)
    }

    pub async fn redis_memory(&self) -> Outcome<u64> {
        Ok(self.redis_info("memory", "used_memory").await?.parse()?)
    }

    pub async fn remove(&self, place: Place) -> Outcome {
        place.pool.close().await;
        self.execute(format!("drop database {} with (force)", place.name)).await?;
        let mut redis = self.redis()?;
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(format!("{}:*", place.prefix)).query_async(&mut redis).await?;
        if !keys.is_empty() {
            redis::cmd("DEL").arg(keys).query_async::<()>(&mut redis).await?;
        }
        let _ = std::fs::remove_dir_all(place.mails());
        let _ = std::fs::remove_dir_all(place.files());
        Ok(())
    }
}

/// One figure's own database and Redis prefix.
#[derive(Clone, Debug)]
pub struct Place {
    name: String,
    pub database_url: String,
    pub redis_url: String,
    pub prefix: String,
    pub pool: PgPool,
}

impl Place {
    /// A pool like that of an API or a worker; its publisher runs on the caller's runtime.
    pub fn db(&self) -> Outcome<Db> {
        let bus = Bus::new(domain::bus::connect(&self.redis_url)?, &self.prefix);
        Ok(Db::connect(&self.database_url, 20, bus)?)
    }

    pub fn files(&self) -> std::path::PathBuf {
        env::temp_dir().join(format!("{}-files", self.prefix))
    }

    pub fn mails(&self) -> std::path::PathBuf {
        env::temp_dir().join(format!("{}-mails", self.prefix))
    }

    /// Statistics and visibility as autovacuum would leave them.
    pub async fn vacuum(&self) -> Outcome {
        sqlx::query("vacuum analyze").execute(&self.pool).await?;
        Ok(())
    }
}
