use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::persistence::Persisted;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::worker::context::WorkerContext;
use apalis_redis::RedisTask;

use super::lane::{Held, Lane};

/// A lane as an apalis backend. Its tasks arrive claimed and decoded, hence `Ephemeral`: there is nothing to decode, and
/// an unreadable body is the handler's to bury.
#[derive(Debug)]
pub(super) struct LedgerBackend<C: Send + Sync + 'static> {
    persisted: Persisted<Lane<C>>,
}

impl<C: Send + Sync + 'static> LedgerBackend<C> {
    pub(super) fn new(lane: Lane<C>) -> Self {
        Self { persisted: Persisted::new(lane) }
    }
}

/// apalis' own heartbeat carries no meaning here.
const HEARTBEAT: Duration = Duration::from_secs(60);

impl<C: Send + Sync + 'static> Backend for LedgerBackend<C> {
    type Task = RedisTask<Held>;
    type Error = Infallible;

    fn poll_ready(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.persisted.poll_ready(cx, worker, HEARTBEAT)
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<RedisTask<Held>, Infallible>>> {
        self.persisted.poll_next(cx, worker)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.persisted.poll_close(cx, worker)
    }
}

impl<C: Send + Sync + 'static> BackendConfig for LedgerBackend<C> {
    type Args = Held;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = tower_layer::Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> tower_layer::Identity {
        tower_layer::Identity::new()
    }
}
