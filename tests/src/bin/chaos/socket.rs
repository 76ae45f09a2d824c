//! A user's live connection: resumes where it was after every break, resends until acknowledged, and writes down each frame.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

use crate::history::{Promise, Say};
use crate::world::{Person, World, pause};

/// A message without an acknowledgement is sent again after this.
const RESEND: Duration = Duration::from_secs(4);
/// A socket that says nothing, not even a ping, is dropped.
const SILENCE: Duration = Duration::from_secs(40);
/// Share of its invitations that a talent accepts.
const KEEN: f64 = 0.35;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug)]
pub enum Wish {
    Join(Uuid),
    Say(Uuid),
}

/// Gives wishes to a user.
pub type Ear = mpsc::UnboundedSender<Wish>;

struct User {
    world: World,
    person: Person,
    ear: Ear,
    event_seq: i64,
    /// Newest number read of each joined room; and whether this connection has joined it.
    rooms: BTreeMap<Uuid, (i64, bool)>,
    unacknowledged: BTreeMap<String, (Uuid, Instant)>,
}

/// Lives until the world is over.
pub fn live(world: World, person: Person) -> Ear {
    let (ear, wishes) = mpsc::unbounded_channel();
    let (event_seq, rooms, unacknowledged) = (0, BTreeMap::new(), BTreeMap::new());
    let user = User { world, person, ear: ear.clone(), event_seq, rooms, unacknowledged };
    tokio::spawn(user.run(wishes));
    ear
}

