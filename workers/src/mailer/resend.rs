//! Resend over HTTP: one request for one mail, which it takes once under the key of its job.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use domain::Clock;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};

use super::breaker::Breaker;
use super::{CALENDAR, CALENDAR_FILE, MailError, Rendered, Transport, invalid};
use crate::retry_after;

/// With whatever Resend does before it answers.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// An answer holds an id, or a reason.
const LARGEST_ANSWER: usize = 64 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug)]
pub struct Resend {
    http: reqwest::Client,
    emails: Url,
    breaker: Breaker,
    clock: Clock,
}

/// `POST /emails`, as far as we use it.
#[derive(Serialize)]
struct NewEmail<'m> {
    from: String,
    to: [String; 1],
    subject: &'m str,
    html: &'m str,
    text: &'m str,
    headers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<NewAttachment>,
}

#[derive(Serialize)]
struct NewAttachment {
    filename: &'static str,
    content: String,
    content_type: &'static str,
}

/// Why not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    name: String,
    message: String,
}

impl Resend {
    pub fn new(key: &str, base: &str, clock: Clock) -> io::Result<Self> {
        let emails = format!("{}/emails", base.trim_end_matches('/'));
        let emails = Url::parse(&emails).map_err(|error| invalid("RESEND_API_BASE", error))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| invalid("RESEND_API_KEY", "not a key of Resend (re_…)"))?;
        bearer.set_sensitive(true);
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("sociopulse/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { http, emails, breaker: Breaker::new(clock.clone()), clock })
    }

    async fn send(&self, mail: &Rendered) -> Result<(), MailError> {
        self.breaker.check()?;
        let request = self.http.post(self.emails.clone()).header(IDEMPOTENCY_KEY, &mail.key);
        let response = match request.json(&NewEmail::of(mail)).send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Err(self.breaker.failed(None, said(error))),
            // Perhaps it was taken; under its key it is not taken twice.
            Err(error) => return Err(MailError::Later(said(error))),
        };
        let status = response.status();
        if status.is_success() {
            self.breaker.succeeded();
            return Ok(());
        }
        let pause = retry_after::asked(response.headers(), self.clock.now());
        let refusal = read(response).await;
        let why = format!("Resend: {} {} {}", status.as_u16(), refusal.name, refusal.message);
        match judge(status, &refusal.name) {
            Verdict::Taken => Ok(()),
            Verdict::Away => Err(self.breaker.failed(pause, why)),
            Verdict::Later => Err(MailError::Later(why)),
            Verdict::Refused => Err(MailError::Refused(why)),
        }
    }
}

impl Transport for Resend {
    fn send<'m>(&'m self, mail: &'m Rendered) -> BoxFuture<'m, Result<(), MailError>> {
        Box::pin(self.send(mail))
    }
}

impl<'m> NewEmail<'m> {
    fn of(mail: &'m Rendered) -> Self {
        let mut headers: BTreeMap<_, _> = mail.headers().into_iter().collect();
        headers.insert("Message-ID", mail.message_id.clone());
        let attachment = |entry: &String| NewAttachment {
            filename: CALENDAR_FILE,
            content: BASE64_STANDARD.encode(entry),
            content_type: CALENDAR,
        };
        Self {
            from: mail.from.to_string(),
            to: [mail.to.to_string()],
            subject: &mail.subject,
            html: &mail.html,
            text: &mail.text,
            headers,
            attachments: mail.calendar.iter().map(attachment).collect(),
        }
    }
}

fn said(error: reqwest::Error) -> String {
    format!("Resend is away: {}", error.without_url())
}

/// What it says for itself; an answer that is no refusal of Resend's says nothing.
async fn read(mut response: reqwest::Response) -> Refusal {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return Refusal::default();
        }
    }
    serde_json::from_slice(&body).unwrap_or_default()
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Away,
    Later,
    Refused,
}

fn judge(status: StatusCode, name: &str) -> Verdict {
    match status.as_u16() {
        // An earlier try was taken whose answer was lost; this one has other words, such as another token.
        409 if name == "invalid_idempotent_request" => Verdict::Taken,
        // Our rate or quota, our key, our domain, or Resend itself: the same for every mail.
        429 | 401 | 403 | 404 | 405 | 502..=504 => Verdict::Away,
        400 | 413 | 422 => Verdict::Refused,
        _ => Verdict::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_about_the_mail_or_about_us() {
        for (status, name, verdict) in [
            (400, "validation_error", Verdict::Refused),
            (401, "missing_api_key", Verdict::Away),
            (403, "validation_error", Verdict::Away),
            (409, "invalid_idempotent_request", Verdict::Taken),
            (409, "concurrent_idempotent_requests", Verdict::Later),
            (422, "validation_error", Verdict::Refused),
            (429, "rate_limit_exceeded", Verdict::Away),
            (429, "daily_quota_exceeded", Verdict::Away),
            (500, "application_error", Verdict::Later),
            (503, "", Verdict::Away),
        ] {
            assert_eq!(judge(StatusCode::from_u16(status).unwrap(), name), verdict, "{status} {name}");
        }
    }
}
