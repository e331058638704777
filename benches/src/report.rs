//! [`Report`]: a table for people, or a line of JSON for each case, contestant and figure.

use serde::Serialize;

use crate::Result;
use crate::case::{Better, Case, Figure};
use crate::contestant::{Contestant, Effort, Outcome, Place};

pub(crate) struct Report {
    pub(crate) json: bool,
}

/// What one contestant did in the rounds of a case.
pub(crate) struct Samples {
    pub(crate) who: &'static dyn Contestant,
    /// The figures of each round.
    rounds: Vec<Vec<Option<f64>>>,
    pub(crate) skipped: Option<String>,
    /// Why rounds failed, which are not among those above.
    failures: Vec<String>,
}

/// The rounds of one figure.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

#[derive(Serialize)]
struct Object<'a> {
    case: &'a str,
    who: &'a str,
    unit: &'a str,
    median: f64,
    min: f64,
    max: f64,
}

impl Report {
    pub(crate) fn begin(&self, machine: &str, rounds: usize, effort: Effort) {
        if !self.json {
            let quick = effort.pick("", " that are too short for figures");
            println!("{machine}; {rounds} rounds{quick}; median (min .. max)");
            println!("\"ahead\" is how many times better than the other we are.");
        }
    }

    pub(crate) fn case(&self, case: Case, all: &[Samples]) {
        if !self.json {
            println!("\n{}: {}", case.id(), case.about());
        }
        for (at, figure) in case.figures().iter().enumerate() {
            match self.json {
                true => print_objects(case, *figure, at, all),
                false => print_table(*figure, at, all),
            }
        }
        for samples in all {
            let name = samples.who.who();
            samples.skipped.iter().for_each(|why| eprintln!("SKIP: {}, {name}: {why}", case.id()));
            samples.failures.iter().for_each(|why| eprintln!("FAILED: {}, {name}: {why}", case.id()));
        }
    }
}

fn print_objects(case: Case, figure: Figure, at: usize, all: &[Samples]) {
    for samples in all {
        let Some(Spread { median, min, max }) = samples.spread(at) else { continue };
        let object = Object { case: case.id(), who: samples.who.who(), unit: figure.unit, median, min, max };
        println!("{}", serde_json::to_string(&object).expect("numbers and texts"));
    }
}

/// The best first.
fn print_table(figure: Figure, at: usize, all: &[Samples]) {
    let ours = all.iter().filter(|samples| samples.who.place() == Place::Ours);
    let ours = ours.filter_map(|samples| samples.spread(at)).map(|spread| spread.median).next();
    let mut lines: Vec<_> = all.iter().filter_map(|samples| Some((samples.who, samples.spread(at)?))).collect();
    lines.sort_by(|(_, one), (_, two)| one.median.total_cmp(&two.median));
    if figure.better == Better::More {
        lines.reverse();
    }
    println!("  {:<34} {:<13} {:>10} {:>24} {:>8}", "", "", figure.unit, "", "ahead");
    for (who, Spread { median, min, max }) in lines {
        let range = format!("({} .. {})", short(min), short(max));
        let ahead = ours.filter(|&ours| ours > 0.0 && median > 0.0).map_or(String::new(), |ours| {
            let ratio = if figure.better == Better::More { ours / median } else { median / ours };
            format!("{ratio:.2}")
        });
        let place = match who.place() {
            Place::Ours | Place::Across => "",
            Place::Inside => "in process",
            Place::Limit => "limit",
        };
        println!("  {:<34} {place:<13} {:>10} {range:>24} {ahead:>8}", who.who(), short(median));
    }
}

/// Three digits that count, and a letter for thousands.
fn short(value: f64) -> String {
    let (value, letter) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}{letter}")
}

impl Samples {
    pub(crate) fn new(who: &'static dyn Contestant) -> Samples {
        Samples { who, rounds: Vec::new(), skipped: None, failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, outcome: Result<Outcome>) {
        match outcome {
            Ok(Outcome::Figures(figures)) => self.rounds.push(figures),
            Ok(Outcome::Skipped(why)) => self.skipped = Some(why),
            Err(error) => self.failures.push(error.to_string()),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// `None`: there is no such figure of it.
    fn spread(&self, at: usize) -> Option<Spread> {
        let mut values: Vec<f64> = self.rounds.iter().filter_map(|figures| figures[at]).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        Some(Spread { median: values[values.len() / 2], min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        assert_eq!(short(1_234_567.0), "1.23M");
        assert_eq!(short(12_345.0), "12.3k");
        assert_eq!(short(999.0), "999");
        assert_eq!(short(0.456), "0.46");
    }
}
