//! Times that actors set for themselves, and messages that are sent later.

mod deaths;
mod ends;
mod later;
mod room;
mod ticks;

use std::time::{Duration, Instant};

use actor_core::node::{DeadLetter, counters, dead_letters};
use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{Missed, Tick, TickError, TickRef, TimerRef};
use actor_tests::watch::{bound, until};
use serde::{Deserialize, Serialize};

/// How long something may take that is about to happen, on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);
/// How long to wait for what must not come. Each of these tests knows by other means that it could have.
const NOT_YET: Duration = Duration::from_millis(50);
/// No test lasts as long as that.
const HOUR: Duration = Duration::from_secs(3600);

/// What an actor was told, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Entry {
    /// The timer by its place in the order of setting, the count and what it has missed, and the
    /// nanoseconds from the setting of the first one until the tick was due.
    Tick(usize, u64, u64, u64),
    /// A message, and the life that has handled it.
    Note(u32, u32),
}

type Journal = Queue<Entry>;

/// Sets timers as it is told, and writes down what comes of them.
#[derive(Actor)]
#[actor(capacity = 256, max_message = "4MiB")]
struct Clock {
    journal: Journal,
    gate: Queue<()>,
    /// With moments just before and after they were set.
    timers: Vec<(TickRef, Instant, Instant)>,
    /// Its timer with this place is cancelled by the next tick, or it ends.
    at_next_tick: Option<AtTick>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum AtTick {
    Cancel(usize),
    Stop,
    Fail,
}

#[handlers]
impl Clock {
    #[init]
    fn new(desk: Desk, context: &mut Context<Self>) -> Result<Clock, Failure> {
        let mut clock = Clock { journal: desk.journal, gate: desk.gate, timers: Vec::new(), at_next_tick: None };
        if let Some(period) = desk.period {
            clock.every(period, Missed::Skip, context).map_err(Failure::new)?;
        }
        if desk.waits_in_later_lives && 1 < context.incarnation().life() {
            clock.gate.recv().map_err(Failure::new)?;
        }
        Ok(clock)
    }

    #[call]
    fn every(&mut self, period: Duration, missed: Missed, context: &mut Context<Self>) -> Result<(), String> {
        let before = Instant::now();
        let timer = context.every(period, missed).map_err(|error| error.to_string())?;
        self.timers.push((timer, before, Instant::now()));
        Ok(())
    }

    #[call]
    fn after(&mut self, delays: Vec<Duration>, context: &mut Context<Self>) {
        for delay in delays {
            let before = Instant::now();
            let timer = context.after(delay).expect("there is room");
            self.timers.push((timer, before, Instant::now()));
        }
    }

    #[call]
    fn cancel(&mut self, place: usize, context: &mut Context<Self>) -> bool {
        context.cancel(self.timers[place].0)
    }

    /// Sets as many as it may, and says how many that were and what came then.
    #[call]
    fn set_all(&mut self, context: &mut Context<Self>) -> (usize, String) {
        let mut set = Vec::new();
        let refused = loop {
            match context.after(HOUR) {
                Ok(timer) => set.push(timer),
                Err(error) => break error,
            }
        };
        assert!(context.cancel(set[7]) && context.after(HOUR).is_ok(), "there is room again");
        assert_eq!(context.after(HOUR), Err(TickError::TooMany));
        (set.len(), refused.to_string())
    }

    #[call]
    fn at_next_tick(&mut self, deed: AtTick) {
        self.at_next_tick = Some(deed);
    }

    #[cast]
    fn note(&mut self, number: u32, context: &mut Context<Self>) {
        self.write(Entry::Note(number, context.incarnation().life()));
    }

    /// Asserts that it is not too early.
    #[cast]
    fn note_at(&mut self, number: u32, moment: u64, context: &mut Context<Self>) {
        assert!(moment <= monotonic(), "it came before its time");
        self.write(Entry::Note(number, context.incarnation().life()));
    }

    #[cast]
    fn load(&mut self, number: u32, _text: String, context: &mut Context<Self>) {
        self.write(Entry::Note(number, context.incarnation().life()));
    }

    /// Goes on with the next message when somebody opens the gate.
    #[cast]
    fn wait(&mut self) {
        self.gate.recv().expect("the gate is there");
    }

    /// Busy until so long after the moment at which the timer was set.
    #[cast]
    fn work(&mut self, place: usize, time: Duration) {
        let (_, _, set) = self.timers[place];
        while set.elapsed() < time {
            std::hint::spin_loop();
        }
        self.write(Entry::Note(0, 0));
    }

