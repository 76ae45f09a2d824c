//! The lists in Redis: copies of ids, at most a thousand per queue. Everything here may vanish at any moment.

use std::collections::{HashMap, HashSet};

use apalis_redis::{Config, ConnectionManager};
use domain::ids::JobId;
use jobs::ledger::{Queue, Ticket};
use redis::RedisResult;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use uuid::Uuid;

/// Ids that one list may hold; three priorities make the queue's thousand.
pub(super) const ROOM: i64 = 333;

/// Channel on which a relay says that it pushed; the payload is the queue's name.
pub(super) const PUSHED: &str = "jobs:pushed";

pub(super) struct Lists {
    redis: ConnectionManager,
    prefix: String,
    queues: HashMap<Queue, Bells>,
    suspects: Notify,
}

#[derive(Default)]
struct Bells {
    /// There is work in the lists.
    pushed: Notify,
    /// There is work in the ledger, or room in the lists.
    due: Notify,
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Lists {
    pub(super) fn new(redis_url: &str, prefix: String, queues: Vec<Queue>) -> RedisResult<Self> {
        let queues = queues.into_iter().map(|queue| (queue, Bells::default())).collect();
        Ok(Self { redis: domain::bus::connect(redis_url)?, prefix, queues, suspects: Notify::new() })
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = Queue> {
        self.queues.keys().copied()
    }

    fn by_priority(&self, queue: &str) -> [String; 3] {
        ["high", "normal", "low"].map(|priority| self.key(queue, priority))
    }

    fn of_suspects(&self, queue: &str) -> String {
        self.key(queue, "suspect")
    }

    /// `{prefix}:{queue}:{list}:active`, the name that apalis-redis gives a list of waiting tasks.
    fn key(&self, queue: &str, list: &str) -> String {
        Config::default().queue(format!("{}:{queue}:{list}", self.prefix)).active_jobs_list()
    }

    /// Takes ids in order of priority, oldest first; or, without a queue, one suspect of any.
    pub(super) async fn pop(&self, queue: Option<Queue>, most: usize) -> RedisResult<Vec<JobId>> {
        let keys = match queue {
            Some(queue) => self.by_priority(queue.name()).to_vec(),
            None => self.queues().map(|queue| self.of_suspects(queue.name())).collect(),
        };
        let popped: Option<(String, Vec<String>)> = redis::cmd("LMPOP")
            .arg(keys.len())
            .arg(keys)
            .arg("LEFT")
            .arg("COUNT")
            .arg(most)
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(popped.map(|(_, ids)| ids.iter().filter_map(|id| parse(id)).collect()).unwrap_or_default())
    }

    /// How many more ids each priority's list may take.
    pub(super) async fn room(&self, queue: Queue) -> RedisResult<[i64; 3]> {
        let mut pipeline = redis::pipe();
        for key in self.by_priority(queue.name()) {
            pipeline.llen(key);
        }
        let lengths: [i64; 3] = pipeline.query_async(&mut self.redis.clone()).await?;
        Ok(lengths.map(|length| (ROOM - length).max(0)))
    }

    /// Appends ids to their lists and tells every worker.
    pub(super) async fn push(&self, tickets: &[Ticket], channel: String) -> RedisResult<()> {
        let mut lists: HashMap<String, Vec<String>> = HashMap::new();
        let mut queues = HashSet::new();
        for ticket in tickets {
            let list = match ticket.suspect {
                true => self.of_suspects(&ticket.queue),
                false => self.by_priority(&ticket.queue)
                    [usize::from(ticket.priority.clamp(0, 2).unsigned_abs())]
                .clone(),
            };
            lists.entry(list).or_default().push(ticket.id.0.simple().to_string());
            queues.insert(&ticket.queue);
        }
        let mut pipeline = redis::pipe();
        for (list, ids) in lists {
            pipeline.rpush(list, ids).ignore();
        }
        for queue in queues {
            pipeline.publish(&channel, queue).ignore();
        }
        pipeline.query_async(&mut self.redis.clone()).await
    }

    /// Every id that the lists hold.
    pub(super) async fn held(&self) -> RedisResult<HashSet<JobId>> {
        let mut pipeline = redis::pipe();
        for queue in self.queues() {
            for key in self.by_priority(queue.name()) {
                pipeline.lrange(key, 0, -1);
            }
            pipeline.lrange(self.of_suspects(queue.name()), 0, -1);
        }
        let lists: Vec<Vec<String>> = pipeline.query_async(&mut self.redis.clone()).await?;
        Ok(lists.iter().flatten().filter_map(|id| parse(id)).collect())
    }

    /// Completes when work was pushed for this queue, or for the suspects.
    pub(super) fn pushed(&self, queue: Option<Queue>) -> Notified<'_> {
        match queue.and_then(|queue| self.queues.get(&queue)) {
            Some(bells) => bells.pushed.notified(),
            None => self.suspects.notified(),
        }
    }

    /// Completes when the relay of this queue should look.
    pub(super) fn due(&self, queue: Queue) -> Option<Notified<'_>> {
        self.queues.get(&queue).map(|bells| bells.due.notified())
    }

    pub(super) fn ring_relay(&self, queue: Queue) {
        if let Some(bells) = self.queues.get(&queue) {
            bells.due.notify_one();
        }
    }

    pub(super) fn ring_lanes(&self, queue: Queue) {
        if let Some(bells) = self.queues.get(&queue) {
            bells.pushed.notify_one();
        }
        self.suspects.notify_one();
    }
}

fn parse(id: &str) -> Option<JobId> {
    Uuid::try_parse(id).ok().map(JobId)
}
