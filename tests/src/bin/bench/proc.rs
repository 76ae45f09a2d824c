//! What `/proc` says of processes and threads.

use std::fs;

/// Unit of utime and stime, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU in seconds.
#[derive(Debug)]
pub struct Stat {
    pub id: u32,
    pub name: String,
    pub parent: u32,
    pub own: f64,
    /// Of children that have ended and were waited for.
    pub ended_children: f64,
}

pub fn stat(path: &str) -> Option<Stat> {
    let text = fs::read_to_string(path).ok()?;
    // The name is in parentheses and may contain anything.
    let (head, tail) = text.rsplit_once(')')?;
    let (id, name) = head.split_once(" (")?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Some(Stat {
        id: id.parse().ok()?,
        name: name.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
        ended_children: (ticks(13) + ticks(14)) / TICKS_PER_SECOND,
    })
}

pub fn stats(directory: &str) -> impl Iterator<Item = Stat> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| stat(&format!("{}/stat", entry.path().display())))
}

/// Everything but idle and waiting for the disk.
pub fn machine() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1).take(7).enumerate();
    let busy =
        ticks.filter(|(place, _)| !matches!(place, 3 | 4)).filter_map(|(_, ticks)| ticks.parse::<f64>().ok());
    busy.sum::<f64>() / TICKS_PER_SECOND
}
