//! [`Office`]: where the operations on a mailbox and on the answers to calls are tried.
//!
//! From outside the victim is a process that casts or calls, and the actor lives on. From inside it is the
//! actor, led from the end of one handler over its acknowledgement, the next message, the handler of that,
//! the answer and its acknowledgement to where it sleeps again. The actor is under a supervisor, so its
//! next life goes on with the mailbox of the one before.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::{Intensity, Supervisor, SupervisorEnd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::clerk::{Bulk, Clerk, Desk, NUMBERS};
use super::deeds::{Act, CAPACITY, DEEDS, Deed, Errand, Meanwhile, There};
use super::field::end_victims;
use super::known::{Known, Moment};
use super::scene::{Note, Notes};
use super::sleeper::at_last;
use super::trial::Victim;
use super::waiting::{Told, Waiting};
use crate::chance::Chance;
use crate::crash::{Fault, Kind};
use crate::steps::Stepped;
use crate::watch::{bound, has_state};

/// An actor whose mailbox is tried.
pub(super) struct Office {
    pub(super) desk: Desk,
    app: Supervisor,
    pub(super) clerk: ActorRef<Clerk>,
    /// Another one, on which victims do what is not tried once before; and one that has ended.
    other: ActorRef<Clerk>,
    gone: ActorRef<Clerk>,
    /// Where the one notes who is to stop.
    pub(super) last: Desk,
    pub(super) known: BTreeMap<usize, Known>,
    pub(super) chance: Chance,
    pub(super) trials: u32,
    pub(super) kills: u64,
    pub(super) recovery_max: Duration,
}

/// How long a call may take that meets a death.
pub(super) const CALL_MAX: Duration = Duration::from_secs(60);
/// How often the actor may be started again: at each death.
const INTENSITY: Intensity = Intensity { restarts: 10_000_000, period: Duration::from_secs(1) };
/// Numbers of messages, counted from the first one of a trial: the victim's, those in the full mailbox, and
/// those of somebody else.
const EACH: u32 = 8;
const FILLING: u32 = 1;
const ELSE: u32 = FILLING + CAPACITY;
const WAITING: u32 = ELSE + 1;
/// Instructions before a sleep at which the answer is there early.
const EARLY: u64 = 60;

impl Office {
    pub(super) fn new(chance: Chance) -> Result<Office, Fault> {
        let desk = Desk::new();
        let cannot = |error: &dyn std::fmt::Display| Kind::Orphan.fault(format!("no actor can be started: {error}"));
        let mut app = Supervisor::builder().intensity(INTENSITY);
        let clerk = app.child(Clerk::define(desk.clone())).map_err(|error| cannot(&error))?;
        let app = app.start().map_err(|error| cannot(&error))?;
        let other = Clerk::define(Desk::new()).spawn().map_err(|error| cannot(&error))?;
        let gone = Clerk::define(Desk::new()).spawn().map_err(|error| cannot(&error))?;
        gone.stop().map_err(|error| cannot(&error))?;
        let (known, recovery_max) = (BTreeMap::new(), Duration::ZERO);
        Ok(Office {
            desk,
            app,
            clerk,
            other,
            gone,
            last: Desk::new(),
            known,
            chance,
            trials: 0,
            kills: 0,
            recovery_max,
        })
    }

    /// As [`explore`](super::field::Field::explore) of a field.
    pub(super) fn explore(&mut self, deed: usize) -> Result<usize, Fault> {
        let moment = match DEEDS[deed].between {
            None => Moment::Never,
            Some(between) => match (self.explore_with(deed, Moment::Never)?, between) {
                (Known { sleeps: true, way, .. }, Meanwhile::GoesOnEarly) => {
                    Moment::Before(way.len() - 1 - self.chance.below(EARLY) as usize)
                }
                (Known { sleeps: true, way, .. }, _) => Moment::Asleep(way.len() - 1),
                (Known { way, .. }, _) => Moment::Before(self.chance.below(way.len() as u64) as usize),
            },
        };
        let known = self.explore_with(deed, moment)?;
        let steps = known.steps();
        self.known.insert(deed, known);
        Ok(steps)
    }

