//! Mails as their readers see them.

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::world::World;

#[derive(Debug)]
pub struct Letter {
    pub to: String,
    pub id: String,
    pub subject: String,
    /// The part without markup.
    pub text: String,
    /// Unfolded.
    headers: String,
}

impl Letter {
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.headers, name)
    }
}

/// All that were sent, in no order.
pub fn letters(world: &World) -> Vec<Letter> {
    world.mails().iter().map(|mail| read(mail)).collect()
}

pub fn read(mail: &str) -> Letter {
    let (headers, body) = mail.split_once("\r\n\r\n").unwrap();
    let header = |name| header(headers, name).unwrap_or_else(|| panic!("no {name}: {headers}"));
    // The first part of two, or of two within the first of two.
    let (mut part, mut text) = body.split_once("\r\n\r\n").unwrap();
    if part.contains("multipart/alternative") {
        (part, text) = text.split_once("\r\n\r\n").unwrap();
    }
    let (text, _) = text.split_once("\r\n--").unwrap();
    let text = match self::header(part, "Content-Transfer-Encoding").as_deref() {
        Some("quoted-printable") => {
            quoted_printable::decode(text, quoted_printable::ParseMode::Robust).unwrap()
        }
        Some("base64") => BASE64_STANDARD.decode(text.replace("\r\n", "")).unwrap(),
        _ => text.as_bytes().to_vec(),
    };
    Letter {
        to: header("To"),
        id: header("Message-ID"),
        subject: words(&header("Subject")),
        text: String::from_utf8(text).unwrap().replace("\r\n", "\n"),
        headers: headers.replace("\r\n ", " "),
    }
}

/// A header, unfolded.
fn header(headers: &str, name: &str) -> Option<String> {
    let headers = headers.replace("\r\n ", " ");
    headers.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.trim().to_owned()))
}

/// Plain words, and such in the encoding of RFC 2047, which the mailer writes in base64. Between two of those a space is none.
fn words(header: &str) -> String {
    let mut text = String::new();
    let mut glued = true;
    for word in header.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        if !(text.is_empty() || glued && encoded.is_some()) {
            text.push(' ');
        }
        match encoded {
            Some(encoded) => text += &String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap(),
            None => text += word,
        }
        glued = encoded.is_some();
    }
    text
}
