//! Push services for stories and the benchmark: one that browsers have, FCM, and the token endpoint before it. They take down what
//! they are sent. And browsers, which read what was meant for them, with none of the platform's code.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::{hkdf, rand};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Request, Response, Server};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What a service was sent.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Parcel {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

#[derive(Default)]
struct Desk {
    taken: Mutex<Vec<Parcel>>,
    refuses: Mutex<Option<(u16, Option<String>, String)>>,
    arrived: Notify,
}

/// All of these services, on one port.
#[derive(Clone)]
pub struct PushService {
    /// `http://127.0.0.1:4567`
    pub url: String,
    /// A service account for it.
    pub account: String,
    /// That what is signed with the account is checked by: the public key in PKCS #1.
    pub public_key: Vec<u8>,
    desk: Arc<Desk>,
}

impl std::fmt::Debug for PushService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushService").field("url", &self.url).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PushService {
    pub async fn start() -> Self {
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).into_acceptor().await.expect("a free port");
        let port = acceptor.local_addr()[0].as_socket_addr().expect("an address").port();
        let url = format!("http://127.0.0.1:{port}");
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let pkcs8: Pkcs8V1Der<'_> = key.as_der().expect("a key has an encoding");
        let pem = BASE64_STANDARD.encode(pkcs8.as_ref());
        let account = json!({
            "type": "service_account", "project_id": "stories", "client_email": "push@stories.example",
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"),
            "token_uri": format!("{url}/token"),
        });
        let desk = Arc::<Desk>::default();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(desk.clone()));
        let public_key = key.public_key().as_ref().to_vec();
        Self { url, account: account.to_string(), public_key, desk }
    }

    /// What API and worker need to reach it.
    pub fn settings(&self) -> [&str; 10] {
        [
            "--vapid-private-key",
            VAPID_PRIVATE_KEY,
            "--vapid-subject",
            "mailto:ops@example.org",
            "--push-private-hosts",
            "127.0.0.1",
            "--fcm-service-account",
            &self.account,
            "--fcm-api-base",
            &self.url,
        ]
    }

    /// From now on it answers pushes so, until it takes them again.
    pub fn refuse(&self, status: u16, retry_after: Option<&str>, body: &str) {
        *locked(&self.desk.refuses) = Some((status, retry_after.map(str::to_owned), body.to_owned()));
    }

    pub fn take(&self) {
        *locked(&self.desk.refuses) = None;
    }

    /// Everything that came, whatever was answered.
    pub fn parcels(&self) -> Vec<Parcel> {
        locked(&self.desk.taken).clone()
    }

    /// How many pushes came, to devices of either kind.
    pub fn pushes(&self) -> usize {
        self.parcels().iter().filter(|parcel| parcel.path != "/token").count()
    }

    /// Waits for so many pushes in all.
    pub async fn wait_for(&self, pushes: usize) {
        while self.pushes() < pushes {
            let arrived = self.desk.arrived.notified();
            if self.pushes() < pushes {
                arrived.await;
            }
        }
    }
}

/// Any key does.
pub const VAPID_PRIVATE_KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
pub const VAPID_PUBLIC_KEY: &str =
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";

impl Endpoint for Desk {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let path = request.uri().path().to_owned();
        let headers = request.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let body = request.take_body().into_vec().await?;
        let token = path == "/token";
        locked(&self.taken).push(Parcel { path, headers, body, at: Instant::now() });
        self.arrived.notify_waiters();
        if token {
            let granted = json!({ "access_token": "granted", "expires_in": 3600, "token_type": "Bearer" });
            return Ok(Response::builder().content_type("application/json").body(granted.to_string()));
        }
        Ok(match &*locked(&self.refuses) {
            None => Response::builder().status(StatusCode::CREATED).finish(),
            Some((status, retry_after, body)) => {
                let status = StatusCode::from_u16(*status).unwrap_or_default();
                let mut response = Response::builder().status(status);
                if let Some(pause) = retry_after {
                    response = response.header("retry-after", pause);
                }
                response.body(body.clone())
            }
        })
    }
}

/// Somebody's browser, with a subscription of its own.
#[derive(Debug)]
pub struct Browser {
    pub endpoint: String,
    key: PrivateKey,
    auth: [u8; 16],
}

impl Browser {
    pub fn at(service: &PushService) -> Self {
        let mut auth = [0; 16];
        rand::fill(&mut auth).expect("randomness");
        let endpoint = format!("{}/push/{}", service.url, uuid::Uuid::now_v7());
        Self { endpoint, key: PrivateKey::generate(&ECDH_P256).expect("a key"), auth }
    }

    fn public(&self) -> Vec<u8> {
        self.key.compute_public_key().expect("a public key").as_ref().to_vec()
    }

    /// Its public key, and its secret.
    pub fn keys(&self) -> (Vec<u8>, Vec<u8>) {
        (self.public(), self.auth.to_vec())
    }

    /// As `PushSubscription.toJSON()` says it.
    pub fn subscription(&self) -> Value {
        let keys = json!({ "p256dh": BASE64.encode(self.public()), "auth": BASE64.encode(self.auth) });
        json!({ "endpoint": self.endpoint, "keys": keys })
    }

    /// The pushes that came for it, in the clear.
    pub fn read(&self, service: &PushService) -> Vec<(Parcel, Value)> {
        let ours = |parcel: &Parcel| self.endpoint == format!("{}{}", service.url, parcel.path);
        let parcels = service.parcels().into_iter().filter(ours);
        parcels.map(|parcel| (parcel.clone(), self.decrypt(&parcel.body))).collect()
    }

    /// RFC 8291, from the reader's side.
    fn decrypt(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (sender, record) = rest[5..].split_at(usize::from(rest[4]));
        assert_eq!(rest[..4], 4096_u32.to_be_bytes(), "the size of a record");
        let theirs = UnparsedPublicKey::new(&ECDH_P256, sender);
        let secret = agree(&self.key, theirs, (), |shared| {
            Ok::<_, ()>(hkdf32(&self.auth, shared, &[b"WebPush: info\0", &self.public(), sender]))
        });
        let secret = secret.expect("both agree");
        let key = &hkdf32(salt, &secret, &[b"Content-Encoding: aes128gcm\0"])[..16];
        let nonce = &hkdf32(salt, &secret, &[b"Content-Encoding: nonce\0"])[..12];
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).expect("16 bytes"));
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("12 bytes");
        let mut record = record.to_vec();
        let text =
            key.open_in_place(nonce, Aad::empty(), &mut record).expect("it was meant for this browser");
        let (last, text) = text.split_last().expect("a delimiter");
        assert_eq!(*last, 2, "the last record");
        serde_json::from_slice(text).expect("JSON")
    }
}

/// Of HKDF-SHA256 the first 32 bytes, of which shorter keys are the beginning.
fn hkdf32(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; 32] {
    let mut derived = [0; 32];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let okm = prk.expand(info, hkdf::HKDF_SHA256).expect("a short output");
    okm.fill(&mut derived).expect("32 bytes");
    derived
}
