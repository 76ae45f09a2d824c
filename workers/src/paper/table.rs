//! Tables: their cells wrap, their rows stay whole where a page can hold them, their head stands on each page again.

use domain::paper::{Column, Table};

use super::layout::{
    BODY, BOTTOM, Colour, DENSE, DENSE_STRONG, Flow, LABEL, LEFT, Line, Mark, RIGHT, Style, TOP, WIDTH,
};

/// Between columns, and above and below a row's lines.
const GAP: f32 = 10.0;
const PAD: f32 = 3.2;

/// A row whose cells are broken into lines.
struct Row {
    cells: Vec<Vec<Line>>,
}

impl Row {
    fn lines(&self) -> usize {
        self.cells.iter().map(Vec::len).max().unwrap_or(0)
    }
}

fn body(table: &Table) -> Style {
    if table.dense { DENSE } else { BODY }
}

fn head(table: &Table) -> Style {
    if table.dense { DENSE_STRONG } else { LABEL }
}

/// From and to of each column.
fn spans(columns: &[Column]) -> Vec<(f32, f32)> {
    let shares: f32 = columns.iter().map(|column| f32::from(column.share)).sum();
    let free = WIDTH - GAP * (columns.len().max(1) - 1) as f32;
    let mut x = LEFT;
    columns
        .iter()
        .map(|column| {
            let width = free * f32::from(column.share) / shares.max(1.0);
            let span = (x, x + width);
            x += width + GAP;
            span
        })
        .collect()
}

fn row<'t>(flow: &Flow<'_>, cells: impl Iterator<Item = &'t str>, spans: &[(f32, f32)], style: Style) -> Row {
    Row { cells: cells.zip(spans).map(|(text, (from, to))| flow.lines(text, style, to - from)).collect() }
}

fn height(lines: usize, style: Style) -> f32 {
    lines as f32 * style.leading + 2.0 * PAD
}

/// What a table needs at least at the foot of a page: its head and one row.
pub fn least_height(flow: &Flow<'_>, table: &Table) -> f32 {
    let spans = spans(&table.columns);
    let head_row = row(flow, table.columns.iter().map(|column| column.title.as_str()), &spans, head(table));
    let first =
        table.rows.first().map(|cells| row(flow, cells.iter().map(String::as_str), &spans, body(table)));
    height(head_row.lines(), head(table))
        + first.map_or(0.0, |first| height(first.lines().min(4), body(table)))
}

pub fn lay(flow: &mut Flow<'_>, table: &Table) {
    let spans = spans(&table.columns);
    let titles = row(flow, table.columns.iter().map(|column| column.title.as_str()), &spans, head(table));
    flow.make_room(least_height(flow, table));
    lay_head(flow, table, &titles, &spans);
    for cells in &table.rows {
        let row = row(flow, cells.iter().map(String::as_str), &spans, body(table));
        lay_row(flow, table, &row, &titles, &spans);
    }
    flow.y += 8.0;
}

fn lay_head(flow: &mut Flow<'_>, table: &Table, titles: &Row, spans: &[(f32, f32)]) {
    let height = height(titles.lines(), head(table));
    flow.mark(Mark::Shade { x: LEFT - 4.0, y: flow.y, width: WIDTH + 8.0, height });
    draw(flow, table, titles, spans, (0, titles.lines()), head(table));
    flow.y += 1.5;
}

/// A row goes whole onto the next page; one that no page holds is parted between lines.
fn lay_row(flow: &mut Flow<'_>, table: &Table, row: &Row, titles: &Row, spans: &[(f32, f32)]) {
    let style = body(table);
    let page = BOTTOM - TOP - height(titles.lines(), head(table));
    let whole = height(row.lines(), style) <= page;
    if whole && flow.make_room(height(row.lines(), style)) {
        lay_head(flow, table, titles, spans);
    }
    let mut from = 0;
    while from < row.lines() {
        let room = ((BOTTOM - flow.y - 2.0 * PAD) / style.leading).floor().max(0.0) as usize;
        if room == 0 {
            flow.page_break();
            lay_head(flow, table, titles, spans);
            continue;
        }
        let to = row.lines().min(from + room);
        draw(flow, table, row, spans, (from, to), style);
        from = to;
    }
    let y = flow.y;
    flow.mark(Mark::Rule { y, from: LEFT - 4.0, to: RIGHT + 4.0, weight: 0.35, colour: Colour::Grey });
}

/// Lines `from..to` of a row.
fn draw(
    flow: &mut Flow<'_>,
    table: &Table,
    row: &Row,
    spans: &[(f32, f32)],
    (from, to): (usize, usize),
    style: Style,
) {
    for ((cell, column), span) in row.cells.iter().zip(&table.columns).zip(spans) {
        for (at, line) in cell.iter().enumerate().take(to).skip(from) {
            let y = flow.y + PAD + style.leading * ((at - from) as f32 + 0.75);
            let x = Flow::aligned(line, style, column.align, span.0, span.1);
            flow.mark(Mark::Text { x, y, line: line.clone(), style });
        }
    }
    flow.y += height(to - from, style);
}
