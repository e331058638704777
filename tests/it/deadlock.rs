//! Actors that would wait for each other, and are told so instead.

mod calls;
mod false_alarms;
mod room;

use std::fmt;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::queue::{Close, Queue};
use actor_core::{ActorId, Cycle};
use serde::{Deserialize, Serialize};

/// What calls and casts of these actors wait at most.
const TIMEOUT: Duration = Duration::from_secs(40);
/// How long anything may take that does not wait for that, on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);
/// How many messages a mailbox holds.
const CAPACITY: usize = 4;

/// Why somebody would have waited for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stuck {
    who: ActorId,
    cycle: Vec<ActorId>,
    text: String,
}

impl Stuck {
    fn new(who: ActorId, cycle: &Cycle, text: String) -> Stuck {
        Stuck { who, cycle: cycle.actors().collect(), text }
    }

    /// What is said to `who` when it sends this to the next of these, which wait for each other in turn.
    fn expected(verb: &str, handler: &str, cycle: &[ActorId]) -> Stuck {
        let ring: Vec<_> = cycle.iter().chain(&cycle[..1]).map(|actor| format!("`Clerk` {actor}")).collect();
        let next = cycle[1 % cycle.len()];
        let text = format!("{verb} `{handler}` to `Clerk` {next} would wait for itself: {}", ring.join(" -> "));
        Stuck { who: cycle[0], cycle: cycle.to_vec(), text }
    }
}

/// Has two go on only when both are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Meeting {
    here: Queue<()>,
    there: Queue<()>,
}

impl Meeting {
    /// The two ends of one.
    fn pair() -> [Meeting; 2] {
        let queue = || Queue::bounded(1).unwrap();
        let (here, there) = (queue(), queue());
        [Meeting { here: here.clone(), there: there.clone() }, Meeting { here: there, there: here }]
    }

    fn meet(&self) {
        self.there.send(()).expect("the other one takes it");
        self.here.recv_timeout(SOON).expect("the other one comes");
    }

    fn close(&self) {
        self.here.close(Close::Now);
        self.there.close(Close::Now);
    }
}

/// Part of the text of errors that this one is in.
impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

type Outcome = Result<(), Stuck>;

/// Waits for others in its handlers.
#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 4, max_message = "64KiB", timeout = "40s")]
struct Clerk {
    outcomes: Queue<Outcome>,
    noted: usize,
}

#[handlers]
impl Clerk {
    /// Has the first of these ask the others.
    #[call]
    fn ask(&mut self, mut path: Vec<ActorRef<Clerk>>, context: &mut Context<Self>) -> Result<(), Stuck> {
        if path.is_empty() {
            return Ok(());
        }
        let next = path.remove(0);
        match next.ask(path).wait() {
            Ok(()) => Ok(()),
            Err(CallError::Handler(stuck)) => Err(stuck),
            Err(error) => Err(stuck(error, context)),
        }
    }

    #[call]
    fn noted(&self) -> usize {
        self.noted
    }

    #[cast]
    fn note(&mut self, _text: String) {
        self.noted += 1;
    }

    /// Calls another when that one does something as well.
    #[cast]
    fn meet_and_ask(&mut self, meeting: Meeting, other: ActorRef<Clerk>, context: &mut Context<Self>) {
        meeting.meet();
        let outcome = other.noted().wait().map(drop).map_err(|error| stuck(error, context));
        self.outcomes.send(outcome).expect("somebody reads it");
    }

    /// Casts to another more than its mailbox holds, when that one does something as well.
    #[cast]
    fn meet_and_flood(&mut self, meeting: Meeting, other: ActorRef<Clerk>, length: usize, context: &mut Context<Self>) {
        meeting.meet();
        let flood = (0..3 * CAPACITY).try_for_each(|_| match other.note("x".repeat(length)).send() {
            Err(error) => {
                let text = error.to_string();
                let SendError::WouldDeadlock { cast, cycle } = error else { panic!("{error}") };
                assert_eq!(cast.into_message().0.len(), length, "it has come back");
                Err(Stuck::new(context.actor_ref().id(), &cycle, text))
            }
            Ok(()) => Ok(()),
        });
        self.outcomes.send(flood).expect("somebody reads it");
    }

