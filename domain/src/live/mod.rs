//! What is told live: channels, events, and the user's feed. The row is the message, a signal only says that it is there.
//!
//! Two dense sequences use one mechanism: the messages of a conversation (`seq`) and the feed of a user (`eventSeq`).

mod events;
mod presence;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bus::{Bus, Signal};
use crate::error::Result;
use crate::ids::{ConversationId, UserId};
use crate::{Db, Tx};

pub use presence::{PRESENT, presence_key, present};

pub use events::{
    ChatMessage, ChatRead, MissionClosing, MissionCount, MissionInvited, MissionLocked, MissionMatched,
    MissionUpdated, NotificationCount, NotificationCreated, PointsUpdate,
};

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Conversation(ConversationId),
    User(UserId),
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversation(id) => write!(f, "live:conversation:{id}"),
            Self::User(id) => write!(f, "live:user:{id}"),
        }
    }
}

impl FromStr for Channel {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let (kind, id) = name.strip_prefix("live:").and_then(|rest| rest.split_once(':')).ok_or(())?;
        let id = Uuid::try_parse(id).map_err(|_| ())?;
        match kind {
            "conversation" => Ok(Self::Conversation(ConversationId(id))),
            "user" => Ok(Self::User(UserId(id))),
            _ => Err(()),
        }
    }
}

/// Where revocations are told, apart from every room: the payload is the user whose sessions changed.
pub const CONTROL: &str = "live:control";

/// Tells every replica, once the transaction is committed, to compare the user's sockets with its sessions now.
pub fn ring_sessions(tx: &mut Tx, user: UserId) {
    tx.announce(CONTROL.to_owned(), user.to_string());
}

/// One frame on its way to the sockets of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number in the channel's sequence; absent for what is not stored (typing, presence).
    pub seq: Option<i64>,
    /// Users whose sockets are passed over, because they sent it or hear of it in their feed.
    pub except: Vec<UserId>,
    /// The text frame, encoded once for all receivers.
    pub frame: String,
}

/// An event of the socket's protocol: its name, and as `Self` its data.
pub trait Event: Serialize {
    const NAME: &'static str;
}

/// The text frame `{event, data}`.
pub fn frame<E: Event>(data: &E) -> String {
    raw_frame(E::NAME, data)
}

fn raw_frame(event: &str, data: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Frame<'a, D> {
        event: &'a str,
        data: D,
    }
    #[expect(
        clippy::expect_used,
        reason = "our events are structs of strings and numbers, which always encode"
    )]
    serde_json::to_string(&Frame { event, data }).expect("an event encodes")
}

impl Delivery {
    /// The signal that carries it on a bus: a line that says which process sent it, its number and whom it passes over, and
    /// then the frame as it is, which nobody has to encode or parse again.
    fn signal(&self, bus: &Bus, channel: Channel) -> Signal {
        let seq = self.seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
        let except: String = self.except.iter().map(|user| format!(" {user}")).collect();
        let payload = format!("{} {seq}{except}\n{}", bus.origin(), self.frame);
        Signal { channel: channel.to_string(), payload }
    }

    /// Reads a signal; nothing when it is none of ours.
    pub fn read(payload: &str) -> Option<Self> {
        let (line, frame) = payload.split_once('\n')?;
        let mut words = line.split(' ').skip(1);
        let seq = match words.next()? {
            "-" => None,
            seq => Some(seq.parse().ok()?),
        };
        let except: Option<Vec<_>> = words.map(|user| Uuid::try_parse(user).ok().map(UserId)).collect();
        Some(Self { seq, except: except?, frame: frame.to_owned() })
    }
}

/// Announces a frame on a channel once the transaction is committed.
pub fn announce(tx: &mut Tx, channel: Channel, delivery: &Delivery) {
    let Signal { channel, payload } = delivery.signal(tx.bus(), channel);
    tx.announce(channel, payload);
}

/// Announces a frame at once: what it is about is committed, or not stored at all.
pub fn ring(bus: &Bus, channel: Channel, delivery: &Delivery) {
    bus.send(delivery.signal(bus, channel));
}

