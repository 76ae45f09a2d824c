//! Clients who post missions and talk about some of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::history::{Post, Promise};
use crate::socket::{Ear, Wish};
use crate::world::{OVERLOADED, PROFESSIONS, Person, World, pause};

/// Every so many missions has its poster and a colleague in its room.
const WATCHED: usize = 10;

#[derive(Debug)]
pub struct Poster {
    pub world: World,
    pub person: Person,
    /// The poster's own socket and the colleague's.
    pub ears: [Ear; 2],
}

impl Poster {
    /// Takes numbers until `end`, with a pause before each post.
    pub async fn run(self: Arc<Self>, next: Arc<AtomicUsize>, end: usize, pace: Duration) {
        let mut rooms = Vec::new();
        pause_about(pace, 0.0, 1.0).await;
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= end {
                return;
            }
            if let Some(mission) = self.post(n).await.filter(|_| n.is_multiple_of(WATCHED)) {
                rooms.push(mission);
                for ear in &self.ears {
                    let _ = ear.send(Wish::Join(mission));
                }
            }
            for ear in &self.ears {
                if let Some(room) = rooms.last() {
                    let _ = ear.send(Wish::Say(*room));
                }
            }
            if next.load(Ordering::Relaxed) < end {
                pause_about(pace, 0.5, 1.5).await;
            }
        }
    }

    /// Asks until it knows, each time with the same key. Who is sent away by backpressure comes back with another mission,
    /// unless an earlier try may have been taken. Where the API knows no `Idempotency-Key` a request of unknown outcome is
    /// left behind.
    async fn post(&self, n: usize) -> Option<Uuid> {
        for again in 0.. {
            let title = format!("chaos {n}.{again}");
            let key = Uuid::new_v4().to_string();
            let body = mission(n, &title);
            let mut in_doubt = false;
            let outcome = loop {
                let answer =
                    self.world.post(self.person, "/api/v1/matching/missions", Some(&key), Some(&body)).await;
                match answer {
                    Promise::Kept(view) => break Promise::Kept(view["id"].as_str()?.parse().ok()?),
                    Promise::Refused(0) => pause(100, 500).await,
                    Promise::Refused(OVERLOADED) if in_doubt => pause(500, 1500).await,
                    Promise::Unknown if self.world.replays.load(Ordering::Relaxed) => {
                        in_doubt = true;
                        pause(100, 500).await;
                    }
                    Promise::Refused(status) => break Promise::Refused(status),
                    Promise::Unknown => break Promise::Unknown,
                }
            };
            self.note(title, outcome);
            match outcome {
                Promise::Kept(id) => return Some(id),
                Promise::Refused(OVERLOADED) => pause(500, 1500).await,
                Promise::Refused(_) => return None,
                Promise::Unknown => pause(100, 500).await,
            }
        }
        None
    }

    fn note(&self, title: String, outcome: Promise<Uuid>) {
        let mut history = self.world.book.write();
        let phase = history.phase;
        history.posts.push(Post { title, phase, outcome });
    }

    /// Finds out whether the API knows `Idempotency-Key`: then it refuses a key that comes with another body.
    pub async fn probe(&self) {
        let key = Uuid::new_v4().to_string();
        for n in 0..2 {
            let title = format!("chaos probe {n}");
            let body = mission(n, &title);
            let post = || self.world.post(self.person, "/api/v1/matching/missions", Some(&key), Some(&body));
            let mut answer = post().await;
            // A slow start says nothing about what the API knows.
            for _ in 0..10 {
                if answer != Promise::Unknown {
                    break;
                }
                pause(500, 1500).await;
                answer = post().await;
            }
            let outcome = match answer {
                Promise::Kept(view) => {
                    let id = view["id"].as_str().and_then(|id| id.parse().ok());
                    id.map_or(Promise::Unknown, Promise::Kept)
                }
                Promise::Refused(status) => Promise::Refused(status),
                Promise::Unknown => Promise::Unknown,
            };
            self.world.replays.store(outcome == Promise::Refused(422), Ordering::Relaxed);
            self.note(title, outcome);
        }
    }
}

async fn pause_about(pace: Duration, least: f64, most: f64) {
    let share = rand::rng().random_range(least..most);
    tokio::time::sleep(pace.mul_f64(share)).await;
}

/// Within the next months; several at one time, so that talents are asked for what they cannot do.
fn mission(n: usize, title: &str) -> Value {
    let hours = time::Duration::hours(24 + (n as i64 * 7) % 4000);
    let start = domain::Clock::default().now() + hours;
    json!({
        "jobId": PROFESSIONS[n % PROFESSIONS.len()].1, "title": title, "hourlyRateCents": 2500, "city": "Paris",
        "postalCode": "75001", "latitude": 48.8566, "longitude": 2.3522, "startDate": start.format(&Rfc3339).unwrap_or_default(),
        "slots": if n.is_multiple_of(7) { 2 } else { 1 },
    })
}
