//! Messages of this process's sockets: one that comes while none is under way is stored alone, and what comes meanwhile is
//! stored together. Nobody waits for company, and a crowd shares one statement and one commit.

use std::sync::Arc;

use domain::live::{self, Channel, ChatMessage};
use domain::messages::{self, NewMessage, Sent};
use domain::{Clock, Db};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Most messages in one statement.
const MOST: usize = 64;
/// Sockets have at most one message each in it.
const CAPACITY: usize = 4096;
/// How many are under way alone at once: they may all wait for the same row.
const ALONE: usize = 3;

#[derive(Clone, Debug)]
pub struct Postbox(mpsc::Sender<Waiting>);

type Answer = domain::Result<Sent>;

#[derive(Debug)]
struct Waiting {
    message: NewMessage,
    answer: oneshot::Sender<Answer>,
}

impl Postbox {
    pub fn open(db: Db, clock: Clock) -> Self {
        let (sender, waiting) = mpsc::channel(CAPACITY);
        tokio::spawn(collect(Desk { db, clock, alone: Arc::new(Semaphore::new(ALONE)) }, waiting));
        Self(sender)
    }

    /// Stores and announces a message.
    pub async fn send(&self, message: NewMessage) -> Answer {
        let (answer, answered) = oneshot::channel();
        // Emptied as long as this process runs.
        let gone = || domain::Error::from(sqlx::Error::WorkerCrashed);
        self.0.send(Waiting { message, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn collect(desk: Desk, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch: Vec<Waiting> = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut batch, MOST).await > 0 {
        // Cheaper than a batch of one, which PostgreSQL plans for its number of messages.
        if batch.len() == 1 && desk.alone.available_permits() == ALONE {
            for waiting in batch.drain(..) {
                tokio::spawn(desk.clone().send_alone(waiting));
            }
            continue;
        }
        let new: Vec<_> = batch.iter().map(|waiting| &waiting.message).collect();
        let stored = match desk.store(&new).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(%error, messages = new.len(), "messages were not stored together");
                // What an outage left undone is not known, and nobody should wait for the next one.
                if error.is_outage() {
                    batch.extend(std::iter::from_fn(|| waiting.try_recv().ok()));
                    for waiting in batch.drain(..) {
                        let _ = waiting.answer.send(Err(sqlx::Error::PoolTimedOut.into()));
                    }
                    continue;
                }
                vec![None; new.len()]
            }
        };
        for (waiting, stored) in batch.drain(..).zip(stored) {
            match stored {
                Some(message) => drop(waiting.answer.send(Ok(desk.announce(message)))),
                // Not waited for: its conversation may be held by somebody.
                None => drop(tokio::spawn(desk.clone().send_alone(waiting))),
            }
        }
    }
}

#[derive(Clone)]
struct Desk {
    db: Db,
    clock: Clock,
    alone: Arc<Semaphore>,
}

impl Desk {
    async fn store(&self, new: &[&NewMessage]) -> domain::Result<Vec<Option<ChatMessage>>> {
        messages::send_together(&mut *self.db.conn().await?, new, self.clock.now()).await
    }

    async fn send_alone(self, Waiting { message, answer }: Waiting) {
        let _turn = self.alone.acquire().await;
        let send = async { messages::send(&mut *self.db.conn().await?, &message, self.clock.now()).await };
        let sent = match send.await {
            Ok(Sent::Stored(message)) => Ok(self.announce(message)),
            other => other,
        };
        let _ = answer.send(sent);
    }

    fn announce(&self, message: ChatMessage) -> Sent {
        live::ring(self.db.bus(), Channel::Conversation(message.conversation_id), &message.delivery());
        Sent::Stored(message)
    }
}
