//! Death at any instruction of what a process does to log something.
//!
//! A victim has logged something, stands still, logs twice more and stands still again. It is led so many
//! instructions on its way and killed there. What is heard of it must be a beginning of what it has logged, whole and
//! in order, all of it if it has come to the end; and its ring must be gone. Meanwhile somebody else logs and is heard.
//! After all that cases are gone through once, and what every instruction leaves behind is looked at (`images`).
//! The mode must not count a death that was not where it was meant to be.

mod images;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::testing::{Snapshot, proof};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::board::Board;
use crate::chance::Chance;
use crate::steps::{Step, Stepped, stand_still, stay_on_one_processor};
use crate::watch::bound;

/// A run is a death.
pub(super) const MODE: Mode =
    Mode { name: "logs", about: "kills in the midst of logging; a run is a death", run, usual: Budget::Runs(2000) };

/// What is longer than this is not slow but wedged.
const WEDGED: Duration = Duration::from_secs(10);
/// A victim dies before the instruction of a number that is less than a power of two: the least of these powers, and
/// the greatest, which no case but the first event of all has more instructions than.
const MOST_MIN: u64 = 6;
const MOST_MAX: u64 = 15;

/// For so many runs, a case is gone through once.
const RUNS_PER_IMAGES: u64 = 100;

/// What a victim does between its two stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Case {
    /// Two events like the one before.
    Events,
    /// The first two of all: the ring is made, and the site told.
    First,
    /// In a span, which is told, recorded in and closed.
    Span,
    /// So long that the ring needs memory.
    Long,
    /// So long that the ring starts over, where what was before has been read.
    Over,
}

/// On the board: how many events the victim knows to have logged, whether it has come to the end, and its number
/// among those who take part.
const SAID: usize = 0;
const OVER: usize = 1;
const WHO: usize = 2;

const CASES: [Case; 5] = [Case::Events, Case::First, Case::Span, Case::Long, Case::Over];
/// Bytes of the text of a long event.
const LONG: usize = 3900;

impl Case {
    /// Events before the first stop.
    fn before(self) -> u64 {
        match self {
            Case::First => 0,
            Case::Events | Case::Span => 1,
            Case::Long => 3,
            Case::Over => 4,
        }
    }
}

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    if let Err(error) = stay_on_one_processor() {
        tally.remarks.push(format!("SKIP: nobody can be led here: {error}"));
        return Ok(());
    }
    let mut chance = Chance::new(plan.seed);
    Heard::listen(true);
    let notes = Board::new(3);
    let before = Snapshot::take();
    let witness = Witness.spawn().map_err(|error| Kind::Orphan.fault(format!("no actor can be started: {error}")))?;
    let trials = Trials { witness, notes };
    let mut longest = [0; CASES.len()];
    let result = trials.run(plan, &mut chance, &mut longest, tally);
    for (case, steps) in CASES.iter().zip(longest) {
        tally.remarks.push(format!("{case:<10?} up to {steps} instructions"));
    }
    let _ = trials.witness.stop();
    Heard::listen(false);
    result?;
    let leaks = before.leaks();
    Kind::Orphan.unless(leaks.is_empty(), || leaks.join(", "))
}

/// What the trials have in common.
struct Trials {
    witness: ActorRef<Witness>,
    notes: Board,
}

impl Trials {
    fn run(&self, plan: &Plan, chance: &mut Chance, longest: &mut [usize], tally: &mut Tally) -> Result<(), Fault> {
        match self.die(Case::Events, 1, u64::MAX) {
            Err(fault) if fault.kind == Kind::Orphan => {
                tally.remarks.push(format!("SKIP: {}", fault.text));
                return Ok(());
            }
            result => result?,
        };
        while plan.goes_on(tally) {
            let at = chance.below(CASES.len() as u64) as usize;
            // Most of what it does is done early, and the rest is copies.
            let most = 1 << (MOST_MIN + chance.below(MOST_MAX - MOST_MIN + 1));
            let (case, steps) = (CASES[at], chance.below(most) as usize);
            let wrong = |fault: Fault| Fault { text: format!("{case:?}@{steps}: {}", fault.text), ..fault };
            longest[at] = longest[at].max(self.die(case, steps, tally.runs).map_err(wrong)?);
            tally.runs += 1;
            tally.kills += 1;
        }
        // A short run goes through one case, and a usual one through all.
        let cases = (1 + tally.runs / RUNS_PER_IMAGES).min(CASES.len() as u64);
        let first = chance.below(CASES.len() as u64) as usize;
        self.images(CASES.iter().cycle().skip(first).take(cases as usize), tally)
    }

    /// Leads a victim so many instructions on its way, or to the end of it, and kills it there. Gives how many these
    /// were.
    fn die(&self, case: Case, steps: usize, number: u64) -> Result<usize, Fault> {
        let (victim, stepped) = self.victim(case)?;
        let mut made = 0;
        while steps != made && self.lead(&stepped)? {
            made += 1;
        }
        let pid = victim.pid();
        self.bury(victim)?;
        // What is heard of the witness now comes behind the last of the dead, or nearly so.
        self.witness.is_heard(number)?;
        check(case, pid, self.notes[SAID].load(Ordering::Relaxed))?;
        Ok(made)
    }