/// What a user is about to be told.
#[derive(Debug)]
pub struct Telling {
    user: UserId,
    event: Option<(&'static str, serde_json::Value)>,
    /// By how much it changes the number of unread notifications. Who changes it is told the sum, last.
    unread: i32,
}

impl Telling {
    pub fn new<E: Event>(user: UserId, data: &E) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "our events are structs of strings and numbers, which always encode"
        )]
        let data = serde_json::to_value(data).expect("an event encodes");
        Self { user, event: Some((E::NAME, data)), unread: 0 }
    }

    /// The number of unread notifications changes with it.
    #[must_use]
    pub fn unread(self, by: i32) -> Self {
        Self { unread: by, ..self }
    }

    /// Nothing but that number changes.
    pub fn count(user: UserId, by: i32) -> Self {
        Self { user, event: None, unread: by }
    }
}

/// Takes the feeds of these users, as [`tell`] will, which is then told to no others: what is counted from here on is what they will
/// read in this order, since whoever changes it too waits for the feed.
pub async fn hold(tx: &mut Tx, users: &[UserId]) -> Result<()> {
    let users: Vec<_> = users.iter().map(|user| user.0).collect();
    sqlx::query!(
        "insert into feeds as f (user_id) select user_id from unnest($1::uuid[]) as u (user_id) group by user_id order by user_id
         on conflict (user_id) do update set head = f.head",
        &users,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Appends to the feeds of users, each taking the next numbers of its feed, and announces the events.
///
/// It holds the feeds' row locks until the commit, taken in the order of the users' ids: call it last.
pub async fn tell(tx: &mut Tx, now: OffsetDateTime, tellings: Vec<Telling>) -> Result<()> {
    if tellings.is_empty() {
        return Ok(());
    }
    type Events = Vec<(&'static str, Option<serde_json::Value>)>;
    let mut feeds: BTreeMap<UserId, (Events, i32)> = BTreeMap::new();
    for telling in tellings {
        let (events, unread) = feeds.entry(telling.user).or_default();
        events.extend(telling.event.map(|(name, data)| (name, Some(data))));
        *unread += telling.unread;
    }
    for (events, _) in feeds.values_mut().filter(|(_, unread)| *unread != 0) {
        // Its data is the sum, which only the statement knows.
        events.push((NotificationCount::NAME, None));
    }
    let users: Vec<Uuid> = feeds.keys().map(|user| user.0).collect();
    let counts: Vec<i64> = feeds.values().map(|(events, _)| events.len() as i64).collect();
    let unread: Vec<i32> = feeds.values().map(|(_, unread)| *unread).collect();
    let (mut readers, mut behind, mut names, mut datas) = (vec![], vec![], vec![], vec![]);
    for (user, (events, _)) in &feeds {
        for ((name, data), place) in events.iter().zip((0..events.len() as i64).rev()) {
            readers.push(user.0);
            behind.push(place);
            names.push((*name).to_owned());
            datas.push(data.clone());
        }
    }
    // Only who has been notified can have read, so an insert never starts below zero.
    let heads = sqlx::query!(
        r#"with told as (
               select * from unnest($1::uuid[], $2::bigint[], $3::int4[]) as t (user_id, events, unread)
           ), heads as (
               insert into feeds as f (user_id, head, unread)
               select user_id, events, greatest(unread, 0) from told
               on conflict (user_id) do update
                  set head = f.head + excluded.head,
                      unread = f.unread + (select told.unread from told where told.user_id = f.user_id)
               returning user_id, head, unread
           ), stored as (
               insert into feed_events (user_id, event_seq, event, data, created_at)
               select user_id, head - behind, event, coalesce(data, jsonb_build_object('unread', unread)), $8
                 from unnest($4::uuid[], $5::bigint[], $6::text[], $7::jsonb[]) as new (user_id, behind, event, data)
                 join heads using (user_id)
           )
           select user_id as "user_id: UserId", head, unread from heads"#,
        &users,
        &counts,
        &unread,
        &readers,
        &behind,
        &names,
        &datas as &[Option<serde_json::Value>],
        now,
    )
    .fetch_all(&mut **tx)
    .await?;

    for row in heads {
        let (events, _) = feeds.remove(&row.user_id).unwrap_or_default();
        let first = row.head - events.len() as i64 + 1;
        for (seq, (event, data)) in (first..).zip(events) {
            let data = data.unwrap_or_else(|| serde_json::json!(NotificationCount { unread: row.unread }));
            let event = FeedEvent { seq, event: event.to_owned(), data };
            announce(tx, Channel::User(row.user_id), &event.delivery());
        }
    }
    Ok(())
}

/// How long a feed can be resumed.
pub const KEPT: time::Duration = time::Duration::days(7);

/// Deletes events told before a time, at most `limit`; returns how many.
pub async fn prune(conn: &mut PgConnection, before: OffsetDateTime, limit: i64) -> Result<u64> {
    let deleted = sqlx::query!(
        "delete from feed_events where (user_id, event_seq) in (
             select user_id, event_seq from feed_events where created_at < $1 limit $2)",
        before,
        limit,
    );
    Ok(deleted.execute(conn).await?.rows_affected())
}

/// One row of a user's feed.
#[derive(Debug)]
pub struct FeedEvent {
    pub seq: i64,
    pub event: String,
    pub data: serde_json::Value,
}

impl FeedEvent {
    pub fn delivery(&self) -> Delivery {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Numbered<'a> {
            event_seq: i64,
            #[serde(flatten)]
            data: &'a serde_json::Value,
        }
        let frame = raw_frame(&self.event, Numbered { event_seq: self.seq, data: &self.data });
        Delivery { seq: Some(self.seq), except: Vec::new(), frame }
    }
}

