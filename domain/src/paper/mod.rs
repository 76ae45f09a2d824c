//! What stands on a sheet: words and where they belong. How it looks is the renderer's.

pub mod invoice;
mod words;

use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization;

pub use words::{day, euros, hours, percent, price, quantity};

/// A document of the platform, in French.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// "Facture".
    pub title: String,
    pub reference: String,
    /// Under the title, what it is about.
    pub subject: String,
    /// The day, and what else has a name and a value.
    pub facts: Vec<(String, String)>,
    /// Who it is from, and to whom.
    pub sides: [Side; 2],
    pub blocks: Vec<Block>,
    /// The time that the file bears: that of its content, so that the same content is the same bytes.
    pub at: OffsetDateTime,
}

/// A party, line by line; the first is its name.
#[derive(Clone, Debug)]
pub struct Side {
    pub role: String,
    pub lines: Vec<String>,
}

/// What follows from the top to the bottom, over as many pages as it takes.
#[derive(Clone, Debug)]
pub enum Block {
    Heading(String),
    /// Line breaks count; an empty line parts paragraphs.
    Text(String),
    /// Mentions of the law.
    Small(String),
    Table(Table),
    /// Never apart.
    Totals(Vec<Total>),
    /// Who signed, or where to.
    Signatures(Vec<Side>),
    /// What follows begins a page.
    PageBreak,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub columns: Vec<Column>,
    /// Each as long as there are columns.
    pub rows: Vec<Vec<String>>,
    /// In small print.
    pub dense: bool,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub title: String,
    pub align: Align,
    /// Of the table's width, in proportion to the others'.
    pub share: u16,
}

impl Column {
    pub fn left(title: &str, share: u16) -> Self {
        Self { title: title.to_owned(), align: Align::Left, share }
    }

    pub fn right(title: &str, share: u16) -> Self {
        Self { title: title.to_owned(), align: Align::Right, share }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

#[derive(Clone, Debug)]
pub struct Total {
    pub label: String,
    pub amount: String,
    /// The one that counts.
    pub grand: bool,
}

impl Total {
    pub fn of(label: impl Into<String>, cents: i64) -> Self {
        Self { label: label.into(), amount: euros(cents), grand: false }
    }

    #[must_use]
    pub fn grand(self) -> Self {
        Self { grand: true, ..self }
    }
}

/// A text whose accents are one character with their letters, as fonts have them.
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}
