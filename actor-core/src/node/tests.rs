//! The node with real processes, asked as anybody would ask it.

use std::time::Duration;

use super::*;
use crate::boot::{Entry, Start};
use crate::exit::{ExitReason, KilledBy};
use crate::id::{ActorId, ProcessId, WindowId};
use crate::mailbox::{Envelope, Mailbox, MailboxSize, Next, OnCrash};
use crate::shm::slots;
use crate::time::Deadline;
use crate::wire::{self, Bytes};

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn spec(entry: fn(Start), args: &[u8]) -> ProcessSpec {
    ProcessSpec {
        name: "tested".into(),
        entry: Entry::of(entry).unwrap(),
        args: Bytes(args.to_vec()),
        start_timeout: Duration::from_secs(10),
        stderr: Stderr::Capture,
        start_method: None,
        parent: None,
        daemon: true,
    }
}

fn spawn(entry: fn(Start), args: &[u8]) -> ProcessId {
    match ask(&Request::SpawnProcess(spec(entry, args)), soon()).unwrap() {
        Answer::ProcessSpawned { process, pid } => {
            assert_ne!(pid, std::process::id());
            process
        }
        other => panic!("expected a process, got {other:?}"),
    }
}

fn join(process: ProcessId) -> crate::exit::ExitReport {
    match ask(&Request::Join { process }, soon()).unwrap() {
        Answer::Exited { report, .. } => *report,
        other => panic!("expected an end, got {other:?}"),
    }
}

/// Ends as its arguments say.
fn obedient(start: Start) {
    live(start, |life| {
        life.is_ready();
        match life.args.first() {
            Some(b'e') => std::process::exit(7),
            Some(b'0') => std::process::exit(0),
            Some(b'a') => std::process::abort(),
            Some(b'p') => panic!("as told"),
            Some(b's') => loop {
                std::thread::park();
            },
            Some(b'w') => {
                eprintln!("last words");
                ExitReason::Failed("as told".into())
            }
            _ => ExitReason::Normal,
        }
    })
}

#[test]
fn smoke() {
    let report = join(spawn(obedient, b""));
    assert_eq!((report.reason, report.process.as_str()), (ExitReason::Normal, "tested"));
}

#[test]
fn every_end_has_its_reason() {
    assert_eq!(join(spawn(obedient, b"e")).reason, ExitReason::ExitCode(7));
    assert_eq!(join(spawn(obedient, b"0")).reason, ExitReason::UnexpectedExit);
    assert!(matches!(join(spawn(obedient, b"a")).reason, ExitReason::Signaled { signal: 6, .. }));
    let report = join(spawn(obedient, b"p"));
    let ExitReason::Panicked { message, location } = report.reason else { panic!("{:?}", report.reason) };
    assert_eq!(message, "as told");
    assert!(location.contains("tests.rs"), "{location}");
    assert!(report.stderr.contains("as told"), "{}", report.stderr);
    let report = join(spawn(obedient, b"w"));
    assert_eq!((report.reason, report.stderr.as_str()), (ExitReason::Failed("as told".into()), "last words\n"));
}

#[test]
fn a_kill_says_who() {
    let process = spawn(obedient, b"s");
    assert!(matches!(
        ask(&Request::KillProcess { process, by: crate::exit::KilledBy::User }, soon()),
        Ok(Answer::Done)
    ));
    assert_eq!(join(process).reason, ExitReason::Killed { by: KilledBy::User });
    assert!(matches!(
        ask(&Request::KillProcess { process, by: crate::exit::KilledBy::User }, soon()),
        Ok(Answer::NoProc)
    ));
}

#[test]
fn what_is_never_ready_is_killed() {
    fn never(start: Start) {
        live(start, |_| {
            loop {
                std::thread::park();
            }
        })
    }
    let late = ProcessSpec { start_timeout: Duration::from_millis(100), ..spec(never, b"") };
    let answer = ask(&Request::SpawnProcess(late), soon()).unwrap();
    assert!(matches!(answer, Answer::NotSpawned(SpawnFailure::TimedOut)), "{answer:?}");
}

#[test]
fn large_arguments_travel_through_memory() {
    fn sum(start: Start) {
        live(start, |life| {
            life.is_ready();
            let sum: u64 = life.args.iter().map(|byte| u64::from(*byte)).sum();
            ExitReason::Failed(sum.to_string())
        })
    }
    let args = vec![3; 4 << 20];
    assert_eq!(join(spawn(sum, &args)).reason, ExitReason::Failed((3_u64 * (4 << 20)).to_string()));
}

/// Dies while it writes a request.
fn unfinished(start: Start) {
    live(start, |life| {
        let mailbox = Mailbox::attach(ActorId(life.segment.node_mailbox().unwrap())).unwrap();
        slots::claim_write(&mailbox.window, life.segment.me()).unwrap();
        life.is_ready();
        loop {
            std::thread::park();
        }
    })
}

