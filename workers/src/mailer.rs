//! Mail: templates, and SMTP through lettre. Without a server, a folder.

use std::io;

use lettre::message::{Attachment, Mailbox, MultiPart};
use lettre::transport::smtp;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use minijinja::{Environment, Value};

use crate::config::MailConfig;

/// One mail to one person.
#[derive(Debug)]
pub struct Letter {
    /// Becomes the `Message-ID`.
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
}

#[derive(Debug)]
pub enum MailError {
    /// No repetition can help: the address or the text is at fault (SMTP 5xx).
    Refused(String),
    /// The server is away or said "not now" (SMTP 4xx).
    Later(String),
}

#[derive(Debug)]
pub struct Mailer {
    transport: Transport,
    templates: Environment<'static>,
    from: Mailbox,
    frontend_url: String,
}

#[derive(Debug)]
enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(AsyncFileTransport<Tokio1Executor>),
}

impl Mailer {
    pub fn new(config: &MailConfig) -> io::Result<Self> {
        let from = config.mail_from.parse().map_err(|error| invalid("MAIL_FROM", error))?;
        let transport = match config.smtp_url.as_str() {
            "" => {
                std::fs::create_dir_all(&config.mail_dir)?;
                Transport::Folder(AsyncFileTransport::new(&config.mail_dir))
            }
            url => {
                let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|error| invalid("SMTP_URL", error))?;
                Transport::Smtp(smtp.timeout(Some(std::time::Duration::from_secs(30))).build())
            }
        };
        let frontend_url = config.frontend_url.trim_end_matches('/').to_owned();
        Ok(Self { transport, templates: templates(), from, frontend_url })
    }

    pub fn frontend_url(&self) -> &str {
        &self.frontend_url
    }

    pub async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let message = self.render(&letter).map_err(MailError::Refused)?;
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(message).await.map(drop).map_err(classify),
            Transport::Folder(folder) => {
                folder.send(message).await.map(drop).map_err(|error| MailError::Later(error.to_string()))
            }
        }
    }

    fn render(&self, letter: &Letter) -> Result<Message, String> {
        let locale = if letter.locale == "en" { "en" } else { "fr" };
        let template = |extension| {
            let name = format!("{}.{locale}.{extension}", letter.template);
            self.templates
                .get_template(&name)
                .and_then(|t| t.render(&letter.facts))
                .map_err(|error| format!("{error:#}"))
        };
        let text = template("txt")?;
        // The first line of the text is the subject: one file says all of a mail.
        let (subject, text) =
            text.split_once("\n\n").ok_or("a text template is a subject, an empty line and a body")?;
        let html = minijinja::render!(in self.templates, LAYOUT, subject, link => letter.link, paragraphs => paragraphs(text));
        let host = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(letter.to.parse().map_err(|error| format!("recipient: {error}"))?)
            .subject(subject.trim())
            .message_id(Some(format!("<{}@{host}>", letter.id)))
            .multipart(match &letter.calendar {
                None => MultiPart::alternative_plain_html(text.to_owned(), html),
                Some(entry) => MultiPart::mixed()
                    .multipart(MultiPart::alternative_plain_html(text.to_owned(), html))
                    .singlepart(
                        Attachment::new("sociopulse.ics".into())
                            .body(entry.clone(), CALENDAR.parse().map_err(|error| format!("{error}"))?),
                    ),
            })
            .map_err(|error| error.to_string())
    }
}

fn invalid(variable: &str, error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{variable}: {error}"))
}

fn classify(error: smtp::Error) -> MailError {
    match error.is_permanent() {
        true => MailError::Refused(error.to_string()),
        false => MailError::Later(error.to_string()),
    }
}

/// The blocks of a text, each a list of lines.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    text.split("\n\n")
        .map(|block| block.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
        .collect()
}

const CALENDAR: &str = "text/calendar; charset=utf-8";

