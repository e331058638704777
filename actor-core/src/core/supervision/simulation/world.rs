//! [`World`]: the processes, the timers and the clock of a made-up driver.
//!
//! It does what the head of `supervision.rs` says that a driver owes, and that as badly as it may: it is
//! told of ends late and several times, and passes on what does not belong to a life that goes on, as a
//! driver does that knows processes by more than the child's name.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::oracle::Oracle;
use super::{Passed, Random, rules};
use crate::core::supervision::{Action, ChildKey, ChildState, Event, Supervision, TimerId};
use crate::exit::{ExitReason, KilledBy};

/// Enough to stop all children, each by its timer.
const STEPS_TO_END: usize = 100;
/// How long the machine can have been asleep.
const JUMP: Duration = Duration::from_secs(3600);
/// By how much the time of one event may lie before that of the event before.
const BACK: Duration = Duration::from_millis(100);

pub(super) struct World {
    supervision: Supervision,
    oracle: Oracle,
    now: Instant,
    processes: BTreeMap<ChildKey, Process>,
    timers: Vec<(Instant, TimerId)>,
    /// The last one that has fired.
    fired: Option<TimerId>,
    /// So many of the next processes cannot be made.
    no_forks: u32,
    passed: Passed,
    history: Option<Rc<RefCell<Vec<String>>>>,
}

#[derive(Clone, Default)]
pub(super) struct Process {
    pub(super) is_up: bool,
    pub(super) is_asked: bool,
    pub(super) is_killed: bool,
    /// It has ended like this, and nobody has noticed.
    ended: Option<ExitReason>,
}

impl World {
    pub(super) fn new(seed: u64) -> Result<World, String> {
        World::with(seed, None)
    }

    pub(super) fn recorded(seed: u64, history: Rc<RefCell<Vec<String>>>) -> Result<World, String> {
        World::with(seed, Some(history))
    }

    fn with(seed: u64, history: Option<Rc<RefCell<Vec<String>>>>) -> Result<World, String> {
        let rules = rules::supervisor(&mut Random::new(!seed));
        let supervision = Supervision::new(rules.clone()).map_err(|error| error.to_string())?;
        let mut world = World {
            supervision,
            oracle: Oracle::new(rules.clone()),
            // Room for going back.
            now: Instant::now() + JUMP,
            processes: BTreeMap::new(),
            timers: Vec::new(),
            fired: None,
            no_forks: 0,
            passed: Passed::default(),
            history,
        };
        world.record(|| format!("{rules:?}"));
        let actions = world.supervision.begin();
        world.oracle.allows(None, &actions, world.now)?;
        world.carry_out(actions)?;
        Ok(world)
    }

    /// What a number of a schedule means.
    pub(super) fn step(&mut self, word: u32) -> Result<(), String> {
        if self.oracle.has_finished() {
            return Ok(());
        }
        let [kind, which, time, more] = word.to_le_bytes();
        self.now += Duration::from_millis(u64::from(time % 20));
        let alive = self.processes.keys().copied().nth(usize::from(which) % self.processes.len().max(1));
        let child = ChildKey(u32::from(which % 6));
        // Whoever fails before all are up ends the world: most of the time that would be too soon.
        let kind = if self.oracle.is_ready() || more < 32 { kind % 32 } else { kind % 16 };
        match (kind, alive) {
            (0..16, Some(key)) => self.comes_up(key),
            (16..19, Some(key)) => self.ends(key, u32::from(more)),
            (19..22, Some(key)) => self.obeys(key),
            (22, Some(key)) => {
                let reason = rules::reason(u32::from(more));
                self.process(key).ended.get_or_insert(reason);
                Ok(())
            }
            (23, Some(key)) => self.is_noticed(key),
            (24, Some(key)) => self.comes_up_again(key),
            (25, _) => self.told_again(child, u32::from(more)),
            (26, _) => self.stop_asked(child),
            (27, _) => {
                self.no_forks = u32::from(more % 4);
                Ok(())
            }
            (28, _) => self.jump(more),
            _ => self.timer().unwrap_or(Ok(())),
        }
    }