    /// A victim that stands still between what it has said and what it is to say.
    fn victim(&self, case: Case) -> Result<(Process<()>, Stepped), Fault> {
        self.notes.iter().for_each(|note| note.store(0, Ordering::Relaxed));
        let victim = Process::spawn(log, (case, self.notes.clone()));
        let victim = victim.map_err(|error| Kind::Orphan.fault(format!("no victim: {error}")))?;
        let stepped = Stepped::take_over(victim.pid()).map_err(lost)?;
        Ok((victim, stepped))
    }

    /// Has it execute an instruction. False: it has come to the end.
    fn lead(&self, stepped: &Stepped) -> Result<bool, Fault> {
        if self.notes[OVER].load(Ordering::Relaxed) != 0 {
            return Ok(false);
        }
        let is_awake = stepped.step().map_err(lost)? != Step::Asleep;
        Kind::Wedged.unless(is_awake, || format!("whoever logs sleeps: {}", stepped.sleeps_in()))?;
        Ok(true)
    }

    fn bury(&self, victim: Process<()>) -> Result<(), Fault> {
        victim.kill().map_err(|error| Kind::Wedged.fault(format!("the victim cannot be killed: {error}")))?;
        drop(victim.join());
        Ok(())
    }
}

fn lost(error: std::io::Error) -> Fault {
    Kind::Orphan.fault(format!("nobody can be led: {error}"))
}

/// What was heard of a dead process is a beginning of what it has logged, and no less than it knew of.
fn check(case: Case, pid: u32, least: u64) -> Result<(), Fault> {
    let all = case.before() + 2;
    let heard = Heard::wait_for(pid, least);
    let in_order = heard.iter().zip(0..).all(|(event, number)| event.number == number);
    Kind::Doubled.unless(heard.len() as u64 <= all && in_order, || format!("heard {heard:?} of {all}"))?;
    Kind::Lost.unless(least <= heard.len() as u64, || format!("heard {} of {least}", heard.len()))?;
    let expected = |event: &Said| event.text == text(case, event.number);
    Kind::Torn.unless(heard.iter().all(expected), || format!("heard {heard:?}"))
}

fn text(case: Case, number: u64) -> String {
    let length = if matches!(case, Case::Long | Case::Over) { LONG } else { 20 };
    (0..length).map(|at| char::from(b'a' + ((at as u64 + number) % 26) as u8)).collect()
}

fn log((case, notes): (Case, Board)) {
    let texts: Vec<String> = (0..case.before() + 2).map(|number| text(case, number)).collect();
    notes[WHO].store(u64::from(proof::me()), Ordering::Relaxed);
    let (before, rest) = texts.split_at(case.before() as usize);
    let mut number = 0_u64;
    let mut say = |text: &str| {
        tracing::info!(number, text, "said");
        number += 1;
        notes[SAID].store(number, Ordering::Relaxed);
    };
    before.iter().for_each(|text| say(text));
    stand_still();
    if case == Case::Span {
        let span = tracing::info_span!("span", late = tracing::field::Empty).entered();
        rest.iter().for_each(|text| say(text));
        span.record("late", 1);
    } else {
        rest.iter().for_each(|text| say(text));
    }
    notes[OVER].store(1, Ordering::Relaxed);
    loop {
        stand_still();
    }
}

/// Somebody who is not killed.
#[derive(Actor, Serialize, Deserialize)]
struct Witness;

#[handlers]
impl Witness {
    #[call]
    fn say(&self, number: u64) -> u32 {
        tracing::info!(number, text = "witness", "said");
        std::process::id()
    }
}

trait IsHeard {
    fn is_heard(&self, number: u64) -> Result<(), Fault>;
}

impl IsHeard for ActorRef<Witness> {
    fn is_heard(&self, number: u64) -> Result<(), Fault> {
        let pid = self.say(number).wait().map_err(|error| Kind::Wedged.fault(format!("the witness: {error}")))?;
        let heard = Heard::wait_for(pid, 1);
        let is_it = matches!(&heard[..], [event] if event.number == number);
        Kind::Lost.unless(is_it, || format!("of the witness {heard:?} was heard, and not {number}"))
    }
}

/// What was heard of one event.
#[derive(Clone, Debug, Default)]
struct Said {
    pid: u64,
    number: u64,
    text: String,
}

impl Visit for Said {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "pid" => self.pid = value,
            "number" => self.number = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            value.clone_into(&mut self.text);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// The subscriber of this program, while this mode runs.
struct Heard;

static IS_LISTENING: AtomicBool = AtomicBool::new(false);
static HEARD: Mutex<Vec<Said>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

impl Heard {
    fn listen(listens: bool) {
        IS_LISTENING.store(listens, Ordering::Relaxed);
        // Once there is one, it stays, and wants something or nothing.
        if tracing::subscriber::set_global_default(Heard).is_err() {
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// Takes what was heard of a process, once it is so many events.
    fn wait_for(pid: u32, events: u64) -> Vec<Said> {
        let deadline = Instant::now() + bound(WEDGED);
        let mut heard = lock();
        while (heard.iter().filter(|event| event.pid == u64::from(pid)).count() as u64) < events {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            heard = CHANGED.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        heard.extract_if(.., |event| event.pid == u64::from(pid)).collect()
    }
}

fn lock() -> MutexGuard<'static, Vec<Said>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        IS_LISTENING.load(Ordering::Relaxed) && *metadata.level() <= tracing::Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if IS_LISTENING.load(Ordering::Relaxed) { LevelFilter::INFO } else { LevelFilter::OFF })
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut heard = Said::default();
        event.record(&mut heard);
        lock().push(heard);
        CHANGED.notify_all();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
