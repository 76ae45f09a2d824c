//! What stands on a sheet: words and where they belong. How it looks is the renderer's.

pub mod contract;
pub mod invoice;
pub mod quote;
pub mod report;
mod words;

use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization;

use crate::totals::{Line, VatGroup};

pub use words::{day, euros, hours, percent, price, quantity, thousandths};

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
    /// Who it is from, and to whom, where its text does not say so.
    pub sides: Vec<Side>,
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

/// Lines of a quote or contract, whose prices are with VAT or without it.
fn priced(lines: &[Line], prices: &str) -> Table {
    let rows = lines.iter().map(|line| {
        vec![
            line.description.clone(),
            format!("{}\u{a0}{}", thousandths(line.quantity_milli), line.unit),
            euros(line.unit_price_cents),
            percent(line.vat_bps),
            euros(line.amount_cents),
        ]
    });
    Table {
        columns: vec![
            Column::left("Désignation", 42),
            Column::right("Quantité", 14),
            Column::right(&format!("Prix unitaire {prices}"), 18),
            Column::right("TVA", 9),
            Column::right(&format!("Montant {prices}"), 17),
        ],
        rows: rows.collect(),
        dense: false,
    }
}

fn totals(vat: &[VatGroup], word: &str) -> Vec<Total> {
    let line = |group: &VatGroup| {
        Total::of(contract::label(word, group.rate_bps, group.base_cents), group.vat_cents)
    };
    vat.iter().filter(|group| group.rate_bps > 0).map(line).collect()
}
