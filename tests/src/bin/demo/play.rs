//! The main job as two people live it, over HTTP and WebSocket: an urgent mission, three talents found, one of them says
//! yes, and a first exchange in the chat.

use std::time::{Duration, Instant};

use domain::{Clock, paris};
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, Socket};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio::try_join;
use uuid::Uuid;

use crate::seed;
use crate::story::Story;

/// For the platform to do its part. Less than the client's own, which ends in a panic.
const PATIENCE: Duration = Duration::from_secs(10);
/// A round has one message of each, and a user may send ten in ten seconds.
const PACE: Duration = Duration::from_millis(1050);
/// Dates to try until one suits the talent, who keeps every mission that earlier rounds gave her.
const DATES: usize = 30;
const MISSIONS: &str = "/api/v1/matching/missions";
/// All of them hers, so that nobody scores higher.
const WANTED: &[&str] = seed::HER_SPECIALTIES.split_at(3).0;

/// Why a step did not come off, in the platform's words or ours.
#[derive(Debug)]
pub struct Trouble {
    code: String,
    message: String,
    /// The step's budget is spent until then.
    retry_after: Option<Duration>,
}

impl Trouble {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), retry_after: None }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

type Result<T> = std::result::Result<T, Trouble>;

pub async fn play(url: &str, rounds: u32) -> Result<()> {
    let visitor = Client::new(url);
    let absent = |reason: String| Trouble::new("UNREACHABLE", format!("no platform at {url}: {reason}"));
    let request = visitor.request(Method::GET, "/health/ready").timeout(PATIENCE);
    let ready = request.send().await.map_err(|_| absent("nothing answers; is `make run` running?".into()))?;
    if !ready.status().is_success() {
        return Err(absent(ready.text().await.unwrap_or_default()));
    }

    let mut story = Story::begin(&format!("An urgent mission at {}", visitor.base));
    let mut client = Person::arrive("client", seed::CLIENT, &visitor, &story).await?;
    let mut talent = Person::arrive("talent", seed::TALENT, &visitor, &story).await?;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0..rounds {
        pace.tick().await;
        story.silent = round > 0;
        main_job(&mut client, &mut talent, &mut story).await?;
        if round == 0 && rounds > 1 {
            println!("\n{} more rounds in silence, one a second …", rounds - 1);
        }
    }
    story.sum_up();
    Ok(())
}

async fn main_job(client: &mut Person, talent: &mut Person, story: &mut Story) -> Result<()> {
    for _ in 0..DATES {
        let Some((mission, invitation)) = post_and_match(client, talent, story).await? else {
            story.add("she works elsewhere at that time: another date");
            continue;
        };
        match accept(talent, &invitation, story).await {
            Err(trouble) if trouble.code == "TALENT_ALREADY_BOOKED" => {
                story.add("she has just said yes elsewhere: another date");
            }
            Err(trouble) => return Err(trouble),
            Ok(()) => return talk(client, talent, &mission, story).await,
        }
    }
    Err(Trouble::new(
        "CALENDAR_FULL",
        format!("the talent was taken on {DATES} dates in a row: make clean-data"),
    ))
}

/// The mission and the talent's invitation; nothing when she is not among the three.
async fn post_and_match(
    client: &mut Person,
    talent: &mut Person,
    story: &mut Story,
) -> Result<Option<(String, String)>> {
    let start = some_morning_or_afternoon();
    let mission = urgent_mission(start);
    let (mission, sent) = patiently(story, async || {
        let sent = Instant::now();
        Ok((check(client.http.post(MISSIONS, mission.clone()).await, 201)?, sent))
    })
    .await?;
    let id = text(&mission["id"]);
    story.tell(
        sent.elapsed(),
        client.role,
        format!("posts an urgent mission: infirmier (ide), Paris 11e, {}", paris::date_and_time(start, "en")),
    );
    story.add(format!("wanted: {}", WANTED.join(", ")));

    let (matched, heard) = client.hear("mission:matched", |frame| is(frame, "mission:matched", &id)).await?;
    let matches = matched["data"]["matches"].as_array().map(Vec::as_slice).unwrap_or_default();
    if matches.len() < 3 {
        let message =
            format!("{} talents match, three should: did `demo seed` fill this database?", matches.len());
        return Err(Trouble::new("TOO_FEW_TALENTS", message));
    }
    let latency = heard.duration_since(sent);
    story.tell(latency, client.role, "hears mission:matched, counted from the POST:");
    for talent in matches {
        story.add(describe(talent));
    }
    if !matches.iter().any(|found| found["talentId"] == talent.http.id.as_str()) {
        return Ok(None);
    }
    story.keep("posted → top 3 live", latency);

    let (invited, heard) = talent.hear("mission:invited", |frame| is(frame, "mission:invited", &id)).await?;
    let latency = heard.duration_since(sent);
    story.tell(latency, talent.role, "hears mission:invited, counted from the POST");
    story.keep("posted → invitation live", latency);
    Ok(Some((id, text(&invited["data"]["invitationId"]))))
}

