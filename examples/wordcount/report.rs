//! What is printed at the end: the top words and a table.

use std::fmt::Write;
use std::time::Duration;

use actor_core::Intensity;

use crate::input::{Reason, Skip};
use crate::tally::Totals;

/// The facts of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) totals: Totals,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) skipped: Skipped,
    pub(crate) workers: usize,
    pub(crate) losses: Losses,
    /// What the choice of whom to kill began with, if anybody was to be killed.
    pub(crate) seed: Option<u64>,
    /// How many restarts would have been too many.
    pub(crate) intensity: Intensity,
    pub(crate) time: Duration,
    /// How long one thread of one process took for the same.
    pub(crate) time_alone: Duration,
}

/// What was not counted, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) binary: u64,
    pub(crate) not_utf8: u64,
    pub(crate) unreadable: u64,
    pub(crate) links: u64,
    pub(crate) not_files: u64,
}

/// What happened to the workers, and what became of their work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) kills: u64,
    /// First starts of all workers that a kill has prevented.
    pub(crate) killed_starts: u64,
    /// Kills of a worker that had a piece of text in hand.
    pub(crate) kills_at_work: u64,
    pub(crate) restarts: u64,
    pub(crate) redelivered: u64,
    pub(crate) dead_letters: u64,
}

impl Skipped {
    pub(crate) fn add(&mut self, skip: &Skip) {
        let count = match skip.reason {
            Reason::Binary => &mut self.binary,
            Reason::NotUtf8 => &mut self.not_utf8,
            Reason::Unreadable(_) => &mut self.unreadable,
            Reason::Link => &mut self.links,
            Reason::NotAFile => &mut self.not_files,
        };
        *count += 1;
    }

    fn sum(&self) -> u64 {
        self.binary + self.not_utf8 + self.unreadable + self.links + self.not_files
    }
}

/// The report as text, with the `top` most frequent words before the table.
pub(crate) fn text(report: &Report, top: usize) -> String {
    let mut text = String::new();
    for (word, count) in report.totals.top(top) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>15}  {word}", grouped(count));
    }
    if top > 0 {
        text.push('\n');
    }
    for (name, value) in table(report) {
        let _ = writeln!(text, "{name:<15}{value}");
    }
    text
}

fn table(report: &Report) -> Vec<(&'static str, String)> {
    let Report { totals, skipped, losses, intensity, .. } = report;
    let allowed = grouped(intensity.restarts.into());
    let speed = |time: Duration| {
        let per_second = report.bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9);
        format!("{:.2} s, {per_second:.0} MB/s", time.as_secs_f64())
    };
    let plural = if report.workers == 1 { "" } else { "s" };
    let different = grouped(totals.distinct() as u64);
    let skips = [
        (skipped.binary, "binary"),
        (skipped.not_utf8, "not UTF-8"),
        (skipped.unreadable, "unreadable"),
        (skipped.links, "symbolic links"),
        (skipped.not_files, "not files"),
    ];
    let skips = skips.map(|(count, reason)| format!("{} {reason}", grouped(count))).join(", ");
    let kills = [losses.kills, losses.kills_at_work, losses.killed_starts].map(grouped);
    let seed = report.seed.map_or(String::new(), |seed| format!(" (seed {seed})"));
    vec![
        ("files", grouped(report.files)),
        ("bytes", grouped(report.bytes)),
        ("words", format!("{}, {different} different", grouped(totals.words()))),
        ("skipped", format!("{} ({skips})", grouped(skipped.sum()))),
        ("kills", format!("{}, {} at work, {} at the first start{seed}", kills[0], kills[1], kills[2])),
        ("restarts", format!("{}, of {allowed} allowed in {:?}", grouped(losses.restarts), intensity.period)),
        ("redelivered", grouped(losses.redelivered)),
        ("dead letters", grouped(losses.dead_letters)),
        ("time", format!("{} ({} worker{plural})", speed(report.time), report.workers)),
        ("one thread", speed(report.time_alone)),
    ]
}

/// A number with a comma after every third digit.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Counts;

    #[test]
    fn smoke() {
        let mut report = Report {
            files: 1234,
            bytes: 50_000_000,
            workers: 2,
            time: Duration::from_millis(250),
            time_alone: Duration::from_millis(500),
            ..Report::default()
        };
        report.totals.merge(&Counts::of("a b a")).unwrap();
        report.skipped.binary = 2;
        report.skipped.links = 1;
        report.losses =
            Losses { kills: 1005, kills_at_work: 4, killed_starts: 1, restarts: 1003, redelivered: 3, dead_letters: 2 };
        report.intensity = Intensity { restarts: 2000, period: Duration::from_secs(3) };
        report.seed = Some(7);
        let text = text(&report, 1);
        let lines: Vec<String> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[..2], ["2 a", ""]);
        let expected = [
            "files 1,234",
            "bytes 50,000,000",
            "words 3, 2 different",
            "skipped 3 (2 binary, 0 not UTF-8, 0 unreadable, 1 symbolic links, 0 not files)",
            "kills 1,005, 4 at work, 1 at the first start (seed 7)",
            "restarts 1,003, of 2,000 allowed in 3s",
            "redelivered 3",
            "dead letters 2",
            "time 0.25 s, 200 MB/s (2 workers)",
            "one thread 0.50 s, 100 MB/s",
        ];
        assert_eq!(lines[2..], expected);
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
