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
    marks: Vec<Mark>,
}

/// A figure beside its target.
#[derive(Debug)]
pub struct Mark {
    figure: String,
    measured: String,
    target: String,
    met: bool,
}

impl Table {
    pub fn new(name: &'static str, method: impl Into<String>) -> Self {
        Self { name, method: method.into(), rows: Vec::new(), marks: Vec::new() }
    }

    pub fn row(&mut self, label: impl Into<String>, value: impl Into<String>, cpu: impl Into<String>) {
        self.rows.push([label.into(), value.into(), cpu.into()]);
    }

    /// Not above the target.
    pub fn at_most(&mut self, figure: impl Into<String>, measured: f64, target: f64, unit: &str) {
        let met = measured <= target;
        let (measured, target) = (format!("{measured:.2} {unit}"), format!("≤ {target} {unit}"));
        self.marks.push(Mark { figure: figure.into(), measured, target, met });
    }

    /// Not below the target.
    pub fn at_least(&mut self, figure: impl Into<String>, measured: usize, target: usize, unit: &str) {
        let met = measured >= target;
        let (measured, target) =
            (format!("{}{unit}", thousands(measured)), format!("≥ {}{unit}", thousands(target)));
        self.marks.push(Mark { figure: figure.into(), measured, target, met });
    }

    pub fn marks(self) -> Vec<Mark> {
        self.marks
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

/// `figure | measured | target` of all that has a target.
pub fn print_marks(marks: &[Mark]) {
    let width = |text: fn(&Mark) -> &str, head: &str| {
        let widest = marks.iter().map(|mark| text(mark).chars().count()).max().unwrap_or(0);
        widest.max(head.len())
    };
    let (figure, measured, target) =
        (width(|m| &m.figure, "figure"), width(|m| &m.measured, "measured"), width(|m| &m.target, "target"));
    println!("\n{:figure$} | {:>measured$} | {:>target$}", "figure", "measured", "target");
    for mark in marks {
        let missed = if mark.met { "" } else { "  missed" };
        println!("{:figure$} | {:>measured$} | {:>target$}{missed}", mark.figure, mark.measured, mark.target);
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
    format!("{} {unit}/s", thousands(per_second(count, took)))
}

/// "p50 1.2  p99 4.5 ms" of what was measured.
pub fn percentiles(measured: &mut [Duration], wanted: &[usize]) -> String {
    measured.sort_unstable();
    let texts: Vec<_> =
        wanted.iter().map(|percent| format!("p{percent} {:.2}", percentile(measured, *percent))).collect();
    format!("{} ms", texts.join("  "))
}

/// Milliseconds, of what is sorted.
pub fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(rank).map_or(f64::NAN, |value| value.as_secs_f64() * 1000.0)
}

pub fn per_second(count: usize, took: Duration) -> usize {
    (count as f64 / took.as_secs_f64()) as usize
}