fn describe(talent: &Value) -> String {
    format!(
        "{}. {:<10} {:>5.1} km   score {:>5.1}   rating {:.2}   {:>2} missions",
        talent["rank"],
        talent["firstName"].as_str().unwrap_or("?"),
        talent["distanceKm"].as_f64().unwrap_or_default(),
        talent["score"].as_f64().unwrap_or_default(),
        talent["averageRating"].as_f64().unwrap_or_default(),
        talent["totalMissions"],
    )
}

async fn accept(talent: &mut Person, invitation: &str, story: &mut Story) -> Result<()> {
    let path = format!("/api/v1/invitations/{invitation}/accept");
    let (assignment, took) = patiently(story, async || {
        let sent = Instant::now();
        Ok((check(talent.http.act(&path).await, 200)?, sent.elapsed()))
    })
    .await?;
    story.tell(took, talent.role, format!("accepts: {}", text(&assignment["status"])));
    story.keep("accept", took);
    Ok(())
}

async fn talk(client: &mut Person, talent: &mut Person, mission: &str, story: &mut Story) -> Result<()> {
    let began = Instant::now();
    let (joined, _) = try_join!(client.join(mission), talent.join(mission))?;
    let members = joined["data"]["members"].as_array().map_or(0, Vec::len);
    story.tell(began.elapsed(), "both", format!("join the mission’s room; it has {members} members"));
    say(
        client,
        talent,
        mission,
        "Bonjour, merci d’avoir accepté ! Le code de l’entrée est au poste de soins.",
        story,
    )
    .await?;
    say(talent, client, mission, "Bonjour, avec plaisir. J’arrive un quart d’heure avant la relève.", story)
        .await?;
    for person in [client, talent] {
        person.socket.emit("mission:leave", json!({ "missionId": mission })).await;
    }
    Ok(())
}

async fn say(
    from: &mut Person,
    to: &mut Person,
    mission: &str,
    content: &str,
    story: &mut Story,
) -> Result<()> {
    let (acknowledged, delivered) = patiently(story, async || {
        let key = Uuid::new_v4().to_string();
        let message = json!({ "missionId": mission, "content": content, "clientMessageId": key });
        let sent = Instant::now();
        let arrives = to.hear("chat:message", |frame| {
            is(frame, "chat:message", mission) && frame["data"]["clientMessageId"] == key.as_str()
        });
        let ((_, acknowledged), (_, delivered)) =
            try_join!(from.ask("chat:send", message, |_| false), arrives)?;
        Ok((acknowledged.duration_since(sent), delivered.duration_since(sent)))
    })
    .await?;
    story.tell(acknowledged, from.role, format!("« {content} » (stored)"));
    story.tell(delivered, to.role, "reads it");
    story.keep("message → ack", acknowledged);
    story.keep("message → the other’s screen", delivered);
    Ok(())
}

struct Person {
    role: &'static str,
    http: Client,
    socket: Socket,
}