impl User {
    async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) {
        while !self.world.is_over() {
            if self.connection(&mut wishes).await.is_none() {
                pause(100, 600).await;
            }
        }
    }

    /// One connection, until it breaks.
    async fn connection(&mut self, wishes: &mut mpsc::UnboundedReceiver<Wish>) -> Option<()> {
        let url = format!("ws://{}/api/v1/ws", self.world.replica());
        let connecting = tokio::time::timeout(Duration::from_secs(5), connect_async(url)).await;
        let (mut stream, _) = connecting.ok()?.ok()?;
        let token = self.world.token(self.person);
        emit(&mut stream, "auth", "auth", json!({ "token": token, "afterEventSeq": self.event_seq })).await?;
        for room in self.rooms.values_mut() {
            room.1 = false;
        }
        let mut ready = false;
        let mut heard = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        while !self.world.is_over() {
            tokio::select! {
                frame = stream.next() => {
                    heard = Instant::now();
                    match frame?.ok()? {
                        Message::Text(text) => {
                            let frame: Value = serde_json::from_str(&text).ok()?;
                            if frame["event"] == "ready" {
                                ready = true;
                                self.catch_up(&mut stream).await?;
                            }
                            self.read(&frame);
                        }
                        Message::Close(_) => return None,
                        _ => {}
                    }
                }
                wish = wishes.recv() => {
                    match wish? {
                        Wish::Join(mission) => {
                            self.rooms.entry(mission).or_insert((0, false));
                            self.world.book.write().rooms.entry((self.person.id, mission)).or_default();
                        }
                        Wish::Say(mission) => self.note(mission),
                    }
                    if ready {
                        self.catch_up(&mut stream).await?;
                    }
                }
                _ = tick.tick() => {
                    if heard.elapsed() > SILENCE {
                        return None;
                    }
                    if ready {
                        self.catch_up(&mut stream).await?;
                    }
                }
            }
        }
        Some(())
    }

    fn note(&mut self, mission: Uuid) {
        let id = Uuid::new_v4().to_string();
        let mut history = self.world.book.write();
        let say = Say { phase: history.phase, mission, sender: self.person.id, ack: None };
        history.says.insert(id.clone(), say);
        let never = Instant::now().checked_sub(RESEND).unwrap_or_else(Instant::now);
        self.unacknowledged.insert(id, (mission, never));
    }

    /// Joins what is not joined, and sends what is due again.
    async fn catch_up(&mut self, stream: &mut Stream) -> Option<()> {
        for (mission, (seq, joined)) in &mut self.rooms {
            if !*joined {
                *joined = true;
                emit(
                    stream,
                    "mission:join",
                    &format!("join {mission}"),
                    json!({ "missionId": mission, "afterSeq": seq }),
                )
                .await?;
            }
        }
        for (id, (mission, sent)) in &mut self.unacknowledged {
            if sent.elapsed() >= RESEND {
                *sent = Instant::now();
                let data = json!({ "missionId": mission, "content": format!("message {id}"), "clientMessageId": id });
                emit(stream, "chat:send", id, data).await?;
            }
        }
        Some(())
    }

    fn read(&mut self, frame: &Value) {
        let data = &frame["data"];
        let me = self.person.id;
        let uuid = |value: &Value| value.as_str().and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_default();
        let event = frame["event"].as_str().unwrap_or_default();
        if let Some(seq) = data["eventSeq"].as_i64().filter(|_| event != "ready") {
            self.event_seq = seq;
            self.world.book.write().feeds.entry(me).or_default().push((seq, event.to_owned()));
            if event == "mission:invited" {
                self.consider(uuid(&data["invitationId"]), uuid(&data["missionId"]));
            }
        }
        match event {
            "chat:message" => {
                let (mission, seq) = (uuid(&data["missionId"]), data["seq"].as_i64().unwrap_or_default());
                if let Some(room) = self.rooms.get_mut(&mission) {
                    room.0 = seq;
                }
                let mut history = self.world.book.write();
                history.rooms.entry((me, mission)).or_default().push((seq, uuid(&data["id"])));
            }
            "ack" => {
                let id = frame["id"].as_str().unwrap_or_default();
                self.unacknowledged.remove(id);
                let ack = (data["seq"].as_i64().unwrap_or_default(), uuid(&data["messageId"]));
                let mut history = self.world.book.write();
                let strange = match history.says.get_mut(id) {
                    None => Some(format!("an acknowledgement of {id}, which nobody sent")),
                    Some(say) if say.ack.is_some_and(|first| first != ack) => {
                        Some(format!("two acknowledgements of {id}"))
                    }
                    Some(say) => {
                        say.ack = Some(ack);
                        None
                    }
                };
                history.strange.extend(strange);
            }
            "resync" => self.world.book.write().strange.push(format!("resync: {frame}")),
            "error" => {
                let id = frame["id"].as_str().unwrap_or_default();
                if let Some(room) =
                    id.strip_prefix("join ").and_then(|id| self.rooms.get_mut(&Uuid::try_parse(id).ok()?))
                {
                    room.1 = false;
                }
                let code = data["code"].as_str().unwrap_or_default();
                if ["NOT_A_MEMBER", "CHAT_LOCKED", "CLIENT_MESSAGE_ID_REUSED"].contains(&code) {
                    self.world.book.write().strange.push(format!("a member is refused: {frame}"));
                }
            }
            _ => {}
        }
    }

    /// Accepts some invitations, again and again until there is an answer; the winner joins and says hello.
    fn consider(&self, invitation: Uuid, mission: Uuid) {
        if !rand::rng().random_bool(KEEN) {
            return;
        }
        let (world, person, ear) = (self.world.clone(), self.person, self.ear.clone());
        tokio::spawn(async move {
            let phase = world.book.write().phase;
            let path = format!("/api/v1/invitations/{invitation}/accept");
            let outcome = match world.insist(person, &path, None).await {
                Promise::Kept(_) => Promise::Kept(()),
                Promise::Refused(status) => Promise::Refused(status),
                Promise::Unknown => Promise::Unknown,
            };
            let accept = crate::history::Accept { phase, mission, talent: person.id, outcome };
            world.book.write().accepts.push(accept);
            if outcome == Promise::Kept(()) {
                let _ = ear.send(Wish::Join(mission));
                let _ = ear.send(Wish::Say(mission));
            }
        });
    }
}

async fn emit(stream: &mut Stream, event: &str, id: &str, data: Value) -> Option<()> {
    stream.send(Message::text(json!({ "event": event, "data": data, "id": id }).to_string())).await.ok()
}
