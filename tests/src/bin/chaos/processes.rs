//! API and workers as processes of their own, which may be killed.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::servers::signal;

/// How long a process may take to be ready.
const START: Duration = Duration::from_secs(30);

/// How to start one.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Waited for, where it listens.
    pub port: Option<u16>,
    pub log: PathBuf,
}

#[derive(Debug)]
pub struct Process {
    pub name: String,
    recipe: Recipe,
    child: Child,
}

impl Process {
    pub async fn start(name: &str, recipe: Recipe) -> Outcome<Self> {
        let child = spawn(&recipe)?;
        let process = Self { name: name.to_owned(), recipe, child };
        process.ready().await?;
        Ok(process)
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    async fn ready(&self) -> Outcome {
        let Some(port) = self.recipe.port else { return Ok(()) };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if began.elapsed() > START {
                return Err(format!("{} does not start; see {}", self.name, self.recipe.log.display()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub async fn kill(&mut self) -> Outcome {
        self.child.kill().await?;
        Ok(())
    }

    pub async fn restart(&mut self) -> Outcome {
        self.child = spawn(&self.recipe)?;
        self.ready().await
    }

    pub async fn freeze(&self, long: Duration) -> Outcome {
        signal(self.pid(), "STOP").await?;
        tokio::time::sleep(long).await;
        signal(self.pid(), "CONT").await
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

fn spawn(recipe: &Recipe) -> Outcome<Child> {
    let log = OpenOptions::new().create(true).append(true).open(&recipe.log)?;
    let mut command = Command::new(&recipe.program);
    command.args(&recipe.arguments).env_clear().envs(&recipe.environment).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    Ok(command.spawn()?)
}
