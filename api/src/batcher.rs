//! Group commit: an item that comes while none is under way is stored alone; those that come meanwhile share the next statement and
//! its commit. Nobody waits for company.

use std::sync::Arc;

use domain::Result;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Most in one statement.
const MOST: usize = 64;
/// Most that wait here; more wait with their callers.
const CAPACITY: usize = 4096;
/// How many are under way alone at once: they may all wait for the same row.
const ALONE: usize = 3;

/// Where items are stored.
pub trait BatchStore: Clone + Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Stored: Send + 'static;

    /// In one statement, which is a transaction of its own; none for what has to go alone.
    fn store_batch(
        &self,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Option<Self::Stored>>>> + Send;

    fn store_one(&self, item: &Self::Item) -> impl Future<Output = Result<Self::Stored>> + Send;
}

#[derive(Clone, Debug)]
pub struct Batcher<S: BatchStore>(mpsc::Sender<Waiting<S>>);

#[derive(Debug)]
struct Waiting<S: BatchStore> {
    item: S::Item,
    answer: oneshot::Sender<Result<S::Stored>>,
}

impl<S: BatchStore> Batcher<S> {
    pub fn open(store: S) -> Self {
        let (sender, waiting) = mpsc::channel(CAPACITY);
        tokio::spawn(collect(store, waiting));
        Self(sender)
    }

    /// Stored and committed, when this answers with success.
    pub async fn submit(&self, item: S::Item) -> Result<S::Stored> {
        let (answer, answered) = oneshot::channel();
        // Emptied as long as this process runs.
        let gone = || domain::Error::from(sqlx::Error::WorkerCrashed);
        self.0.send(Waiting { item, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn collect<S: BatchStore>(store: S, mut waiting: mpsc::Receiver<Waiting<S>>) {
    let alone = Arc::new(Semaphore::new(ALONE));
    let mut batch: Vec<Waiting<S>> = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut batch, MOST).await > 0 {
        if batch.len() == 1 && alone.available_permits() == ALONE {
            // Cheaper than a batch of one, which PostgreSQL plans for its number.
            batch.drain(..).for_each(|waiting| go_alone(&store, &alone, waiting));
        } else {
            flush(&store, &alone, &mut batch, &mut waiting).await;
        }
    }
}

async fn flush<S: BatchStore>(
    store: &S,
    alone: &Arc<Semaphore>,
    batch: &mut Vec<Waiting<S>>,
    waiting: &mut mpsc::Receiver<Waiting<S>>,
) {
    let items: Vec<_> = batch.iter().map(|waiting| &waiting.item).collect();
    let stored = match store.store_batch(&items).await {
        Ok(stored) => stored,
        Err(error) => {
            tracing::warn!(%error, items = items.len(), "a batch was not stored");
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
            None => go_alone(store, alone, waiting),
        }
    }
}

/// Not waited for: somebody may hold what it needs.
fn go_alone<S: BatchStore>(store: &S, alone: &Arc<Semaphore>, Waiting { item, answer }: Waiting<S>) {
    let (store, alone) = (store.clone(), Arc::clone(alone));
    tokio::spawn(async move {
        let _turn = alone.acquire().await;
        let _ = answer.send(store.store_one(&item).await);
    });
}
