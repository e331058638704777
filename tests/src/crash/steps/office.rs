//! [`Office`]: the operations on a mailbox and on the answers to calls.
//!
//! From outside the victim is a process that casts or calls, and the actor lives on. From inside it is the
//! actor, led from the end of one handler over its acknowledgement, the next message, the handler of that,
//! the answer and its acknowledgement to where it sleeps again. The actor is under a supervisor, so its
//! next life goes on with the mailbox of the one before.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Acquire;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::{Intensity, Supervisor, SupervisorEnd};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::clerk::{Clerk, Desk, NUMBERS};
use super::field::end_victims;
use super::known::{Known, Moment};
use super::scene::{Note, Notes};
use super::sleeper::soon;
use super::table::SIZE;
use super::trial::Victim;
use crate::crash::{Fault, Kind};
use crate::steps::{Stepped, stand_still};
use crate::watch::bound;

/// One operation in one variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) title: &'static str,
    kind: Act,
    /// Bytes of the message, and of the answer if there is one.
    length: usize,
}

/// What is done, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Act {
    /// By a process.
    Cast,
    Call,
    /// It does not wait for the answer.
    CallAndGiveUp,
    /// By the actor, with a message of this kind.
    HandleCall,
    HandleCallAgain,
    HandleCastAgain,
}

const LONG: usize = 1_500;

/// All of them.
pub(super) const DEEDS: &[Deed] = &[
    Deed { title: "cast/inline", kind: Act::Cast, length: 0 },
    Deed { title: "cast/extent", kind: Act::Cast, length: LONG },
    Deed { title: "call/inline", kind: Act::Call, length: 0 },
    Deed { title: "call/extents", kind: Act::Call, length: LONG },
    Deed { title: "call/given-up", kind: Act::CallAndGiveUp, length: 0 },
    Deed { title: "call/given-up-with-extents", kind: Act::CallAndGiveUp, length: LONG },
    Deed { title: "handle/call", kind: Act::HandleCall, length: 0 },
    Deed { title: "handle/call-with-extents", kind: Act::HandleCall, length: LONG },
    Deed { title: "handle/call-that-is-redelivered", kind: Act::HandleCallAgain, length: 0 },
    Deed { title: "handle/call-that-is-redelivered-with-extents", kind: Act::HandleCallAgain, length: LONG },
    Deed { title: "handle/cast-that-is-redelivered", kind: Act::HandleCastAgain, length: 0 },
    Deed { title: "handle/cast-that-is-redelivered-with-extents", kind: Act::HandleCastAgain, length: LONG },
];

/// An actor whose mailbox is tried.
pub(super) struct Office {
    desk: Desk,
    app: Supervisor,
    clerk: ActorRef<Clerk>,
    known: BTreeMap<usize, Known>,
    trials: u32,
    pub(super) kills: u64,
    pub(super) recovery_max: Duration,
}

/// What somebody who waits for an answer was told.
type Told = Result<Vec<u8>, CallError>;

/// The number of what is done before an operation.
const WARM_UP: u32 = NUMBERS as u32 - 1;
/// How long a call may take that meets a death.
const CALL_MAX: Duration = Duration::from_secs(60);
/// How often the actor may be started again: at each death.
const INTENSITY: Intensity = Intensity { restarts: 10_000_000, period: Duration::from_secs(1) };

impl Office {
    pub(super) fn new() -> Result<Office, Fault> {
        let desk = Desk::new();
        let cannot = |error: &dyn std::fmt::Display| Kind::Orphan.fault(format!("no actor can be started: {error}"));
        let mut app = Supervisor::builder().intensity(INTENSITY);
        let clerk = app.child(Clerk::define(desk.clone())).map_err(|error| cannot(&error))?;
        let app = app.start().map_err(|error| cannot(&error))?;
        let known = BTreeMap::new();
        Ok(Office { desk, app, clerk, known, trials: 0, kills: 0, recovery_max: Duration::ZERO })
    }

