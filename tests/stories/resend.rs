//! Mails over Resend: one request, one key, and what its answers mean.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Json};
use poem::{EndpointExt, IntoResponse, Request, Response, Route, Server, handler, post};
use serde_json::{Value, json};

use crate::mail_answers::write;
use crate::mail_server::wait_for_the_post;
use crate::world::{World, mission};

const KEY: &str = "re_stories";

/// What it does with a request.
#[derive(Clone, Copy)]
enum Reply {
    /// Takes it, and the answer is lost.
    Lost,
    Says(u16, &'static str),
    /// 429, with the seconds to wait.
    Busy(&'static str),
}

/// A Resend of one's own: it takes a mail once under its key, and knows another mail under the same key when it sees it.
#[derive(Clone, Default)]
struct Service {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    taken: Arc<Mutex<HashMap<String, Value>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

fn says(status: u16, name: &str) -> Response {
    let body = json!({ "statusCode": status, "name": name, "message": "so it is" });
    Json(body).with_status(StatusCode::from_u16(status).unwrap()).into_response()
}

#[handler]
fn take(request: &Request, Json(mail): Json<Value>, service: Data<&Service>) -> Response {
    if request.header("authorization") != Some(&format!("Bearer {KEY}")) {
        return says(401, "invalid_api_key");
    }
    let key = request.header("idempotency-key").unwrap().to_owned();
    service.seen.lock().unwrap().push(key.clone());
    let reply = service.replies.lock().unwrap().pop_front();
    match reply {
        Some(Reply::Says(status, name)) => return says(status, name),
        Some(Reply::Busy(seconds)) => {
            return says(429, "rate_limit_exceeded").with_header("retry-after", seconds).into_response();
        }
        Some(Reply::Lost) | None => {}
    }
    let mut taken = service.taken.lock().unwrap();
    match taken.get(&key) {
        Some(before) if *before != mail => return says(409, "invalid_idempotent_request"),
        Some(_) => {}
        None => drop(taken.insert(key, mail)),
    }
    match reply {
        Some(Reply::Lost) => says(500, "application_error"),
        _ => Json(json!({ "id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794" })).into_response(),
    }
}

impl Service {
    async fn start(replies: &[Reply]) -> (Self, World) {
        let service =
            Self { replies: Arc::new(Mutex::new(replies.iter().copied().collect())), ..Self::default() };
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let base = format!("http://{address}");
        let route = Route::new().at("/emails", post(take)).data(service.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run(route));
        let mut world = World::without_worker().await;
        let settings = ["--worker-cron", "false", "--resend-api-key", KEY, "--resend-api-base", &base];
        world.start_worker_with(&[&settings[..], &["--api-url", "https://api.example"]].concat());
        (service, world)
    }

    fn taken(&self) -> Vec<(String, Value)> {
        self.taken.lock().unwrap().clone().into_iter().collect()
    }
}

async fn job(world: &World) -> (String, String, i32) {
    let job = "select id::text, state::text, attempt from jobs where kind = 'send-mail'";
    sqlx::query_as(job).fetch_one(&world.pool).await.unwrap()
}

#[tokio::test]
async fn a_mail_is_one_request_under_the_key_of_its_job() {
    let (service, world) = Service::start(&[]).await;
    let client = world.client("lilas").await;
    world.nurse("nurse", 1.0).await;
    client.post("/api/v1/matching/missions", mission()).await.expect(201);
    world.drain().await;
    let [(key, mail)] = &service.taken()[..] else { panic!("one mail") };
    let (id, state, attempt) = job(&world).await;
    assert_eq!((key, state.as_str(), attempt), (&id, "done", 1));
    assert_eq!(mail["from"], "SocioPulse <ne-pas-repondre@sociopulse.test>");
    assert_eq!(mail["to"], json!(["nurse@example.org"]));
    assert_eq!(mail["subject"], "Renfort – Infirmier diplômé d’État à Paris : une mission pour vous");
    assert!(
        mail["text"].as_str().unwrap().contains("À bientôt,")
            && mail["html"].as_str().unwrap().starts_with("<!doctype html>")
    );
    let headers = &mail["headers"];
    assert_eq!(headers["Message-ID"], format!("<{id}@sociopulse.test>"));
    assert_eq!(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    let url = headers["List-Unsubscribe"].as_str().unwrap();
    assert!(url.starts_with("<https://api.example/api/v1/notifications/unsubscribe?token="), "{url}");
    assert!(mail.get("attachments").is_none());
    world.end().await;
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_taken_once() {
    let (service, world) = Service::start(&[Reply::Lost]).await;
    let client = world.client("lilas").await;
    write(&world, &client).await;
    wait_for_the_post(&world).await;
    world.drain().await;
    wait_for_the_post(&world).await;
    assert_eq!((service.taken().len(), service.seen.lock().unwrap().len()), (1, 2));
    assert_eq!(job(&world).await.1, "done");
    world.end().await;
}

#[tokio::test]
async fn another_token_under_the_same_key_was_taken_before() {
    let (service, world) = Service::start(&[Reply::Lost]).await;
    world.client("lilas").await;
    let forgotten = json!({ "email": "lilas@example.org" });
    world.anonymous().post("/api/v1/auth/forgot-password", forgotten).await.expect(202);
    world.drain().await;
    wait_for_the_post(&world).await;
    let [(_, mail)] = &service.taken()[..] else { panic!("one mail") };
    assert_eq!(job(&world).await.1, "done");
    // The one that was sent opens the account.
    let text = mail["text"].as_str().unwrap();
    let token = text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap();
    let reset = json!({ "token": token, "password": "another horse battery" });
    world.anonymous().post("/api/v1/auth/reset-password", reset).await.expect(204);
    world.end().await;
}

#[tokio::test]
async fn what_is_about_us_waits_and_what_is_about_the_mail_is_given_up() {
    for (reply, state, counted) in [
        (Reply::Busy("2"), "done", 1),
        (Reply::Says(429, "daily_quota_exceeded"), "done", 1),
        (Reply::Says(401, "invalid_api_key"), "done", 1),
        (Reply::Says(403, "validation_error"), "done", 1),
        (Reply::Says(503, "service_unavailable"), "done", 1),
        (Reply::Says(500, "application_error"), "done", 2),
        (Reply::Says(409, "concurrent_idempotent_requests"), "done", 2),
        (Reply::Says(422, "validation_error"), "dead", 1),
    ] {
        let (service, world) = Service::start(&[reply]).await;
        let client = world.client("lilas").await;
        write(&world, &client).await;
        while service.seen.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        world.drain().await;
        wait_for_the_post(&world).await;
        let (_, found, attempt) = job(&world).await;
        assert_eq!((found.as_str(), attempt), (state, counted), "{:?}", service.seen.lock().unwrap());
        assert_eq!(service.taken().len(), usize::from(state == "done"));
        assert_eq!(world.count("select count(*) from mail_suppressions").await, 0);
        world.stop().await;
    }
}