/// The newest number of each of these channels; one query for all of them.
pub async fn heads(db: &Db, channels: &[Channel]) -> Result<Vec<(Channel, i64)>> {
    let (mut conversations, mut users) = (vec![], vec![]);
    for channel in channels {
        match channel {
            Channel::Conversation(id) => conversations.push(id.0),
            Channel::User(id) => users.push(id.0),
        }
    }
    let rows = sqlx::query!(
        r#"select id as "id!", head as "head!", true as "is_conversation!" from conversations where id = any($1)
           union all
           select user_id, head, false from feeds where user_id = any($2)"#,
        &conversations,
        &users,
    )
    .fetch_all(&mut *db.conn().await?)
    .await?;
    let channel = |id, is_conversation| match is_conversation {
        true => Channel::Conversation(ConversationId(id)),
        false => Channel::User(UserId(id)),
    };
    Ok(rows.into_iter().map(|row| (channel(row.id, row.is_conversation), row.head)).collect())
}

/// The newest number of one channel; zero before the first.
pub async fn head(db: &Db, channel: Channel) -> Result<i64> {
    Ok(heads(db, &[channel]).await?.first().map_or(0, |(_, head)| *head))
}

/// What came on a channel after a number, up to and including another, in order.
pub async fn between(
    conn: &mut PgConnection,
    channel: Channel,
    after: i64,
    up_to: i64,
) -> Result<Vec<Delivery>> {
    match channel {
        Channel::Conversation(id) => {
            let messages = crate::messages::list_after(conn, id, after, up_to, i64::MAX).await?;
            Ok(messages.into_iter().map(|message| message.delivery()).collect())
        }
        Channel::User(id) => {
            let events = sqlx::query_as!(
                FeedEvent,
                "select event_seq as seq, event, data from feed_events
                  where user_id = $1 and event_seq > $2 and event_seq <= $3 order by event_seq",
                id.0,
                after,
                up_to,
            )
            .fetch_all(conn)
            .await?;
            Ok(events.iter().map(FeedEvent::delivery).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_delivery_survives_its_signal() {
        let bus = Bus::new(crate::bus::connect("redis://127.0.0.1:1").unwrap(), "test");
        let channel = Channel::User(UserId::new());
        let frame = "{\"event\":\"x\",\"data\":\"é\\n\"}".to_owned();
        for (seq, except) in [(Some(7), vec![]), (None, vec![UserId::new(), UserId::new()])] {
            let delivery = Delivery { seq, except, frame: frame.clone() };
            let Signal { payload, .. } = delivery.signal(&bus, channel);
            assert_eq!(Delivery::read(&payload).as_ref(), Some(&delivery));
            assert!(bus.is_own(&payload));
        }
        assert_eq!(Delivery::read("critical"), None);
    }

    #[test]
    fn a_channel_survives_its_name() {
        for channel in [Channel::Conversation(ConversationId::new()), Channel::User(UserId::new())] {
            assert_eq!(channel.to_string().parse(), Ok(channel));
        }
        assert!("live:user:nobody".parse::<Channel>().is_err());
        assert!("jobs:critical".parse::<Channel>().is_err());
    }
}
