//! Where addresses are: the address service answers, hesitates, fails, or is not there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use poem::http::{StatusCode, Uri};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{IntoEndpoint, Response, Server, handler};
use serde_json::{Value, json};
use tests::Client;
use time::Duration;
use tokio::sync::Notify;
use workers::geocoder::{Budget, SHARED};

use crate::world::{World, mission};

const MISSIONS: &str = "/api/v1/matching/missions";
const STREET: &str = "12 rue de la Paix";

/// What the service says next.
#[derive(Clone)]
pub enum Reply {
    /// Where, and how sure it is.
    Found(f64, f64, f64),
    Nothing,
    Status(u16, Option<&'static str>),
    Text(&'static str),
    Silence,
    /// After the gate has opened.
    Held(f64, f64, f64),
}

/// An address service of one's own. It gives its replies in their order, and the last one again and again.
#[derive(Clone)]
pub struct Service {
    pub url: String,
    replies: Arc<Mutex<Vec<Reply>>>,
    /// Every question, as its parameters.
    asked: Arc<Mutex<Vec<HashMap<String, String>>>>,
    arrived: Arc<Notify>,
    gate: Arc<Notify>,
}

fn place(latitude: f64, longitude: f64, score: f64) -> Response {
    let answer = json!({
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "geometry": { "type": "Point", "coordinates": [longitude, latitude] },
            "properties": { "label": "ici", "score": score, "type": "housenumber" },
        }],
    });
    Response::builder().content_type("application/json").body(answer.to_string())
}

#[handler]
async fn search(uri: &Uri, service: poem::web::Data<&Service>) -> Response {
    let query = format!("http://service/?{}", uri.query().unwrap_or_default());
    let query = reqwest::Url::parse(&query).unwrap();
    service.asked.lock().unwrap().push(query.query_pairs().into_owned().collect());
    let reply = {
        let mut replies = service.replies.lock().unwrap();
        if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
    };
    service.arrived.notify_one();
    match reply {
        Reply::Found(latitude, longitude, score) => place(latitude, longitude, score),
        Reply::Nothing => Response::builder().body(r#"{"type":"FeatureCollection","features":[]}"#),
        Reply::Status(status, retry_after) => {
            let answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
            retry_after.into_iter().fold(answer, |answer, pause| answer.header("Retry-After", pause)).finish()
        }
        Reply::Text(text) => Response::builder().body(text),
        Reply::Silence => std::future::pending().await,
        Reply::Held(latitude, longitude, score) => {
            service.gate.notified().await;
            place(latitude, longitude, score)
        }
    }
}

impl Service {
    pub async fn start(replies: &[Reply]) -> Self {
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
        let port = acceptor.local_addr()[0].as_socket_addr().unwrap().port();
        let service = Self {
            url: format!("http://127.0.0.1:{port}/geocodage/"),
            replies: Arc::new(Mutex::new(replies.to_vec())),
            asked: Arc::default(),
            arrived: Arc::default(),
            gate: Arc::default(),
        };
        let routes = poem::Route::new().at("/geocodage/search", poem::get(search));
        let endpoint = poem::EndpointExt::data(routes, service.clone()).into_endpoint();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));
        service
    }

    fn asked(&self) -> Vec<HashMap<String, String>> {
        self.asked.lock().unwrap().clone()
    }

    /// A platform that asks this service.
    async fn world(&self) -> World {
        let mut world = World::without_worker().await;
        world.start_worker_with(&["--worker-cron", "false", "--geocoder-url", &self.url]);
        world
    }
}

pub fn placeless() -> Value {
    let mut body = mission();
    body.as_object_mut().unwrap().retain(|field, _| !field.ends_with("tude"));
    body["address"] = json!(STREET);
    body
}

async fn post(client: &Client) -> String {
    let posted = client.post(MISSIONS, placeless()).await.expect(201);
    assert_eq!(posted["matching"], "WAITING_FOR_LOCATION");
    format!("{MISSIONS}/{}", posted["id"].as_str().unwrap())
}

async fn matching(client: &Client, path: &str) -> Value {
    client.get(path).await.expect(200)["matching"].clone()
}

/// Every geocoding once more, as after a lost acknowledgement.
async fn again(world: &World) {
    // Only one of a key may wait.
    let again = "update jobs set state = 'waiting', attempt = 0
                  where id in (select distinct on (debounce_key) id from jobs
                                where state = 'done' and kind like 'geocode-%' order by debounce_key, id desc)";
    sqlx::query(again).execute(&world.pool).await.unwrap();
    world.drain().await;
}

