//! A process of the platform inside this one, on threads of its own.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Outcome;

/// A runtime with as many threads as a process of its own would have; the meter knows them by name.
#[derive(Debug)]
pub struct Process {
    handle: Handle,
    /// Taken at the end.
    runtime: Option<Runtime>,
    stop: CancellationToken,
}

impl Process {
    pub fn start(name: &'static str) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name(name).build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime), stop: CancellationToken::new() })
    }

    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(work)
    }

    /// Ends it and all its threads.
    pub async fn end<T>(mut self, serving: JoinHandle<io::Result<T>>) -> Outcome {
        self.stop.cancel();
        serving.await??;
        let runtime = self.runtime.take();
        let gone = move || runtime.map(|runtime| runtime.shutdown_timeout(Duration::from_secs(5)));
        tokio::task::spawn_blocking(gone).await?;
        Ok(())
    }
}

/// A figure that fails leaves its processes behind, and a runtime may not be awaited where it is dropped.
impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A served part of the platform.
#[derive(Debug)]
pub struct Serving {
    process: Process,
    task: JoinHandle<io::Result<()>>,
}

impl Serving {
    pub fn start<R>(
        name: &'static str,
        run: impl FnOnce(CancellationToken) -> R + Send + 'static,
    ) -> Outcome<Self>
    where
        R: Future<Output = io::Result<()>> + Send + 'static,
    {
        let process = Process::start(name)?;
        let stop = process.stop.clone();
        let task = process.spawn(async move { run(stop).await });
        Ok(Self { process, task })
    }

    pub async fn end(self) -> Outcome {
        self.process.end(self.task).await
    }
}
