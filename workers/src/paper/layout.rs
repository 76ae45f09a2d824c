//! From blocks to pages: lines are broken at spaces, pages between lines, and what belongs together stays together.

use std::rc::Rc;

use domain::paper::{Align, Block, Sheet, Side, Total};

use super::fonts::{Fonts, Weight, Word};
use super::table;

/// A4 in points.
pub const PAGE: (f32, f32) = (595.28, 841.89);
pub const LEFT: f32 = 56.0;
pub const RIGHT: f32 = PAGE.0 - 56.0;
pub const TOP: f32 = 78.0;
pub const BOTTOM: f32 = PAGE.1 - 70.0;
pub const WIDTH: f32 = RIGHT - LEFT;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub weight: Weight,
    pub size: f32,
    /// From one baseline to the next.
    pub leading: f32,
    pub colour: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Ink,
    Grey,
    Accent,
}

const fn style(weight: Weight, size: f32, leading: f32, colour: Colour) -> Style {
    Style { weight, size, leading, colour }
}

pub const TITLE: Style = style(Weight::SemiBold, 21.0, 26.0, Colour::Accent);
pub const SUBJECT: Style = style(Weight::Regular, 10.5, 14.5, Colour::Grey);
pub const HEADING: Style = style(Weight::SemiBold, 11.5, 16.0, Colour::Accent);
pub const BODY: Style = style(Weight::Regular, 9.5, 13.5, Colour::Ink);
pub const STRONG: Style = style(Weight::SemiBold, 9.5, 13.5, Colour::Ink);
pub const SMALL: Style = style(Weight::Regular, 8.0, 11.0, Colour::Grey);
pub const DENSE: Style = style(Weight::Regular, 7.8, 10.6, Colour::Ink);
pub const DENSE_STRONG: Style = style(Weight::SemiBold, 7.8, 10.6, Colour::Ink);
pub const LABEL: Style = style(Weight::SemiBold, 7.8, 11.0, Colour::Grey);
pub const GRAND: Style = style(Weight::SemiBold, 12.0, 18.0, Colour::Accent);

/// One line of text, with the words that it is made of.
#[derive(Clone, Debug)]
pub struct Line {
    pub words: Vec<Rc<Word>>,
    /// At size one.
    pub width: f32,
}

/// What is drawn, in points from the page's upper left corner.
#[derive(Debug)]
pub enum Mark {
    /// `y` is the baseline.
    Text {
        x: f32,
        y: f32,
        line: Line,
        style: Style,
    },
    Rule {
        y: f32,
        from: f32,
        to: f32,
        weight: f32,
        colour: Colour,
    },
    /// A shade behind what follows.
    Shade {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
    },
}

/// Pages under construction.
pub struct Flow<'f> {
    pub fonts: &'f Fonts,
    pub pages: Vec<Vec<Mark>>,
    /// Where the next line goes.
    pub y: f32,
}

impl<'f> Flow<'f> {
    pub fn of(sheet: &Sheet, fonts: &'f Fonts) -> Self {
        let mut flow = Self { fonts, pages: vec![Vec::new()], y: TOP };
        flow.head(sheet);
        for (at, block) in sheet.blocks.iter().enumerate() {
            flow.block(block, sheet.blocks.get(at + 1));
        }
        flow
    }

    fn head(&mut self, sheet: &Sheet) {
        self.y -= 22.0;
        let top = self.y;
        self.paragraph(&sheet.title, TITLE, LEFT, WIDTH * 0.6);
        if !sheet.subject.is_empty() {
            self.paragraph(&sheet.subject, SUBJECT, LEFT, WIDTH * 0.6);
        }
        let mut below = self.y;
        self.y = top + 5.0;
        for (name, value) in &sheet.facts {
            self.fact(name, value);
        }
        below = below.max(self.y) + 10.0;
        self.mark(Mark::Rule { y: below, from: LEFT, to: RIGHT, weight: 1.2, colour: Colour::Accent });
        self.y = below + 16.0;
        self.sides(&sheet.sides);
        self.y += 12.0;
    }

