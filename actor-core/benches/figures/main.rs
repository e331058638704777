//! What a mean does not tell: how single events spread, what waiting costs in memory and processor
//! time, and how a call compares with a pipe. The rest is in `timed`.
//!
//! `cargo bench -p actor-core --bench figures -- [FILTER] [--sample-count N]`. Each line runs five
//! rounds, or N; the table has the median of these, the extremes and what is aimed at. Run it on a
//! quiet machine.

mod machine;
mod place;
mod spread;
mod traced;

#[path = "../subjects/book.rs"]
mod book;
#[path = "../subjects/echo.rs"]
mod echo;
#[path = "../subjects/idle.rs"]
mod idle;

/// What the command line decides; the flags are those of `timed`, as far as they make sense here.
pub(crate) struct Plan {
    rounds: usize,
    filter: Option<String>,
}

/// One line of the table.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: &'static str,
}

impl Plan {
    /// `None`: cargo does not run this as a bench, but with tests.
    fn from_args() -> Option<Plan> {
        let mut plan = Plan { rounds: 5, filter: None };
        let mut is_bench = false;
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => is_bench = true,
                "--sample-count" => {
                    let count = args.next().and_then(|count| count.parse().ok());
                    plan.rounds = count.filter(|count| 0 < *count).expect("--sample-count takes a number");
                }
                flag if flag.starts_with('-') => {}
                filter => plan.filter = Some(filter.to_owned()),
            }
        }
        is_bench.then_some(plan)
    }

    /// Measures round by round what several lines tell, and prints these.
    pub(crate) fn case<const N: usize>(&self, lines: [Line; N], mut round: impl FnMut() -> [f64; N]) {
        let is_wanted = |line: &Line| self.filter.as_ref().is_none_or(|filter| line.name.contains(filter.as_str()));
        if !lines.iter().any(is_wanted) {
            return;
        }
        let rounds: Vec<[f64; N]> = (0..self.rounds).map(|_| round()).collect();
        for (at, Line { name, unit, target }) in lines.iter().enumerate() {
            let mut values: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
            values.sort_by(f64::total_cmp);
            let (median, least, most) = (values[values.len() / 2], values[0], values[values.len() - 1]);
            println!("{name:<40} {median:>10.2} {least:>10.2} {most:>10.2} {unit:<4} {target}");
        }
    }
}

fn main() {
    let Some(plan) = Plan::from_args() else { return };
    println!("{:<40} {:>10} {:>10} {:>10} {:<4} target", "", "median", "least", "most", "unit");
    spread::run(&plan);
    machine::run(&plan);
    // The last one: from then on somebody listens.
    traced::run(&plan);
}