#[test]
fn a_request_behind_that_of_a_dead_process_is_served() {
    let spawned = ask(&Request::SpawnProcess(spec(unfinished, b"")), soon()).unwrap();
    let Answer::ProcessSpawned { pid, .. } = spawned else { panic!("{spawned:?}") };
    let asking = std::thread::spawn(|| ask(&Request::Counters, soon()));
    let mailbox = Mailbox::attach(ActorId(ensure().unwrap().node_mailbox().unwrap())).unwrap();
    while mailbox.len() == 0 {
        std::thread::yield_now();
    }
    // Not by the node, which cannot read any request now.
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(matches!(asking.join().unwrap(), Ok(Answer::Counters(_))));
}

#[test]
fn who_hangs_in_the_middle_of_a_request_is_killed_when_others_wait() {
    let process = spawn(unfinished, b"");
    assert!(matches!(ask(&Request::Counters, soon()), Ok(Answer::Counters(_))));
    assert_eq!(join(process).reason, ExitReason::Killed { by: KilledBy::Hung });
}

#[test]
fn what_a_request_carries_is_not_made_longer() {
    let args = vec![0xff; 4 << 20];
    let mut bytes = Vec::new();
    wire::encode_into(&mut bytes, &Request::SpawnProcess(spec(obedient, &args))).unwrap();
    assert!(bytes.len() < args.len() + 1000, "{} bytes", bytes.len());
    let letter = DeadLetter {
        actor: "tested".into(),
        handler: "note".into(),
        payload: args.clone(),
        on_crash: OnCrash::Fail,
        deliveries: 1,
        deaths: Vec::new(),
        is_call: false,
        reason: "a test".into(),
    };
    bytes.clear();
    wire::encode_into(&mut bytes, &Answer::DeadLetters(vec![letter])).unwrap();
    assert!(bytes.len() < args.len() + 1000, "{} bytes", bytes.len());
}

fn actor(name: &str, entry: fn(Start)) -> ActorSpec {
    ActorSpec {
        name: name.into(),
        type_name: name.into(),
        entry: Entry::of(entry).unwrap(),
        args: Bytes::default(),
        handlers: vec!["note".into()],
        mailbox: MailboxSize { capacity: 4, message_max: 64, bytes: 0 },
        start_timeout: Duration::from_secs(10),
        stderr: Stderr::Capture,
        start_method: None,
        parent: None,
    }
}

/// Refuses what it gets, and dies with it in hand.
fn refuser(start: Start) {
    live(start, |life| {
        let actor = life.incarnation.unwrap().actor;
        let mailbox = Mailbox::attach(actor).unwrap();
        life.is_ready();
        let Next::Message { .. } = mailbox.next(&mut Vec::new(), soon()) else { panic!("a message was sent") };
        ask(&Request::RefuseInHand { actor, why: "a test".into() }, soon()).unwrap();
        std::process::abort()
    })
}

#[test]
fn what_was_refused_is_one_dead_letter_even_if_its_actor_dies_then() {
    let Answer::Spawned(actor) = ask(&Request::SpawnActor(actor("refuser", refuser)), soon()).unwrap() else {
        panic!("an actor was wanted")
    };
    let joining = std::thread::spawn(move || ask(&Request::JoinActor { actor }, soon()));
    let envelope = Envelope::plain(ensure().unwrap().me(), None);
    Mailbox::attach(actor).unwrap().post(&envelope, b"text", soon()).unwrap();
    assert!(matches!(joining.join().unwrap(), Ok(Answer::Ended(_) | Answer::NoProc)));
    let Answer::DeadLetters(letters) = ask(&Request::DeadLetters { max: 1000 }, soon()).unwrap() else {
        panic!("letters were wanted")
    };
    let reasons: Vec<_> = letters.iter().filter(|it| it.actor == "refuser").map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["a test"]);
}

/// Makes an actor for a supervisor, says which, and ends without having started it.
fn maker(start: Start) {
    fn unstarted(_: Start) {}
    live(start, |life| {
        life.is_ready();
        match ask(&Request::MakeActor(actor("unstarted", unstarted)), soon()) {
            Ok(Answer::Spawned(ActorId(WindowId { index, generation }))) => {
                ExitReason::Failed(format!("{index} {generation}"))
            }
            other => ExitReason::Failed(format!("{other:?}")),
        }
    })
}

#[test]
fn an_actor_that_was_not_started_goes_with_its_maker() {
    let ExitReason::Failed(text) = join(spawn(maker, b"")).reason else { panic!("a text was wanted") };
    let (index, generation) = text.split_once(' ').unwrap_or_else(|| panic!("{text}"));
    let made = WindowId { index: index.parse().unwrap(), generation: generation.parse().unwrap() };
    assert!(Mailbox::attach(ActorId(made)).is_none());
}