    fn explore_with(&mut self, deed: usize, moment: Moment) -> Result<Known, Fault> {
        let mut known = Known::new(moment);
        known.may_end = matches!(DEEDS[deed].act, Act::Stop | Act::StopNow);
        self.run_led(deed, |office, stepped, notes| {
            known.explore(stepped, || notes.is_over(), || office.do_between(&DEEDS[deed])).map(|()| true)
        })?;
        Ok(known)
    }

    /// As [`run`](super::field::Field::run) of a field.
    pub(super) fn run(&mut self, deed: usize, steps: usize) -> Result<bool, Fault> {
        let known = std::mem::take(&mut self.known);
        let result = self
            .run_led(deed, |office, stepped, _| known[&deed].lead(stepped, steps, || office.do_between(&DEEDS[deed])));
        self.known = known;
        result
    }

    /// As [`is_near`](super::field::Field::is_near) of a field.
    pub(super) fn is_near(&self, deed: usize, steps: usize) -> bool {
        self.known.get(&deed).is_some_and(|known| known.is_near(steps))
    }

    /// Ends the actors.
    pub(super) fn leave(self) -> Result<(), Fault> {
        self.other.stop().map_err(|error| unreached(&error))?;
        let end = self.app.stop();
        Kind::Wedged.unless(end == Ok(SupervisorEnd::Stopped), || format!("the supervisor was stopped: {end:?}"))
    }

