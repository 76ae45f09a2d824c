//! Mail: what a letter says is in `texts`, and by which way it goes in `smtp`, `resend` or, without either, a folder.

mod answers;
mod breaker;
mod resend;
mod smtp;
mod texts;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use futures_util::future::BoxFuture;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use lettre::{Address, AsyncFileTransport, AsyncTransport, Message, Tokio1Executor};
use minijinja::{Environment, Value};

use crate::config::MailConfig;
use resend::Resend;
use smtp::Smtp;

/// One mail to one person.
#[derive(Debug)]
pub struct Letter {
    /// Becomes the `Message-ID`, and the key under which a provider takes the mail once.
    pub id: String,
    pub to: String,
    /// Name of a template, without language and extension.
    pub template: &'static str,
    pub locale: String,
    pub facts: Value,
    /// The one line of the text that becomes a link: what people write never does.
    pub link: String,
    /// An entry of a calendar that goes with it.
    pub calendar: Option<String>,
    /// Where its reader says that they want no more of its kind.
    pub unsubscribe: Option<Unsubscribe>,
}

#[derive(Clone, Debug)]
pub struct Unsubscribe {
    /// For people.
    pub page: String,
    /// For their mail programs (RFC 8058), where it is known how the API is reached.
    pub one_click: Option<String>,
}

/// A letter in its last words, for whichever way it goes.
#[derive(Debug)]
pub struct Rendered {
    pub key: String,
    pub message_id: String,
    pub from: Mailbox,
    pub to: Address,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub unsubscribe: Option<Unsubscribe>,
    pub calendar: Option<String>,
}

/// Why a letter was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum MailError {
    /// Its address takes no mail, and would take the next one no better.
    Bounced(String),
    /// No repetition can help this letter; its address is not at fault.
    Refused(String),
    /// Not now.
    Later(String),
    /// Who should take it is away, or takes nothing from us: it says nothing of the letter.
    Away { back_in: Duration, why: String },
}

/// A way for letters.
trait Transport: Debug + Send + Sync {
    fn send<'m>(&'m self, mail: &'m Rendered) -> BoxFuture<'m, Result<(), MailError>>;
}

#[derive(Debug)]
pub struct Mailer {
    transport: Arc<dyn Transport>,
    texts: Environment<'static>,
    from: Mailbox,
    frontend_url: String,
    api_url: String,
}

impl Mailer {
    pub fn new(config: &MailConfig, clock: &Clock) -> io::Result<Self> {
        let from = config.mail_from.parse().map_err(|error| invalid("MAIL_FROM", error))?;
        let transport: Arc<dyn Transport> = match (config.smtp_url.as_str(), config.resend_api_key.as_str()) {
            ("", "") if config.mail_dir.is_empty() => {
                return Err(invalid(
                    "SMTP_URL, RESEND_API_KEY",
                    "one of the two is needed, or else MAIL_DIR",
                ));
            }
            ("", "") => Arc::new(Folder::new(&config.mail_dir)?),
            (url, "") => Arc::new(Smtp::new(url, clock.clone()).map_err(|error| invalid("SMTP_URL", error))?),
            ("", key) => Arc::new(Resend::new(key, &config.resend_api_base, clock.clone())?),
            _ => return Err(invalid("SMTP_URL, RESEND_API_KEY", "mails go one way: set one of the two")),
        };
        let base = |url: &str| url.trim_end_matches('/').to_owned();
        let (frontend_url, api_url) = (base(&config.frontend_url), base(&config.api_url));
        Ok(Self { transport, texts: texts::environment(), from, frontend_url, api_url })
    }

    pub fn frontend_url(&self) -> &str {
        &self.frontend_url
    }

    pub fn unsubscribe(&self, token: &str) -> Unsubscribe {
        let api = Some(&self.api_url).filter(|url| !url.is_empty());
        Unsubscribe {
            page: format!("{}/unsubscribe?token={token}", self.frontend_url),
            one_click: api.map(|url| format!("{url}/api/v1/notifications/unsubscribe?token={token}")),
        }
    }

    pub async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let rendered = self.render(letter).map_err(MailError::Refused)?;
        self.transport.send(&rendered).await
    }

    fn render(&self, letter: Letter) -> Result<Rendered, String> {
        let texts::Words { subject, text, html } = texts::render(&self.texts, &letter)?;
        Ok(Rendered {
            message_id: format!("<{}@{}>", letter.id, self.from.email.domain()),
            from: self.from.clone(),
            to: letter.to.parse().map_err(|error| format!("recipient: {error}"))?,
            subject,
            text,
            html,
            key: letter.id,
            unsubscribe: letter.unsubscribe,
            calendar: letter.calendar,
        })
    }
}

