//! LiveKit, as far as a platform needs it: tokens that open a room, webhooks that are believed, rooms that are closed.
//!
//! Tokens are plain HS256 JWTs under the API secret; nobody is asked for one, and none is kept.

mod rooms;
mod settings;
mod token;
pub mod webhook;

use std::sync::Arc;

use jsonwebtoken::{DecodingKey, EncodingKey};

pub use rooms::Fault;
pub use settings::Settings;
pub use token::Grant;

/// A LiveKit deployment and the keys for it.
#[derive(Clone)]
pub struct LiveKit {
    inner: Arc<Inner>,
}

struct Inner {
    /// As clients reach it: `wss://…`.
    url: String,
    /// As its HTTP API is reached: `https://…`.
    api: String,
    key: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    http: reqwest::Client,
}

impl std::fmt::Debug for LiveKit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveKit")
            .field("url", &self.inner.url)
            .field("key", &self.inner.key)
            .finish_non_exhaustive()
    }
}

/// What LiveKit asks of a secret, and what HS256 does.
pub const SHORTEST_SECRET: usize = 32;

impl LiveKit {
    pub fn new(url: &str, key: &str, secret: &str) -> Result<Self, String> {
        let url = url.trim_end_matches('/');
        let api = match url.split_once("://") {
            Some(("ws" | "http", host)) if !host.is_empty() => format!("http://{host}"),
            Some(("wss" | "https", host)) if !host.is_empty() => format!("https://{host}"),
            _ => return Err(format!("LIVEKIT_URL: {url} is not an address such as wss://live.example")),
        };
        if key.is_empty() {
            return Err("LIVEKIT_API_KEY is missing".into());
        }
        // An empty secret signs and verifies like any other.
        if secret.len() < SHORTEST_SECRET {
            let short = secret.len();
            return Err(format!(
                "LIVEKIT_API_SECRET: {short} bytes are too short, at least {SHORTEST_SECRET} are needed"
            ));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                url: url.to_owned(),
                api,
                key: key.to_owned(),
                signing: EncodingKey::from_secret(secret.as_bytes()),
                verifying: DecodingKey::from_secret(secret.as_bytes()),
                http: rooms::client().map_err(|error| error.to_string())?,
            }),
        })
    }

    /// Where clients connect to.
    pub fn url(&self) -> &str {
        &self.inner.url
    }
}
