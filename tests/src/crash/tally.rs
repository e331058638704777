//! [`Tally`]: what a mode has done and found, for people and as one JSON object.
//!
//! A number here was counted. What a mode does not look at stays `None`, and is `null`.

use std::time::{Duration, Instant};

use super::{Fault, Kind};

/// What one mode has done and found.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The mode.
    pub mode: &'static str,
    /// Runs that were checked to the end; what a run is, the mode says.
    pub runs: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Of the pairs, or the single things, that there are to be covered, so many were.
    pub covered: Option<u64>,
    /// How many there are.
    pub total: Option<u64>,
    /// The longest time from a death until it was mended.
    pub recovery_max: Option<Duration>,
    /// What people may want to know besides, a line each.
    pub remarks: Vec<String>,
    faults: Vec<Fault>,
    begin: Instant,
}

impl Tally {
    /// Nothing yet; the time begins.
    pub fn new(mode: &'static str) -> Tally {
        Tally {
            mode,
            runs: 0,
            kills: 0,
            covered: None,
            total: None,
            recovery_max: None,
            remarks: Vec::new(),
            faults: Vec::new(),
            begin: Instant::now(),
        }
    }

    /// The time since the mode began.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Something was mended after so long.
    pub fn recovered_within(&mut self, took: Duration) {
        self.recovery_max = self.recovery_max.max(Some(took));
    }

    /// Something is wrong; the mode may go on to look for more.
    pub fn note(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// What is wrong, in the order in which it was found.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How many faults of a kind were found.
    pub fn count(&self, kind: Kind) -> usize {
        self.faults.iter().filter(|fault| fault.kind == kind).count()
    }

    /// One JSON object, on one line.
    pub fn json(&self) -> String {
        let or_null = |number: Option<u128>| number.map_or("null".to_owned(), |number| number.to_string());
        let fields = [
            ("mode", format!("\"{}\"", self.mode)),
            ("runs", self.runs.to_string()),
            ("kills", self.kills.to_string()),
            ("pairs_covered", or_null(self.covered.map(u128::from))),
            ("pairs_total", or_null(self.total.map(u128::from))),
            ("lost", self.count(Kind::Lost).to_string()),
            ("duplicated_beyond_policy", self.count(Kind::Doubled).to_string()),
            ("torn", self.count(Kind::Torn).to_string()),
            ("wedged", self.count(Kind::Wedged).to_string()),
            ("orphans", self.count(Kind::Orphan).to_string()),
            ("max_recovery_us", or_null(self.recovery_max.map(|time| time.as_micros()))),
            ("seconds", format!("{:.1}", self.elapsed().as_secs_f64())),
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", fields.join(","))
    }

    /// A few lines for people.
    pub fn text(&self) -> String {
        let mut lines = vec![format!("runs        {} in {:.1} s", self.runs, self.elapsed().as_secs_f64())];
        if self.kills > 0 {
            let per_second = self.kills as f64 / self.elapsed().as_secs_f64();
            lines.push(format!("kills       {}, {per_second:.0} per second", self.kills));
        }
        if let (Some(covered), Some(total)) = (self.covered, self.total) {
            lines.push(format!("covered     {covered} of {total}"));
        }
        lines.extend(self.remarks.iter().cloned());
        let counts = Kind::ALL.map(|kind| format!("{} {}", kind.word(), self.count(kind)));
        lines.push(format!("faults      {}", counts.join(", ")));
        if let Some(recovery) = self.recovery_max {
            lines.push(format!("recovery    {recovery:?} at most"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut tally = Tally::new("steps");
        tally.runs = 3;
        tally.covered = Some(2);
        tally.note(Kind::Torn.fault("x"));
        tally.recovered_within(Duration::from_micros(7));
        tally.recovered_within(Duration::from_micros(5));
        let json = tally.json();
        let (begin, _) = json.split_once(",\"seconds\":").unwrap();
        assert_eq!(
            begin,
            "{\"mode\":\"steps\",\"runs\":3,\"kills\":0,\"pairs_covered\":2,\"pairs_total\":null,\"lost\":0,\
             \"duplicated_beyond_policy\":0,\"torn\":1,\"wedged\":0,\"orphans\":0,\"max_recovery_us\":7"
        );
    }
}
