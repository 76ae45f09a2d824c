//! Who used the processor: threads of this process by name, PostgreSQL, Redis, and everybody else on the machine.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::proc::{Stat, machine, stat, stats};
use crate::servers::Servers;

/// Parts of the platform that run in this process, as their threads are called. All other threads are the load generator.
const PARTS: [&str; 3] = ["caller", "api", "worker"];

/// Finds the processes to watch; those of a server on another machine are not there to be seen.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    postmaster: Option<u32>,
    redis: Option<u32>,
}

/// CPU seconds used so far.
struct Reading {
    at: Instant,
    parts: BTreeMap<&'static str, f64>,
    load: f64,
    machine: f64,
}

/// What was used between two readings.
#[derive(Debug)]
pub struct Usage {
    pub took: Duration,
    parts: BTreeMap<&'static str, f64>,
    load: f64,
    others: f64,
}

impl Meter {
    pub async fn find(servers: &Servers) -> Outcome<Self> {
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&servers.admin).await?;
        let named = |pid: u32, name: &str| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.starts_with(name))
        };
        let postmaster = u32::try_from(backend)
            .ok()
            .filter(|pid| named(*pid, "postgres"))
            .and_then(|pid| stat(&format!("/proc/{pid}/stat")))
            .map(|stat| stat.parent);
        let redis = servers.redis_info("server", "process_id").await?.parse().ok();
        Ok(Self { postmaster, redis: redis.filter(|pid| named(*pid, "redis")) })
    }

    fn read(self) -> Reading {
        let mut parts = BTreeMap::from(PARTS.map(|part| (part, 0.0)));
        let mut load = 0.0;
        for thread in stats("/proc/self/task") {
            *PARTS
                .iter()
                .find(|part| thread.name == **part)
                .and_then(|part| parts.get_mut(part))
                .unwrap_or(&mut load) += thread.own;
        }
        if let Some(master) = self.postmaster {
            let sum = |server: f64, process: Stat| match () {
                // Sessions that have ended are in the sum of their parent.
                () if process.id == master => server + process.own + process.ended_children,
                () if process.parent == master => server + process.own,
                () => server,
            };
            parts.insert("PostgreSQL", stats("/proc").fold(0.0, sum));
        }
        if let Some(redis) = self.redis.and_then(|pid| stat(&format!("/proc/{pid}/stat"))) {
            parts.insert("Redis", redis.own);
        }
        Reading { at: Instant::now(), parts, load, machine: machine() }
    }

    pub fn start(self) -> impl FnOnce() -> Usage {
        let before = self.read();
        move || {
            let after = self.read();
            let used = |name: &&'static str, seconds: f64| seconds - before.parts.get(name).unwrap_or(&0.0);
            let parts: BTreeMap<_, _> =
                after.parts.iter().map(|(name, s)| (*name, used(name, *s).max(0.0))).collect();
            let load = (after.load - before.load).max(0.0);
            let others = after.machine - before.machine - load - parts.values().sum::<f64>();
            Usage { took: after.at - before.at, parts, load, others: others.max(0.0) }
        }
    }
}

impl Usage {
    /// Milliseconds of the platform and its servers per unit.
    pub fn ms(&self, count: f64) -> f64 {
        self.parts.values().sum::<f64>() * 1000.0 / count
    }

    /// Milliseconds per unit: the sum, its parts, and beside it what the load generator took.
    pub fn per(&self, count: f64, unit: &str) -> String {
        let ms = |seconds: f64| seconds * 1000.0 / count;
        let sum = self.ms(count);
        let digits = if sum < 10.0 { 3 } else { 1 };
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|(name, seconds)| (name, format!("{:.digits$}", ms(*seconds))))
            .filter(|(_, figure)| figure.contains(|digit| ('1'..='9').contains(&digit)))
            .map(|(name, figure)| format!("{name} {figure}"))
            .collect();
        let mut text = format!("CPU {sum:.digits$} ms/{unit}: {}", parts.join(" + "));
        if self.load > 0.01 {
            text += &format!(" (load generator {:.digits$})", ms(self.load));
        }
        text + &self.disturbance()
    }

    /// Says so when other processes were busy at the same time: the figure is then worse than it should be.
    fn disturbance(&self) -> String {
        let share = self.others / self.took.as_secs_f64();
        if share > 0.1 { format!(" [others: {share:.1} cores]") } else { String::new() }
    }
}
