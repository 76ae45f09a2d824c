//! What comes at once is stored at once: what comes while nothing is under way goes alone, and what comes meanwhile goes together.
//! A crowd shares one statement and one commit, and nobody waits for company unless the desk says so.

use std::sync::Arc;
use std::time::Duration;

use domain::Result;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// Most in one statement.
const MOST: usize = 64;
/// Who comes when so many wait waits at the door.
const CAPACITY: usize = 4096;
/// How many are under way alone at once: they may all wait for the same row.
const ALONE: usize = 3;

/// Where things are handed in.
pub trait Desk: Clone + Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Stored: Send + 'static;

    /// From the begin of one statement to that of the next, where those who hand in do not mind waiting: the busier it is, the more
    /// share a commit.
    const PACE: Duration = Duration::ZERO;

    /// In one statement, which is a transaction of its own; none for what has to go alone.
    fn store_together(
        &self,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Option<Self::Stored>>>> + Send;

    fn store_alone(&self, item: &Self::Item) -> impl Future<Output = Result<Self::Stored>> + Send;
}

#[derive(Clone, Debug)]
pub struct Counter<D: Desk>(mpsc::Sender<Waiting<D>>);

#[derive(Debug)]
struct Waiting<D: Desk> {
    item: D::Item,
    answer: oneshot::Sender<Result<D::Stored>>,
}

impl<D: Desk> Counter<D> {
    pub fn open(desk: D) -> Self {
        let (sender, waiting) = mpsc::channel(CAPACITY);
        tokio::spawn(collect(desk, waiting));
        Self(sender)
    }

    /// Stored and committed, when this answers with success.
    pub async fn hand_in(&self, item: D::Item) -> Result<D::Stored> {
        let (answer, answered) = oneshot::channel();
        // Emptied as long as this process runs.
        let gone = || domain::Error::from(sqlx::Error::WorkerCrashed);
        self.0.send(Waiting { item, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn collect<D: Desk>(desk: D, mut waiting: mpsc::Receiver<Waiting<D>>) {
    let alone = Arc::new(Semaphore::new(ALONE));
    let mut batch: Vec<Waiting<D>> = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut batch, MOST).await > 0 {
        let began = Instant::now();
        if batch.len() == 1 && alone.available_permits() == ALONE {
            // Cheaper than a batch of one, which PostgreSQL plans for its number.
            batch.drain(..).for_each(|waiting| go_alone(&desk, &alone, waiting));
        } else {
            store(&desk, &alone, &mut batch, &mut waiting).await;
        }
        if !D::PACE.is_zero() {
            tokio::time::sleep_until(began + D::PACE).await;
        }
    }
}

async fn store<D: Desk>(
    desk: &D,
    alone: &Arc<Semaphore>,
    batch: &mut Vec<Waiting<D>>,
    waiting: &mut mpsc::Receiver<Waiting<D>>,
) {
    let items: Vec<_> = batch.iter().map(|waiting| &waiting.item).collect();
    let stored = match desk.store_together(&items).await {
        Ok(stored) => stored,
        Err(error) => {
            tracing::warn!(%error, items = items.len(), "not stored together");
            // What an outage left undone is not known, and nobody should wait for the next one.
            if error.is_outage() {
                batch.extend(std::iter::from_fn(|| waiting.try_recv().ok()));
                for waiting in batch.drain(..) {
                    let _ = waiting.answer.send(Err(sqlx::Error::PoolTimedOut.into()));
                }
                return;
            }
            items.iter().map(|_| None).collect()
        }
    };
    for (waiting, stored) in batch.drain(..).zip(stored) {
        match stored {
            Some(stored) => drop(waiting.answer.send(Ok(stored))),
            None => go_alone(desk, alone, waiting),
        }
    }
}

/// Not waited for: somebody may hold what it needs.
fn go_alone<D: Desk>(desk: &D, alone: &Arc<Semaphore>, Waiting { item, answer }: Waiting<D>) {
    let (desk, alone) = (desk.clone(), Arc::clone(alone));
    tokio::spawn(async move {
        let _turn = alone.acquire().await;
        let _ = answer.send(desk.store_alone(&item).await);
    });
}
