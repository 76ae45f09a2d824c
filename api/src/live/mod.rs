//! Live delivery: one subscriber per process, one task per room, sockets with bounded queues.
//!
//! A room is a channel that sockets of this process listen to. Its task keeps a cursor, the number of the last delivery that
//! it handed on: what is one ahead goes out, what is further ahead is refilled from PostgreSQL first, what is behind is
//! dropped. So a socket sees each number once and in order, whatever pub/sub loses, repeats or reorders.

pub mod socket;

mod postbox;
mod presence;
mod protocol;
mod revocation;
mod room;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::Db;
use domain::bus::Signal;
use domain::ids::{ConversationId, SessionId, UserId};
use domain::live::{self, Channel, Delivery};
use redis::aio::ConnectionManager;
use redis::{FromRedisValue, PushInfo, PushKind, RedisResult};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use postbox::{Messages, Postbox};
use presence::Presence;
pub use protocol::ClientEvent;
use room::{Room, Ticket, ToRoom};

/// How often the heads of all rooms are compared with their cursors: normally, and while pub/sub is down.
const COMPARE: Duration = Duration::from_secs(2);
const COMPARE_WITHOUT_REDIS: Duration = Duration::from_millis(500);

/// An answer of Redis that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    subscriber: Subscriber,
    presence: Presence,
    rooms: Mutex<HashMap<Channel, mpsc::Sender<ToRoom>>>,
    sockets: Mutex<HashMap<u64, SignedIn>>,
    next_connection: std::sync::atomic::AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Something may have been missed: compare now.
    suspicion: Notify,
    redis_is_away: AtomicBool,
    /// The newest number of each channel that is listened to, as of the last comparison.
    heads: Mutex<HashMap<Channel, i64>>,
    /// How often each socket is pinged and told the heads.
    heartbeat: Duration,
}

/// One at a time, so that a room that closes cannot take away the subscription of the one that has just replaced it.
struct Subscriber(tokio::sync::Mutex<ConnectionManager>);

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscriber")
    }
}

/// What the hub knows of a signed-in socket.
#[derive(Debug)]
struct SignedIn {
    session: SessionId,
    user: UserId,
    /// Reads any room without being a member.
    is_admin: bool,
    /// Conversations that it hears.
    rooms: HashSet<ConversationId>,
    outbox: mpsc::Sender<Arc<str>>,
    /// Then a suspension closes it no second time.
    was_suspended: bool,
    cut: Cut,
}

/// A socket's place in a room.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) connection: u64,
    pub(crate) user: UserId,
    /// Bounded: a socket that does not keep up is cut rather than buffered for.
    pub(crate) outbox: mpsc::Sender<Arc<str>>,
    pub(crate) cut: Cut,
}

/// Why a socket ends: the code and reason of its close frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Close(pub(crate) u16, pub(crate) &'static str);

pub(crate) const TOO_SLOW: Close = Close(1013, "too slow to keep up; join again with afterSeq");
pub(crate) const TRY_AGAIN: Close = Close(1013, "try again in a moment");
pub(crate) const SESSION_ENDED: Close = Close(4401, "session ended");
pub(crate) const SUSPENDED: Close = Close(4403, "account suspended");

/// Ends a socket from outside of its own task; the first reason counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut {
    reason: Arc<OnceLock<Close>>,
    happened: CancellationToken,
}

impl Cut {
    pub(crate) fn cut(&self, reason: Close) {
        let _ = self.reason.set(reason);
        self.happened.cancel();
    }

    pub(crate) async fn happened(&self) -> Close {
        self.happened.cancelled().await;
        self.reason.get().copied().unwrap_or(TRY_AGAIN)
    }
}

