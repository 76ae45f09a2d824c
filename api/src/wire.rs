//! Shapes that several resources share.

use std::borrow::Cow;
use std::sync::LazyLock;

pub use domain::messages::is_plain;
use domain::page::{Cursor, Page};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
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
    /// Missions while they take place: instructions, start, report and whether it was accepted, and what can be seen of all that.
    Hub,
    /// Quotes, contracts and their signatures.
    Contracts,
    /// Services, their bookings, video sessions.
    Bookings,
    /// Conversations; live over the WebSocket, history here.
    Messages,
    /// Points, levels, tags and referrals.
    Growth,
    /// What one is told in the app.
    Notifications,
    /// Paying, being paid, giving back; invoices, and what they say.
    Payments,
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

/// The answer that says no more than that it was done.
#[derive(poem_openapi::ApiResponse)]
pub enum Done {
    /// Done
    #[oai(status = 204)]
    NoContent,
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

pub fn strings(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

/// What a string of its own type is to poem-openapi; `check` decides.
macro_rules! text_type {
    ($name:ident, $schema:expr) => {
        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                String::name()
            }

            fn schema_ref() -> MetaSchemaRef {
                $schema
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                match value.unwrap_or_default() {
                    Value::String(text) => Self::check(text),
                    other => Err(ParseError::expected_type(other)),
                }
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String(self.0.clone()))
            }
        }
    };
}

text_type!(Text, String::schema_ref());

impl ParseFromParameter for Text {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Self::check(value.to_owned())
    }
}

/// A day of the calendar: `2026-03-02`. poem-openapi's own has a format that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub time::Date);

impl Type for Day {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_date".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Day {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let form = time::macros::format_description!("[year]-[month]-[day]");
        match value.unwrap_or_default() {
            Value::String(text) => time::Date::parse(&text, form).map(Self).map_err(ParseError::custom),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl ToJSON for Day {
    fn to_json(&self) -> Option<Value> {
        // As `time` writes it.
        Some(Value::String(self.0.to_string()))
    }
}

/// Texts of a form: pattern and length stand in the document, and are what the parser asks. Types, because
/// poem-openapi leaves custom validators out of the document.
macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = at most $most:literal, $pattern:literal $(, $further:expr)?;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name(pub String);

            impl $name {
                const PATTERN: &str = $pattern;

                fn fits(text: &str) -> bool {
                    #[allow(clippy::expect_used, reason = "part of the program; a test compiles each")]
                    static REGEX: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("a pattern compiles"));
                    text.chars().count() <= $most && REGEX.is_match(text) $(&& $further(text))?
                }

                fn check(text: String) -> ParseResult<Self> {
                    match Self::fits(&text) {
                        true => Ok(Self(text)),
                        false => Err(ParseError::custom(concat!("must match ", $pattern))),
                    }
                }
            }

            text_type!($name, MetaSchemaRef::Inline(Box::new(MetaSchema {
                max_length: Some($most),
                pattern: Some($name::PATTERN.to_owned()),
                ..MetaSchema::new("string")
            })));
        )+

        /// Whether a text has the form of this pattern, for the patterns of the types above.
        pub fn form(pattern: &str) -> Option<fn(&str) -> bool> {
            match pattern {
                $($name::PATTERN => Some($name::fits),)+
                _ => None,
            }
        }

        #[cfg(test)]
        static FORMS: &[fn(&str) -> bool] = &[$($name::fits),+];
    };
}

forms! {
    /// An address that a mail server takes: dots only between characters, labels of at most 63, and at most 64
    /// characters before the @ (RFC 5321), which a pattern cannot count.
    Email = at most 254, r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$",
        |text: &str| text.find('@').is_some_and(|at| at <= 64);
    Phone = at most 20, r"^\+?[0-9][0-9 .]{4,17}[0-9]$";
    PostalCode = at most 5, r"^[0-9]{5}$";
    Slug = at most 80, r"^[a-z0-9]+(-[a-z0-9]+)*$";
    Siret = at most 14, r"^[0-9]{14}$";
    /// Of France: the SIREN behind two characters that check it.
    VatNumber = at most 13, r"^FR[0-9A-Z]{2}[0-9]{9}$";
    TimeOfDay = at most 5, r"^([01][0-9]|2[0-3]):[0-5][0-9]$";
    /// Of a mail.
    SixDigits = at most 6, r"^[0-9]{6}$";
    /// Hexadecimal.
    Sha256 = at most 64, r"^[0-9a-f]{64}$";
    HttpUrl = at most 500, r"^https?://[!-~]+$";
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
        assert!(FORMS.iter().all(|fits| !fits("\u{661}\u{662}\u{663}\u{664}\u{665}")));
        assert!(Email::fits("zoe.martin+test@example.org") && !Email::fits("zoe@localhost"));
        assert!(!Email::fits(&format!("{}@example.org", "z".repeat(65))));
        assert!(form(Siret::PATTERN).is_some_and(|fits| fits("73282932000074") && !fits("7328293200007")));
    }
}
