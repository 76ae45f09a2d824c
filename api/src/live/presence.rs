//! Which members of a room can be reached, over all replicas.
//!
//! Every second each process tells Redis who is here, and reads who was named anywhere. Whom nobody has named for a while is
//! gone: a replica that dies needs no farewell, and who comes back in time was never away. Nothing of it is stored, and
//! while Redis is away nobody's presence changes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::Bus;
use domain::ids::{ConversationId, UserId};
use domain::live::{self, Channel, Delivery};
use redis::RedisResult;
use redis::aio::ConnectionManager;
use tokio::sync::mpsc::error::TrySendError;

use super::protocol::PresenceChanged;
use super::room::ToRoom;
use super::{Hub, PATIENCE};

const BEAT: Duration = Duration::from_secs(1);
/// Told as gone when missing this long besides: longer than other replicas need to name theirs anew after Redis lost all.
const GONE: Duration = Duration::from_secs(2);
/// Redis forgets a room that nobody is in, in seconds.
const FORGOTTEN: i64 = 60;
/// Who enters a room waits no longer than this to learn who is there.
const AT_THE_DOOR: Duration = Duration::from_millis(300);

/// Rooms, each with its members who are in it.
type Present = HashMap<ConversationId, HashSet<UserId>>;

pub(super) struct Presence {
    redis: ConnectionManager,
    bus: Bus,
    told: Mutex<HashMap<ConversationId, Told>>,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presence")
    }
}

impl Presence {
    pub(super) fn new(redis: ConnectionManager, bus: Bus) -> Self {
        Self { redis, bus, told: Mutex::default() }
    }

    fn told(&self) -> MutexGuard<'_, HashMap<ConversationId, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names who is here, and reads who was named lately, in two round trips for any number of rooms.
    async fn beat(&self, here: &Present) -> RedisResult<Present> {
        let mut redis = self.redis.clone();
        // Redis's clock, because those of the replicas differ.
        let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await?;
        let now = seconds * 1_000 + micros / 1_000;
        let stale = now - live::PRESENT.as_millis() as i64;
        let mut pipeline = redis::pipe();
        for (room, users) in here {
            let key = live::presence_key(&self.bus, *room);
            for user in users {
                pipeline.zadd(&key, user.to_string(), now).ignore();
            }
            pipeline.zrembyscore(&key, "-inf", stale).ignore().expire(&key, FORGOTTEN).ignore();
            pipeline.zrange(&key, 0, -1);
        }
        let named: Vec<Vec<String>> = pipeline.query_async(&mut redis).await?;
        let users = |named: Vec<String>| named.iter().filter_map(|id| id.parse().ok().map(UserId)).collect();
        Ok(here.keys().copied().zip(named.into_iter().map(users)).collect())
    }
}

/// Whom the sockets of a room here believe to be online, and since when each of them has not been named.
#[derive(Debug, Default)]
struct Told(HashMap<UserId, Option<Instant>>);

impl Told {
    /// Tells what is different in who was named. What cannot be handed on is told the next time.
    fn compare(&mut self, named: &HashSet<UserId>, now: Instant, tell: impl Fn(UserId, bool) -> bool) {
        for user in named {
            if self.0.contains_key(user) || tell(*user, true) {
                self.0.insert(*user, None);
            }
        }
        self.0.retain(|user, missing| {
            if named.contains(user) {
                return true;
            }
            let since = *missing.get_or_insert(now);
            now - since < GONE || !tell(*user, false)
        });
    }

    /// Nobody can be missed while nobody can be asked.
    fn excuse(&mut self) {
        self.0.values_mut().for_each(|missing| *missing = None);
    }
}

impl Hub {
    pub(super) async fn watch_presence(self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                () = self.0.stop.cancelled() => return,
            }
            let here = self.present();
            self.0.presence.told().retain(|room, _| here.contains_key(room));
            if !here.is_empty() {
                self.look(&here, PATIENCE).await;
            }
        }
    }

    /// Somebody enters a room: the others here learn of it at once, and the newcomer who else is there.
    pub(super) async fn look_around(&self, room: ConversationId, newcomer: Option<UserId>) {
        if !self.0.redis_is_away.load(Ordering::Relaxed) {
            self.look(&HashMap::from([(room, newcomer.into_iter().collect())]), AT_THE_DOOR).await;
        }
    }

    /// Rooms with sockets of this process. An admin who reads along is no member, and is not named.
    fn present(&self) -> Present {
        let mut here = Present::new();
        for socket in self.sockets().values() {
            for room in &socket.rooms {
                let users = here.entry(*room).or_default();
                users.extend(Some(socket.user).filter(|_| !socket.is_admin));
            }
        }
        here
    }

    /// Who is in a room, as it was told here.
    pub(super) fn online(&self, room: ConversationId) -> Vec<UserId> {
        let told = self.0.presence.told();
        let mut online: Vec<_> =
            told.get(&room).into_iter().flat_map(|told| told.0.keys().copied()).collect();
        online.sort_unstable();
        online
    }

    async fn look(&self, here: &Present, patience: Duration) {
        let presence = &self.0.presence;
        match tokio::time::timeout(patience, presence.beat(here)).await {
            Ok(Ok(named)) => {
                let now = Instant::now();
                let mut told = presence.told();
                for (room, users) in named {
                    let tell = |user, online| self.tell_presence(room, user, online);
                    told.entry(room).or_default().compare(&users, now, tell);
                }
            }
            Ok(Err(_)) | Err(_) => presence.told().values_mut().for_each(Told::excuse),
        }
    }

    /// Tells the sockets here; each process sees for itself. False when the room is too busy to listen.
    fn tell_presence(&self, room: ConversationId, user: UserId, online: bool) -> bool {
        let Some(inbox) = self.rooms().get(&Channel::Conversation(room)).cloned() else { return true };
        let frame = live::frame(&PresenceChanged { conversation_id: room, user_id: user, online });
        let delivery = Delivery { seq: None, except: vec![user], frame };
        !matches!(inbox.try_send(ToRoom::Deliver(Box::new(delivery))), Err(TrySendError::Full(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn who_is_missing_for_a_moment_was_never_away() {
        let (zoe, lea) = (UserId::new(), UserId::new());
        let both = HashSet::from([zoe, lea]);
        let one = HashSet::from([zoe]);
        let heard = RefCell::new(Vec::new());
        let tell = |user, online| {
            heard.borrow_mut().push((user, online));
            true
        };
        let mut told = Told::default();
        let began = Instant::now();
        told.compare(&one, began, tell);
        told.compare(&both, began + BEAT, tell);
        assert_eq!(heard.take(), [(zoe, true), (lea, true)]);

        // Missing and back in time; missing, and then nobody could be asked.
        told.compare(&one, began + BEAT, tell);
        told.compare(&both, began + 2 * BEAT, tell);
        told.compare(&one, began + 3 * BEAT, tell);
        told.excuse();
        told.compare(&one, began + 9 * BEAT, tell);
        assert_eq!(heard.take(), []);

        told.compare(&one, began + 9 * BEAT + GONE, |_, _| false);
        told.compare(&one, began + 10 * BEAT + GONE, tell);
        assert_eq!(heard.take(), [(lea, false)], "told once it could be handed on");
        assert_eq!(told.0.len(), 1);
    }
}
