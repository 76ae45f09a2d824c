//! Source Sans 3 in two weights, embedded (SIL Open Font License, `workers/fonts/OFL.txt`), and the shaping of words.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Face, UnicodeBuffer, ttf_parser};

static REGULAR: &[u8] = include_bytes!("../../fonts/SourceSans3-Regular.ttf");
static SEMIBOLD: &[u8] = include_bytes!("../../fonts/SourceSans3-SemiBold.ttf");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    Regular,
    SemiBold,
}

/// A word's glyphs and their width, at size one.
#[derive(Debug)]
pub struct Word {
    pub text: String,
    pub glyphs: Vec<KrillaGlyph>,
    pub width: f32,
}

/// The fonts of one document, with the words that it has used: French repeats itself.
pub struct Fonts {
    faces: [(Face<'static>, Font); 2],
    words: RefCell<HashMap<(Weight, String), Rc<Word>>>,
}

impl Fonts {
    /// None if what is embedded were no font.
    pub fn open() -> Option<Self> {
        let face = |data: &'static [u8]| {
            Some((Face::from_slice(data, 0)?, Font::new(krilla::Data::from(data.to_vec()), 0)?))
        };
        Some(Self { faces: [face(REGULAR)?, face(SEMIBOLD)?], words: RefCell::default() })
    }

    fn of(&self, weight: Weight) -> &(Face<'static>, Font) {
        &self.faces[usize::from(weight == Weight::SemiBold)]
    }

    pub fn font(&self, weight: Weight) -> Font {
        self.of(weight).1.clone()
    }

    /// Shapes a word (or a space); each one once.
    pub fn word(&self, weight: Weight, text: &str) -> Rc<Word> {
        let key = (weight, text.to_owned());
        if let Some(known) = self.words.borrow().get(&key) {
            return Rc::clone(known);
        }
        let word = Rc::new(self.shape(weight, text));
        self.words.borrow_mut().insert(key, Rc::clone(&word));
        word
    }

    fn shape(&self, weight: Weight, text: &str) -> Word {
        let face = &self.of(weight).0;
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(rustybuzz::Direction::LeftToRight);
        buffer.guess_segment_properties();
        // Ligatures would be found in no search.
        let plain = [
            rustybuzz::Feature::new(ttf_parser::Tag::from_bytes(b"liga"), 0, ..),
            rustybuzz::Feature::new(ttf_parser::Tag::from_bytes(b"clig"), 0, ..),
        ];
        let shaped = rustybuzz::shape(face, &plain, buffer);
        let em = face.units_per_em() as f32;
        let (infos, places) = (shaped.glyph_infos(), shaped.glyph_positions());
        let glyphs: Vec<_> = infos
            .iter()
            .zip(places)
            .enumerate()
            .map(|(at, (info, place))| {
                let start = info.cluster as usize;
                let next = infos[at..].iter().map(|next| next.cluster as usize).find(|next| *next > start);
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    place.x_advance as f32 / em,
                    place.x_offset as f32 / em,
                    place.y_offset as f32 / em,
                    0.0,
                    start..next.unwrap_or(text.len()),
                    None,
                )
            })
            .collect();
        let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
        Word { text: text.to_owned(), glyphs, width }
    }

    /// The text in characters that the fonts have; what they have not becomes a question mark, because an archive must not hold
    /// a glyph that says nothing.
    pub fn printable(&self, text: &str) -> String {
        let known = |c: char| self.faces.iter().all(|(face, _)| face.glyph_index(c).is_some());
        let letter = |c: char| match c {
            '\n' => c,
            '\t' | '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control()
                || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}') =>
            {
                '\0'
            }
            '\u{e000}'..='\u{f8ff}' => '?',
            c if known(c) => c,
            _ => '?',
        };
        tied(domain::paper::composed(text).chars().map(letter).filter(|c| *c != '\0').collect())
    }
}

/// French puts spaces before some signs and inside quotation marks, at which no line ends.
fn tied(text: String) -> String {
    const BEFORE: [&str; 7] = [" :", " ;", " !", " ?", " %", " €", " »"];
    let tied = BEFORE.iter().fold(text, |text, sign| text.replace(sign, &sign.replace(' ', "\u{a0}")));
    tied.replace("« ", "«\u{a0}")
}
