//! A client, a talent and a service that the one books of the other; and the video server, as the platform hears it.

use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine};
use domain::ids::BookingId;
use domain::{Bus, Db, Tx, bookings};
use jobs::effects;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{IntoEndpoint, Request, Server, handler};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{Answer, Client};
use time::{Duration, OffsetDateTime};

use crate::world::{World, rfc3339};

pub const SERVICES: &str = "/api/v1/services";
pub const BOOKINGS: &str = "/api/v1/bookings";
pub const JOIN: &str = "/api/v1/video/join";
pub const KEY: &str = "stories";
pub const SECRET: &str = "stories-stories-stories-stories-";

/// An hour of coaching by video.
pub fn offer() -> Value {
    json!({
        "name": "Analyse de pratiques", "description": "Une heure à deux.", "type": "COACHING_VIDEO",
        "options": [{ "name": "Une heure", "priceCents": 9001, "durationMinutes": 60 },
                    { "name": "Deux heures", "priceCents": 16_000, "durationMinutes": 120 }],
        "participants": 3,
    })
}

pub fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

pub struct Market {
    pub world: World,
    pub client: Client,
    pub talent: Client,
    /// Id of the service.
    pub service: String,
}

impl Market {
    pub async fn new() -> Self {
        Self::of(World::new().await).await
    }

    pub async fn of(world: World) -> Self {
        let client = world.client("lilas").await;
        let talent = world.nurse("nadia", 1.0).await;
        let service = id(&talent.post(SERVICES, offer()).await.expect(201));
        // It is worth points, which are no part of most stories.
        world.drain().await;
        Self { world, client, talent, service }
    }

    /// On a platform with a video server.
    pub async fn with_video(url: &str) -> Self {
        let keys = ["--livekit-url", url, "--livekit-api-key", KEY, "--livekit-api-secret", SECRET];
        let mut world = World::with_api_settings(&keys).await;
        world.start_worker_with(&[&["--worker-cron", "false"][..], &keys[..]].concat());
        Self::of(world).await
    }

    /// So long ahead, to the second: as people book.
    pub fn ahead(&self, by: Duration) -> OffsetDateTime {
        (self.world.clock.now() + by).replace_nanosecond(0).unwrap()
    }

    pub fn request(&self, start: OffsetDateTime) -> Value {
        json!({ "serviceId": self.service, "option": "Une heure", "startsAt": rfc3339(start) })
    }

    pub async fn asked(&self, start: OffsetDateTime) -> String {
        id(&self.client.post(BOOKINGS, self.request(start)).await.expect(201))
    }

    pub async fn accept(&self, booking: &str) -> Answer {
        self.talent.act(&format!("{BOOKINGS}/{booking}/accept")).await
    }

    pub async fn confirmed(&self, start: OffsetDateTime) -> String {
        let booking = self.asked(start).await;
        self.accept(&booking).await.expect(200);
        booking
    }

    pub async fn paid(&self, start: OffsetDateTime) -> String {
        let booking = self.confirmed(start).await;
        self.pay(&booking).await;
        self.world.drain().await;
        booking
    }