    /// From here on everybody does what he has to, sooner or later.
    pub(super) fn end(mut self) -> Result<Passed, String> {
        self.no_forks = 0;
        self.tell(Event::StopRequested)?;
        for _ in 0..STEPS_TO_END {
            let Some((key, process)) = self.processes.last_key_value() else { break };
            let (key, is_slow) = (*key, key.0 % 2 == 1);
            match process {
                Process { ended: Some(_), .. } => self.is_noticed(key)?,
                Process { is_killed: true, .. } => self.obeys(key)?,
                Process { is_asked: true, .. } if !is_slow => self.obeys(key)?,
                _ => match self.timer() {
                    Some(fired) => fired?,
                    None => self.obeys(key)?,
                },
            }
        }
        if !self.oracle.has_finished() {
            return Err(format!("it waits for what does not come: {:?}", self.supervision));
        }
        Ok(self.passed)
    }

    fn process(&mut self, key: ChildKey) -> &mut Process {
        self.processes.get_mut(&key).expect("it was chosen among those that live")
    }

    fn comes_up(&mut self, key: ChildKey) -> Result<(), String> {
        let process = self.process(key);
        if process.is_up || process.ended.is_some() {
            return Ok(());
        }
        process.is_up = true;
        self.tell(Event::Started(key))
    }

    /// That it is up is told twice.
    fn comes_up_again(&mut self, key: ChildKey) -> Result<(), String> {
        if !self.process(key).is_up {
            return Ok(());
        }
        self.passed.doubled += 1;
        self.tell(Event::Started(key))
    }

    fn ends(&mut self, key: ChildKey, number: u32) -> Result<(), String> {
        if self.process(key).ended.is_some() {
            return self.is_noticed(key);
        }
        let reason = match self.process(key).is_killed {
            true => ExitReason::Killed { by: KilledBy::ShutdownTimeout },
            false => rules::reason(number),
        };
        self.process(key).ended = Some(reason);
        self.is_told(key)
    }

    /// Who was killed ends, and so does who was asked to.
    fn obeys(&mut self, key: ChildKey) -> Result<(), String> {
        let process = self.process(key);
        if process.is_asked && !process.is_killed && process.ended.is_none() {
            process.ended = Some(ExitReason::Shutdown(None));
            return self.is_told(key);
        }
        if process.is_killed { self.ends(key, 0) } else { Ok(()) }
    }

    /// An end that nobody had noticed.
    fn is_noticed(&mut self, key: ChildKey) -> Result<(), String> {
        let Process { ended: Some(_), is_asked, is_killed, .. } = *self.process(key) else { return Ok(()) };
        self.passed.late += 1;
        self.passed.lost += u64::from(is_asked || is_killed);
        self.is_told(key)
    }

    fn is_told(&mut self, key: ChildKey) -> Result<(), String> {
        let process = self.processes.remove(&key);
        let reason = process.and_then(|process| process.ended).expect("it has ended");
        self.tell(Event::Exited(key, reason))
    }

    /// The end of a child, or that it is up, once more when no life of it is there.
    fn told_again(&mut self, key: ChildKey, number: u32) -> Result<(), String> {
        if self.processes.contains_key(&key) {
            return Ok(());
        }
        self.passed.doubled += 1;
        match (number % 3, self.fired) {
            (0, _) => self.tell(Event::Started(key)),
            (1, Some(timer)) => self.tell(Event::TimerFired(timer)),
            _ => self.tell(Event::Exited(key, rules::reason(number))),
        }
    }

    fn stop_asked(&mut self, key: ChildKey) -> Result<(), String> {
        if self.processes.contains_key(&key) { Ok(()) } else { self.tell(Event::StopAsked(key)) }
    }

    fn jump(&mut self, number: u8) -> Result<(), String> {
        self.passed.jumps += 1;
        if number.is_multiple_of(2) {
            self.now += JUMP;
        } else {
            self.now -= BACK;
            self.oracle.clock_goes_back();
        }
        Ok(())
    }

