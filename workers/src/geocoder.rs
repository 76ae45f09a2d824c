//! The address service: says where an address is.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::Clock;
use domain::geo::Point;
use domain::places::{self, Address, CONFIDENT, Found, Question};
use futures_util::future::BoxFuture;
use rand::RngExt;
use redis::Script;
use redis::aio::ConnectionManager;
use reqwest::header::RETRY_AFTER;
use reqwest::{StatusCode, Url, redirect};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::App;
use crate::engine::JobError;

const TIMEOUT: Duration = Duration::from_secs(3);
/// An answer holds one address.
const LARGEST_ANSWER: usize = 64 * 1024;
/// Calls per second of all workers together †.
pub const SHARED: u32 = 50;
/// Calls per second of one process that cannot ask the others.
pub const ALONE: u32 = 5;
/// How long a job waits for its turn before it gives its slot to another.
const TURN: Duration = Duration::from_secs(10);
/// A service may not put a job off for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Who knows addresses.
pub trait Geocoder: Debug + Send + Sync {
    /// The best answer, whatever its score.
    fn ask<'q>(&'q self, question: &'q Question) -> BoxFuture<'q, Result<Option<Found>, JobError>>;
}

/// Where an address is, or else its municipality. What was answered before is not asked again. No transaction may be open.
pub async fn locate(
    geocoder: &dyn Geocoder,
    app: &App,
    address: &Address,
) -> Result<Option<Point>, JobError> {
    for question in address.questions() {
        let known = places::recall(&mut *app.db.conn().await?, &question, app.clock.now()).await?;
        let found = match known {
            Some(found) => found,
            None => {
                let found = geocoder.ask(&question).await?;
                places::remember(&mut *app.db.conn().await?, &question, found, app.clock.now()).await?;
                found
            }
        };
        if let Some(found) = found.filter(|found| found.score >= CONFIDENT) {
            return Ok(Some(found.point));
        }
    }
    Ok(None)
}

/// The French national address service (Base Adresse Nationale), or whoever speaks its protocol.
#[derive(Debug)]
pub struct Ban {
    http: reqwest::Client,
    search: Url,
    budget: Budget,
}

impl Ban {
    pub fn new(base: &str, budget: Budget) -> Result<Self, String> {
        let search = format!("{}/search", base.trim_end_matches('/'));
        let search = Url::parse(&search).map_err(|error| format!("GEOCODER_URL: {error}"))?;
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::limited(2))
            .user_agent(concat!("sociopulse/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { http, search, budget })
    }

    async fn search(&self, question: &Question) -> Result<Option<Found>, JobError> {
        let mut url = self.search.clone();
        url.query_pairs_mut().append_pair("q", &question.text).append_pair("limit", "1");
        if question.municipality {
            url.query_pairs_mut().append_pair("type", "municipality");
        }
        self.budget.wait().await?;
        let mut response = self.http.get(url).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            status => {
                let error = format!("the address service answered {status}");
                let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let pause = asked.and_then(|asked| retry_after(asked, Clock::default().now()));
                return Err(match pause {
                    Some(pause) => JobError::RetryIn(pause, error),
                    None => JobError::Retry(error),
                });
            }
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(malformed("too long"));
            }
        }
        read(&body)
    }
}

impl Geocoder for Ban {
    fn ask<'q>(&'q self, question: &'q Question) -> BoxFuture<'q, Result<Option<Found>, JobError>> {
        Box::pin(self.search(question))
    }
}

/// Causes are kept and read by operators: the address in the URL is none of theirs.
fn failed(error: reqwest::Error) -> JobError {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    JobError::Retry(match timed_out {
        true => format!("the address service did not answer within {TIMEOUT:?}"),
        false => format!("the address service is away: {error}"),
    })
}

fn malformed(what: impl std::fmt::Display) -> JobError {
    JobError::Retry(format!("the address service's answer is malformed: {what}"))
}

/// GeoJSON, as far as it matters.
#[derive(Deserialize)]
struct Answer {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    geometry: Geometry,
    properties: Properties,
}

#[derive(Deserialize)]
struct Geometry {
    /// Longitude first.
    coordinates: [f64; 2],
}

#[derive(Deserialize)]
struct Properties {
    score: f64,
}

fn read(body: &[u8]) -> Result<Option<Found>, JobError> {
    let answer: Answer = serde_json::from_slice(body).map_err(malformed)?;
    let Some(best) = answer.features.into_iter().next() else { return Ok(None) };
    let [longitude, latitude] = best.geometry.coordinates;
    if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
        return Err(malformed("a place that is not on Earth"));
    }
    Ok(Some(Found { point: Point { latitude, longitude }, score: best.properties.score }))
}