    /// As a payment does it.
    pub async fn pay(&self, booking: &str) {
        let now = self.world.clock.now();
        let mut tx = self.begin().await;
        if let Some(paid) = bookings::mark_paid(&mut tx, key(booking), now).await.unwrap() {
            effects::bookings::paid(&mut tx, &paid, now).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    pub async fn begin(&self) -> Tx {
        let redis = domain::bus::connect(&self.world.redis_url).unwrap();
        let db = Db::connect(&self.world.database_url, 1, Bus::new(redis, &self.world.prefix)).unwrap();
        db.begin().await.unwrap()
    }

    pub async fn cancel(&self, who: &Client, booking: &str) -> Answer {
        who.post(&format!("{BOOKINGS}/{booking}/cancel"), json!({ "reason": "Un empêchement" })).await
    }

    pub async fn see(&self, booking: &str) -> Value {
        self.client.get(&format!("{BOOKINGS}/{booking}")).await.expect(200)
    }

    pub async fn status(&self, booking: &str) -> Value {
        self.see(booking).await["status"].clone()
    }

    /// Time passes; what is due then is done, and both sign in again.
    pub async fn wait(&mut self, by: Duration) {
        self.world.clock.advance(by);
        self.world.drain().await;
        self.client = self.world.returning(&self.client).await;
        self.talent = self.world.returning(&self.talent).await;
    }

    pub async fn wait_until(&mut self, at: OffsetDateTime) {
        self.wait(at - self.world.clock.now()).await;
    }

    /// How many notices of a type somebody has.
    pub async fn told(&self, who: &Client, kind: &str) -> usize {
        let page = who.get("/api/v1/notifications?limit=100").await.expect(200);
        page["items"].as_array().unwrap().iter().filter(|notice| notice["type"] == kind).count()
    }

    /// An event of the video server, now.
    pub fn event(&self, id: &str, kind: &str, booking: &str, who: Option<&Client>) -> Value {
        let mut event = json!({
            "event": kind, "id": id, "createdAt": self.world.clock.now().unix_timestamp().to_string(),
            "room": { "sid": "RM_1", "name": format!("booking-{booking}") },
        });
        if let Some(who) = who {
            event["participant"] = json!({ "sid": "PA_1", "identity": who.id, "state": "ACTIVE" });
        }
        event
    }

    /// The video server tells something.
    pub async fn tell(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = signed(&body, self.world.clock.now(), SECRET);
        webhook(&self.world.anonymous(), Some(&signature), body).await
    }
}

pub fn key(booking: &str) -> BookingId {
    BookingId(booking.parse().unwrap())
}

/// As LiveKit signs.
pub fn signed(body: &str, at: OffsetDateTime, secret: &str) -> String {
    let at = at.unix_timestamp();
    let sha256 = BASE64_STANDARD.encode(Sha256::digest(body));
    let claims = json!({ "iss": KEY, "nbf": at, "exp": at + 300, "sha256": sha256 });
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

pub async fn webhook(client: &Client, signature: Option<&str>, body: String) -> Answer {
    let request = client.request(reqwest::Method::POST, "/api/v1/video/webhooks");
    let request = request.header("content-type", "application/webhook+json").body(body);
    client
        .send(match signature {
            Some(signature) => request.header("authorization", signature),
            None => request,
        })
        .await
}

/// The room service of a video server of one's own. It gives its answers in their order, and the last one again and again.
#[derive(Clone)]
pub struct Rooms {
    pub url: String,
    answers: Arc<Mutex<Vec<u16>>>,
    closed: Arc<Mutex<Vec<String>>>,
}

#[handler]
async fn delete_room(
    request: &Request,
    body: poem::web::Json<Value>,
    rooms: poem::web::Data<&Rooms>,
) -> poem::Response {
    let bearer = request.header("authorization").unwrap_or_default().starts_with("Bearer ");
    rooms.closed.lock().unwrap().push(format!("{} {bearer}", body["room"].as_str().unwrap()));
    let status = {
        let mut answers = rooms.answers.lock().unwrap();
        if answers.len() > 1 { answers.remove(0) } else { answers[0] }
    };
    poem::Response::builder().status(StatusCode::from_u16(status).unwrap()).body("{}")
}

impl Rooms {
    pub async fn start(answers: &[u16]) -> Self {
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
        let port = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
        let rooms = Self {
            url: format!("ws://127.0.0.1:{port}"),
            answers: Arc::new(Mutex::new(answers.to_vec())),
            closed: Arc::default(),
        };
        let route = poem::Route::new().at("/twirp/livekit.RoomService/DeleteRoom", poem::post(delete_room));
        let endpoint = poem::EndpointExt::data(route, rooms.clone()).into_endpoint();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));
        rooms
    }

    /// Rooms that were to be closed, each with whether the asker was signed in.
    pub fn closed(&self) -> Vec<String> {
        self.closed.lock().unwrap().clone()
    }
}