    /// Time passes until the next timer. `None`: there is none.
    fn timer(&mut self) -> Option<Result<(), String>> {
        let next = (0..self.timers.len()).min_by_key(|at| self.timers[*at])?;
        let (at, timer) = self.timers.swap_remove(next);
        self.now = self.now.max(at);
        self.fired = Some(timer);
        Some(self.tell(Event::TimerFired(timer)))
    }

    fn tell(&mut self, event: Event) -> Result<(), String> {
        let actions = self.handle(event)?;
        self.carry_out(actions)?;
        self.check()
    }

    fn handle(&mut self, event: Event) -> Result<Vec<Action>, String> {
        self.passed.events += 1;
        self.record(|| format!("{event:?}"));
        self.oracle.sees(&event, self.supervision.children());
        let actions = self.supervision.handle(event.clone(), self.now);
        self.record(|| format!("    {actions:?}"));
        let allowed = self.oracle.allows(Some(&event), &actions, self.now);
        allowed.inspect_err(|why| self.record(|| why.clone()))?;
        Ok(actions)
    }

    fn record(&self, line: impl FnOnce() -> String) {
        if let Some(history) = &self.history {
            history.borrow_mut().push(line());
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) -> Result<(), String> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Start(key) if self.no_forks > 0 => {
                    self.no_forks -= 1;
                    self.passed.failed_forks += 1;
                    self.oracle.fork_fails();
                    let failed = ExitReason::Failed("no process could be made".into());
                    // As the node does it: what was decided before goes first.
                    actions.extend(self.handle(Event::Exited(key, failed))?);
                }
                Action::Start(key) => {
                    self.passed.starts += 1;
                    if let Some((slow, _)) = self.oracle.one_by_one().then(|| self.not_up()).flatten() {
                        return Err(format!("{key:?} is started before {slow:?} is up"));
                    }
                    if self.processes.insert(key, Process::default()).is_some() {
                        return Err(format!("{key:?} lives twice at once"));
                    }
                }
                Action::AskToStop(key) => self.stopped(key)?.is_asked = true,
                Action::Kill(key, _) => self.stopped(key)?.is_killed = true,
                Action::SetTimer(timer, at) => self.timers.push((at, timer)),
                Action::Finished(_) if !self.processes.is_empty() => {
                    return Err(format!("it has finished, and {:?} live", self.processes.keys()));
                }
                Action::Finished(_) | Action::Ready | Action::Report(_) => {}
            }
        }
        Ok(())
    }

    fn not_up(&self) -> Option<(ChildKey, &Process)> {
        self.processes.iter().map(|(key, process)| (*key, process)).find(|(_, process)| !process.is_up)
    }

    /// Children are stopped in reverse order, so none that was started later is alive.
    fn stopped(&mut self, key: ChildKey) -> Result<&mut Process, String> {
        match self.processes.last_entry() {
            Some(last) if *last.key() == key => Ok(last.into_mut()),
            last => Err(format!("{key:?} is stopped, and {:?} lives", last.map(|last| *last.key()))),
        }
    }

    /// What is alive is known, and whoever waits, waits for something that comes.
    fn check(&self) -> Result<(), String> {
        let is_set = |timer| self.timers.iter().any(|(_, set)| *set == timer);
        let mut alive = 0;
        for (key, rules, state, _) in self.supervision.children() {
            let process = self.processes.get(&key);
            alive += usize::from(process.is_some());
            let fits = match (state, process) {
                (ChildState::New | ChildState::Ended, None) => true,
                (ChildState::Waiting { retry }, None) => is_set(retry),
                (ChildState::Starting, Some(process)) => !process.is_up,
                (ChildState::Up { .. }, Some(process)) => process.is_up,
                (ChildState::Stopping { kill: Some(kill) }, Some(_)) => is_set(kill),
                (ChildState::Stopping { kill: None }, Some(process)) => {
                    process.is_killed || Oracle::may_wait(rules.shutdown)
                }
                _ => false,
            };
            if !fits {
                let why = format!("{key:?} is {state:?}, and of its process is known: {:?}", process.is_some());
                self.record(|| why.clone());
                return Err(why);
            }
        }
        if alive == self.processes.len() { Ok(()) } else { Err("an unknown process is alive".into()) }
    }
}
