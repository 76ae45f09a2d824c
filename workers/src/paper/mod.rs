//! PDF/A-3b of what stands on a sheet. The same sheet gives the same bytes: no clock, no chance, fonts of our own.

mod facturx;
mod fonts;
mod layout;
mod pdf;
mod table;
mod xmp;

use domain::paper::Sheet;

pub use facturx::xml as invoice_xml;

/// Why a sheet became no file. Nothing that people write leads here; a repetition does not help.
#[derive(Debug, thiserror::Error)]
pub enum Unprintable {
    #[error("an embedded font cannot be read")]
    Font,
    #[error("krilla: {0:?}")]
    Pdf(krilla::error::KrillaError),
    #[error("the file has no metadata to extend")]
    Metadata,
}

/// The document as a file; with the XML of an e-invoice inside it, if there is one.
pub fn render(sheet: &Sheet, invoice_xml: Option<&str>) -> Result<Vec<u8>, Unprintable> {
    let fonts = fonts::Fonts::open().ok_or(Unprintable::Font)?;
    let pages = layout::Flow::of(sheet, &fonts).pages;
    let file = pdf::write(sheet, &fonts, pages, invoice_xml)?;
    match invoice_xml {
        Some(_) => xmp::declare_factur_x(file).ok_or(Unprintable::Metadata),
        None => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use domain::paper::{Block, Column, Side, Table, Total};
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn sheet(text: &str, rows: usize) -> Sheet {
        let side = |role: &str| Side { role: role.to_owned(), lines: vec![text.to_owned(), text.to_owned()] };
        Sheet {
            title: "Devis".to_owned(),
            reference: text.to_owned(),
            subject: text.to_owned(),
            facts: vec![(text.to_owned(), text.to_owned())],
            sides: vec![side("Prestataire"), side("Client")],
            blocks: vec![
                Block::Heading(text.to_owned()),
                Block::Text(text.repeat(3)),
                Block::Table(Table {
                    columns: vec![Column::left(text, 3), Column::right("Montant", 1)],
                    rows: vec![vec![text.to_owned(), "1,00 €".to_owned()]; rows],
                    dense: rows.is_multiple_of(2),
                }),
                Block::Totals(vec![Total::of(text, 100), Total::of("Total", 100).grand()]),
                Block::Small(text.to_owned()),
                Block::Signatures(vec![side(text)]),
            ],
            at: datetime!(2026-03-02 09:30 UTC),
        }
    }

    /// Of each page, how many lines are written below its foot or right of its edge.
    fn outside(sheet: &Sheet) -> usize {
        let fonts = fonts::Fonts::open().unwrap();
        let pages = layout::Flow::of(sheet, &fonts).pages;
        let marks = pages.iter().flatten();
        let stray = marks.filter(|mark| match mark {
            layout::Mark::Text { x, y, line, style } => {
                *y > layout::BOTTOM + 20.0 || x + line.width * style.size > layout::RIGHT + 1.0
            }
            _ => false,
        });
        stray.count()
    }

    #[test]
    fn the_same_sheet_is_the_same_file() {
        let sheet = sheet("L’œuvre d’accueil, n° 7", 60);
        let xml = "<rsm:CrossIndustryInvoice/>";
        assert!(render(&sheet, Some(xml)).unwrap() == render(&sheet, Some(xml)).unwrap());
        let other = Sheet { subject: "Autre".to_owned(), ..sheet.clone() };
        assert!(render(&sheet, None).unwrap() != render(&other, None).unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Whatever people write becomes a valid file: krilla checks it against PDF/A-3b.
        #[test]
        fn anything_can_be_printed(text in "\\PC{0,120}|[a-zàéœ ]{0,200}|[\u{300}-\u{36f}a\u{202e}\u{200d}😀漢\t\n]{0,30}", rows in 0..40_usize) {
            let sheet = sheet(&text, rows);
            prop_assert!(render(&sheet, None).is_ok(), "{text:?}");
            // A total has one line, whatever its label.
            if text.chars().count() < 30 {
                prop_assert_eq!(outside(&sheet), 0, "{:?}", text);
            }
        }
    }
}