    /// Sees to it that there always is a message, until there has been a tick.
    #[cast]
    fn go_on(&mut self, context: &mut Context<Self>) {
        if self.journal.is_empty() {
            // Refused when it is asked to stop.
            let _ = context.actor_ref().go_on().try_send();
        }
    }

    /// Sends itself messages later, of which one survives.
    #[call]
    fn remind(&mut self, delay: Duration, context: &mut Context<Self>) -> [TimerRef; 2] {
        let me = context.actor_ref();
        let mortal = me.note(1).send_after(delay).expect("it is alive");
        [mortal, me.note(2).surviving().send_after(delay).expect("it is alive")]
    }

    #[call]
    fn cancel_other(&mut self, timer: TimerRef) -> bool {
        timer.cancel().expect("the node is there")
    }

    #[call]
    fn is_there(&self) -> bool {
        true
    }

    #[info]
    fn tick(&mut self, tick: Tick, context: &mut Context<Self>) -> Result<(), String> {
        assert!(tick.due <= Instant::now(), "it came before its time");
        let place = self.timers.iter().position(|(timer, ..)| *timer == tick.timer).expect("it was set");
        let (_, first, _) = self.timers[0];
        let due = tick.due.saturating_duration_since(first).as_nanos() as u64;
        self.write(Entry::Tick(place, tick.count, tick.missed, due));
        match self.at_next_tick.take() {
            Some(AtTick::Cancel(place)) => assert!(context.cancel(self.timers[place].0)),
            Some(AtTick::Stop) => context.stop(),
            Some(AtTick::Fail) => return Err("at its time".to_owned()),
            None => {}
        }
        Ok(())
    }
}

impl Clock {
    fn write(&self, entry: Entry) {
        self.journal.send(entry).expect("the journal is open");
    }
}

/// Has no handler for ticks.
#[derive(Actor, Serialize, Deserialize)]
struct Deaf;

#[handlers]
impl Deaf {
    #[call]
    fn set(&mut self, context: &mut Context<Self>) {
        context.after(Duration::ZERO).expect("there is room");
    }

    #[call]
    fn is_there(&self) -> bool {
        true
    }
}

/// Nanoseconds of the clock that is one for all processes.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What a clock is made from, and how it is watched.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Desk {
    journal: Journal,
    /// An item lets a waiting actor go on.
    gate: Queue<()>,
    /// Of a timer that is set at the beginning of each life.
    period: Option<Duration>,
    waits_in_later_lives: bool,
}

impl Desk {
    fn new() -> Desk {
        let (journal, gate) = (Queue::bounded(1 << 17).unwrap(), Queue::bounded(64).unwrap());
        Desk { journal, gate, period: None, waits_in_later_lives: false }
    }

    fn clock(&self) -> ActorRef<Clock> {
        Clock::define(self.clone()).spawn().unwrap()
    }

    fn clock_with_room(&self, capacity: u32) -> ActorRef<Clock> {
        let options = SpawnOptions { capacity: Some(capacity), ..SpawnOptions::default() };
        Clock::define(self.clone()).with(options).spawn().unwrap()
    }

    fn supervised(&self) -> (Supervisor, ActorRef<Clock>) {
        let mut app = Supervisor::builder();
        let clock = app.child(Clock::define(self.clone())).unwrap();
        (app.start().unwrap(), clock)
    }

    /// The next entry, as soon as there is one.
    #[track_caller]
    fn entry(&self) -> Entry {
        self.journal.recv_timeout(bound(SOON)).expect("something is written down")
    }

    #[track_caller]
    fn notes(&self, count: usize) -> Vec<u32> {
        let note = |entry| match entry {
            Entry::Note(number, _) => number,
            tick => panic!("{tick:?}"),
        };
        (0..count).map(|_| note(self.entry())).collect()
    }

    #[track_caller]
    fn nothing_more(&self) {
        let entry = self.journal.recv_timeout(NOT_YET);
        assert!(entry.is_err(), "{entry:?}");
    }

    fn open_gate(&self) {
        self.gate.send(()).unwrap();
    }

    /// Takes the desk away, with all that is left on it.
    fn clear(self) {
        self.journal.close(Close::Now);
        self.gate.close(Close::Now);
    }
}

/// Messages that wait for their time.
fn delayed() -> u64 {
    counters().unwrap().delayed
}

/// All dead letters that there are.
fn all_dead_letters() -> Vec<DeadLetter> {
    std::iter::from_fn(|| Some(dead_letters(1000).unwrap()).filter(|letters| !letters.is_empty())).flatten().collect()
}