    /// Waits for somebody, and then asks another.
    #[call]
    fn hold_and_ask(&mut self, meeting: Meeting, other: ActorRef<Clerk>, context: &mut Context<Self>) {
        meeting.meet();
        meeting.meet();
        let outcome = match other.noted().wait() {
            Ok(_) | Err(CallError::NoProc(_)) => Ok(()),
            Err(error) => Err(stuck(error, context)),
        };
        self.outcomes.send(outcome).expect("somebody reads it");
    }

    /// Has another hold, and this one wait for it.
    #[cast]
    fn wait_for(&mut self, other: ActorRef<Clerk>, meeting: Meeting, third: ActorRef<Clerk>) {
        let waited = other.hold_and_ask(meeting, third).wait();
        unreachable!("it is killed before: {waited:?}");
    }

    /// Asks another from a thread of its own.
    #[call]
    fn ask_by_thread(&self, meeting: Meeting, other: ActorRef<Clerk>) {
        let outcomes = self.outcomes.clone();
        std::thread::spawn(move || {
            meeting.meet();
            let noted = other.noted().wait();
            assert_eq!(noted.expect("nobody waits for the other"), 0);
            outcomes.send(Ok(())).expect("somebody reads it");
        });
    }

    /// Asks another, who then asks this one, so many times.
    #[cast]
    fn serve(&mut self, other: ActorRef<Clerk>, times: u32, context: &mut Context<Self>) {
        let outcome = match times {
            0 => Ok(()),
            _ => match other.answer_and_ask(context.actor_ref(), times).wait() {
                Ok(()) => return,
                Err(error) => Err(stuck(error, context)),
            },
        };
        self.outcomes.send(outcome).expect("somebody reads it");
    }

    /// Answers, and then asks back at once.
    #[call]
    fn answer_and_ask(&mut self, asking: ActorRef<Clerk>, times: u32, context: &mut Context<Self>) {
        context.actor_ref().ask_back(asking, times).send().expect("there is room");
    }

    #[cast]
    fn ask_back(&mut self, other: ActorRef<Clerk>, times: u32, context: &mut Context<Self>) {
        match other.noted().wait() {
            Ok(_) => other.serve(context.actor_ref(), times - 1).send().expect("there is room"),
            Err(error) => self.outcomes.send(Err(stuck(error, context))).expect("somebody reads it"),
        }
    }
}

/// What it says to an actor that it would wait for ever.
fn stuck<E: fmt::Display>(error: CallError<E>, context: &Context<Clerk>) -> Stuck {
    let text = error.to_string();
    let CallError::WouldDeadlock { cycle, .. } = error else { panic!("{text}") };
    Stuck::new(context.actor_ref().id(), &cycle, text)
}

/// So many of them, and where they write what came of what they were told by casts.
fn clerks<const N: usize>() -> ([ActorRef<Clerk>; N], Queue<Outcome>) {
    let outcomes = Queue::bounded(8).unwrap();
    let clerk = |_| Clerk { outcomes: outcomes.clone(), noted: 0 }.spawn().unwrap();
    (std::array::from_fn(clerk), outcomes)
}

/// Asserts that all of them answer, and ends them.
#[track_caller]
fn done<const N: usize>(clerks: [ActorRef<Clerk>; N], outcomes: Queue<Outcome>) {
    for clerk in clerks {
        assert_eq!(clerk.ask(vec![]).wait().map_err(|error| error.to_string()), Ok(()));
        clerk.stop().unwrap();
    }
    outcomes.close(Close::Now);
}