impl Rendered {
    /// Headers beside those of every mail. No holiday answers; and who wants no more of it has one click (RFC 8058).
    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Auto-Submitted", "auto-generated".to_owned())];
        match &self.unsubscribe {
            Some(Unsubscribe { one_click: Some(url), .. }) => {
                headers.push(("List-Unsubscribe", format!("<{url}>")));
                headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()));
            }
            Some(Unsubscribe { page, .. }) => headers.push(("List-Unsubscribe", format!("<{page}>"))),
            None => {}
        }
        headers
    }

    /// As RFC 5322 writes it.
    fn message(&self) -> Result<Message, String> {
        let body = MultiPart::alternative_plain_html(self.text.clone(), self.html.clone());
        let body = match &self.calendar {
            None => body,
            Some(entry) => {
                let kind = CALENDAR.parse().map_err(|error| format!("{error}"))?;
                let entry = Attachment::new(CALENDAR_FILE.into()).body(entry.clone(), kind);
                MultiPart::mixed().multipart(body).singlepart(entry)
            }
        };
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, self.to.clone()))
            .subject(self.subject.clone())
            .message_id(Some(self.message_id.clone()))
            .multipart(body)
            .map_err(|error| error.to_string())?;
        for (name, value) in self.headers() {
            message.headers_mut().insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
        }
        Ok(message)
    }
}

const CALENDAR: &str = "text/calendar; charset=utf-8";
const CALENDAR_FILE: &str = "sociopulse.ics";

/// The sandbox: a folder that `make run` shows.
#[derive(Debug)]
struct Folder(AsyncFileTransport<Tokio1Executor>);

impl Folder {
    fn new(path: &str) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self(AsyncFileTransport::new(path)))
    }
}

impl Transport for Folder {
    fn send<'m>(&'m self, mail: &'m Rendered) -> BoxFuture<'m, Result<(), MailError>> {
        Box::pin(async move {
            let message = mail.message().map_err(MailError::Refused)?;
            self.0.send(message).await.map(drop).map_err(|error| MailError::Later(error.to_string()))
        })
    }
}

fn invalid(variable: &str, error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{variable}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_go_one_way() {
        let with = |smtp: &str, resend: &str, folder: &str| {
            let folder = if folder.is_empty() { "" } else { &std::env::temp_dir().display().to_string() };
            let config = MailConfig {
                smtp_url: smtp.into(),
                resend_api_key: resend.into(),
                mail_dir: folder.into(),
                ..MailConfig::folder("")
            };
            Mailer::new(&config, &Clock::default()).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(with("", "", "folder"), Ok(()));
        assert_eq!(with("smtp://127.0.0.1:25", "", ""), Ok(()));
        assert_eq!(with("", "re_123", "folder"), Ok(()));
        for (smtp, resend, wrong) in
            [("smtp://127.0.0.1", "re_123", "one way"), ("", "", "is needed"), ("http://x", "", "SMTP_URL")]
        {
            let error = with(smtp, resend, "").unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn headers_say_how_to_unsubscribe_where_one_may() {
        let config = MailConfig { api_url: "https://api.example/".into(), ..MailConfig::folder("") };
        let config = MailConfig { mail_dir: std::env::temp_dir().display().to_string(), ..config };
        let mailer = Mailer::new(&config, &Clock::default()).unwrap();
        let token = "0199f2d45d4e7c3b8a216f0d9be1c2a7.UNREAD_MESSAGES.0123456789abcdef0123456789abcdef";
        let written = |unsubscribe| {
            let letter = Letter { unsubscribe, ..texts::tests::letter("unread-messages", "fr") };
            String::from_utf8(mailer.render(letter).unwrap().message().unwrap().formatted()).unwrap()
        };
        let headers = |mail: String| mail.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
        let with = headers(written(Some(mailer.unsubscribe(token))));
        let url = format!("<https://api.example/api/v1/notifications/unsubscribe?token={token}>");
        let header = |name: &str| with.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        assert_eq!(header("List-Unsubscribe:"), Some(url.as_str()));
        assert_eq!(header("List-Unsubscribe-Post:"), Some("List-Unsubscribe=One-Click"));
        assert_eq!(header("Auto-Submitted:"), Some("auto-generated"));
        assert!(!headers(written(None)).contains("Unsubscribe"));
    }
}