/// Escapes everything: names and titles come from people.
const LAYOUT: &str = r#"<!doctype html>
<html><head><meta charset="utf-8"><title>{{ subject|e }}</title></head>
<body style="margin:0;background:#f4f5f7;font-family:Helvetica,Arial,sans-serif;color:#1c2733">
<div style="max-width:560px;margin:24px auto;padding:32px;background:#fff;border-radius:8px;line-height:1.5">
<p style="margin:0 0 24px;font-weight:bold;color:#0b6e4f">SocioPulse</p>
{% for lines in paragraphs %}<p>{% for line in lines %}{% if line == link %}<a href="{{ line|e }}" style="color:#0b6e4f">{{ line|e }}</a>{% else %}{{ line|e }}{% endif %}{% if not loop.last %}<br>{% endif %}{% endfor %}</p>
{% endfor %}</div></body></html>"#;

fn templates() -> Environment<'static> {
    let mut environment = Environment::new();
    // A text with a hole is not sent.
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for (name, source) in TEXTS {
        #[expect(clippy::expect_used, reason = "the texts are part of the program; a test renders each")]
        environment.add_template(name, source).expect("a template parses");
    }
    environment
}

macro_rules! texts {
    ($($name:literal),+ $(,)?) => {
        &[$((concat!($name, ".fr.txt"), include_str!(concat!("templates/", $name, ".fr.txt"))),
            (concat!($name, ".en.txt"), include_str!(concat!("templates/", $name, ".en.txt")))),+]
    };
}

const TEXTS: &[(&str, &str)] = texts![
    "mission-invitation",
    "mission-assigned",
    "assignment-confirmed",
    "security-alert",
    "verify-email",
    "email-change-old",
    "email-change-new",
    "password-reset",
    "password-changed",
    "new-device",
    "site-invitation",
    "site-invitation-reminder",
    "account-suspended",
    "account-banned",
    "account-unbanned",
    "assignment-withdrawn",
    "application-received",
    "application-rejected",
    "mission-changed",
    "mission-cancelled",
    "cancellation-confirmed",
    "mission-expired",
    "mission-unfilled",
    "critical-mission",
    "message-reported",
    "unread-messages",
    "notice",
    "money-alert",
    "points-alert",
    "signature-code"
];

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    fn letter(template: &'static str, locale: &str) -> Letter {
        let facts = context! {
            first_name => "Zoé", title => "Renfort <b>nuit</b>", body => "Avis de <b>nuit</b>", what => "Écart <b>nuit</b>", detail => "12,75 €", cause => "refund:1", city => "Nîmes", start => "lundi 2 mars 2026 à 20 h 00",
            end => "06 h 00", hourly_rate => "25,50 €", price => "12,75 €", expires => "mardi 3 mars 2026 à 20 h 00", old_email => "a@example.org",
            new_email => "b@example.org", site => "EHPAD <b>nuit</b>", inviter => "Léa Durand", is_new => true,
            device => "<b>nuit</b>", address => "203.0.113.9", at => "lundi 2 mars 2026 à 20 h 00", reason => "<b>nuit</b>", report => "0199f2d4", code => "012345", reference => "CTR-2026-0001", count => 3, link => "https://sociopulse.test/x?a=1&b=2",
        };
        Letter {
            calendar: None,
            link: "https://sociopulse.test/x?a=1&b=2".into(),
            id: "job-1".into(),
            to: "zoe@example.org".into(),
            template,
            locale: locale.into(),
            facts,
        }
    }

    #[test]
    fn every_mail_renders_in_both_languages_and_escapes() {
        let mailer = Mailer::new(&MailConfig::folder(std::env::temp_dir())).unwrap();
        let templates = TEXTS.iter().filter_map(|(name, _)| name.strip_suffix(".fr.txt"));
        for template in templates {
            for locale in ["fr", "en"] {
                let bytes = mailer.render(&letter(template, locale)).unwrap().formatted();
                let text = String::from_utf8_lossy(&bytes);
                assert!(text.contains("Message-ID: <job-1@sociopulse.test>") && text.contains("Subject: "));
                let (_, html) = text.split_once("text/html").unwrap();
                assert!(!html.contains("<b>nuit"), "{template}.{locale} lets markup through");
            }
        }
    }
}
