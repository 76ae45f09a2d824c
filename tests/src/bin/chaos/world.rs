//! The people of a run, and how they reach the platform.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use domain::ids::{SessionId, UserId};
use domain::users::{NewUser, Role, Status};
use domain::{Clock, sessions, users};
use rand::RngExt;
use reqwest::Method;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Outcome;
use crate::history::{Book, Promise};

pub const SECRET: &str = "chaos-chaos-chaos-chaos-chaos-chaos";

/// Professions of the talents and of the missions.
pub const PROFESSIONS: [(i16, &str); 4] = [(1, "ide"), (2, "as"), (4, "kine"), (9, "es")];

/// The answer of backpressure.
pub const OVERLOADED: u16 = 503;

#[derive(Clone, Copy, Debug)]
pub struct Person {
    pub id: Uuid,
    session: SessionId,
}

#[derive(Clone, Debug)]
pub struct World {
    pub book: Book,
    pub ports: Arc<[u16]>,
    pub http: reqwest::Client,
    tokens: Arc<api::token::Tokens>,
    /// Whether the API knows `Idempotency-Key`: then whoever got no answer asks again.
    pub replays: Arc<AtomicBool>,
    /// Nothing new is begun.
    pub closing: Arc<AtomicBool>,
    pub over: Arc<AtomicBool>,
    turn: Arc<AtomicUsize>,
}

impl World {
    pub fn new(book: Book, ports: Vec<u16>) -> Outcome<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(Self {
            book,
            ports: ports.into(),
            http,
            tokens: Arc::new(api::token::Tokens::new(SECRET, &[])),
            replays: Arc::default(),
            closing: Arc::default(),
            over: Arc::default(),
            turn: Arc::default(),
        })
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// The replicas in turn.
    pub fn replica(&self) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        format!("127.0.0.1:{}", self.ports[turn % self.ports.len()])
    }

    pub fn token(&self, person: Person) -> String {
        self.tokens.access(UserId(person.id), person.session, Clock::default().now())
    }

    /// One POST; `Unknown` when there is no answer or one that does not say what happened.
    pub async fn post(
        &self,
        person: Person,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Promise<Value> {
        let url = format!("http://{}{path}", self.replica());
        let mut request = self.http.request(Method::POST, url).bearer_auth(self.token(person));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            // Nobody took it.
            Err(error) if error.is_connect() => return Promise::Refused(0),
            Err(_) => return Promise::Unknown,
        };
        let status = response.status();
        match response.json().await {
            Ok(body) if status.is_success() => Promise::Kept(body),
            Ok(_) if status.is_client_error() => Promise::Refused(status.as_u16()),
            // Sent away at the door, by backpressure: nothing was begun.
            Ok(body) if body["code"] == "QUEUE_OVERLOADED" => Promise::Refused(OVERLOADED),
            _ => Promise::Unknown,
        }
    }
}

impl World {
    /// Asks until it knows, each time with the same key: no answer, a replica that is down, and backpressure are no answers.
    pub async fn insist(&self, person: Person, path: &str, body: Option<&Value>) -> Promise<Value> {
        let key = Uuid::new_v4().to_string();
        loop {
            match self.post(person, path, Some(&key), body).await {
                Promise::Refused(0 | OVERLOADED) | Promise::Unknown if !self.is_over() => {
                    pause(200, 800).await;
                }
                Promise::Refused(0) => return Promise::Unknown,
                decided => return decided,
            }
        }
    }
}

pub async fn pause(from: u64, to: u64) {
    let long = rand::rng().random_range(from..to);
    tokio::time::sleep(Duration::from_millis(long)).await;
}

/// A verified account with a session, without the cost of a password.
async fn person(conn: &mut PgConnection, name: &str, role: Role) -> Outcome<Person> {
    let now = Clock::default().now();
    let new = NewUser {
        email: format!("{name}@chaos.example"),
        password_hash: "none".into(),
        role,
        status: Status::Verified,
        client_type: None,
        phone: None,
        first_name: Some("Zoé".into()),
        last_name: Some("Martin".into()),
        establishment_name: (role == Role::Client).then(|| format!("EHPAD {name}")),
        referrer_code: None,
    };
    let user = users::insert(conn, new, now).await?.id;
    let expires_at = now + time::Duration::days(7);
    let session = sessions::NewSession { user, user_agent: None, ip: None, expires_at };
    Ok(Person { id: user.0, session: sessions::insert(conn, session, now).await? })
}

/// Clients with a colleague each, who is a member of their establishment and so of their rooms.
pub async fn clients(conn: &mut PgConnection, count: usize) -> Outcome<Vec<(Person, Person)>> {
    let mut all = Vec::new();
    for n in 0..count {
        let owner = person(conn, &format!("client-{n}"), Role::Client).await?;
        let colleague = person(conn, &format!("colleague-{n}"), Role::Client).await?;
        sqlx::query(
            "insert into establishment_members (establishment_id, user_id, role, joined_at)
             select establishment_id, $2, 'MANAGER', joined_at from establishment_members where user_id = $1",
        )
        .bind(owner.id)
        .bind(colleague.id)
        .execute(&mut *conn)
        .await?;
        all.push((owner, colleague));
    }
    Ok(all)
}

/// Clients and talents who deal with each other, and an admin.
pub async fn dealers(conn: &mut PgConnection, pairs: usize) -> Outcome<Vec<[Person; 3]>> {
    let admin = person(conn, "admin", Role::Admin).await?;
    let mut all = Vec::new();
    for n in 0..pairs {
        let client = person(conn, &format!("buyer-{n}"), Role::Client).await?;
        let talent = person(conn, &format!("seller-{n}"), Role::Talent).await?;
        all.push([client, talent, admin]);
    }
    Ok(all)
}

/// Talents around Paris whom any mission there may find.
pub async fn talents(conn: &mut PgConnection, count: usize) -> Outcome<Vec<Person>> {
    let mut all = Vec::new();
    for n in 0..count {
        let talent = person(conn, &format!("talent-{n}"), Role::Talent).await?;
        let (profession, _) = PROFESSIONS[n % PROFESSIONS.len()];
        let rating = i16::try_from(n * 37 % 501)?;
        sqlx::query(
            "with profile as (
                 update profiles set profession_id = $2, city = 'Paris', latitude = 48.86 + $3 / 1000.0,
                        longitude = 2.35 + $3 / 2000.0, compliance_status = 'VALIDATED', average_rating = $4
                  where user_id = $1 returning latitude, longitude)
             insert into talent_search (talent_id, profession_id, latitude, longitude, specialties, average_rating, total_missions,
                                        compliant, can_do_night_shift, has_driver_license, marketplace_visible)
             select $1, $2, latitude, longitude, 0, $4, 0, true, true, true, true from profile",
        )
        .bind(talent.id)
        .bind(profession)
        .bind(i32::try_from(n % 50)?)
        .bind(rating)
        .execute(&mut *conn)
        .await?;
        all.push(talent);
    }
    Ok(all)
}
