//! The platform's programs as processes of their own, where memory is what is measured.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::servers::Place;
use crate::{Outcome, platform};

/// How long a process may take to listen.
const START: Duration = Duration::from_secs(30);

/// Ends when it is dropped.
#[derive(Debug)]
pub struct Spawned(Child);

pub fn program(name: &str) -> Outcome<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// A command with nothing in its environment but where the servers are.
pub fn command(program: PathBuf, place: &Place) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("DATABASE_URL", &place.database_url).env("REDIS_URL", &place.redis_url);
    command.env("REDIS_PREFIX", &place.prefix).env("STORAGE_URL", place.files());
    command.kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Spawned {
    pub fn new(mut command: Command) -> Outcome<Self> {
        Ok(Self(command.spawn()?))
    }

    /// The API, once it listens, and its base URL.
    pub async fn api(place: &Place) -> Outcome<(Self, String)> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = command(program("sociopulse-api")?, place);
        command.arg("serve").env("PORT", port.to_string()).env("JWT_SECRET", platform::SECRET);
        command.env("RATE_LIMIT", "off");
        let api = Self::new(command)?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if began.elapsed() > START {
                return Err("the API does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok((api, format!("http://127.0.0.1:{port}")))
    }

    pub fn worker(place: &Place) -> Outcome<Self> {
        let mut command = command(program("sociopulse-worker")?, place);
        command.env("MAIL_DIR", place.mails());
        Self::new(command)
    }

    /// KiB in memory now.
    pub fn resident(&self) -> Outcome<f64> {
        self.memory("VmRSS:")
    }

    /// KiB in memory at its worst.
    pub fn peak(&self) -> Outcome<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Outcome<f64> {
        let id = self.0.id().ok_or("a process has ended by itself")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no memory in /proc")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    pub async fn end(mut self) -> Outcome {
        self.0.kill().await?;
        Ok(())
    }
}
