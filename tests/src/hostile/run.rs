//! Many executions of a target's body, each from a number of its own, so that one can be had again.
//!
//! First come the inputs that are given, as they are, then what chance makes of them. An execution that
//! panics is found at once, one that does not end after a while; one that ends the program is found by
//! whoever has started it, and repeated with the inputs written out.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, panic, thread};

use super::mutate::input;
use super::{TARGETS, Target};
use crate::chance::{Chance, mix};
use crate::watch::bound;

/// How long a run goes on.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// So many executions.
    Runs(u64),
    /// So long.
    Time(Duration),
}

/// What is to be executed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where the inputs come from.
    pub seed: u64,
    /// The number of the first execution.
    pub from: u64,
    /// When it ends.
    pub budget: Budget,
    /// Whether each input is written out before it is used.
    pub is_told: bool,
}

/// An input for which something does not hold.
#[derive(Debug)]
pub struct Found {
    /// The number of the execution.
    pub number: u64,
    /// The input, in hexadecimal digits.
    pub input: String,
    /// What the panic said.
    pub text: String,
}

/// One execution takes no longer than this; it is some microseconds as a rule.
const PATIENCE: Duration = Duration::from_secs(20);
/// As much as the stack of a thread that an actor has, or less: what goes too deep is seen.
const STACK_BYTES: usize = 1 << 20;
/// Executions between two looks at the clock.
const STRETCH: u64 = 64;

static TEXT: Mutex<String> = Mutex::new(String::new());

/// Executes a target, and tells how often that was.
///
/// Panics are not written to stderr from here on, anywhere in the program.
///
/// # Errors
/// What was found first.
///
/// # Panics
/// There is no thread for it.
pub fn run(target: Target, plan: Plan) -> Result<u64, Found> {
    panic::set_hook(Box::new(|info| *TEXT.lock().unwrap_or_else(|text| text.into_inner()) = info.to_string()));
    let inputs: Vec<Vec<u8>> = (target.samples)().into_iter().chain(corpus(target)).collect();
    let (number, is_done) = (&AtomicU64::new(plan.from), &AtomicBool::new(false));
    thread::scope(|scope| {
        let watchdog = thread::Builder::new().spawn_scoped(scope, move || watch(target, plan, number, is_done));
        let watchdog = watchdog.expect("there is a thread");
        let worker = thread::Builder::new().stack_size(STACK_BYTES);
        let worker = worker.spawn_scoped(scope, || execute_all(target, plan, &inputs, number));
        let outcome = worker.expect("there is a thread").join().expect("it catches panics");
        is_done.store(true, Ordering::Release);
        watchdog.thread().unpark();
        outcome
    })
}

fn execute_all(target: Target, plan: Plan, inputs: &[Vec<u8>], at: &AtomicU64) -> Result<u64, Found> {
    let begin = Instant::now();
    let end = match plan.budget {
        Budget::Runs(runs) => plan.from.saturating_add(runs),
        Budget::Time(_) => u64::MAX,
    };
    let is_over = |number: u64| match plan.budget {
        Budget::Time(time) => number.is_multiple_of(STRETCH) && time <= begin.elapsed(),
        Budget::Runs(_) => false,
    };
    let mut number = plan.from;
    while number < end && !is_over(number) {
        at.store(number, Ordering::Relaxed);
        let given = usize::try_from(number).ok().and_then(|number| inputs.get(number)).cloned();
        let mut chance = Chance::new(mix(plan.seed ^ mix(number)));
        let input = given.unwrap_or_else(|| input(&mut chance, inputs, target.length_max));
        execute(target, plan, number, &input)?;
        number += 1;
    }
    Ok(number - plan.from)
}

fn execute(target: Target, plan: Plan, number: u64, input: &[u8]) -> Result<(), Found> {
    if plan.is_told {
        let _ = writeln!(std::io::stderr(), "{number}: {}", digits(input));
    }
    catch_unwind(AssertUnwindSafe(|| (target.body)(input))).map_err(|_| {
        let text = TEXT.lock().unwrap_or_else(|text| text.into_inner()).clone();
        Found { number, input: digits(input), text }
    })
}

/// Ends the program when one execution does not end.
fn watch(target: Target, plan: Plan, number: &AtomicU64, is_done: &AtomicBool) {
    let (mut seen, mut since) = (u64::MAX, Instant::now());
    while !is_done.load(Ordering::Acquire) {
        let now = number.load(Ordering::Relaxed);
        if seen != now {
            (seen, since) = (now, Instant::now());
        } else if bound(PATIENCE) <= since.elapsed() {
            let _ = writeln!(std::io::stderr(), "it does not end; again with: {}", again(target, plan, now));
            std::process::abort();
        }
        thread::park_timeout(PATIENCE / 20);
    }
}

/// The command line that repeats one execution.
pub fn again(target: Target, plan: Plan, number: u64) -> String {
    format!("fuzz {} --seed {} --from {number} --runs 1", target.name, plan.seed)
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that these hexadecimal digits stand for. `None`: they are something else.
pub fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Where the inputs of a target are kept.
pub fn corpus_folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target.name)
}

/// What is kept for a target, in the order of the names.
fn corpus(target: Target) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(corpus_folder(target)).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// Writes down what the product itself would write, for a fuzzer to begin with.
///
/// # Errors
/// A folder or file cannot be written.
pub fn keep_samples() -> std::io::Result<()> {
    for target in TARGETS {
        let folder = corpus_folder(target);
        fs::create_dir_all(&folder)?;
        for (number, sample) in (target.samples)().into_iter().enumerate() {
            fs::write(folder.join(format!("sample-{number:02}")), sample)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(data: &[u8]) {
        assert!(data.len() < 2 || data[0] != 0xff, "found at {}", data.len());
    }

    const BROKEN: Target = Target {
        name: "broken",
        about: "nothing",
        body: broken,
        samples: || vec![vec![0x7f, 1, 2]],
        length_max: 8,
        runs: 0,
    };

    #[test]
    fn smoke() {
        let plan = Plan { seed: 1, from: 0, budget: Budget::Runs(100_000), is_told: false };
        let found = run(BROKEN, plan).expect_err("it is broken");
        assert!(found.text.contains("found at"), "{found:?}");
        let one = Plan { from: found.number, budget: Budget::Runs(1), ..plan };
        let again = run(BROKEN, one).expect_err("it is the same input");
        assert_eq!(again.input, found.input);
        assert_eq!(bytes_of(&found.input).map(|bytes| bytes[0]), Some(0xff));
    }
}
