//! Where the figures were taken.

use std::fs;

use crate::Outcome;
use crate::servers::Servers;

pub async fn header(servers: &Servers) -> Outcome<String> {
    let cores = std::thread::available_parallelism()?;
    let model = line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let memory = line("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let build =
        if cfg!(debug_assertions) { "DEBUG BUILD: the figures mean nothing" } else { "release build" };
    let mut postgres = Vec::new();
    for name in ["fsync", "synchronous_commit", "shared_buffers", "max_connections"] {
        postgres.push(format!("{name} {}", servers.setting(name).await?));
    }
    let version = servers.setting("server_version").await?;
    let version = version.split_whitespace().next().unwrap_or_default();
    let append_only = match &*servers.redis_info("persistence", "aof_enabled").await? {
        "1" => "on",
        _ => "off",
    };
    Ok(format!(
        "SocioPulse {}, {build}\n\
         machine: {cores} cores of {model}, {:.0} GiB, Linux {}; {}\n\
         servers: PostgreSQL {version} ({}), Redis {} (append-only file {append_only})\n\
         method:  load generator, API and worker in one process on threads of their own, servers on the same cores; CPU is utime +\n\
         {:9}stime of these threads and of the servers' processes; latencies are the load generator's, over the loopback",
        env!("CARGO_PKG_VERSION"),
        memory / f64::from(1 << 20),
        kernel.trim(),
        load(),
        postgres.join(", "),
        servers.redis_info("server", "redis_version").await?,
        "",
    ))
}

/// How busy the machine is, ourselves included.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load average {}", load.split_whitespace().next().unwrap_or("unknown"))
}

fn line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'))?.1;
    Some(value.trim().to_owned())
}
