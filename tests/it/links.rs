//! Links, monitors and what actors are told of the ends of others.

mod deaths;
mod linked;
mod main_too;
mod many;
mod monitored;
mod parents;

use std::time::Duration;

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{Down, ExitSignal, KilledBy, MonitorRef, Peer};
use actor_tests::foreign;
use serde::{Deserialize, Serialize};

/// How long a notice may take on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);
/// How long to wait for what must not come. Each of these tests knows by other means that it could have.
const NOT_YET: Duration = Duration::from_millis(50);

/// What an actor was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Told {
    Down(Peer, ExitReason),
    Exit(Peer, ExitReason),
    /// It is in `terminate`, and traps exits.
    Ends(ExitReason),
}

type Diary = Queue<Told>;

/// A way to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Normal,
    Fail,
    Panic,
    Segfault,
    Exit(i32),
}

impl End {
    fn reason(self) -> ExitReason {
        match self {
            End::Normal => ExitReason::Normal,
            End::Fail => ExitReason::Failed("as told".into()),
            End::Panic => ExitReason::Panicked { message: "as told".into(), location: String::new() },
            End::Segfault => ExitReason::Signaled { signal: 11, core: false },
            End::Exit(0) => ExitReason::UnexpectedExit,
            End::Exit(code) => ExitReason::ExitCode(code),
        }
    }

    /// Whether a reason is that of this end, wherever it has panicked and whether it has dumped core.
    fn is(self, reason: &ExitReason) -> bool {
        match (self.reason(), reason) {
            (ExitReason::Panicked { message, .. }, ExitReason::Panicked { message: found, location }) => {
                message == *found && location.contains("links.rs")
            }
            (ExitReason::Signaled { signal, .. }, ExitReason::Signaled { signal: found, .. }) => signal == *found,
            (expected, found) => expected == *found,
        }
    }
}

/// Every abnormal one.
const FAILURES: [End; 5] = [End::Fail, End::Panic, End::Segfault, End::Exit(7), End::Exit(0)];

/// Does to others what it is told, and writes down what it is told of others.
#[derive(Actor)]
struct Member {
    diary: Diary,
    monitors: Vec<MonitorRef>,
    is_trapping: bool,
}

#[handlers]
impl Member {
    #[init]
    fn new(diary: Diary) -> Member {
        Member { diary, monitors: Vec::new(), is_trapping: false }
    }

    #[call]
    fn befriend(&mut self, other: Peer, context: &mut Context<Self>) {
        context.link(other).expect("the node is there");
    }

    #[call]
    fn leave(&mut self, other: Peer, context: &mut Context<Self>) {
        context.unlink(other).expect("the node is there");
    }

    #[call]
    fn trap(&mut self, context: &mut Context<Self>) {
        self.is_trapping = true;
        context.trap_exit();
    }

    #[call]
    fn trap_no_more(&mut self, context: &mut Context<Self>) {
        self.is_trapping = false;
        context.untrap_exit();
    }

    #[call]
    fn watch(&mut self, other: Peer, context: &mut Context<Self>) {
        self.monitors.push(context.monitor(other).expect("the node is there"));
    }

    /// Monitors, waits until the other is dead, and gives up the monitor before it could be told.
    #[call]
    fn watch_in_vain(&mut self, other: ActorRef<Member>, context: &mut Context<Self>) -> (bool, bool) {
        let monitor = context.monitor(other).expect("the node is there");
        other.kill().expect("it lives");
        (context.demonitor(monitor), context.demonitor(monitor))
    }

    /// Has a thread that waits for something else, and takes what comes to this process meanwhile.
    #[call]
    fn distract(&self) {
        std::thread::spawn(|| {
            let never = actor_core::link::monitor(Peer::Main).expect("the node is there");
            loop {
                assert_eq!(never.wait_timeout(Duration::from_micros(200)), None, "main is there");
            }
        });
    }

    #[call]
    fn give_up(&mut self, context: &mut Context<Self>) -> Vec<bool> {
        self.monitors.drain(..).map(|monitor| context.demonitor(monitor)).collect()
    }

    #[call]
    fn child(&mut self, context: &mut Context<Self>) -> ActorRef<Member> {
        context.spawn(Member::define(self.diary.clone())).expect("there is room for another")
    }

    #[call]
    fn stranger(&mut self, context: &mut Context<Self>) -> ActorRef<Member> {
        context.spawn_detached(Member::define(self.diary.clone())).expect("there is room for another")
    }

    #[cast]
    fn end(&mut self, end: End, context: &mut Context<Self>) -> Result<(), String> {
        match end {
            End::Normal => context.stop(),
            End::Fail => return Err("as told".into()),
            End::Panic => panic!("as told"),
            End::Segfault => foreign::segfault(),
            End::Exit(code) => std::process::exit(code),
        }
        Ok(())
    }

    #[call]
    fn is_there(&self) -> bool {
        true
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.diary.send(Told::Down(down.peer, down.report.reason)).expect("somebody reads it");
    }

    #[info]
    fn exit(&mut self, exit: ExitSignal) {
        self.diary.send(Told::Exit(exit.from, exit.reason)).expect("somebody reads it");
    }

    #[terminate]
    fn terminate(&mut self, reason: &ExitReason) {
        if self.is_trapping {
            self.diary.send(Told::Ends(reason.clone())).expect("somebody reads it");
        }
    }
}

/// Ends what a test has begun.
#[track_caller]
fn done<const N: usize>(diary: Diary, living: [ActorRef<Member>; N]) {
    living.iter().for_each(|member| drop(member.kill().expect("it lives")));
    diary.close(Close::Now);
}

fn diary() -> Diary {
    Diary::bounded(1024).unwrap()
}

fn member(diary: &Diary) -> ActorRef<Member> {
    Member::define(diary.clone()).spawn().unwrap()
}

/// Who it is now.
fn peer(member: &ActorRef<Member>) -> Peer {
    member.incarnation().expect("it lives").into()
}

/// What a process does that only waits for its end.
fn sleep((): ()) {
    foreign::sleep_in_c(1000);
}

fn was_killed_by_link_to(peer: Peer) -> ExitReason {
    ExitReason::Killed { by: KilledBy::Link(peer) }
}

/// The next thing that somebody was told.
#[track_caller]
fn next(diary: &Diary) -> Told {
    diary.recv_timeout(SOON).expect("somebody is told something")
}

/// Asserts that nobody was told anything.
#[track_caller]
fn nothing_in(diary: &Diary) {
    let told = diary.recv_timeout(NOT_YET);
    assert!(told.is_err(), "{told:?}");
}
