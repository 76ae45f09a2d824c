//! A client of the platform, as a front end would write it: HTTP and one WebSocket. Used by the stories, the demo and the
//! benchmark; it knows nothing that the OpenAPI document does not say, whose description holds the contract of the socket.
// An object of Stripe in one `json!`.
#![recursion_limit = "256"]
#![expect(clippy::expect_used, clippy::panic, reason = "a client of tests fails by panicking")]

pub mod push_service;
pub mod specimens;
pub mod stripe_sandbox;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Someone with a browser, signed in or not.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// `http://127.0.0.1:4000`
    pub base: String,
    pub token: Option<String>,
    /// The signed-in user's id.
    pub id: String,
}

/// An answer: its status, headers and body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The body, if the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Asserts status and error code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        body
    }
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            token: None,
            id: String::new(),
        }
    }

    /// This client, signed in as in the answer of register, login or refresh.
    #[must_use]
    pub fn signed_in(&self, session: &Value) -> Self {
        Self {
            token: session["accessToken"].as_str().map(str::to_owned),
            id: session["user"]["id"].as_str().unwrap_or_default().to_owned(),
            ..self.clone()
        }
    }

    /// The same person at another replica.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the API answers");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the answer has a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// A POST without a body.
    pub async fn act(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Self {
        let session = self
            .post("/api/v1/auth/login", json!({ "email": email, "password": password }))
            .await
            .expect(200);
        self.signed_in(&session)
    }

    /// Opens the live connection, signed in by header, and reads `ready`.
    pub async fn socket(&self) -> Socket {
        let mut socket = Socket::open(&self.base, self.token.as_deref()).await;
        socket.next("ready").await;
        socket
    }
}

fn upgrade(base: &str, token: Option<&str>) -> Request {
    let url = format!("{}/api/v1/ws", base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a URL");
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("a header value");
        request.headers_mut().insert("authorization", value);
    }
    request
}

/// A live connection.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Socket {
    /// Opens a connection, with the token in the header if there is one.
    pub async fn open(base: &str, token: Option<&str>) -> Self {
        let upgrade = upgrade(base, token);
        let (stream, _) = tokio_tungstenite::connect_async_with_config(upgrade, None, true)
            .await
            .expect("the API upgrades");
        Self { stream, next_id: 0 }
    }

    /// As [`Socket::open`], over a connection of the caller's making.
    pub async fn over(connection: TcpStream, base: &str, token: Option<&str>) -> Self {
        let connection = MaybeTlsStream::Plain(connection);
        let (stream, _) = tokio_tungstenite::client_async(upgrade(base, token), connection)
            .await
            .expect("the API upgrades");
        Self { stream, next_id: 0 }
    }

    /// Sends a frame and returns its id.
    pub async fn emit(&mut self, event: &str, data: Value) -> String {
        self.next_id += 1;
        let id = self.next_id.to_string();
        self.emit_text(json!({ "event": event, "data": data, "id": id }).to_string()).await;
        id
    }

    pub async fn emit_text(&mut self, text: String) {
        self.stream.send(Message::text(text)).await.expect("the socket is open");
    }

    /// The next text frame.
    pub async fn frame(&mut self) -> Value {
        match self.read().await {
            Ok(frame) => frame,
            Err(code) => panic!("the socket closed with {code}"),
        }
    }

    /// The next text frame, or the close code.
    pub async fn read(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("frames are JSON"));
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Reads until a frame of this event and returns its data.
    pub async fn next(&mut self, event: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["event"] == event {
                return frame["data"].clone();
            }
        }
    }

    /// Reads until the server closes, and returns the close code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.read().await {
                return code;
            }
        }
    }

    /// Joins a mission's room and returns `mission:joined`.
    pub async fn join(&mut self, mission: &str, after: Option<i64>) -> Value {
        let mut data = json!({ "missionId": mission });
        if let Some(after) = after {
            data["afterSeq"] = after.into();
        }
        self.emit("mission:join", data).await;
        self.next("mission:joined").await
    }

    /// Says something in a mission's chat and returns the acknowledgement.
    pub async fn say(&mut self, mission: &str, content: &str) -> Value {
        self.emit("chat:send", json!({ "missionId": mission, "content": content })).await;
        self.next("ack").await
    }
}
