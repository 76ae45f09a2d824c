//! Firebase Cloud Messaging, HTTP v1: apps on Android and iOS. A service account's signature is exchanged for a token (OAuth2,
//! RFC 7523), which is kept until its last minute.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, Url, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Fault, Message, Push, Sending, Target, Urgency, jwt, retry_after, unreachable};

const TIMEOUT: Duration = Duration::from_secs(10);
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// A token is not used in its last minute.
const MARGIN: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: usize = 64 * 1024;

/// What is used of the file that Google's console hands out.
#[derive(Deserialize)]
struct ServiceAccount {
    project_id: String,
    client_email: String,
    /// PKCS #8 in PEM.
    private_key: String,
    token_uri: String,
}

pub struct Fcm {
    http: reqwest::Client,
    send_url: Url,
    token_url: Url,
    client_email: String,
    key: KeyPair,
    token: Mutex<Option<Token>>,
}

struct Token {
    value: String,
    good_until: Instant,
}

impl std::fmt::Debug for Fcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fcm").field("client_email", &self.client_email).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Fcm {
    /// `account` is the JSON of a service account.
    pub fn new(account: &str, base: &str) -> Result<Self, String> {
        let bad = |what: &dyn std::fmt::Display| format!("FCM_SERVICE_ACCOUNT: {what}");
        let account: ServiceAccount = serde_json::from_str(account).map_err(|error| bad(&error))?;
        let key: String = account.private_key.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = STANDARD.decode(key.trim()).map_err(|_| bad(&"private_key is not PEM"))?;
        let key = KeyPair::from_pkcs8(&key).map_err(|_| bad(&"private_key is not an RSA key in PKCS #8"))?;
        let send_url =
            format!("{}/v1/projects/{}/messages:send", base.trim_end_matches('/'), account.project_id);
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build();
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            send_url: Url::parse(&send_url).map_err(|error| format!("FCM_API_BASE: {error}"))?,
            token_url: Url::parse(&account.token_uri).map_err(|error| bad(&error))?,
            client_email: account.client_email,
            key,
            token: Mutex::default(),
        })
    }

    fn assertion(&self) -> Result<String, Fault> {
        let now = jwt::now();
        let claims = json!({
            "iss": self.client_email, "scope": SCOPE, "aud": self.token_url.as_str(), "iat": now, "exp": now + 3600,
        });
        let sign = |said: &[u8]| {
            let mut signature = vec![0; self.key.public_modulus_len()];
            self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said, &mut signature)?;
            Ok::<_, aws_lc_rs::error::Unspecified>(signature)
        };
        jwt::signed("RS256", &claims, sign).map_err(Fault::later)
    }

    /// A token that is good for the next call. Who waits here waits for the same one.
    async fn token(&self) -> Result<String, Fault> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.good_until) {
            return Ok(token.value.clone());
        }
        let mut form = self.token_url.clone();
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        form.query_pairs_mut()
            .clear()
            .append_pair("grant_type", grant)
            .append_pair("assertion", &self.assertion()?);
        let request =
            self.http.post(self.token_url.clone()).body(form.query().unwrap_or_default().to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            let why = format!("no token for FCM: {}", response.status());
            return Err(Fault::Later { retry_after: retry_after(&response), why });
        }
        let granted: Granted = serde_json::from_slice(&body(response).await?).map_err(Fault::later)?;
        let good_for = Duration::from_secs(granted.expires_in).saturating_sub(MARGIN);
        *kept = Some(Token { value: granted.access_token.clone(), good_until: Instant::now() + good_for });
        Ok(granted.access_token)
    }

    async fn forget(&self, token: &str) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.value == token) {
            *kept = None;
        }
    }

    /// One that FCM does not know any more is asked for once more.
    async fn post(&self, device: &str, message: &Message) -> Result<(), Fault> {
        let said = json!({ "message": envelope(device, message) });
        for _ in 0..2 {
            let token = self.token().await?;
            let request = self.http.post(self.send_url.clone()).bearer_auth(&token).json(&said);
            let response = request.send().await.map_err(unreachable)?;
            let (status, pause) = (response.status(), retry_after(&response));
            match status {
                StatusCode::UNAUTHORIZED => self.forget(&token).await,
                status if status.is_success() => return Ok(()),
                status => return Err(judge(status, pause, &body(response).await?)),
            }
        }
        Err(Fault::later("FCM does not know its own token"))
    }
}