#[tokio::test]
async fn a_mission_is_found_and_matched_and_its_address_asked_for_once() {
    let service = Service::start(&[Reply::Found(48.85, 2.35, 0.97)]).await;
    let world = service.world().await;
    let client = world.client("lilas").await;
    let nurse = world.nurse("nurse", 1.0).await;
    let path = post(&client).await;
    world.drain().await;
    again(&world).await;
    let found = client.get(&path).await.expect(200);
    assert_eq!((&found["matching"], &found["latitude"]), (&json!("MATCHED"), &json!(48.85)));
    let invitations = nurse.get("/api/v1/me/invitations").await.expect(200);
    assert_eq!(invitations["items"].as_array().unwrap().len(), 1);

    // The same address: nobody is asked again.
    let second = post(&client).await;
    world.drain().await;
    assert_eq!(matching(&client, &second).await, "MATCHED");
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["q"], format!("{STREET}, 75001 Paris"));
    assert_eq!((asked[0]["limit"].as_str(), asked[0].get("type")), ("1", None));
    world.end().await;
}

#[tokio::test]
async fn a_guess_gives_way_to_the_municipality() {
    let service = Service::start(&[Reply::Found(43.3, 5.4, 0.49), Reply::Found(48.86, 2.34, 0.9)]).await;
    let world = service.world().await;
    let client = world.client("lilas").await;
    let path = post(&client).await;
    world.drain().await;
    again(&world).await;
    assert_eq!(client.get(&path).await.expect(200)["latitude"], 48.86);
    let asked = service.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[1]["q"].as_str(), asked[1]["type"].as_str()), ("Paris 75001", "municipality"));
    world.end().await;
}

#[tokio::test]
async fn nobody_knows_the_address_and_its_client_is_told_once() {
    let service = Service::start(&[Reply::Nothing]).await;
    let world = service.world().await;
    let client = world.client("lilas").await;
    let path = post(&client).await;
    world.drain().await;
    again(&world).await;
    assert_eq!(service.asked().len(), 2, "that nothing was found is an answer too");
    assert_eq!(matching(&client, &path).await, "WAITING_FOR_LOCATION");
    let unknown = async || {
        let page = client.get("/api/v1/notifications").await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.iter().all(|item| item["type"] == "LOCATION_UNKNOWN"), "{page}");
        items.len()
    };
    assert_eq!(unknown().await, 1);
    // A change of something else says nothing new; another address is asked for.
    client.patch(&path, json!({ "title": "Renfort" })).await.expect(200);
    world.drain().await;
    assert_eq!(unknown().await, 1);
    client.patch(&path, json!({ "address": "13 rue de la Paix" })).await.expect(200);
    world.drain().await;
    assert_eq!((unknown().await, service.asked().len()), (2, 3));
    *service.replies.lock().unwrap() = vec![Reply::Found(48.85, 2.35, 0.8)];
    client.patch(&path, json!({ "address": "14 rue de la Paix" })).await.expect(200);
    world.drain().await;
    assert_eq!(matching(&client, &path).await, "NONE");
    world.end().await;
}

