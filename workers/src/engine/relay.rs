//! From the ledger to the lists: relay, repair, and the ears of both.

use std::sync::Arc;
use std::time::Duration;

use jobs::ledger::{self, DOORBELL, Queue, Ticket};
use redis::{FromRedisValue, PushKind};

use super::Shared;
use super::lists::{PUSHED, ROOM};

/// The timer behind the doorbell.
const POLL: Duration = Duration::from_millis(250);
const REPAIR: Duration = Duration::from_secs(1);

/// Keeps the lists of one queue filled, as long as this process serves it.
pub(super) async fn serve<C>(shared: Arc<Shared<C>>, queue: Queue) {
    while !shared.stop.is_cancelled() {
        let Some(due) = shared.lists.due(queue) else { return };
        tokio::pin!(due);
        due.as_mut().enable();
        if let Err(error) = relay(&shared, queue).await {
            tracing::warn!(error, queue = queue.name(), "relay failed; it will look again");
            tokio::time::sleep(POLL).await;
        }
        tokio::select! {
            () = due => {}
            () = tokio::time::sleep(POLL) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Moves due jobs until the lists are full or nothing is due. Committed before it is pushed: an id in Redis is always of a
/// dispatched row, and one that dies in between is pushed by the repair.
async fn relay<C>(shared: &Shared<C>, queue: Queue) -> Result<(), String> {
    let limits = shared.handlers.limits(queue);
    loop {
        let room = shared.lists.room(queue).await.map_err(|error| error.to_string())?;
        // A list that is more than half full waits until it is worth a statement.
        let room = room.map(|free| if free < ROOM / 2 { 0 } else { free });
        if room == [0; 3] {
            return Ok(());
        }
        let chosen = async {
            let mut conn = shared.quick.acquire().await?;
            ledger::choose(&mut conn, queue, room, &limits, shared.clock.ahead()).await
        };
        let tickets = chosen.await.map_err(|error| error.to_string())?;
        if tickets.is_empty() {
            return Ok(());
        }
        push(shared, &tickets).await?;
        let full = (tickets.len() as i64) >= room.iter().sum::<i64>();
        if !full {
            return Ok(());
        }
    }
}

async fn push<C>(shared: &Shared<C>, tickets: &[Ticket]) -> Result<(), String> {
    let channel = shared.db.bus().name(PUSHED);
    shared.lists.push(tickets, channel).await.map_err(|error| error.to_string())?;
    // Without waiting for our own message to come back.
    for queue in
        shared.lists.queues().filter(|queue| tickets.iter().any(|ticket| ticket.queue == queue.name()))
    {
        shared.lists.ring_lanes(queue);
    }
    Ok(())
}

/// Each second: rows dispatched more than two seconds ago and unclaimed are compared with what the lists hold, and the
/// missing are pushed. This one rule covers a flush, a restart, a lost append-only tail and a popper that died.
pub(super) async fn repair<C>(shared: Arc<Shared<C>>) {
    while !shared.stop.is_cancelled() {
        if let Err(error) = push_missing(&shared).await {
            tracing::warn!(error, "repair failed; it will look again");
        }
        tokio::select! {
            () = tokio::time::sleep(REPAIR) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

async fn push_missing<C>(shared: &Shared<C>) -> Result<(), String> {
    let overdue = async { ledger::overdue(&mut *shared.quick.acquire().await?, 4000).await };
    let mut missing = overdue.await.map_err(|error| error.to_string())?;
    if missing.is_empty() {
        return Ok(());
    }
    let held = shared.lists.held().await.map_err(|error| error.to_string())?;
    missing.retain(|ticket| !held.contains(&ticket.id));
    if missing.is_empty() {
        return Ok(());
    }
    tracing::info!(count = missing.len(), "pushing jobs that Redis lost");
    push(shared, &missing).await?;
    let ids: Vec<_> = missing.iter().map(|ticket| ticket.id).collect();
    let marked = async { ledger::mark_pushed(&mut *shared.quick.acquire().await?, &ids).await };
    marked.await.map_err(|error| error.to_string())
}

/// Passes doorbells on. Whatever is missed here is found by the timers.
pub(super) async fn listen<C>(shared: Arc<Shared<C>>, redis_url: String) {
    let bus = shared.db.bus();
    let (doorbell, pushed) = (bus.name(DOORBELL), bus.name(PUSHED));
    let (mut connection, mut pushes) = match domain::bus::subscriber(&redis_url) {
        Ok(subscriber) => subscriber,
        Err(error) => return tracing::error!(%error, "no subscriber; the timers serve alone"),
    };
    while let Err(error) = connection.subscribe(&[&doorbell, &pushed][..]).await {
        tracing::warn!(%error, "cannot subscribe; the timers serve meanwhile");
        tokio::select! {
            () = tokio::time::sleep(REPAIR) => {}
            () = shared.stop.cancelled() => return,
        }
    }
    loop {
        let push = tokio::select! {
            push = pushes.recv() => push,
            () = shared.stop.cancelled() => return,
        };
        let Some(push) = push else { return };
        match push.kind {
            PushKind::Message => {
                let Ok((channel, queue)) =
                    <(String, String)>::from_redis_value(redis::Value::Array(push.data))
                else {
                    continue;
                };
                let Some(queue) = shared.lists.queues().find(|known| known.name() == queue) else { continue };
                match channel == doorbell {
                    true => shared.lists.ring_relay(queue),
                    false => shared.lists.ring_lanes(queue),
                }
            }
            // After a gap: look everywhere.
            PushKind::Subscribe | PushKind::Disconnection => {
                for queue in shared.lists.queues() {
                    shared.lists.ring_relay(queue);
                    shared.lists.ring_lanes(queue);
                }
            }
            _ => {}
        }
    }
}
