//! Figures as aligned text.

use std::time::Duration;

/// Of a method's lines.
const WIDTH: usize = 120;

/// One figure: its name, its method in a line, and rows of label, value and CPU.
#[derive(Debug)]
pub struct Table {
    name: &'static str,
    method: String,
    rows: Vec<[String; 3]>,
}

impl Table {
    pub fn new(name: &'static str, method: impl Into<String>) -> Self {
        Self { name, method: method.into(), rows: Vec::new() }
    }

    pub fn row(&mut self, label: impl Into<String>, value: impl Into<String>, cpu: impl Into<String>) {
        self.rows.push([label.into(), value.into(), cpu.into()]);
    }

    pub fn print(&self) {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (label, value) = (width(0), width(1));
        println!("\n{}", wrapped(&format!("{}: {}", self.name, self.method)));
        for [name, figure, cpu] in &self.rows {
            println!("{}", format!("  {name:label$}  {figure:>value$}  {cpu}").trim_end());
        }
    }
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// "12,345"
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

pub fn rate(count: usize, took: Duration, unit: &str) -> String {
    format!("{} {unit}/s", thousands((count as f64 / took.as_secs_f64()) as usize))
}

/// "p50 1.2  p99 4.5 ms" of what was measured.
pub fn percentiles(measured: &mut [Duration], wanted: &[usize]) -> String {
    measured.sort_unstable();
    let at = |percent: usize| {
        let rank = (measured.len() * percent).div_ceil(100).clamp(1, measured.len().max(1)) - 1;
        measured.get(rank).map_or(f64::NAN, |value| value.as_secs_f64() * 1000.0)
    };
    let texts: Vec<_> = wanted.iter().map(|percent| format!("p{percent} {:.2}", at(*percent))).collect();
    format!("{} ms", texts.join("  "))
}