#[tokio::test]
async fn a_service_in_trouble_is_asked_again() {
    let troubles = [
        Reply::Status(429, Some("60")),
        Reply::Status(500, None),
        Reply::Silence,
        Reply::Text("<html>"),
        Reply::Found(48.85, 2.35, 0.97),
    ];
    let service = Service::start(&troubles).await;
    let world = service.world().await;
    let client = world.client("lilas").await;
    let path = post(&client).await;
    world.drain().await;
    world.clock.advance(Duration::seconds(50));
    world.drain().await;
    assert_eq!(service.asked().len(), 1, "it asked for a minute");
    for _ in 1..troubles.len() {
        world.clock.advance(Duration::seconds(20));
        world.drain().await;
    }
    assert_eq!(matching(&client, &path).await, "NONE");
    let causes: Value = sqlx::query_scalar("select causes from jobs where kind = 'geocode-mission'")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let causes = causes.to_string();
    for cause in ["answered 429", "answered 500", "did not answer within 3s", "malformed"] {
        assert!(causes.contains(cause), "{causes}");
    }
    assert!(!causes.contains("Paix"), "an address is nobody's to read: {causes}");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_is_never_readable_ends_with_its_cause() {
    let service = Service::start(&[Reply::Text("{}")]).await;
    let world = service.world().await;
    let client = world.client("lilas").await;
    let path = post(&client).await;
    // Twenty starts, never more than an hour apart.
    for _ in 0..20 {
        world.drain().await;
        world.clock.advance(Duration::HOUR);
    }
    let dead = "select count(*) from jobs where kind = 'geocode-mission' and state = 'dead' and causes::text like '%malformed%'";
    assert_eq!(world.count(dead).await, 1);
    let client = world.returning(&client).await;
    assert_eq!(matching(&client, &path).await, "WAITING_FOR_LOCATION");
    world.stop().await;
}

#[tokio::test]
async fn a_late_answer_changes_nothing() {
    for change in
        [json!({ "latitude": 48.8, "longitude": 2.3 }), json!({ "city": "Lyon", "postalCode": "69001" })]
    {
        let service = Service::start(&[Reply::Held(43.3, 5.4, 0.9), Reply::Nothing]).await;
        let world = service.world().await;
        let client = world.client("lilas").await;
        let path = post(&client).await;
        service.arrived.notified().await;
        client.patch(&path, change.clone()).await.expect(200);
        service.gate.notify_one();
        world.drain().await;
        let after = client.get(&path).await.expect(200);
        assert_eq!(after["latitude"], change["latitude"], "{after}");
        let placed = change.get("latitude").is_some();
        assert_eq!(after["matching"], if placed { "NONE" } else { "WAITING_FOR_LOCATION" });
        world.end().await;
    }
}

#[tokio::test]
async fn without_a_service_a_mission_waits() {
    let world = World::new().await;
    let client = world.client("lilas").await;
    let path = post(&client).await;
    world.drain().await;
    again(&world).await;
    assert_eq!(matching(&client, &path).await, "WAITING_FOR_LOCATION");
    assert_eq!(world.count("select count(*) from notifications").await, 0);
    assert_eq!(world.count("select count(*) from places").await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_talent_who_moves_is_found_at_the_new_address() {
    let service = Service::start(&[Reply::Held(45.76, 4.83, 0.9), Reply::Found(43.3, 5.4, 0.9)]).await;
    let world = service.world().await;
    let nurse = world.nurse("nurse", 1.0).await;
    world.clock.advance(Duration::MINUTE);
    world.drain().await;
    let profile = async || nurse.get("/api/v1/me/profile").await.expect(200);
    let searched = "select count(*) from talent_search where latitude = 43.3 and longitude = 5.4";

    nurse.patch("/api/v1/me/profile", json!({ "city": "Lyon", "postalCode": "69001" })).await.expect(200);
    service.arrived.notified().await;
    // Moved again while the first question is out, and is where it was until somebody knows better.
    nurse
        .patch("/api/v1/me/profile", json!({ "city": "Marseille", "postalCode": "13001" }))
        .await
        .expect(200);
    assert_eq!(profile().await["longitude"], 2.35);
    service.gate.notify_one();
    world.drain().await;
    again(&world).await;
    assert_eq!((&profile().await["latitude"], service.asked().len()), (&json!(43.3), 2));
    assert_eq!(world.count(searched).await, 1);
    assert_eq!(world.count("select count(*) from jobs where kind = 'rematch-open'").await, 2);

    // The same address again is no move, and whoever says where it is knows best.
    nurse.patch("/api/v1/me/profile", json!({ "city": "Marseille" })).await.expect(200);
    let named = json!({ "city": "Nice", "latitude": 43.7, "longitude": 7.26 });
    nurse.patch("/api/v1/me/profile", named).await.expect(200);
    world.drain().await;
    assert_eq!((&profile().await["latitude"], service.asked().len()), (&json!(43.7), 2));
    world.end().await;
}

#[tokio::test]
async fn an_establishment_is_found() {
    let service = Service::start(&[Reply::Found(48.85, 2.35, 0.97)]).await;
    let world = service.world().await;
    let client = world.client("lilas").await;
    let path = "/api/v1/me/establishment";
    let address = json!({ "address": STREET, "city": "Paris", "postalCode": "75001" });
    client.patch(path, address.clone()).await.expect(200);
    world.drain().await;
    again(&world).await;
    assert_eq!(client.get(path).await.expect(200)["latitude"], 48.85);
    client.patch(path, address).await.expect(200);
    client.patch(path, json!({ "contactName": "Zoé" })).await.expect(200);
    world.drain().await;
    assert_eq!(service.asked().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn all_workers_share_the_calls_of_a_second() {
    let world = World::without_worker().await;
    let budget = || {
        let redis = domain::bus::connect(&world.redis_url).unwrap();
        Budget::new(redis, format!("{}:geocoder", world.prefix))
    };
    let (one, other) = (budget(), budget());
    let start = std::time::Instant::now();
    let mut taken = 0;
    for _ in 0..100 {
        taken += u64::from(one.take().await.is_ok()) + u64::from(other.take().await.is_ok());
    }
    // However slow the machine is: every second that has begun has its calls, and no more.
    assert!(taken >= u64::from(SHARED));
    assert!(taken <= u64::from(SHARED) * (start.elapsed().as_secs() + 2), "{taken}");
    world.stop().await;
}