fn envelope(device: &str, message: &Message) -> Value {
    let Message { title, body, url, kind, tag, ttl, notification_id, .. } = message;
    let urgent = message.urgency == Urgency::High;
    let mut data = json!({ "url": url, "type": kind, "tag": tag });
    if let Some(id) = notification_id {
        data["notificationId"] = id.as_str().into();
    }
    let mut android = json!({
        "ttl": format!("{}s", ttl.as_secs()),
        "priority": if urgent { "HIGH" } else { "NORMAL" },
        "notification": { "tag": tag },
    });
    let expiration = (jwt::now() + ttl.as_secs()).to_string();
    let mut apns = json!({ "apns-priority": if urgent { "10" } else { "5" }, "apns-expiration": expiration });
    if message.collapses {
        android["collapse_key"] = tag.as_str().into();
        apns["apns-collapse-id"] = tag.as_str().into();
    }
    json!({
        "token": device, "notification": { "title": title, "body": body }, "data": data,
        "android": android, "apns": { "headers": apns },
    })
}

/// Google's error (`google.rpc.Status`), as far as it matters.
fn judge(status: StatusCode, pause: Option<String>, body: &[u8]) -> Fault {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &said["error"];
    let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let code = details.iter().find_map(|detail| detail["errorCode"].as_str());
    let code = code.or(error["status"].as_str()).unwrap_or_default();
    let fields: Vec<_> = details
        .iter()
        .filter_map(|detail| detail["fieldViolations"].as_array())
        .flatten()
        .filter_map(|violation| violation["field"].as_str())
        .collect();
    let why = format!("FCM answered {status} {code}");
    match code {
        "UNREGISTERED" | "NOT_FOUND" | "SENDER_ID_MISMATCH" => Fault::Gone(why),
        // The token is at fault, unless it is said to be something else: then we are.
        "INVALID_ARGUMENT" if fields.is_empty() || fields.contains(&"message.token") => Fault::Gone(why),
        _ if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            Fault::Later { retry_after: pause, why }
        }
        _ => Fault::Refused(why),
    }
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return Err(Fault::later("the answer is too long"));
        }
    }
    Ok(body)
}

impl Push for Fcm {
    fn send<'a>(&'a self, to: &'a Target, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            match to {
                Target::App { token } => self.post(token, message).await,
                Target::Browser { .. } => Err(Fault::Refused("a browser is reached over Web Push".into())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_devices_ours_or_the_services() {
        let judged = |status: u16, body: Value| {
            judge(StatusCode::from_u16(status).unwrap(), Some("7".into()), body.to_string().as_bytes())
        };
        let error = |status: &str, code: &str| json!({ "error": { "status": status, "details": [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code }] } });
        let field = |field: &str| json!({ "error": { "status": "INVALID_ARGUMENT", "details": [{ "fieldViolations": [{ "field": field }] }] } });
        for (status, body) in [
            (404, error("NOT_FOUND", "UNREGISTERED")),
            (403, error("PERMISSION_DENIED", "SENDER_ID_MISMATCH")),
            (400, error("INVALID_ARGUMENT", "INVALID_ARGUMENT")),
            (400, field("message.token")),
        ] {
            assert!(matches!(judged(status, body.clone()), Fault::Gone(_)), "{body}");
        }
        assert!(matches!(judged(400, field("message.android.ttl")), Fault::Refused(_)));
        assert!(matches!(judged(403, json!("no")), Fault::Refused(_)));
        for (status, body) in
            [(429, error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")), (503, json!({})), (500, json!(7))]
        {
            assert!(matches!(judged(status, body), Fault::Later { retry_after: Some(_), .. }), "{status}");
        }
    }
}