    /// As [`explore`](super::field::Field::explore) of a field.
    pub(super) fn explore(&mut self, deed: usize) -> Result<usize, Fault> {
        let mut known = Known::new(Moment::Never);
        self.run_led(deed, |stepped, notes| known.explore(stepped, || notes.is_over(), || Ok(())).map(|()| true))?;
        let steps = known.steps();
        self.known.insert(deed, known);
        Ok(steps)
    }

    /// As [`run`](super::field::Field::run) of a field.
    pub(super) fn run(&mut self, deed: usize, steps: usize) -> Result<bool, Fault> {
        let known = std::mem::take(&mut self.known);
        let result = self.run_led(deed, |stepped, _| known[&deed].lead(stepped, steps, || Ok(())));
        self.known = known;
        result
    }

    /// As [`is_near`](super::field::Field::is_near) of a field.
    pub(super) fn is_near(&self, deed: usize, steps: usize) -> bool {
        self.known.get(&deed).is_some_and(|known| known.is_near(steps))
    }

    /// Ends the actor.
    pub(super) fn leave(self) -> Result<(), Fault> {
        let end = self.app.stop();
        Kind::Wedged.unless(end == Ok(SupervisorEnd::Stopped), || format!("the supervisor was stopped: {end:?}"))
    }

    fn run_led(
        &mut self,
        deed: usize,
        lead: impl FnOnce(&Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        self.trials += 1;
        self.desk.clear();
        self.kills += 1;
        match DEEDS[deed].kind {
            Act::Cast | Act::Call | Act::CallAndGiveUp => self.outside(&DEEDS[deed], lead),
            Act::HandleCall | Act::HandleCallAgain | Act::HandleCastAgain => self.inside(&DEEDS[deed], lead),
        }
    }

    fn number(&self) -> u32 {
        self.trials % WARM_UP
    }

    fn outside(
        &mut self,
        deed: &Deed,
        lead: impl FnOnce(&Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let notes = Notes { board: self.desk.board.clone(), trial: self.trials, seat: 0 };
        let number = self.number();
        let task = Task { clerk: self.clerk, notes: notes.clone(), kind: deed.kind, number, length: deed.length };
        let process = Process::spawn(act, task).map_err(|error| Kind::Orphan.fault(error))?;
        let stepped = Stepped::take_over(process.pid())
            .map_err(|error| Kind::Wedged.fault(format!("a victim does not begin: {error}")))?;
        let is_there = lead(&stepped, &notes)?;
        let took = end_victims(&[Victim { process, stepped, notes: notes.clone() }])?;
        self.recovery_max = self.recovery_max.max(took);
        self.greet()?;
        let handled = self.desk.begun(number).load(Acquire);
        Kind::Doubled.unless(handled <= 1, || format!("it was handled {handled} times"))?;
        Kind::Lost.unless(notes.get(Note::Sent) == 0 || handled == 1, || "it was sent, and not handled".to_owned())?;
        Kind::Torn.unless(notes.get(Note::Refused) == 0, || "the actor lives, and a victim was refused".to_owned())?;
        Ok(is_there)
    }

    fn inside(
        &mut self,
        deed: &Deed,
        lead: impl FnOnce(&Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let cannot = |error: &dyn std::fmt::Debug| Kind::Wedged.fault(format!("the actor is not reached: {error:?}"));
        self.clerk.stand().send().map_err(|error| cannot(&error))?;
        Kind::Wedged.unless(soon(|| self.desk.stands().is_some()), || "the actor does not begin".to_owned())?;
        let pid = self.desk.stands().unwrap_or(0);
        let stepped = Stepped::take_over(pid).map_err(|error| cannot(&error))?;
        let waits = match deed.kind {
            Act::HandleCastAgain => {
                let cast = self.clerk.note_again(self.number(), vec![7; deed.length]);
                cast.send().map_err(|error| cannot(&error))?;
                None
            }
            _ => Some(self.call(deed)?),
        };
        // Nobody else writes here: the actor is never over, it sleeps.
        let notes = Notes { board: self.desk.board.clone(), trial: self.trials, seat: 0 };
        let is_there = lead(&stepped, &notes)?;
        let begin = Instant::now();
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| cannot(&pid))?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty()).map_err(|error| cannot(&error))?;
        pidfd_send_signal(&pidfd, Signal::KILL).map_err(|error| cannot(&error))?;
        self.greet()?;
        self.recovery_max = self.recovery_max.max(begin.elapsed());
        let told = match waits {
            Some(waits) => {
                Kind::Wedged.unless(soon(|| waits.is_finished()), || "a caller is not told of the death".to_owned())?;
                Some(waits.join().map_err(|_| Kind::Wedged.fault("a caller has panicked"))?)
            }
            None => None,
        };
        self.check_inside(deed, told)?;
        Ok(is_there)
    }

    /// Somebody who calls, and sleeps.
    fn call(&self, deed: &Deed) -> Result<JoinHandle<Told>, Fault> {
        let (clerk, number, bytes, kind) = (self.clerk, self.number(), vec![7; deed.length], deed.kind);
        let before = clerk.status().map_or(0, |status| status.queued);
        let waits = thread::spawn(move || match kind {
            Act::HandleCall => clerk.work(number, bytes).timeout(bound(CALL_MAX)).wait(),
            _ => clerk.work_again(number, bytes).timeout(bound(CALL_MAX)).wait(),
        });
        let is_queued = soon(|| clerk.status().is_ok_and(|status| before < status.queued));
        Kind::Wedged.unless(is_queued, || "a call does not arrive".to_owned())?;
        Ok(waits)
    }

    fn check_inside(&self, deed: &Deed, told: Option<Told>) -> Result<(), Fault> {
        let number = self.number();
        let (begun, ended) = (self.desk.begun(number).load(Acquire), self.desk.ended(number).load(Acquire));
        let most = if deed.kind == Act::HandleCall { 1 } else { 2 };
        Kind::Doubled.unless(begun <= most, || format!("it was handled {begun} times, not {most}"))?;
        if deed.kind != Act::HandleCall {
            Kind::Lost.unless(1 <= ended, || "it is redelivered, and was not handled".to_owned())?;
        }
        match told {
            None => Ok(()),
            Some(Ok(bytes)) => {
                Kind::Torn.unless(bytes == vec![7; deed.length], || format!("the answer is {bytes:?}"))?;
                Kind::Torn.unless(1 <= ended, || "there is an answer of nobody".to_owned())
            }
            Some(Err(CallError::Died(_))) if deed.kind == Act::HandleCall => Ok(()),
            Some(Err(error)) => Err(Kind::Lost.fault(format!("the caller was told: {error}"))),
        }
    }

    /// Whoever lives is served.
    fn greet(&self) -> Result<(), Fault> {
        let greeted = self.clerk.greet(self.trials).timeout(bound(CALL_MAX)).wait();
        let is_served = greeted.as_ref().is_ok_and(|number| *number == self.trials);
        Kind::Wedged.unless(is_served, || format!("the actor does not serve others: {greeted:?}"))
    }
}

/// What a victim has to do.
#[derive(Clone, Serialize, Deserialize)]
struct Task {
    clerk: ActorRef<Clerk>,
    notes: Notes,
    kind: Act,
    number: u32,
    length: usize,
}

fn act(task: Task) {
    let Task { clerk, notes, kind, number, length } = task;
    // What a process does for the first time in its life is not what is tried.
    drop(SIZE.create::<u8>());
    let bytes = vec![7; length];
    let _ = clerk.work(WARM_UP, bytes.clone()).wait();
    stand_still();
    let is_well = match kind {
        Act::Cast => clerk.note(number, bytes).send().is_ok(),
        Act::Call => clerk.work(number, bytes).wait().is_ok(),
        // In vain, and that is what is to be.
        _ => clerk.work(number, bytes).timeout(Duration::ZERO).wait().is_err(),
    };
    match is_well {
        true => notes.set(Note::Sent, u64::from(kind != Act::CallAndGiveUp)),
        false => notes.set(Note::Refused, u64::from(kind != Act::CallAndGiveUp)),
    }
    notes.set(Note::Over, 1);
    loop {
        stand_still();
    }
}
