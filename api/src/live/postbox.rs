//! Messages of this process's sockets: those that come at once are stored at once.

use domain::live::{self, Channel, ChatMessage};
use domain::messages::{self, NewMessage, Sent};
use domain::{Clock, Db, Result};

use crate::batcher::{BatchStore, Batcher};

/// Stores and announces messages.
pub type Postbox = Batcher<Messages>;

#[derive(Clone, Debug)]
pub struct Messages {
    pub db: Db,
    pub clock: Clock,
}

impl BatchStore for Messages {
    type Item = NewMessage;
    type Stored = Sent;

    /// Those that are left out go alone: their conversation may be held by somebody.
    async fn store_batch(&self, new: &[&NewMessage]) -> Result<Vec<Option<Sent>>> {
        let stored = messages::send_together(&mut *self.db.conn().await?, new, self.clock.now()).await?;
        Ok(stored.into_iter().map(|message| message.map(|message| self.announce(message))).collect())
    }

    async fn store_one(&self, new: &NewMessage) -> Result<Sent> {
        match messages::send(&mut *self.db.conn().await?, new, self.clock.now()).await? {
            Sent::Stored(message) => Ok(self.announce(message)),
            other => Ok(other),
        }
    }
}

impl Messages {
    fn announce(&self, message: ChatMessage) -> Sent {
        live::ring(self.db.bus(), Channel::Conversation(message.conversation_id), &message.delivery());
        Sent::Stored(message)
    }
}
