//! Web Push (RFC 8030): an encrypted body, posted to where the browser said.

use std::time::Duration;

use reqwest::{StatusCode, redirect};

use crate::encryption::{LARGEST_TEXT, encrypt};
use crate::endpoint::Reach;
use crate::vapid::Vapid;
use crate::{Fault, Keys, Message, Push, Sending, Target, Urgency, retry_after, unreachable};

const TIMEOUT: Duration = Duration::from_secs(10);

pub struct WebPush {
    http: reqwest::Client,
    vapid: Vapid,
    reach: Reach,
}

impl std::fmt::Debug for WebPush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebPush").field("public_key", &self.public_key()).finish_non_exhaustive()
    }
}

impl WebPush {
    pub fn new(private_key: &str, subject: &str, reach: Reach) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            // A proxy would look names up where nobody judges what is found.
            .no_proxy()
            .dns_resolver(reach.clone())
            .user_agent(concat!("sociopulse/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            vapid: Vapid::new(private_key, subject)?,
            reach,
        })
    }

    /// What browsers subscribe with.
    pub fn public_key(&self) -> &str {
        self.vapid.public_key()
    }

    /// Which endpoints are asked.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    async fn post(&self, endpoint: &str, keys: &Keys, message: &Message) -> Result<(), Fault> {
        let endpoint =
            self.reach.read(endpoint).map_err(|bad| Fault::Refused(format!("the endpoint {bad}")))?;
        let text = message.json();
        let ours = |_| {
            Fault::Refused(format!("{} bytes, of at most {LARGEST_TEXT}, cannot be encrypted", text.len()))
        };
        let body = encrypt(text.as_bytes(), keys).map_err(ours)?;
        let authorization = self.vapid.authorization(endpoint.url()).map_err(ours)?;
        let urgency = match message.urgency {
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        };
        let request = self
            .http
            .post(endpoint.url().clone())
            .header("authorization", authorization)
            .header("content-type", "application/octet-stream")
            .header("content-encoding", "aes128gcm")
            .header("ttl", message.ttl.as_secs())
            .header("urgency", urgency)
            .header("topic", &message.tag)
            .body(body);
        let response = request.send().await.map_err(unreachable)?;
        let why = || format!("the push service answered {}", response.status());
        match response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(Fault::Gone(why())),
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Err(Fault::Later { retry_after: retry_after(&response), why: why() })
            }
            _ => Err(Fault::Refused(why())),
        }
    }
}

impl Push for WebPush {
    fn send<'a>(&'a self, to: &'a Target, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            match to {
                Target::Browser { endpoint, keys } => self.post(endpoint, keys, message).await,
                Target::App { .. } => Err(Fault::Refused("an app is reached over FCM".into())),
            }
        })
    }
}