impl Hub {
    pub fn start(db: Db, redis_url: &str, heartbeat: Duration) -> RedisResult<Self> {
        let (subscriber, pushes) = domain::bus::subscriber(redis_url)?;
        let presence = Presence::new(domain::bus::connect(redis_url)?, db.bus().clone());
        let hub = Self(Arc::new(Inner {
            subscriber: Subscriber(tokio::sync::Mutex::new(subscriber)),
            presence,
            rooms: Mutex::default(),
            sockets: Mutex::default(),
            next_connection: Default::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            suspicion: Notify::new(),
            redis_is_away: AtomicBool::new(false),
            heads: Mutex::default(),
            heartbeat,
            db,
        }));
        tokio::spawn(hub.clone().listen_to_redis(pushes));
        tokio::spawn(hub.clone().subscribe_to_control());
        tokio::spawn(hub.clone().listen_to_ourselves());
        tokio::spawn(hub.clone().compare());
        tokio::spawn(hub.clone().watch_presence());
        Ok(hub)
    }

    /// Signed-in sockets of this process.
    pub fn connections(&self) -> usize {
        self.sockets().len()
    }

    /// Until [`close`](Self::close) is called.
    pub async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    /// Tells every socket to close with 1012 (service restart).
    pub fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
    }

    /// Completes when the last socket has closed.
    pub async fn closed(&self) {
        self.0.tasks.wait().await;
    }

    /// Adds a member to a room: its greeting (told the cursor), what came after `after`, then everything live, without gap.
    async fn join(&self, channel: Channel, member: Member, after: Option<i64>, greeting: room::Greeting) {
        let cut = member.cut.clone();
        let mut ticket = Box::new(Ticket { member, after, greeting });
        loop {
            let (reply, returned) = oneshot::channel();
            // A room that closes at this moment hands the ticket back; the next one is open.
            ticket = match self.room(channel).send(ToRoom::Join(ticket, reply)).await {
                Ok(()) => match returned.await {
                    Ok(None) => return,
                    Ok(Some(ticket)) => ticket,
                    Err(_) => return cut.cut(TRY_AGAIN),
                },
                Err(SendError(ToRoom::Join(ticket, _))) => ticket,
                Err(_) => return cut.cut(TRY_AGAIN),
            };
        }
    }

    fn room(&self, channel: Channel) -> mpsc::Sender<ToRoom> {
        let mut rooms = self.rooms();
        if let Some(room) = rooms.get(&channel)
            && !room.is_closed()
        {
            return room.clone();
        }
        let (sender, inbox) = mpsc::channel(1024);
        rooms.insert(channel, sender.clone());
        tokio::spawn(Room::new(self.clone(), channel).run(inbox));
        sender
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<Channel, mpsc::Sender<ToRoom>>> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heads(&self) -> MutexGuard<'_, HashMap<Channel, i64>> {
        self.0.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<u64, SignedIn>> {
        self.0.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to a channel. While Redis is away nobody waits for it: the heads are compared meanwhile.
    async fn subscribe(&self, channel: Channel) -> bool {
        let Ok(mut subscriber) = self.0.subscriber.0.try_lock() else {
            if self.0.redis_is_away.load(Ordering::Relaxed) {
                return false;
            }
            return self.subscribe_with(&mut *self.0.subscriber.0.lock().await, channel).await;
        };
        self.subscribe_with(&mut subscriber, channel).await
    }

    async fn subscribe_with(&self, subscriber: &mut ConnectionManager, channel: Channel) -> bool {
        let name = self.0.db.bus().name(&channel.to_string());
        let subscribed = tokio::time::timeout(PATIENCE, subscriber.subscribe(name)).await;
        let subscribed = matches!(subscribed, Ok(Ok(())));
        self.0.redis_is_away.store(!subscribed, Ordering::Relaxed);
        subscribed
    }

    async fn unsubscribe(&self, channel: Channel) {
        let mut subscriber = self.0.subscriber.0.lock().await;
        if !self.rooms().contains_key(&channel) {
            let name = self.0.db.bus().name(&channel.to_string());
            let _ = tokio::time::timeout(PATIENCE, subscriber.unsubscribe(name)).await;
        }
    }

    async fn leave(&self, channel: Channel, connection: u64) {
        let room = self.rooms().get(&channel).cloned();
        if let Some(room) = room {
            let _ = room.send(ToRoom::Leave(connection)).await;
        }
    }

    /// Hands a signal to its room, if sockets of this process listen there. A full inbox may drop it: the room refills.
    fn deliver(&self, name: &str, payload: &str) {
        if name == live::CONTROL {
            return self.compare_sessions_of(payload);
        }
        let Ok(channel) = name.parse::<Channel>() else { return };
        let Some(room) = self.rooms().get(&channel).cloned() else { return };
        match Delivery::read(payload) {
            Some(delivery) => drop(room.try_send(ToRoom::Deliver(Box::new(delivery)))),
            None => tracing::warn!(name, "a signal that is no delivery"),
        }
    }

    async fn listen_to_redis(self, mut pushes: mpsc::UnboundedReceiver<PushInfo>) {
        while let Some(push) = pushes.recv().await {
            match push.kind {
                PushKind::Message => {
                    let Ok((name, payload)) =
                        <(String, String)>::from_redis_value(redis::Value::Array(push.data))
                    else {
                        continue;
                    };
                    let bus = self.0.db.bus();
                    // What this process sent was delivered before it was published.
                    if let Some(channel) = bus.channel(&name).filter(|_| !bus.is_own(&payload)) {
                        self.deliver(channel, &payload);
                    }
                }
                PushKind::Disconnection => {
                    self.0.redis_is_away.store(true, Ordering::Relaxed);
                    self.0.suspicion.notify_one();
                }
                PushKind::Subscribe if self.0.redis_is_away.swap(false, Ordering::Relaxed) => {
                    self.0.suspicion.notify_one();
                }
                _ => {}
            }
        }
    }

    /// Our own sockets are served without waiting for Redis; what comes back from there is behind the cursor by then.
    async fn listen_to_ourselves(self) {
        let mut local = self.0.db.bus().local();
        loop {
            match local.recv().await {
                Ok(signal) => {
                    let Signal { channel, payload } = &*signal;
                    self.deliver(channel, payload);
                }
                Err(RecvError::Lagged(_)) => self.0.suspicion.notify_one(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// The truth behind the doorbell: one query for the heads of all rooms, one for the sessions of all sockets.
    async fn compare(self) {
        loop {
            let away = self.0.redis_is_away.load(Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(if away { COMPARE_WITHOUT_REDIS } else { COMPARE }) => {}
                () = self.0.suspicion.notified() => {}
                () = self.0.stop.cancelled() => return,
            }
            let channels: Vec<Channel> = self.rooms().keys().copied().collect();
            if channels.is_empty() {
                continue;
            }
            match live::heads(&self.0.db, &channels).await {
                Ok(heads) => {
                    *self.heads() = heads.iter().copied().collect();
                    for (channel, head) in heads {
                        let room = self.rooms().get(&channel).cloned();
                        if let Some(room) = room {
                            let _ = room.try_send(ToRoom::Head(head));
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot compare heads; rooms may lag"),
            }
            if let Err(error) = self.end_sockets_without_session().await {
                tracing::warn!(%error, "cannot compare sessions");
            }
            if let Err(error) = self.show_former_members_out().await {
                tracing::warn!(%error, "cannot compare members");
            }
        }
    }

    /// Once per process; the connection renews its subscriptions by itself.
    async fn subscribe_to_control(self) {
        let name = self.0.db.bus().name(live::CONTROL);
        loop {
            let subscribed = {
                let mut subscriber = self.0.subscriber.0.lock().await;
                tokio::time::timeout(PATIENCE, subscriber.subscribe(name.as_str())).await
            };
            if matches!(subscribed, Ok(Ok(()))) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(COMPARE_WITHOUT_REDIS) => {}
                () = self.0.stop.cancelled() => return,
            }
        }
    }
}
