use std::collections::HashMap;
use std::sync::Arc;

use domain::live::{self, Channel, Delivery};
use tokio::sync::{mpsc, oneshot};

use super::protocol::Resync;
use super::{Hub, Member, TOO_SLOW, TRY_AGAIN};

/// Makes the first frame for a new member from the room's cursor.
pub(super) type Greeting = Box<dyn FnOnce(i64) -> String + Send>;

/// Boxed, because an inbox has room for 32 of them from the start.
pub(super) enum ToRoom {
    /// Answered with the ticket when the room closes instead of serving it, else with nothing.
    Join(Box<Ticket>, oneshot::Sender<Option<Box<Ticket>>>),
    Leave(u64),
    Deliver(Box<Delivery>),
    /// The sequence's newest number, as PostgreSQL has it.
    Head(i64),
}

/// Of one who wants to be let in.
pub(super) struct Ticket {
    pub(super) member: Member,
    pub(super) after: Option<i64>,
    pub(super) greeting: Greeting,
}

/// More than this behind, a member is told to read the history over REST.
const MOST_REFILL: i64 = 500;

pub(super) struct Room {
    hub: Hub,
    channel: Channel,
    /// Number of the last delivery that the members have; unknown until the head was read once.
    cursor: Option<i64>,
    subscribed: bool,
    members: HashMap<u64, Member>,
}

impl Room {
    pub(super) fn new(hub: Hub, channel: Channel) -> Self {
        Self { hub, channel, cursor: None, subscribed: false, members: HashMap::new() }
    }

    /// Serves until the last member has left.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<ToRoom>) {
        while let Some(message) = inbox.recv().await {
            self.take(message).await;
            if self.members.is_empty() && inbox.is_empty() {
                break;
            }
        }
        // From here on `Hub::room` opens a new one; what still slipped in is handed back.
        inbox.close();
        while let Some(message) = inbox.recv().await {
            if let ToRoom::Join(ticket, unserved) = message {
                let _ = unserved.send(Some(ticket));
            }
        }
        let still_ours = {
            let mut rooms = self.hub.rooms();
            let closed = rooms.get(&self.channel).is_some_and(mpsc::Sender::is_closed);
            closed && rooms.remove(&self.channel).is_some()
        };
        if still_ours && self.subscribed {
            self.hub.unsubscribe(self.channel).await;
        }
    }

    async fn take(&mut self, message: ToRoom) {
        match message {
            // Boxed, as refilling: a quiet room would have the size of all that it may ever do.
            ToRoom::Join(ticket, unserved) => {
                Box::pin(self.join(*ticket)).await;
                let _ = unserved.send(None);
            }
            ToRoom::Leave(connection) => drop(self.members.remove(&connection)),
            ToRoom::Deliver(delivery) => self.deliver(*delivery).await,
            ToRoom::Head(head) => {
                Box::pin(self.subscribe()).await;
                if let Err(error) = Box::pin(self.advance(head)).await {
                    tracing::warn!(%error, channel = %self.channel, "cannot refill");
                }
            }
        }
    }

    async fn subscribe(&mut self) {
        if !self.subscribed {
            self.subscribed = self.hub.subscribe(self.channel).await;
        }
    }

    async fn join(&mut self, Ticket { member, after, greeting }: Ticket) {
        // Before the head is read, so that what comes after the head is heard.
        self.subscribe().await;
        match self.history(after).await {
            Ok((cursor, missed)) => {
                send(&member, greeting(cursor).into());
                for frame in missed {
                    send(&member, frame);
                }
                self.members.insert(member.connection, member);
            }
            Err(error) => {
                tracing::warn!(%error, channel = %self.channel, "cannot join");
                member.cut.cut(TRY_AGAIN);
            }
        }
    }

    /// The cursor, and what a member missed up to it.
    async fn history(&mut self, after: Option<i64>) -> domain::Result<(i64, Vec<Arc<str>>)> {
        let db = &self.hub.0.db;
        let cursor = match self.cursor {
            Some(cursor) => cursor,
            None => *self.cursor.insert(live::head(db, self.channel).await?),
        };
        let after = match after {
            Some(after) if after < cursor => after,
            _ => return Ok((cursor, Vec::new())),
        };
        let behind = cursor - after;
        let missed = match behind <= MOST_REFILL {
            true => live::between(&mut *db.conn().await?, self.channel, after, cursor).await?,
            false => Vec::new(),
        };
        // Numbers are dense: fewer than that, and the oldest of a feed have been pruned.
        if missed.len() as i64 != behind {
            return Ok((cursor, vec![self.resync(after, cursor).into()]));
        }
        Ok((cursor, missed.into_iter().map(|delivery| delivery.frame.into()).collect()))
    }

    /// Tells a member that it has to read anew what it missed.
    fn resync(&self, after: i64, head: i64) -> String {
        let conversation_id = match self.channel {
            Channel::Conversation(id) => Some(id),
            Channel::User(_) => None,
        };
        live::frame(&Resync { conversation_id, after, head })
    }

    async fn deliver(&mut self, delivery: Delivery) {
        let Some(seq) = delivery.seq else { return self.broadcast(&delivery) };
        match self.cursor {
            Some(cursor) if seq == cursor + 1 => {
                self.cursor = Some(seq);
                self.broadcast(&delivery);
            }
            _ => {
                if let Err(error) = Box::pin(self.advance(seq)).await {
                    tracing::warn!(%error, channel = %self.channel, "cannot refill; comparing heads will");
                }
            }
        }
    }

    /// Hands on everything up to `head` from PostgreSQL.
    async fn advance(&mut self, head: i64) -> domain::Result<()> {
        let Some(cursor) = self.cursor.filter(|cursor| *cursor < head) else { return Ok(()) };
        let mut conn = self.hub.0.db.conn().await?;
        for delivery in live::between(&mut conn, self.channel, cursor, head).await? {
            self.cursor = delivery.seq;
            self.broadcast(&delivery);
        }
        Ok(())
    }

    fn broadcast(&self, delivery: &Delivery) {
        let frame: Arc<str> = delivery.frame.as_str().into();
        for member in self.members.values().filter(|member| !delivery.except.contains(&member.user)) {
            send(member, frame.clone());
        }
    }
}

/// However a room ends, nobody is left deaf in it.
impl Drop for Room {
    fn drop(&mut self) {
        for member in self.members.values() {
            member.cut.cut(TRY_AGAIN);
        }
    }
}

fn send(member: &Member, frame: Arc<str>) {
    if member.outbox.try_send(frame).is_err() {
        member.cut.cut(TOO_SLOW);
    }
}