impl Person {
    /// Signs in and opens the live connection.
    async fn arrive(role: &'static str, email: &str, visitor: &Client, story: &Story) -> Result<Self> {
        let credentials = json!({ "email": email, "password": seed::PASSWORD });
        let (session, took) = patiently(story, async || {
            let sent = Instant::now();
            let answer = visitor.post("/api/v1/auth/login", credentials.clone()).await;
            Ok((check(answer, 200)?, sent.elapsed()))
        })
        .await?;
        story.tell(took, role, format!("signs in as {email}"));
        let http = visitor.signed_in(&session);
        let began = Instant::now();
        let socket = http.socket().await;
        story.tell(began.elapsed(), role, "opens the live connection");
        Ok(Self { role, http, socket })
    }

    async fn join(&mut self, mission: &str) -> Result<Value> {
        let place = json!({ "missionId": mission });
        let joined = self.ask("mission:join", place, |frame| is(frame, "mission:joined", mission)).await?;
        Ok(joined.0)
    }

    /// Sends a frame and reads until its answer: one with its id, or one that is known otherwise.
    async fn ask(
        &mut self,
        event: &str,
        data: Value,
        answers: impl Fn(&Value) -> bool,
    ) -> Result<(Value, Instant)> {
        let id = self.socket.emit(event, data).await;
        let what = format!("the answer to {event}");
        let (answer, at) = self.hear(&what, |frame| frame["id"] == id.as_str() || answers(frame)).await?;
        match answer["event"] == "error" {
            false => Ok((answer, at)),
            true => Err(Trouble {
                retry_after: answer["data"]["retryAfterMs"].as_u64().map(Duration::from_millis),
                ..Trouble::new(&text(&answer["data"]["code"]), text(&answer["data"]["message"]))
            }),
        }
    }

    /// Reads until the wanted frame, and notes when it came.
    async fn hear(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<(Value, Instant)> {
        let heard = async {
            loop {
                let frame = self.socket.frame().await;
                if wanted(&frame) {
                    return (frame, Instant::now());
                }
            }
        };
        timeout(PATIENCE, heard).await.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            let message =
                format!("{what} did not reach the {} within {seconds} s; is a worker running?", self.role);
            Trouble::new("TOO_LATE", message)
        })
    }
}

fn is(frame: &Value, event: &str, mission: &str) -> bool {
    frame["event"] == event && frame["data"]["missionId"] == mission
}

/// Repeats a step that was refused because its budget is spent, after the time it was told to wait.
async fn patiently<T>(story: &Story, mut step: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    loop {
        match step().await {
            Err(Trouble { retry_after: Some(wait), .. }) => {
                story.add(format!("rate limit: told to wait {} s", wait.as_secs()));
                sleep(wait).await;
            }
            done => return done,
        }
    }
}

/// The body of an answer with the expected status.
fn check(answer: Answer, expected: u16) -> Result<Value> {
    if answer.status.as_u16() == expected {
        return Ok(answer.body);
    }
    let retry_after = answer.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let message = format!("{} {}", answer.status.as_u16(), text(&answer.body["message"]));
    Err(Trouble {
        retry_after: retry_after.map(Duration::from_secs),
        ..Trouble::new(&text(&answer.body["code"]), message)
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn urgent_mission(start: OffsetDateTime) -> Value {
    json!({
        "jobId": "ide",
        "description": "Remplacement au pied levé, unité protégée de quatorze lits.",
        "hourlyRateCents": 3400,
        "urgencyLevel": "CRITICAL",
        "startDate": start.format(&Rfc3339).unwrap_or_default(),
        "specialties": WANTED,
        "address": "12 rue Saint-Ambroise",
        "city": "Paris",
        "postalCode": "75011",
        "latitude": seed::TILLEULS.latitude,
        "longitude": seed::TILLEULS.longitude,
        "radiusKm": 15,
    })
}

/// A shift of eight hours within 600 days. On a grid, so that the gaps between her missions stay long enough for another.
fn some_morning_or_afternoon() -> OffsetDateTime {
    let mut rng = rand::rng();
    let day = Clock::default().now().date().midnight().assume_utc()
        + time::Duration::days(rng.random_range(2..600));
    day + time::Duration::hours(if rng.random_bool(0.5) { 6 } else { 14 })
}
