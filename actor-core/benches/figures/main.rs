//! The figures that this crate is judged by, measured between processes on this machine.
//!
//! `cargo bench --bench figures -- [--quick] [--only PART]`. Each case runs five rounds (two with
//! `--quick`), one after the other; the table has the median, the extremes and the target. Run it
//! on a quiet machine: a case that needs two CPUs and gets one and a half says nothing.

use std::time::{Duration, Instant};

mod messages;
mod processes;
mod queues;

/// What the command line decides.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Work per round, relative to a full run.
    pub(crate) scale: f64,
    only: Option<String>,
}

impl Plan {
    fn from_args() -> Plan {
        let mut plan = Plan { rounds: 5, scale: 1.0, only: None };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => (plan.rounds, plan.scale) = (2, 0.1),
                "--only" => plan.only = args.next(),
                // What cargo itself passes.
                _ => {}
            }
        }
        plan
    }

    pub(crate) fn count(&self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).max(1)
    }

    /// Measures a case round by round and prints its line.
    pub(crate) fn case(&self, name: &str, unit: &str, target: &str, mut round: impl FnMut() -> f64) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let mut values: Vec<f64> = (0..self.rounds).map(|_| round()).collect();
        values.sort_by(f64::total_cmp);
        let (median, least, most) = (values[values.len() / 2], values[0], values[values.len() - 1]);
        println!("{name:<44} {median:>10.2} {least:>10.2} {most:>10.2} {unit:<6} {target}");
    }

    /// [`Plan::case`] for two figures of one round, such as a median and a 99th percentile.
    pub(crate) fn pair(&self, names: [&str; 2], unit: &str, targets: [&str; 2], mut round: impl FnMut() -> [f64; 2]) {
        let rounds: Vec<[f64; 2]> = if names.iter().any(|name| self.wants(name)) {
            (0..self.rounds).map(|_| round()).collect()
        } else {
            return;
        };
        for which in 0..2 {
            let mut values = rounds.iter().map(|round| round[which]);
            self.case(names[which], unit, targets[which], || values.next().unwrap_or_default());
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

/// The value below which this part of the samples lies, in microseconds.
pub(crate) fn quantile(samples: &mut [Duration], part: f64) -> f64 {
    samples.sort();
    let at = ((samples.len() - 1) as f64 * part).round() as usize;
    samples[at].as_secs_f64() * 1e6
}

/// Millions of things per second.
pub(crate) fn millions(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64() / 1e6
}

fn main() {
    let plan = Plan::from_args();
    println!("{:<44} {:>10} {:>10} {:>10} {:<6} target", "case", "median", "min", "max", "unit");
    queues::run(&plan);
    messages::run(&plan);
    processes::run(&plan);
}
