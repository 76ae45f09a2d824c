//! Events on their way: signed, one after the other, and again when nobody took them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use stripe_connect::signature;
use tokio::sync::Notify;

use super::Core;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Then the event is only in the list. It goes out once more after a restart.
const ATTEMPTS: u32 = 12;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    secrets: Vec<String>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    url: Option<String>,
    held: bool,
    waiting: VecDeque<String>,
    sending: bool,
}

impl Queue {
    pub fn new(url: Option<String>, secrets: Vec<String>) -> Self {
        Self { inner: Mutex::new(Inner { url, ..Inner::default() }), secrets, wake: Notify::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, events: Vec<String>) {
        self.inner().waiting.extend(events);
        self.wake.notify_one();
    }

    pub fn set_url(&self, url: Option<String>) {
        self.inner().url = url;
        self.wake.notify_one();
    }

    pub fn hold(&self, held: bool) {
        self.inner().held = held;
        self.wake.notify_one();
    }

    /// Whether there is nothing that could be sent.
    pub fn is_empty(&self) -> bool {
        let inner = self.inner();
        !inner.sending && (inner.waiting.is_empty() || inner.held || inner.url.is_none())
    }

    fn next(&self) -> Option<(String, String)> {
        let mut inner = self.inner();
        let url = inner.url.clone().filter(|_| !inner.held)?;
        let event = inner.waiting.pop_front()?;
        inner.sending = true;
        Some((event, url))
    }

    /// The header for these bytes, signed with every secret.
    fn sign(&self, body: &[u8], now: i64) -> String {
        let mut header = format!("t={now}");
        for secret in &self.secrets {
            let signed = signature::sign(body, secret, now);
            header.push_str(signed.split_once(',').map_or("", |(time, _)| &signed[time.len()..]));
        }
        header
    }
}

/// Sends what comes, for ever.
pub async fn send(core: Arc<Core>) {
    let http = reqwest::Client::builder().timeout(TIMEOUT).build().expect("a client without settings");
    loop {
        match core.webhooks.next() {
            Some((event, url)) => {
                deliver(&core, &http, &event, &url).await;
                core.webhooks.inner().sending = false;
            }
            None => core.webhooks.wake.notified().await,
        }
    }
}

async fn deliver(core: &Core, http: &reqwest::Client, id: &str, url: &str) {
    let Some(event) = core.state().find(id).cloned() else { return };
    let body = event.to_string();
    let mut said = String::new();
    for attempt in 1..=ATTEMPTS {
        let signature = core.webhooks.sign(body.as_bytes(), core.state().now());
        let request = http.post(url).header("content-type", "application/json; charset=utf-8");
        let request = request.header("stripe-signature", signature).body(body.clone());
        said = match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                return keep(core, &event, attempt, answer.status().as_str(), true);
            }
            Ok(answer) => answer.status().to_string(),
            Err(error) => error.without_url().to_string(),
        };
        let pause = Duration::from_millis(100) * 2_u32.pow(attempt - 1);
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
    }
    keep(core, &event, ATTEMPTS, &said, false);
}

fn keep(core: &Core, event: &Value, attempts: u32, said: &str, taken: bool) {
    core.change(|state| {
        let mut event = event.clone();
        event["pending_webhooks"] = json!(u8::from(!taken));
        let id = format!("delivery:{}", super::id_of(&event));
        let before = state.find(&id).and_then(|delivery| delivery["attempts"].as_u64()).unwrap_or_default();
        state.put(json!({
            "object": "sandbox.delivery", "id": id, "event": event["id"], "type": event["type"],
            "attempts": before + u64::from(attempts), "last": said, "taken": taken,
        }));
        state.put(event);
    });
}