/// How long a `Retry-After` asks to wait: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (OffsetDateTime::parse(value, &Rfc2822).ok()? - now).try_into().unwrap_or_default(),
    };
    Some(pause.clamp(Duration::from_secs(1), LONGEST_PAUSE))
}

/// How many calls a second may see: [`SHARED`] by all workers, counted in Redis; while that is away, [`ALONE`] by each.
#[derive(Clone, Debug)]
pub struct Budget {
    redis: ConnectionManager,
    key: String,
    script: Arc<Script>,
    alone: Arc<Mutex<(Instant, u32)>>,
}

/// A second begins with its first call, by the clock of Redis. Answers how many milliseconds are left of it, or zero.
const TAKE: &str = "
local calls = redis.call('INCR', KEYS[1])
if calls == 1 then redis.call('PEXPIRE', KEYS[1], 1000) end
if calls <= tonumber(ARGV[1]) then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)";

impl Budget {
    /// `key` is the counter's full name in Redis.
    pub fn new(redis: ConnectionManager, key: String) -> Self {
        let alone = Arc::new(Mutex::new((Instant::now(), 0)));
        Self { redis, key, script: Arc::new(Script::new(TAKE)), alone }
    }

    /// Takes one call out of this second, or says how long until the next.
    pub async fn take(&self) -> Result<(), Duration> {
        let mut redis = self.redis.clone();
        let mut call = self.script.key(&self.key);
        let answer = call.arg(SHARED).invoke_async::<u64>(&mut redis);
        // A Redis that is slow is treated like one that is away.
        match tokio::time::timeout(Duration::from_millis(500), answer).await {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(left)) => Err(Duration::from_millis(left)),
            Ok(Err(_)) | Err(_) => self.take_alone(Instant::now()),
        }
    }

    fn take_alone(&self, now: Instant) -> Result<(), Duration> {
        const SECOND: Duration = Duration::from_secs(1);
        let mut window = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(window.0) >= SECOND {
            *window = (now, 0);
        }
        if window.1 >= ALONE {
            return Err(SECOND.saturating_sub(now.duration_since(window.0)));
        }
        window.1 += 1;
        Ok(())
    }

    async fn wait(&self) -> Result<(), JobError> {
        let turn = async {
            while let Err(left) = self.take().await {
                // Those who wait do not come back as one.
                let spread = Duration::from_millis(rand::rng().random_range(0..500));
                tokio::time::sleep(left + spread).await;
            }
        };
        tokio::time::timeout(TURN, turn)
            .await
            .map_err(|_| JobError::RetryIn(TURN, "too many questions to the address service at once".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn answers_are_read_or_refused() {
        let answer = br#"{"type":"FeatureCollection","features":[{"type":"Feature",
            "geometry":{"type":"Point","coordinates":[4.83,45.76]},"properties":{"score":0.97,"label":"x"}}]}"#;
        let found = read(answer).unwrap().unwrap();
        assert_eq!((found.point.latitude, found.point.longitude, found.score), (45.76, 4.83, 0.97));
        assert_eq!(read(br#"{"features":[]}"#).unwrap(), None);
        let nowhere = br#"{"features":[{"geometry":{"coordinates":[4.8,145.7]},"properties":{"score":1}}]}"#;
        for broken in [&b"<html>"[..], b"{}", br#"{"features":[{}]}"#, nowhere] {
            assert!(matches!(read(broken), Err(JobError::Retry(_))));
        }
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date() {
        let now = datetime!(2026-01-01 12:00 UTC);
        let pause = |value: &str| retry_after(value, now).map(|pause| pause.as_secs());
        assert_eq!(pause("30"), Some(30));
        assert_eq!(pause("Thu, 01 Jan 2026 12:01:00 GMT"), Some(60));
        assert_eq!(pause("Thu, 01 Jan 2026 11:00:00 GMT"), Some(1));
        assert_eq!(pause("86400"), Some(3600));
        assert_eq!(pause("soon"), None);
        assert_eq!(pause(""), None);
    }

    #[tokio::test]
    async fn without_redis_each_process_holds_back() {
        let redis = domain::bus::connect("redis://127.0.0.1:1").unwrap();
        let budget = Budget::new(redis, "test:geocoder".into());
        let start = Instant::now();
        for _ in 0..ALONE {
            assert_eq!(budget.take_alone(start + Duration::from_secs(2)), Ok(()));
        }
        let later = start + Duration::from_millis(2_400);
        assert_eq!(budget.take_alone(later), Err(Duration::from_millis(600)));
        assert_eq!(budget.take_alone(start + Duration::from_secs(3)), Ok(()));
        // With nobody at the other end, the bound is found by asking.
        let budget = Budget::new(budget.redis.clone(), "test:geocoder".into());
        assert_eq!(budget.take().await, Ok(()));
    }
}
