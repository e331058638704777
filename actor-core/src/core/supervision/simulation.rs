//! Random supervisors over a made-up world, one per seed, with all promises checked at every step.
//!
//! The world has processes that come up or do not, crash, obey or ignore, and a clock that jumps
//! to the next thing that happens. A failure names its seed, which repeats it.

use super::*;
use crate::core::spec::{Backoff, Restart, Shutdown};

const SEEDS: u64 = 3000;
const STEPS_MAX: usize = 400;

#[test]
fn every_promise_holds_under_random_schedules() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let stop_at = 1 + world.random.below(STEPS_MAX / 2);
        let mut step = 0;
        while !world.finished && step < STEPS_MAX {
            step += 1;
            if step == stop_at {
                world.tell(Event::StopRequested);
            } else {
                world.step();
            }
        }
        assert!(world.finished, "seed {seed}: not finished after {STEPS_MAX} steps");
    }
}

struct World {
    seed: u64,
    random: Random,
    supervision: Supervision,
    now: Instant,
    processes: BTreeMap<ChildKey, Process>,
    timers: Vec<(Instant, TimerId)>,
    finished: bool,
}

#[derive(Clone, Copy, Default)]
struct Process {
    is_up: bool,
    is_asked: bool,
    is_killed: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let rules = random.supervisor();
        let mut world = World {
            seed,
            random,
            supervision: Supervision::new(rules).unwrap(),
            now: Instant::now(),
            processes: BTreeMap::new(),
            timers: Vec::new(),
            finished: false,
        };
        let actions = world.supervision.begin();
        world.carry_out(actions);
        world
    }

    /// Something happens to a random process, or time passes until the next timer.
    fn step(&mut self) {
        let alive: Vec<ChildKey> = self.processes.keys().copied().collect();
        let choice = self.random.below(alive.len() + 1);
        let Some(key) = alive.get(choice).copied() else {
            return self.wait_for_timer();
        };
        self.now += Duration::from_millis(self.random.below(20) as u64);
        let process = self.processes[&key];
        let must_end = process.is_killed;
        let obeys = process.is_asked && self.random.one_in(3);
        let crashes = self.random.one_in(4);
        if must_end || obeys || crashes {
            self.processes.remove(&key);
            let reason = if must_end {
                ExitReason::Killed { by: KilledBy::ShutdownTimeout }
            } else if obeys {
                ExitReason::Shutdown(None)
            } else {
                self.random.reason()
            };
            self.tell(Event::Exited(key, reason));
        } else if !process.is_up {
            self.processes.insert(key, Process { is_up: true, ..process });
            self.tell(Event::Started(key));
        }
    }

    fn wait_for_timer(&mut self) {
        if self.random.one_in(8) {
            let key = ChildKey(self.random.below(6) as u32);
            if !self.processes.contains_key(&key) {
                self.tell(Event::StopAsked(key));
            }
        }
        self.timers.sort();
        if self.timers.is_empty() {
            return;
        }
        let (at, timer) = self.timers.remove(0);
        self.now = self.now.max(at);
        self.tell(Event::TimerFired(timer));
    }

    fn tell(&mut self, event: Event) {
        let actions = self.supervision.handle(event, self.now);
        self.carry_out(actions);
        self.check();
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert!(!self.finished, "seed {}: {action:?} after the end", self.seed);
            match action {
                Action::Start(key) => {
                    let before = self.processes.insert(key, Process::default());
                    assert!(before.is_none(), "seed {}: {key:?} started twice", self.seed);
                }
                Action::AskToStop(key) => self.stop(key, |process| process.is_asked = true),
                Action::Kill(key, _) => self.stop(key, |process| process.is_killed = true),
                Action::SetTimer(timer, at) => self.timers.push((at, timer)),
                Action::Finished(_) => {
                    assert!(self.processes.is_empty(), "seed {}: left alive", self.seed);
                    self.finished = true;
                }
                Action::Ready | Action::Report(_) => {}
            }
        }
    }

    /// Children are stopped in reverse order, so none that was started later is alive.
    fn stop(&mut self, key: ChildKey, how: fn(&mut Process)) {
        let last = self.processes.last_key_value().map(|(key, _)| *key);
        assert_eq!(last, Some(key), "seed {}: stopped out of order", self.seed);
        how(self.processes.get_mut(&key).unwrap());
    }

    /// What is alive is known, and whoever waits, waits for something that comes.
    fn check(&self) {
        let seed = self.seed;
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
                    process.is_killed || rules.shutdown == Shutdown::Wait
                }
                _ => false,
            };
            assert!(fits, "seed {seed}: {key:?} is {state:?}");
        }
        assert_eq!(alive, self.processes.len(), "seed {seed}: an unknown process is alive");
    }
}

/// A small generator, so that a seed means the same everywhere (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn supervisor(&mut self) -> SupervisorRules {
        use AutoShutdown::{AllSignificant, AnySignificant, Never};
        use Strategy::{OneForAll, OneForOne, RestForOne};
        let auto_shutdown = self.one_of(&[Never, AnySignificant, AllSignificant]);
        let count = self.below(6);
        SupervisorRules {
            strategy: self.one_of(&[OneForOne, OneForAll, RestForOne]),
            intensity: Intensity {
                restarts: self.one_of(&[0, 1, 3, 30]),
                period: Duration::from_millis(self.one_of(&[1, 50, 5000])),
            },
            auto_shutdown,
            children: (0..count).map(|i| self.child(i, auto_shutdown)).collect(),
        }
    }

    fn child(&mut self, index: usize, auto_shutdown: AutoShutdown) -> ChildRules {
        let restart = self.one_of(&[Restart::Permanent, Restart::Transient, Restart::Temporary]);
        let may_matter = auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
        let after = Shutdown::After(Duration::from_millis(30));
        ChildRules {
            id: index.to_string(),
            restart,
            shutdown: self.one_of(&[Shutdown::Kill, after, Shutdown::Wait]),
            significant: may_matter && self.one_in(2),
            backoff: Backoff::new(Duration::from_millis(5), Duration::from_millis(40)),
        }
    }

    fn reason(&mut self) -> ExitReason {
        self.one_of(&[
            ExitReason::Normal,
            ExitReason::Shutdown(Some("enough".into())),
            ExitReason::DoNotRestart("pointless".into()),
            ExitReason::Failed("no".into()),
            ExitReason::Signaled { signal: 11, core: false },
            ExitReason::OomKilled,
        ])
    }
}
