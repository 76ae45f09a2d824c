//! The mails of the sandbox, on a page for whoever tries the platform out. It knows no guard: it is there only where a setting names
//! the folder, and never beyond this machine.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use mail_parser::{Message, MessageParser};
use poem::http::header::CONTENT_SECURITY_POLICY;
use poem::web::{Data, Html, Path};
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler};

use crate::config::Config;
use crate::error::ApiError;

/// Mails on the page; the latest.
const MOST: usize = 200;

/// A folder of mails.
#[derive(Clone, Debug)]
pub struct Mailbox(Arc<PathBuf>);

impl Mailbox {
    /// The folder that is named, if one is; refused where others could look into it.
    pub fn open(config: &Config) -> io::Result<Option<Self>> {
        if config.dev_mailbox.is_empty() {
            return Ok(None);
        }
        let address = config.host.parse::<IpAddr>();
        let is_here = address.map_or(config.host == "localhost", |address| address.is_loopback());
        if !is_here || config.stripe.is_live() {
            let why = "DEV_MAILBOX shows everybody's mails to everybody: only on 127.0.0.1, and not where money is real";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Some(Self(Arc::new(config.dev_mailbox.clone().into()))))
    }

    /// Names of the mails, the latest first.
    fn list(&self) -> Vec<String> {
        let files = std::fs::read_dir(&*self.0).into_iter().flatten().flatten();
        let mut mails: Vec<(SystemTime, String)> = files
            .filter_map(|file| {
                let name = file.file_name().to_str()?.strip_suffix(".eml")?.to_owned();
                Some((file.metadata().ok()?.modified().ok()?, name))
            })
            .collect();
        mails.sort_unstable_by(|a, b| b.cmp(a));
        mails.into_iter().take(MOST).map(|(_, name)| name).collect()
    }

    /// One mail as it was sent; nothing from beyond the folder.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_name.then(|| std::fs::read(self.0.join(format!("{name}.eml"))).ok()).flatten()
    }
}

/// The pages, where there is a mailbox.
pub fn mount(route: Route, mailbox: Option<Mailbox>) -> Route {
    let Some(mailbox) = mailbox else { return route };
    route
        .at("/dev/mailbox", get(list_mails).data(mailbox.clone()))
        .at("/dev/mailbox/:name", get(show_mail).data(mailbox.clone()))
        .at("/dev/mailbox/:name/page", get(show_page).data(mailbox))
}

/// Files are read where waiting for a disk holds nobody up.
async fn parsed<T: Send + 'static>(
    mailbox: &Mailbox,
    name: String,
    show: impl FnOnce(&str, &Message<'_>) -> T + Send + 'static,
) -> poem::Result<T> {
    let mailbox = mailbox.clone();
    let shown = tokio::task::spawn_blocking(move || {
        let mail = mailbox.read(&name)?;
        MessageParser::default().parse(&mail).map(|message| show(&name, &message))
    });
    let shown = shown.await.map_err(|error| ApiError::Internal(error.to_string()))?;
    shown.ok_or_else(|| ApiError::NotFound { what: "mail" }.into())
}

#[handler]
async fn list_mails(mailbox: Data<&Mailbox>) -> poem::Result<Response> {
    let mailbox = mailbox.0.clone();
    let rows = tokio::task::spawn_blocking(move || {
        let row = |name: String| {
            let mail = mailbox.read(&name)?;
            let message = MessageParser::default().parse(&mail)?;
            let sent = message.date().map(|date| date.to_rfc3339()).unwrap_or_default();
            let (to, subject) = (escape(&recipient(&message)), escape(message.subject().unwrap_or_default()));
            Some(format!(
                "<tr><td>{}<td>{to}<td><a href=\"/dev/mailbox/{name}\">{subject}</a>",
                escape(&sent)
            ))
        };
        mailbox.list().into_iter().filter_map(row).collect::<String>()
    });
    let rows = rows.await.map_err(|error| ApiError::Internal(error.to_string()))?;
    let body = match rows.is_empty() {
        true => "<p>No mail yet.".to_owned(),
        false => format!("<table><tr><th>sent<th>to<th>subject{rows}</table>"),
    };
    Ok(page("Mails of the sandbox", &body))
}

#[handler]
async fn show_mail(mailbox: Data<&Mailbox>, Path(name): Path<String>) -> poem::Result<Response> {
    parsed(&mailbox, name, |name, message| {
        let headers: String = message
            .headers_raw()
            .map(|(header, value)| format!("<tr><th>{}<td>{}", escape(header), escape(value.trim())))
            .collect();
        let subject = message.subject().unwrap_or_default();
        let text = message.body_text(0).unwrap_or_default();
        let text: String = text.lines().map(line).collect();
        let body = format!(
            "<p><a href=\"/dev/mailbox\">all mails</a><table>{headers}</table>\
             <h2>Page</h2><iframe title=\"The mail's page\" src=\"/dev/mailbox/{name}/page\" \
             sandbox=\"allow-popups allow-popups-to-escape-sandbox\"></iframe><h2>Text</h2><pre>{text}</pre>"
        );
        page(subject, &body)
    })
    .await
}

/// The mail's own page, which may nothing: no script, no picture from elsewhere, no form. Links open beside it.
#[handler]
async fn show_page(mailbox: Data<&Mailbox>, Path(name): Path<String>) -> poem::Result<Response> {
    const NOTHING: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                           style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'";
    parsed(&mailbox, name, |_, message| {
        let html = message.body_html(0).unwrap_or_default();
        let html = html.replacen("<head>", "<head><base target=\"_blank\">", 1);
        Html(html).with_header(CONTENT_SECURITY_POLICY, NOTHING).into_response()
    })
    .await
}

fn page(title: &str, body: &str) -> Response {
    const OURS: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; \
                        form-action 'none'; frame-ancestors 'none'";
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>:root{{color-scheme:light dark}}body{{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}}\
         th,td{{padding:.2em 1em .2em 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}}th{{font-weight:600;white-space:nowrap}}\
         iframe{{width:100%;height:36em;border:1px solid #888}}pre{{white-space:pre-wrap;overflow-wrap:anywhere}}</style>\
         <h1>{title}</h1>{body}"
    );
    Html(html).with_header(CONTENT_SECURITY_POLICY, OURS).into_response()
}

/// A line of a text, as a link where it is one.
fn line(line: &str) -> String {
    let text = escape(line);
    match line.starts_with("https://") || line.starts_with("http://") {
        true => format!("<a href=\"{text}\" target=\"_blank\" rel=\"noreferrer\">{text}</a>\n"),
        false => text + "\n",
    }
}

fn recipient(message: &Message<'_>) -> String {
    let to = message.to().and_then(|to| to.first()).and_then(|to| to.address());
    to.unwrap_or_default().to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