    fn run_led(
        &mut self,
        deed: usize,
        lead: impl FnOnce(&Office, &Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        self.next_trial();
        self.kills += 1;
        let deed = &DEEDS[deed];
        match deed.act {
            Act::Stop | Act::StopNow => self.stopping(deed, lead),
            _ if deed.is_from_outside() => self.outside(deed, lead),
            _ => self.inside(deed, lead),
        }
    }

    pub(super) fn next_trial(&mut self) {
        self.trials += 1;
        self.desk.clear();
    }

    /// The number of the victim's message: others are known by it for some time.
    pub(super) fn number(&self) -> u32 {
        self.trials % (NUMBERS as u32 / EACH) * EACH
    }

    fn outside(
        &mut self,
        deed: &Deed,
        lead: impl FnOnce(&Office, &Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        self.make_clerk(deed, self.clerk, &self.desk)?;
        let victim = self.start(deed, 0)?;
        let is_there = lead(self, &victim.stepped, &victim.notes)?;
        let victims = [victim];
        let took = end_victims(&victims)?;
        self.recovery_max = self.recovery_max.max(took);
        self.go_on();
        self.greet()?;
        self.check_outside(deed, &victims[0].notes, self.number())?;
        Ok(is_there)
    }

    /// A process that is about to do something.
    pub(super) fn start(&self, deed: &Deed, seat: usize) -> Result<Victim, Fault> {
        let notes = Notes { board: self.desk.board.clone(), trial: self.trials, seat };
        let errand = Errand {
            clerk: if deed.clerk == There::Gone { self.gone } else { self.clerk },
            other: self.other,
            notes: notes.clone(),
            act: deed.act,
            number: self.number() + seat as u32,
            length: deed.length,
            is_cold: deed.is_cold,
        };
        let process = errand.begin().map_err(|error| Kind::Orphan.fault(error))?;
        let stepped = Stepped::take_over(process.pid())
            .map_err(|error| Kind::Wedged.fault(format!("a victim does not begin: {error}")))?;
        Ok(Victim { process, stepped, notes })
    }

    /// What was sent was handled, and once; by now everything was that was there before.
    pub(super) fn check_outside(&self, deed: &Deed, notes: &Notes, number: u32) -> Result<(), Fault> {
        let (begun, ended) = self.handled(number);
        let (is_sent, is_refused) = (notes.get(Note::Sent) != 0, notes.get(Note::Refused) != 0);
        Kind::Doubled.unless(begun <= 1, || format!("it was handled {begun} times"))?;
        Kind::Torn.unless(begun == ended, || "what was handled is not what was sent".to_owned())?;
        Kind::Lost.unless(!is_sent || begun == 1, || "it was sent, and not handled".to_owned())?;
        Kind::Doubled.unless(!is_refused || begun == 0, || "it was refused, and handled".to_owned())?;
        let may_be_refused = matches!(deed.clerk, There::Full | There::Gone);
        Kind::Wedged.unless(may_be_refused || !is_refused, || "there is room, and it was refused".to_owned())?;
        let is_none = || "there is nobody, and it was sent".to_owned();
        Kind::Torn.unless(deed.clerk != There::Gone || !is_sent && begun == 0, is_none)?;
        if matches!(deed.clerk, There::Full | There::FullWithASender) {
            self.check_filling(1)?;
        }
        Ok(())
    }

    fn check_filling(&self, most: u64) -> Result<(), Fault> {
        for number in self.number() + FILLING..self.number() + ELSE {
            let (begun, ended) = self.handled(number);
            Kind::Lost.unless(1 <= ended, || format!("message {number} was not handled"))?;
            Kind::Doubled.unless(begun <= most, || format!("message {number} was handled {begun} times"))?;
        }
        Ok(())
    }

    fn handled(&self, number: u32) -> (u64, u64) {
        (self.desk.begun(number).load(Acquire), self.desk.ended(number).load(Acquire))
    }

    /// Brings the actor to where the operation finds it.
    pub(super) fn make_clerk(&self, deed: &Deed, clerk: ActorRef<Clerk>, desk: &Desk) -> Result<(), Fault> {
        if matches!(deed.clerk, There::Asleep) {
            let sleeps = || has_state(desk.lives(), desk.lives(), 'S');
            return Kind::Wedged.unless(at_last(sleeps), || "the actor does not come to rest".to_owned());
        }
        if deed.clerk == There::Gone {
            return Ok(());
        }
        clerk.stand().send().map_err(|error| unreached(&error))?;
        let stands = || desk.stands().is_some_and(|pid| has_state(pid, pid, 'T'));
        Kind::Wedged.unless(at_last(stands), || "the actor does not begin".to_owned())?;
        if matches!(deed.clerk, There::Full | There::FullWithASender) {
            for number in FILLING..ELSE {
                let cast = clerk.note_again(self.number() + number, Bulk::of(deed.length));
                cast.try_send().map_err(|error| unreached(&error))?;
            }
        }
        Ok(())
    }

    /// Whoever stands in a handler comes to its end.
    pub(super) fn go_on(&self) {
        if let Some(pid) = self.desk.stands().and_then(|pid| Pid::from_raw(pid as i32)) {
            // He is the node's child, and is there until this process lets him go.
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    fn do_between(&self, deed: &Deed) -> Result<(), Fault> {
        match deed.between {
            None => Ok(()),
            Some(Meanwhile::Casts) => {
                let cast = self.clerk.note(self.number() + ELSE, Bulk::of(deed.length));
                cast.try_send().map_err(|error| unreached(&error))
            }
            Some(Meanwhile::GoesOn | Meanwhile::GoesOnEarly) => {
                self.go_on();
                let rests = || self.clerk.status().is_ok_and(|status| status.queued == 0) && self.is_asleep();
                Kind::Wedged.unless(at_last(rests), || "the actor does not come to rest".to_owned())
            }
        }
    }

    /// Somebody who lives casts, beside whatever others are at.
    pub(super) fn cast_beside(&self) -> Result<(), Fault> {
        let cast = self.clerk.note(self.number() + ELSE, Bulk::of(0));
        cast.try_send().map_err(|error| unreached(&error))
    }

    pub(super) fn check_beside(&self) -> Result<(), Fault> {
        let handled = self.handled(self.number() + ELSE);
        Kind::Lost.unless(handled == (1, 1), || format!("what a live one has sent was handled {handled:?} times"))
    }

    fn is_asleep(&self) -> bool {
        has_state(self.desk.lives(), self.desk.lives(), 'S')
    }

    fn inside(
        &mut self,
        deed: &Deed,
        lead: impl FnOnce(&Office, &Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        match deed.is_cold {
            true => self.begin_life()?,
            // A life is not asked for the first time then, other than where the case says so.
            false => self.greet()?,
        }
        self.make_clerk(deed, self.clerk, &self.desk)?;
        let stepped = Stepped::take_over(self.desk.lives()).map_err(|error| unreached(&error))?;
        let waiting = self.waiting(deed)?;
        // Nobody else writes here: the actor is never over, it sleeps.
        let notes = Notes { board: self.desk.board.clone(), trial: self.trials, seat: 0 };
        let pid = self.desk.lives();
        let is_there = lead(self, &stepped, &notes)?;
        let begin = Instant::now();
        kill_led(pid)?;
        self.greet()?;
        self.recovery_max = self.recovery_max.max(begin.elapsed());
        let told = waiting.map(Waiting::end).transpose()?;
        // What was sent only then is before this one.
        self.greet()?;
        self.check_inside(deed, told)?;
        Ok(is_there)
    }

    /// The actor lives a life in which nobody has asked it anything.
    fn begin_life(&self) -> Result<(), Fault> {
        let before = self.desk.lives();
        kill_led(before)?;
        Kind::Wedged.unless(at_last(|| self.desk.lives() != before), || "the actor is not started again".to_owned())
    }

    /// Somebody who waits for what the actor does next.
    fn waiting(&self, deed: &Deed) -> Result<Option<Waiting>, Fault> {
        let number = self.number();
        match (deed.act, deed.clerk) {
            (Act::HandleCall | Act::HandleCallAgain, _) => {
                Waiting::call(self.clerk, number, deed.length, deed.act == Act::HandleCallAgain).map(Some)
            }
            (_, There::FullWithASender) => Waiting::cast(self.clerk, number + WAITING, deed.length).map(Some),
            (Act::HandleCastAgain, _) => {
                let cast = self.clerk.note_again(number, Bulk::of(deed.length));
                cast.send().map_err(|error| unreached(&error)).map(|()| None)
            }
            _ => Ok(None),
        }
    }

    fn check_inside(&self, deed: &Deed, told: Option<Told>) -> Result<(), Fault> {
        let number = if deed.clerk == There::FullWithASender { self.number() + WAITING } else { self.number() };
        let (begun, ended) = self.handled(number);
        let most = if deed.act == Act::HandleCall { 1 } else { 2 };
        Kind::Doubled.unless(begun <= most, || format!("it was handled {begun} times, not {most}"))?;
        if matches!(deed.act, Act::HandleCallAgain | Act::HandleCastAgain) {
            Kind::Lost.unless(1 <= ended, || "it is redelivered, and was not handled".to_owned())?;
        }
        if deed.clerk == There::FullWithASender {
            self.check_filling(2)?;
        }
        match told {
            None => Ok(()),
            Some(Told::Sent) => Kind::Lost.unless(1 <= ended, || "it was sent, and not handled".to_owned()),
            Some(Told::Answered(answer)) => {
                Kind::Torn.unless(answer.is_whole(deed.length), || format!("the answer is {answer:?}"))?;
                Kind::Torn.unless(1 <= ended, || "there is an answer of nobody".to_owned())
            }
            Some(Told::Failed(error)) => {
                let is_death = matches!(error, CallError::Died(_)) && deed.act == Act::HandleCall;
                Kind::Lost.unless(is_death, || format!("the caller was told: {error}"))
            }
            Some(Told::Refused(why)) => Err(Kind::Lost.fault(format!("somebody was told: {why}"))),
            Some(Told::Stopped) => Err(Kind::Torn.fault("somebody was told of a stop, and there is none")),
        }
    }

    /// Whoever lives is served.
    pub(super) fn greet(&self) -> Result<(), Fault> {
        let greeted = self.clerk.greet(self.trials).timeout(bound(CALL_MAX)).wait();
        let is_served = greeted.as_ref().is_ok_and(|number| *number == self.trials);
        Kind::Wedged.unless(is_served, || format!("the actor does not serve others: {greeted:?}"))
    }
}

/// Kills an actor that stands still, if it has not come to its own end.
pub(super) fn kill_led(pid: u32) -> Result<(), Fault> {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| unreached(&pid))?;
    match pidfd_open(raw, PidfdFlags::empty()).and_then(|pidfd| pidfd_send_signal(&pidfd, Signal::KILL)) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(unreached(&error)),
    }
}

pub(super) fn unreached(error: &dyn std::fmt::Debug) -> Fault {
    Kind::Wedged.fault(format!("the actor is not reached: {error:?}"))
}
