//! Redis pub/sub as a doorbell: it may be lost at any moment, because what it announces is a row in PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo, PushInfo, RedisResult};
use tokio::sync::{broadcast, mpsc};

/// A message that says "look", on a channel named without the deployment's prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub channel: String,
    pub payload: String,
}

/// Sends signals: to this process at once, to the others through Redis, without ever waiting.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Of this process, so that it knows its own signals when Redis brings them back.
    origin: Arc<str>,
    prefix: Arc<str>,
    outgoing: mpsc::Sender<Signal>,
    local: broadcast::Sender<Arc<Signal>>,
}

/// Signals beyond this while Redis stalls are dropped: their rows are found by the listeners' own polling.
const OUTGOING: usize = 8192;
const BATCH: usize = 256;

impl Bus {
    /// Starts the publisher; needs a Tokio runtime.
    pub fn new(connection: ConnectionManager, prefix: &str) -> Self {
        let (outgoing, queue) = mpsc::channel(OUTGOING);
        tokio::spawn(publish(connection, queue));
        Self {
            origin: uuid::Uuid::new_v4().to_string().into(),
            prefix: prefix.into(),
            outgoing,
            local: broadcast::Sender::new(OUTGOING),
        }
    }

    /// The name of a channel or key in this deployment.
    pub fn name(&self, channel: &str) -> String {
        format!("{}:{channel}", self.prefix)
    }

    /// The channel behind a full name, if the name is of this deployment.
    pub fn channel<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&*self.prefix)?.strip_prefix(':')
    }

    /// Of this process: what begins with it is its own.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub fn is_own(&self, payload: &str) -> bool {
        payload.starts_with(&*self.origin)
    }

    /// Everything that this process sends.
    pub fn local(&self) -> broadcast::Receiver<Arc<Signal>> {
        self.local.subscribe()
    }

    pub fn send(&self, signal: Signal) {
        let full = Signal { channel: self.name(&signal.channel), payload: signal.payload.clone() };
        // An error means that nobody here listens, or that the publisher is behind: both are allowed.
        let _ = self.local.send(Arc::new(signal));
        let _ = self.outgoing.try_send(full);
    }
}

async fn publish(mut connection: ConnectionManager, mut queue: mpsc::Receiver<Signal>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipeline = redis::pipe();
        for signal in batch.drain(..) {
            pipeline.publish(signal.channel, signal.payload).ignore();
        }
        if let Err(error) = pipeline.query_async::<()>(&mut connection).await {
            tracing::debug!(%error, "signals lost; listeners will poll");
        }
    }
}

/// Connects lazily: a process may start before Redis does, and lives through its absence.
pub fn connect(url: &str) -> RedisResult<ConnectionManager> {
    ConnectionManager::new_lazy_with_config(redis::Client::open(info(url)?)?, config())
}

/// A connection for subscriptions, which it renews after each reconnect, and what arrives on it.
pub fn subscriber(url: &str) -> RedisResult<(ConnectionManager, mpsc::UnboundedReceiver<PushInfo>)> {
    let info = info(url)?;
    let settings = info.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
    let (sender, pushes) = mpsc::unbounded_channel();
    let config = config().set_push_sender(sender).set_automatic_resubscription();
    let client = redis::Client::open(info.set_redis_settings(settings))?;
    Ok((ConnectionManager::new_lazy_with_config(client, config)?, pushes))
}

fn info(url: &str) -> RedisResult<ConnectionInfo> {
    Ok(url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// redis-rs gives up on an answer after 500 ms by default, which a busy machine exceeds without being broken.
fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(2)))
        .set_response_timeout(Some(Duration::from_secs(3)))
        .set_max_delay(Duration::from_secs(1))
        .set_number_of_retries(3)
}
