//! Messages of this process's sockets, stored as many at once as have come while the last were stored: nobody waits for
//! company, and a crowd shares one statement and one commit.

use domain::live::{self, Channel, ChatMessage};
use domain::messages::{self, NewMessage, Sent};
use domain::{Clock, Db};
use tokio::sync::{mpsc, oneshot};

/// Most messages in one statement.
const MOST: usize = 64;

#[derive(Clone, Debug)]
pub struct Postbox(mpsc::Sender<Letter>);

type Answer = domain::Result<Sent>;

#[derive(Debug)]
struct Letter {
    message: NewMessage,
    answer: oneshot::Sender<Answer>,
}

impl Postbox {
    pub fn open(db: Db, clock: Clock) -> Self {
        let (sender, letters) = mpsc::channel(MOST);
        tokio::spawn(collect(db, clock, letters));
        Self(sender)
    }

    /// Stores and announces a message.
    pub async fn send(&self, message: NewMessage) -> Answer {
        let (answer, answered) = oneshot::channel();
        // Emptied as long as this process runs.
        let gone = || domain::Error::from(sqlx::Error::WorkerCrashed);
        self.0.send(Letter { message, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn collect(db: Db, clock: Clock, mut letters: mpsc::Receiver<Letter>) {
    let mut batch = Vec::with_capacity(MOST);
    while letters.recv_many(&mut batch, MOST).await > 0 {
        let (new, answers): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|Letter { message, answer }| (message, answer)).unzip();
        let together = async { messages::send_together(&mut *db.conn().await?, &new, clock.now()).await };
        match together.await {
            Ok(sent) => {
                for ((sent, message), answer) in sent.into_iter().zip(new).zip(answers) {
                    match sent {
                        Some(message) => drop(answer.send(Ok(announce(&db, message)))),
                        // Not waited for: its conversation may be held by somebody.
                        None => {
                            drop(tokio::spawn(alone(db.clone(), clock.clone(), Letter { message, answer })))
                        }
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, messages = new.len(), "messages that were to be stored together go alone");
                for (message, answer) in new.into_iter().zip(answers) {
                    tokio::spawn(alone(db.clone(), clock.clone(), Letter { message, answer }));
                }
            }
        }
    }
}

async fn alone(db: Db, clock: Clock, Letter { message, answer }: Letter) {
    let send = async { messages::send(&mut *db.conn().await?, &message, clock.now()).await };
    let sent = match send.await {
        Ok(Sent::Stored(message)) => Ok(announce(&db, message)),
        other => other,
    };
    let _ = answer.send(sent);
}

fn announce(db: &Db, message: ChatMessage) -> Sent {
    live::ring(db.bus(), Channel::Conversation(message.conversation_id), &message.delivery());
    Sent::Stored(message)
}