    /// A name and its value, at the right of the title.
    fn fact(&mut self, name: &str, value: &str) {
        let (from, width) = (LEFT + WIDTH * 0.63, WIDTH * 0.37);
        let name = self.lines(name, LABEL, width * 0.36);
        let value = self.lines(value, STRONG, width * 0.64);
        let rows = name.len().max(value.len());
        for row in 0..rows {
            let y = self.y + BODY.leading * 0.75;
            if let Some(line) = name.get(row) {
                self.mark(Mark::Text { x: from, y, line: line.clone(), style: LABEL });
            }
            if let Some(line) = value.get(row) {
                let x = RIGHT - line.width * STRONG.size;
                self.mark(Mark::Text { x, y, line: line.clone(), style: STRONG });
            }
            self.y += BODY.leading;
        }
    }

    /// Parties beside each other.
    fn sides(&mut self, sides: &[Side]) {
        let gap = 24.0;
        let width = (WIDTH - gap * (sides.len().max(1) - 1) as f32) / sides.len().max(1) as f32;
        let height = |flow: &Self, side: &Side| {
            let lines = |text: &String, style| flow.lines(text, style, width).len() as f32 * style.leading;
            LABEL.leading + 3.0 + side.lines.iter().map(|text| lines(text, BODY)).sum::<f32>()
        };
        let tallest = sides.iter().map(|side| height(self, side)).fold(0.0, f32::max);
        self.make_room(tallest);
        let top = self.y;
        for (at, side) in sides.iter().enumerate() {
            let x = LEFT + (width + gap) * at as f32;
            self.y = top;
            self.paragraph(&side.role, LABEL, x, width);
            self.y += 3.0;
            for (n, text) in side.lines.iter().enumerate() {
                self.paragraph(text, if n == 0 { STRONG } else { BODY }, x, width);
            }
        }
        self.y = top + tallest;
    }

    fn block(&mut self, block: &Block, next: Option<&Block>) {
        match block {
            Block::Heading(text) => {
                self.y += 8.0;
                // Not alone at the foot of a page.
                let follows = match next {
                    Some(Block::Table(table)) => table::least_height(self, table),
                    Some(Block::Signatures(_)) => 90.0,
                    Some(Block::Text(_) | Block::Small(_) | Block::Totals(_)) => BODY.leading * 2.0,
                    _ => 0.0,
                };
                self.make_room(HEADING.leading + 4.0 + follows);
                self.paragraph(text, HEADING, LEFT, WIDTH);
                self.y += 3.0;
            }
            Block::Text(text) => self.text(text, BODY),
            Block::Small(text) => self.text(text, SMALL),
            Block::Table(table) => table::lay(self, table),
            Block::Totals(totals) => self.totals(totals),
            Block::Signatures(sides) => {
                self.y += 6.0;
                self.sides(sides);
                self.y += 10.0;
            }
            Block::PageBreak => self.page_break(),
        }
    }

    /// Paragraphs parted by empty lines.
    fn text(&mut self, text: &str, style: Style) {
        for part in text.split('\n') {
            if part.trim().is_empty() {
                self.y += style.leading * 0.55;
                continue;
            }
            self.paragraph(part, style, LEFT, WIDTH);
        }
        self.y += style.leading * 0.45;
    }

    /// The last lines of an invoice, at the right.
    fn totals(&mut self, totals: &[Total]) {
        let style = |total: &Total| if total.grand { GRAND } else { BODY };
        let height: f32 = totals.iter().map(|total| style(total).leading).sum::<f32>() + 12.0;
        self.make_room(height);
        self.y += 6.0;
        let from = LEFT + WIDTH * 0.52;
        for total in totals {
            let style = style(total);
            if total.grand {
                self.mark(Mark::Rule {
                    y: self.y + 1.0,
                    from,
                    to: RIGHT,
                    weight: 0.8,
                    colour: Colour::Accent,
                });
                self.y += 3.0;
            }
            let y = self.y + style.leading * 0.75;
            let (label, amount) = (self.line(&total.label, style), self.line(&total.amount, style));
            let x = RIGHT - amount.width * style.size;
            self.mark(Mark::Text { x: from, y, line: label, style });
            self.mark(Mark::Text { x, y, line: amount, style });
            self.y += style.leading;
        }
        self.y += 10.0;
    }

