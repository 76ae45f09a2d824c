//! Shapes that several resources share.

use std::borrow::Cow;
use std::sync::LazyLock;

use domain::page::{Cursor, Page};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use poem_openapi::validation::{Validator, ValidatorMeta};
use regex::Regex;
use serde_json::Value;

use crate::error::ApiError;

/// Chapters of the reference.
#[derive(Clone, Copy, Debug, poem_openapi::Tags)]
#[oai(rename_all = "lowercase")]
pub enum Tag {
    /// Accounts and sessions.
    Auth,
    /// Profiles, establishments and the reference of professions.
    People,
    /// Missions, who fits them, invitations.
    Matching,
    /// Conversations; live over the WebSocket, history here.
    Messages,
    /// What one is told in the app.
    Notifications,
    /// For admins.
    Admin,
}

/// Items of a page by default and at most.
pub const LIMIT: i64 = 20;
pub const MOST: i64 = 100;

pub fn page(cursor: Option<&Text>, limit: Option<i64>) -> Result<Page, ApiError> {
    let after = match cursor {
        None => None,
        Some(text) => {
            Some(Cursor::decode(&text.0).ok_or_else(|| ApiError::invalid("cursor", "not a cursor of ours"))?)
        }
    };
    Ok(Page { after, limit: limit.unwrap_or(LIMIT) })
}

pub fn next(cursor: Option<Cursor>) -> Option<String> {
    cursor.map(Cursor::encode)
}

macro_rules! mirror {
    ($($(#[$doc:meta])* $name:ident = $remote:path { $($variant:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, poem_openapi::Enum)]
        #[oai(rename_all = "SCREAMING_SNAKE_CASE", remote = $remote)]
        pub enum $name {
            $($variant),+
        }
    )+};
}

pub(crate) use mirror;

mirror! {
    Role = domain::users::Role { Client, Talent, Admin }
    Status = domain::users::Status { Pending, Verified, Suspended, Banned, PendingInvite, Invited }
    ClientType = domain::users::ClientType { Particular, Establishment }
    SiteRole = domain::members::SiteRole { Owner, Manager, Viewer }
    ComplianceStatus = domain::users::ComplianceStatus { Pending, Submitted, Validated, Rejected, Expired }
}

/// A string of a request: never made from a number or a boolean, as poem-openapi's own would be, and without control
/// characters; one of them, U+0000, PostgreSQL could not even store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl Text {
    fn check(text: String) -> ParseResult<Self> {
        match is_plain(&text) {
            true => Ok(Self(text)),
            false => Err(ParseError::custom("must not contain control characters")),
        }
    }
}

/// Without control characters, but for line breaks and tabs.
pub fn is_plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

pub fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Type for Text {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        String::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Text {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Self::check(text),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl ToJSON for Text {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

impl ParseFromParameter for Text {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Self::check(value.to_owned())
    }
}

/// A pattern that texts must match, compiled once; poem-openapi's own compiles it at each request.
pub struct Form {
    pattern: &'static str,
    regex: LazyLock<Regex>,
}

macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = $pattern:literal;)+) => {$(
        $(#[$doc])*
        pub static $name: Form = Form {
            pattern: $pattern,
            #[allow(clippy::expect_used, reason = "part of the program; a test compiles each")]
            regex: LazyLock::new(|| Regex::new($pattern).expect("a pattern compiles")),
        };
    )+
        #[cfg(test)]
        static FORMS: &[&Form] = &[$(&$name),+];
    };
}

forms! {
    /// An address that a mail server takes: dots only between characters, labels of at most 63.
    EMAIL = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$";
    PHONE = r"^\+?[0-9][0-9 .]{4,18}[0-9]$";
    POSTAL_CODE = r"^[0-9]{5}$";
    SIRET = r"^[0-9]{14}$";
    TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$";
    HTTP_URL = r"^https?://[^\s]+$";
}

/// Validator: the text has this form. `#[oai(validator(custom = "wire::Like(&wire::EMAIL)"))]`
pub struct Like(pub &'static Form);

impl std::fmt::Display for Like {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pattern({})", self.0.pattern)
    }
}

impl Validator<Text> for Like {
    fn check(&self, text: &Text) -> bool {
        self.0.regex.is_match(&text.0)
    }
}

/// Validator: an address that mail can be sent to; what stands before the @ has at most 64 characters (RFC 5321).
pub struct Mailbox;

impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mailbox(at most 64 characters before the @)")
    }
}

impl Validator<Text> for Mailbox {
    fn check(&self, text: &Text) -> bool {
        text.0.find('@').is_some_and(|at| at <= 64) && EMAIL.regex.is_match(&text.0)
    }
}

impl ValidatorMeta for Mailbox {
    fn update_meta(&self, meta: &mut MetaSchema) {
        meta.pattern = Some(EMAIL.pattern.to_owned());
    }
}

impl ValidatorMeta for Like {
    fn update_meta(&self, meta: &mut MetaSchema) {
        meta.pattern = Some(self.0.pattern.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_made_from_other_things() {
        assert_eq!(Text::parse_from_json(Some("x".into())).unwrap().0, "x");
        assert!(Text::parse_from_json(Some(1.into())).is_err());
        assert!(Text::parse_from_json(Some(true.into())).is_err());
        assert!(Text::parse_from_json(Some("a\0b".into())).is_err());
        assert!(Text::parse_from_parameter("a\0b").is_err());
    }

    #[test]
    fn every_form_compiles() {
        assert!(FORMS.iter().all(|form| !form.regex.is_match("\u{661}\u{662}\u{663}\u{664}\u{665}")));
        assert!(
            EMAIL.regex.is_match("zoe.martin+test@example.org") && !EMAIL.regex.is_match("zoe@localhost")
        );
    }
}
