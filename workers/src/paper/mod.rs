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
