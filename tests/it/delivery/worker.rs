//! [`Worker`]: an actor that does as each message says and keeps a journal that outlives it, and
//! [`Desk`], from which it is watched.

use std::hint::black_box;
use std::time::Duration;

use actor_core::node::{DeadLetter, dead_letters};
use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{Intensity, Restart, Supervisor, SupervisorEnd};
use actor_tests::foreign;
use actor_tests::watch::bound;
use serde::{Deserialize, Serialize};

/// What the handling of a message does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    /// Nothing more.
    Note,
    /// It waits at the gate, however often it is delivered.
    Wait,
    /// It waits at the gate, the first time.
    WaitOnce,
    /// The process ends.
    End(End),
    /// The process ends, unless this was tried so often before.
    EndTimes(u32, End),
    /// It goes on until somebody asks the actor to stop.
    UntilStopping,
}

/// A way in which code ends its process, or is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    Panic,
    /// `exit` of the C library.
    Exit(i32),
    /// `_exit`.
    ExitNow(i32),
    Abort,
    Segfault,
    BusError,
    Overflow,
    /// SIGKILL that did not come from the node.
    Sigkill,
}

/// A message in the journal: an entry is made when its handling begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) life: u32,
    pub(super) deliveries: u32,
    pub(super) is_redelivered: bool,
}

/// The first delivery of a message.
pub(super) fn first(number: u32, life: u32) -> Entry {
    Entry { number, life, deliveries: 1, is_redelivered: false }
}

/// A later one.
pub(super) fn again(number: u32, life: u32, deliveries: u32) -> Entry {
    Entry { number, life, deliveries, is_redelivered: true }
}

#[derive(Actor)]
#[actor(capacity = 256, max_message = "4MiB")]
pub(super) struct Worker {
    desk: Desk,
}

#[handlers]
impl Worker {
    #[init]
    fn new(desk: Desk) -> Worker {
        Worker { desk }
    }

    /// Does an act; at a crash it becomes a dead letter, as a cast does where nothing is said.
    #[cast]
    fn note(&self, number: u32, act: Act, context: &mut Context<Self>) {
        self.perform(number, act, context);
    }

    #[cast(on_crash = "redeliver(5)")]
    fn retry(&self, number: u32, act: Act, context: &mut Context<Self>) {
        self.perform(number, act, context);
    }

    #[cast]
    fn load(&self, number: u32, _text: String, context: &mut Context<Self>) {
        self.perform(number, Act::Note, context);
    }

    /// Does an act; at a crash the caller has the report, as it has where nothing is said.
    #[call]
    fn ask(&self, number: u32, act: Act, context: &mut Context<Self>) -> u32 {
        self.perform(number, act, context);
        number
    }

    #[call(on_crash = "redeliver(3)")]
    fn ask_again(&self, number: u32, act: Act, context: &mut Context<Self>) -> u32 {
        self.perform(number, act, context);
        number
    }

    #[call(on_crash = "dead_letter")]
    fn ask_kept(&self, number: u32, act: Act, context: &mut Context<Self>) -> u32 {
        self.perform(number, act, context);
        number
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }

    #[cast]
    fn note_odd(&self, number: Odd, context: &mut Context<Self>) {
        self.perform(number.0, Act::Note, context);
    }

    #[call]
    fn ask_odd(&self, number: Odd) -> u32 {
        number.0
    }

    /// Gives up, in words.
    #[cast]
    fn fail(&self, why: String) -> Result<(), Failure> {
        Err(Failure::new(why))
    }
}

impl Worker {
    fn perform(&self, number: u32, act: Act, context: &mut Context<Self>) {
        let (deliveries, is_redelivered) = (context.deliveries(), context.is_redelivered());
        let life = context.incarnation().life();
        self.desk.journal.send(Entry { number, life, deliveries, is_redelivered }).expect("the journal is open");
        match act {
            Act::WaitOnce if is_redelivered => {}
            Act::EndTimes(times, _) if times < deliveries => {}
            Act::Note => {}
            Act::Wait | Act::WaitOnce => self.desk.gate.recv().expect("the gate is there"),
            Act::End(end) | Act::EndTimes(_, end) => end_by(end),
            Act::UntilStopping => {
                while !context.is_stopping() {
                    std::hint::spin_loop();
                }
            }
        }
    }
}

