//! Rooms that talk: each member is a socket in a task of its own.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Client, Socket};
use tokio::sync::mpsc;

use crate::{Outcome, matching};

/// Messages carry the time of their sending, counted from here.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A mission's room and its sockets, each in a task of its own.
#[derive(Debug)]
pub struct Room {
    members: Vec<mpsc::Sender<()>>,
    heard: mpsc::UnboundedReceiver<Duration>,
    turn: usize,
}

impl Room {
    pub async fn open(client: &Client, other: &Client, size: usize) -> Outcome<Self> {
        let mut mission = matching::mission(0)?;
        // Nowhere: it is not matched.
        if let Some(fields) = mission.as_object_mut() {
            fields.retain(|field, _| field != "latitude" && field != "longitude");
        }
        let posted = client.post("/api/v1/matching/missions", mission).await.expect(201);
        let id = posted["id"].as_str().ok_or("a mission without id")?;
        let (tell, heard) = mpsc::unbounded_channel();
        let mut members = Vec::new();
        for n in 0..size {
            let mut socket = if n % 2 == 0 { client } else { other }.socket().await;
            socket.join(id, None).await;
            let (say, told) = mpsc::channel(1);
            tokio::spawn(member(socket, id.to_owned(), told, tell.clone()));
            members.push(say);
        }
        Ok(Self { members, heard, turn: 0 })
    }

    /// One member speaks, all hear it.
    async fn round(&mut self, times: &mut Vec<Duration>) -> Outcome {
        self.turn = (self.turn + 1) % self.members.len();
        self.members[self.turn].send(()).await?;
        for _ in 0..self.members.len() {
            let heard = tokio::time::timeout(tests::PATIENCE, self.heard.recv()).await?;
            times.push(heard.ok_or("the sockets are gone")?);
        }
        Ok(())
    }
}

async fn member(
    mut socket: Socket,
    mission: String,
    mut told: mpsc::Receiver<()>,
    heard: mpsc::UnboundedSender<Duration>,
) {
    loop {
        tokio::select! {
            say = told.recv() => {
                let Some(()) = say else { return };
                let content = format!("{} Bonjour, je serai là à 20 h.", BEGIN.elapsed().as_nanos());
                socket.emit("chat:send", json!({ "missionId": mission, "content": content })).await;
            }
            frame = socket.frame() => {
                let sent = frame["data"]["content"].as_str().and_then(|text| text.split(' ').next()?.parse().ok());
                if let Some(nanos) = sent.filter(|_| frame["event"] == "chat:message") {
                    let _ = heard.send(BEGIN.elapsed().saturating_sub(Duration::from_nanos(nanos)));
                }
            }
        }
    }
}

/// All rooms speak for this long, each as fast as it can or at this pace; returns them and all latencies.
pub async fn speak(
    rooms: Vec<Room>,
    long: Duration,
    pace: Option<Duration>,
) -> Outcome<(Vec<Room>, Vec<Duration>)> {
    let end = Instant::now() + long;
    let tasks: Vec<_> = rooms
        .into_iter()
        .enumerate()
        .map(|(n, mut room)| {
            tokio::spawn(async move {
                let mut times = Vec::new();
                // Rooms start apart, so that they do not speak in one breath.
                tokio::time::sleep(pace.unwrap_or_default() * (n as u32 * 37 % 100) / 100).await;
                let mut ticks = pace.map(tokio::time::interval);
                while Instant::now() < end {
                    if let Some(ticks) = &mut ticks {
                        ticks.tick().await;
                    }
                    room.round(&mut times).await?;
                }
                Outcome::Ok((room, times))
            })
        })
        .collect();
    let (mut rooms, mut all) = (vec![], vec![]);
    for task in tasks {
        let (room, times) = task.await??;
        rooms.push(room);
        all.extend(times);
    }
    Ok((rooms, all))
}
