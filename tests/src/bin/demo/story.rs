//! How the story is told: one line per step, and the latencies at its end.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const BOLD: &str = "1";
const DIM: &str = "2";

#[derive(Debug)]
pub struct Story {
    began: Instant,
    colours: bool,
    pub silent: bool,
    latencies: Vec<(&'static str, Vec<Duration>)>,
}

impl Story {
    pub fn begin(title: &str) -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let story = Self { began: Instant::now(), colours, silent: false, latencies: Vec::new() };
        println!("{}\n", story.paint(BOLD, title));
        println!("{}", story.paint(DIM, "at ms  took ms"));
        story
    }

    /// What somebody did or heard, and how long it took.
    pub fn tell(&self, took: Duration, who: &str, what: impl Display) {
        if !self.silent {
            let times = format!("{:>5}  {:>7}", self.began.elapsed().as_millis(), millis(took));
            println!("{}  {who:<6}  {what}", self.paint(DIM, times));
        }
    }

    /// More about the line before.
    pub fn add(&self, what: impl Display) {
        if !self.silent {
            println!("{:24}{what}", "");
        }
    }

    /// Keeps a latency for the end.
    pub fn keep(&mut self, what: &'static str, latency: Duration) {
        match self.latencies.iter_mut().find(|(other, _)| *other == what) {
            Some((_, latencies)) => latencies.push(latency),
            None => self.latencies.push((what, vec![latency])),
        }
    }

    /// The first latency that was kept or, after several rounds, p50 and p99 of all of them.
    pub fn sum_up(&mut self) {
        println!();
        let rounds = self.latencies.first().map_or(0, |(_, latencies)| latencies.len());
        if let (1, Some((what, latencies))) = (rounds, self.latencies.first()) {
            println!("{}", self.paint(BOLD, format!("{what}: {} ms", millis(latencies[0]))));
            return;
        }
        println!(
            "{}",
            self.paint(BOLD, format!("{:<32}{:>8}{:>8}", format!("ms in {rounds} rounds"), "p50", "p99"))
        );
        for (what, latencies) in &mut self.latencies {
            latencies.sort_unstable();
            let [p50, p99] = [50, 99].map(|percent| millis(percentile(latencies, percent)));
            println!("{what:<32}{p50:>8}{p99:>8}");
        }
    }

    fn paint(&self, style: &str, text: impl Display) -> String {
        match self.colours {
            true => format!("\x1b[{style}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// The smallest latency that so many per cent do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted[..3], 50), Duration::from_millis(2));
        assert_eq!(percentile(&sorted[..3], 99), Duration::from_millis(3));
    }
}
