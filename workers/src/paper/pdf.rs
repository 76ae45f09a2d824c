//! The marks of each page through krilla, which embeds the fonts, keeps the text extractable and checks against PDF/A-3b.

use domain::paper::Sheet;
use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::text::KrillaGlyph;
use time::OffsetDateTime;

use super::Unprintable;
use super::fonts::Fonts;
use super::layout::{BOTTOM, Colour, Flow, LEFT, Line, Mark, PAGE, RIGHT, SMALL, Style};

/// Name of the e-invoice inside its PDF, by the standard.
pub const FACTUR_X: &str = "factur-x.xml";

pub fn write(
    sheet: &Sheet,
    fonts: &Fonts,
    pages: Vec<Vec<Mark>>,
    invoice_xml: Option<&str>,
) -> Result<Vec<u8>, Unprintable> {
    let configuration =
        ConfigurationBuilder::new().with_archival_validator(Archival::A3_B).finish().unwrap_or_default();
    let mut document = Document::new_with(SerializeSettings { configuration, ..Default::default() });
    let count = pages.len();
    for (at, marks) in pages.into_iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).unwrap_or_default();
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in &marks {
            draw(&mut surface, fonts, mark);
        }
        frame(&mut surface, fonts, sheet, (at + 1, count));
        surface.finish();
        page.finish();
    }
    let at = date_time(sheet.at);
    if let Some(xml) = invoice_xml {
        document.embed_file(EmbeddedFile {
            path: FACTUR_X.to_owned(),
            mime_type: MimeType::new("text/xml"),
            description: Some("Facture électronique Factur-X (EN 16931)".to_owned()),
            association_kind: AssociationKind::Data,
            data: xml.as_bytes().to_vec().into(),
            modification_date: Some(at),
            compress: Some(true),
            location: None,
        });
    }
    document.set_metadata(
        Metadata::new()
            .title(format!("{} {}", sheet.title, sheet.reference))
            .authors(vec!["SocioPulse".to_owned()])
            .creator("SocioPulse".to_owned())
            .producer("SocioPulse".to_owned())
            .language("fr-FR".to_owned())
            .document_id(sheet.reference.clone())
            .creation_date(at),
    );
    document.finish().map_err(Unprintable::Pdf)
}

fn date_time(at: OffsetDateTime) -> DateTime {
    let at = at.to_offset(time::UtcOffset::UTC);
    DateTime::new(at.year().unsigned_abs() as u16)
        .month(at.month().into())
        .day(at.day())
        .hour(at.hour())
        .minute(at.minute())
        .second(at.second())
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

/// What stands on each page: what it belongs to, and which it is.
fn frame(surface: &mut Surface<'_>, fonts: &Fonts, sheet: &Sheet, (page, count): (usize, usize)) {
    let flow = Flow { fonts, pages: Vec::new(), y: 0.0 };
    let name = format!("{} {}", sheet.title, sheet.reference);
    if page > 1 {
        text(surface, fonts, LEFT, 48.0, &flow.line(&name, SMALL), SMALL);
        rule(surface, 56.0, (LEFT, RIGHT), 0.5, Colour::Accent);
    }
    rule(surface, BOTTOM + 22.0, (LEFT, RIGHT), 0.35, Colour::Grey);
    let y = BOTTOM + 36.0;
    text(surface, fonts, LEFT, y, &flow.line(&format!("SocioPulse · {name}"), SMALL), SMALL);
    let number = flow.line(&format!("Page {page} / {count}"), SMALL);
    text(surface, fonts, RIGHT - number.width * SMALL.size, y, &number, SMALL);
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, mark: &Mark) {
    match mark {
        Mark::Text { x, y, line, style } => text(surface, fonts, *x, *y, line, *style),
        Mark::Rule { y, from, to, weight, colour } => rule(surface, *y, (*from, *to), *weight, *colour),
        Mark::Shade { x, y, width, height } => {
            rectangle(surface, (*x, *y, *width, *height), rgb::Color::new(238, 244, 244));
        }
    }
}

fn text(surface: &mut Surface<'_>, fonts: &Fonts, x: f32, y: f32, line: &Line, style: Style) {
    let (mut text, mut glyphs) = (String::new(), Vec::<KrillaGlyph>::new());
    for word in &line.words {
        let start = text.len();
        text.push_str(&word.text);
        glyphs.extend(word.glyphs.iter().cloned().map(|mut glyph| {
            glyph.text_range = glyph.text_range.start + start..glyph.text_range.end + start;
            glyph
        }));
    }
    if glyphs.is_empty() {
        return;
    }
    surface.set_fill(Some(fill(colour(style.colour))));
    surface.draw_glyphs(Point::from_xy(x, y), &glyphs, fonts.font(style.weight), &text, style.size, false);
}

fn rule(surface: &mut Surface<'_>, y: f32, (from, to): (f32, f32), weight: f32, of: Colour) {
    let colour = if of == Colour::Grey { rgb::Color::new(190, 198, 200) } else { colour(of) };
    rectangle(surface, (from, y - weight / 2.0, to - from, weight), colour);
}

fn rectangle(surface: &mut Surface<'_>, (x, y, width, height): (f32, f32, f32, f32), colour: rgb::Color) {
    let mut path = PathBuilder::new();
    if let Some(rect) = Rect::from_xywh(x, y, width, height) {
        path.push_rect(rect);
    }
    if let Some(path) = path.finish() {
        surface.set_fill(Some(fill(colour)));
        surface.draw_path(&path);
    }
}

fn fill(colour: rgb::Color) -> Fill {
    Fill { paint: colour.into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

fn colour(of: Colour) -> rgb::Color {
    match of {
        Colour::Ink => rgb::Color::new(28, 34, 38),
        Colour::Grey => rgb::Color::new(92, 102, 108),
        Colour::Accent => rgb::Color::new(12, 92, 98),
    }
}