/// A number that is even cannot be read, although it can be sent.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Odd(pub(super) u32);

impl TryFrom<u32> for Odd {
    type Error = String;

    fn try_from(number: u32) -> Result<Odd, String> {
        match number % 2 {
            1 => Ok(Odd(number)),
            _ => Err(format!("{number} is even")),
        }
    }
}

fn end_by(end: End) {
    match end {
        End::Panic => panic!("out of order"),
        End::Exit(code) => foreign::exit(code),
        End::ExitNow(code) => foreign::exit_now(code),
        End::Abort => foreign::abort(),
        End::Segfault => foreign::segfault(),
        End::BusError => foreign::bus_error(&tempfile::tempfile().expect("there is a place for a file")),
        End::Overflow => drop(black_box(recurse(0))),
        End::Sigkill => {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("a process may kill itself");
        }
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    recurse(depth + 1) + black_box(frame)[3]
}

/// What a worker is made from, and how it is watched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Desk {
    /// An entry for each delivery.
    pub(super) journal: Queue<Entry>,
    /// An item lets one waiting handler pass.
    pub(super) gate: Queue<()>,
}

/// How long something may take that is about to happen.
const PATIENCE: Duration = Duration::from_secs(20);

impl Desk {
    pub(super) fn new() -> Desk {
        Desk { journal: Queue::bounded(1 << 16).unwrap(), gate: Queue::bounded(64).unwrap() }
    }

    /// A worker of its own, which nobody starts again.
    pub(super) fn worker(&self) -> ActorRef<Worker> {
        Worker::define(self.clone()).spawn().unwrap()
    }

    /// A worker with room for so many messages.
    pub(super) fn worker_with_room(&self, capacity: u32) -> ActorRef<Worker> {
        let options = SpawnOptions { capacity: Some(capacity), ..SpawnOptions::default() };
        Worker::define(self.clone()).with(options).spawn().unwrap()
    }

    /// A worker that is started again as often as it takes.
    pub(super) fn supervised(&self) -> (Supervisor, ActorRef<Worker>) {
        self.supervised_as(Restart::Permanent, 10_000)
    }

    pub(super) fn supervised_as(&self, restart: Restart, restarts: u32) -> (Supervisor, ActorRef<Worker>) {
        let intensity = Intensity { restarts, period: Duration::from_secs(60) };
        let mut app = Supervisor::builder().intensity(intensity);
        let spec = ChildSpec { restart, ..ChildSpec::new(Worker::define(self.clone())) };
        let worker = app.child(spec).unwrap();
        (app.start().unwrap(), worker)
    }

    /// The next entry, as soon as there is one.
    pub(super) fn entry(&self) -> Entry {
        self.journal.recv_timeout(bound(PATIENCE)).expect("a message is handled")
    }

    pub(super) fn entries(&self, count: usize) -> Vec<Entry> {
        (0..count).map(|_| self.entry()).collect()
    }

    /// The entries that are there.
    pub(super) fn rest(&self) -> Vec<Entry> {
        std::iter::from_fn(|| self.journal.try_recv().ok()).collect()
    }

    pub(super) fn open_gate(&self, times: usize) {
        (0..times).for_each(|_| self.gate.send(()).unwrap());
    }

    /// Takes the desk away, with all that is left on it.
    pub(super) fn clear(self) {
        self.journal.close(Close::Now);
        self.gate.close(Close::Now);
    }
}

/// Stops a supervisor and takes the desk of its worker away.
pub(super) fn finish(app: &Supervisor, desk: Desk) {
    assert_eq!(app.stop(), Ok(SupervisorEnd::Stopped));
    desk.clear();
}

/// All dead letters that there are.
pub(super) fn all_dead_letters() -> Vec<DeadLetter> {
    let mut all = Vec::new();
    loop {
        let letters = dead_letters(1000).unwrap();
        if letters.is_empty() {
            return all;
        }
        all.extend(letters);
    }
}

/// The number of a message that is a dead letter now.
pub(super) fn number_in(letter: &DeadLetter) -> u32 {
    let (number, _act) = letter.arguments::<(u32, Act)>().expect("these are the arguments");
    number
}
