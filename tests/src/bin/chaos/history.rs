//! What the outside saw: what each client asked for and was promised, every frame it read, every mail that arrived.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use uuid::Uuid;

/// What a client knows of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise<T> {
    /// Answered with success.
    Kept(T),
    /// Answered with a refusal.
    Refused(u16),
    /// No answer, or one that says nothing: the effect may be there or not.
    Unknown,
}

/// A mission that was posted; its title is its name in the database, whatever the answer was.
#[derive(Clone, Debug)]
pub struct Post {
    pub title: String,
    pub phase: usize,
    pub outcome: Promise<Uuid>,
}

#[derive(Clone, Debug)]
pub struct Accept {
    pub phase: usize,
    pub mission: Uuid,
    pub talent: Uuid,
    pub outcome: Promise<()>,
}

/// What becomes of the money of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Paid,
    PaidOut,
    /// Paid out, and then half of it given back.
    HalfBack,
    /// Given back as a whole.
    CalledOff,
}

impl Fate {
    pub const ALL: [Self; 4] = [Self::Paid, Self::PaidOut, Self::HalfBack, Self::CalledOff];
}

/// A booking that was paid at the bank.
#[derive(Clone, Debug)]
pub struct Deal {
    pub phase: usize,
    pub payment: Uuid,
    pub fate: Fate,
}

/// A chat message, resent until it was acknowledged.
#[derive(Clone, Debug)]
pub struct Say {
    pub phase: usize,
    pub mission: Uuid,
    pub sender: Uuid,
    /// Sequence number and message id.
    pub ack: Option<(i64, Uuid)>,
}

/// A mail that the mail server took.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub phase: usize,
    pub to: String,
    /// The id of its job, out of `Message-ID`.
    pub job: Uuid,
    pub at: Instant,
    /// False: the server took it and hung up before it said so.
    pub answered: bool,
}

/// From the first effect of a fault until its cause was gone.
#[derive(Clone, Debug)]
pub struct Fault {
    pub name: &'static str,
    pub from: Instant,
    pub to: Instant,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub phase: usize,
    pub posts: Vec<Post>,
    pub accepts: Vec<Accept>,
    /// By `clientMessageId`.
    pub says: BTreeMap<String, Say>,
    /// `chat:message` frames as (seq, message id) by reader and mission, in the order of arrival.
    pub rooms: BTreeMap<(Uuid, Uuid), Vec<(i64, Uuid)>>,
    /// `eventSeq` and event by reader, in the order of arrival.
    pub feeds: BTreeMap<Uuid, Vec<(i64, String)>>,
    pub mails: Vec<Delivered>,
    pub deals: Vec<Deal>,
    pub faults: Vec<Fault>,
    /// Processes that ended without having been killed, and whatever else was wrong at first sight.
    pub strange: Vec<String>,
}

/// One history that everybody writes.
#[derive(Clone, Debug, Default)]
pub struct Book(Arc<Mutex<History>>);

impl Book {
    pub fn write(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