    /// A paragraph in a column; it goes on over pages, and no line stands alone.
    fn paragraph(&mut self, text: &str, style: Style, x: f32, width: f32) {
        let lines = self.lines(text, style, width);
        let count = lines.len();
        for (at, line) in lines.into_iter().enumerate() {
            // The first two and the last two stay together.
            let together = if count > 2 && (at == 0 || at + 2 == count) { 2.0 } else { 1.0 };
            self.make_room(style.leading * together);
            let y = self.y + style.leading * 0.75;
            self.mark(Mark::Text { x, y, line, style });
            self.y += style.leading;
        }
    }

    pub fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Begins a page when what comes does not fit on this one. What fits on none is not waited for.
    pub fn make_room(&mut self, height: f32) -> bool {
        let broken = self.y + height > BOTTOM && self.y > TOP;
        if broken {
            self.page_break();
        }
        broken
    }

    pub fn page_break(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// A text that has one line, whatever its length.
    pub fn line(&self, text: &str, style: Style) -> Line {
        let text = self.fonts.printable(text).replace('\n', " ");
        let mut line = Line { words: Vec::new(), width: 0.0 };
        for word in pieces(&text) {
            line.push(self.fonts.word(style.weight, word));
        }
        line
    }

    /// A text in lines of at most this width. Its own line breaks count.
    pub fn lines(&self, text: &str, style: Style, width: f32) -> Vec<Line> {
        let most = width / style.size;
        let text = self.fonts.printable(text);
        text.split('\n').flat_map(|part| self.broken(part, style.weight, most)).collect()
    }

    fn broken(&self, text: &str, weight: Weight, most: f32) -> Vec<Line> {
        let space = self.fonts.word(weight, " ");
        let mut lines = vec![Line { words: Vec::new(), width: 0.0 }];
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let shaped = self.fonts.word(weight, word);
            let mut last = lines.len() - 1;
            let gap = if lines[last].words.is_empty() { 0.0 } else { space.width };
            if lines[last].width + gap + shaped.width > most && !lines[last].words.is_empty() {
                lines.push(Line { words: Vec::new(), width: 0.0 });
                last += 1;
            } else if gap > 0.0 {
                lines[last].push(Rc::clone(&space));
            }
            if shaped.width <= most {
                lines[last].push(shaped);
                continue;
            }
            // Longer than a line: cut where it must be.
            for piece in self.cut(word, weight, most) {
                if !lines[last].words.is_empty() {
                    lines.push(Line { words: Vec::new(), width: 0.0 });
                    last += 1;
                }
                lines[last].push(piece);
            }
        }
        lines
    }

    /// A word in pieces that fit.
    fn cut(&self, word: &str, weight: Weight, most: f32) -> Vec<Rc<Word>> {
        let (mut pieces, mut piece, mut width) = (Vec::new(), String::new(), 0.0);
        for letter in word.chars() {
            let wide = self.fonts.word(weight, letter.encode_utf8(&mut [0; 4])).width;
            if width + wide > most && !piece.is_empty() {
                pieces.push(self.fonts.word(weight, &std::mem::take(&mut piece)));
                width = 0.0;
            }
            piece.push(letter);
            width += wide;
        }
        pieces.push(self.fonts.word(weight, &piece));
        pieces
    }

    /// Where a line begins that is aligned in a column.
    pub fn aligned(line: &Line, style: Style, align: Align, from: f32, to: f32) -> f32 {
        match align {
            Align::Left => from,
            Align::Right => to - line.width * style.size,
        }
    }
}

impl Line {
    fn push(&mut self, word: Rc<Word>) {
        self.width += word.width;
        self.words.push(word);
    }
}

/// Words and the spaces between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
        .flat_map(|piece| match piece.strip_suffix(' ') {
            Some("") => [" ", ""],
            Some(word) => [word, " "],
            None => [piece, ""],
        })
        .filter(|piece| !piece.is_empty())
}
