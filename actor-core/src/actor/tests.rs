//! Actors whose life runs on a thread of the test: the whole way of a message and back, without
//! processes. What needs a death stands in the integration tests.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::exit::ExitReason;
use crate::id::{Incarnation, PARTICIPANTS_MAX, ProcessId};
use crate::mailbox::{Mailbox, MailboxSize};
use crate::node::Life;
use crate::prelude::*;
use crate::reply::CALLS_MAX;
use crate::shm::layout::Layout;
use crate::shm::segment::{WINDOW_CLASSES, segment};

/// A life on a thread, ended by `stop`.
struct Lived<A: Actor> {
    actor: ActorRef<A>,
    mailbox: Mailbox,
    life: JoinHandle<ExitReason>,
}

fn spawn<A: Actor>(args: A::Args) -> Lived<A> {
    let segment = segment().unwrap();
    let ActorOptions { capacity, max_message, .. } = A::OPTIONS;
    let size = MailboxSize { capacity, message_max: max_message, bytes: 4 * max_message };
    let mailbox = Mailbox::make(segment, size).unwrap();
    mailbox.begin_life(1);
    mailbox.set_living(segment.me());
    let mut encoded = Vec::new();
    (A::ARGS.encode)(&mut encoded, &args).unwrap();
    let life = Life {
        segment,
        process: ProcessId { participant: segment.me(), generation: 0 },
        incarnation: Some(Incarnation { actor: mailbox.id(), life: 1 }),
        args: encoded,
    };
    let life = thread::spawn(move || run::live::<A>(&life).reason().clone());
    Lived { actor: ActorRef::new(mailbox.id()), mailbox, life }
}

impl<A: Actor> Lived<A> {
    fn stop(self) -> ExitReason {
        self.mailbox.stop(true);
        self.life.join().unwrap()
    }
}

/// One handler of each kind.
#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 4, max_message = "64KiB", timeout = "10s")]
struct Bench {
    notes: Vec<String>,
    others: BTreeMap<u8, ActorRef<Bench>>,
}

fn bench() -> Bench {
    Bench { notes: Vec::new(), others: BTreeMap::new() }
}

/// Serializes as nothing that [`u8`] reads.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Crooked(u8);

impl Serialize for Crooked {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => Err(serde::ser::Error::custom("crooked")),
            1 => panic!("very crooked"),
            _ => serializer.serialize_str("no number"),
        }
    }
}

#[handlers]
impl Bench {
    #[call]
    fn echo(&mut self, text: String) -> String {
        text
    }

    #[call]
    async fn later(&self, text: String) -> String {
        let mut polled = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut polled, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        text
    }

    #[call]
    fn half(&self, n: u32) -> Result<u32, String> {
        if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    }

    #[cast]
    fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    #[call]
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    #[call]
    fn bend(&self, n: Crooked) -> u8 {
        n.0
    }

    #[call]
    fn bent(&self, n: u8) -> Crooked {
        Crooked(n)
    }

    #[call]
    fn meet(&mut self, number: u8, other: ActorRef<Self>) {
        self.others.insert(number, other);
    }

    #[call]
    fn ask(&self, number: u8, text: String) -> Option<Result<String, String>> {
        let other = self.others.get(&number)?;
        Some(other.echo(text).wait().map_err(|error| error.to_string()))
    }

    #[call]
    fn send_to_self(&self, times: usize, context: &mut Context<Self>) -> usize {
        let me = context.actor_ref();
        (0..times).take_while(|i| me.note(i.to_string()).send().is_ok()).count()
    }

    #[call]
    fn context(&self, context: &mut Context<Self>) -> (ActorRef<Self>, u32, u32, bool, bool) {
        let life = context.incarnation().life();
        (context.actor_ref(), life, context.deliveries(), context.is_redelivered(), context.is_stopping())
    }

    #[cast]
    fn enough(&self, context: &mut Context<Self>) {
        context.stop();
    }

    #[cast]
    fn break_down(&self, text: String, context: &mut Context<Self>) {
        context.fail(Failure::new(text));
    }

    #[cast]
    fn fail(&self, text: String) -> Result<(), String> {
        if text.is_empty() { Ok(()) } else { Err(text) }
    }

    #[call]
    fn wait_for(&self, gate: Gate) {
        while !GATES[gate as usize].load(Acquire) {
            thread::yield_now();
        }
    }
}

/// Held shut by one test each, to keep an actor at work.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Gate {
    Full,
    Late,
    Stop,
    Async,
}

static GATES: [AtomicBool; 4] = [const { AtomicBool::new(false) }; 4];

impl Gate {
    fn open(self) {
        GATES[self as usize].store(true, Release);
    }
}

#[test]
fn smoke() {
    let lived = spawn::<Bench>(bench());
    assert_eq!(lived.actor.echo("hello".into()).wait().unwrap(), "hello");
    lived.actor.note("one".into()).send().unwrap();
    lived.actor.note("two".into()).try_send().unwrap();
    assert_eq!(lived.actor.notes().wait().unwrap(), ["one", "two"]);
    assert_eq!(lived.actor.later("async".into()).wait().unwrap(), "async");
    assert_eq!(lived.stop(), ExitReason::Shutdown(None));
}

#[test]
fn a_handlers_error_keeps_its_type_and_the_actor_lives() {
    let lived = spawn::<Bench>(bench());
    assert_eq!(lived.actor.half(4).wait().unwrap(), 2);
    assert!(matches!(lived.actor.half(3).wait(), Err(CallError::Handler(text)) if text == "3 is odd"));
    assert_eq!(lived.actor.half(8).wait().unwrap(), 4);
    lived.stop();
}

#[test]
fn what_cannot_be_encoded_is_not_sent() {
    let lived = spawn::<Bench>(bench());
    for crooked in [0, 1] {
        let error = lived.actor.bend(Crooked(crooked)).wait().unwrap_err();
        assert!(matches!(error, CallError::Encode { .. }), "{error:?}");
    }
    assert_eq!(lived.mailbox.stamped().1, 0, "the actor has seen none of it");
    lived.stop();
}

#[test]
fn what_cannot_be_decoded_is_an_error_of_the_caller() {
    let lived = spawn::<Bench>(bench());
    let error = lived.actor.bend(Crooked(2)).wait().unwrap_err();
    assert!(error.to_string().contains("the message for `bend` cannot be read"), "{error}");
    let error = lived.actor.bent(0).wait().unwrap_err();
    assert!(error.to_string().contains("the reply cannot be sent"), "{error}");
    let error = lived.actor.bent(2).wait().unwrap_err();
    assert!(matches!(error, CallError::Decode { .. }), "{error:?}");
    assert_eq!(lived.actor.echo("still here".into()).wait().unwrap(), "still here");
    lived.stop();
}

#[test]
fn a_message_too_large_is_refused_and_given_back() {
    let lived = spawn::<Bench>(bench());
    let large = "x".repeat(64 << 10);
    let error = lived.actor.echo(large.clone()).wait().unwrap_err();
    assert!(matches!(error, CallError::TooLarge { size, max, .. } if size > max && max == 64 << 10), "{error:?}");
    let error = lived.actor.note(large.clone()).send().unwrap_err();
    assert!(matches!(error, SendError::TooLarge { .. }));
    assert_eq!(error.into_cast().into_message(), (large,));
    let fits = "x".repeat((64 << 10) - 10);
    assert_eq!(lived.actor.echo(fits.clone()).wait().unwrap(), fits);
    lived.stop();
}

#[test]
fn a_full_mailbox_gives_the_cast_back_and_a_call_times_out() {
    let lived = spawn::<Bench>(bench());
    let actor = lived.actor;
    let held = thread::spawn(move || actor.wait_for(Gate::Full).wait());
    while lived.mailbox.stamped().0.is_none() {
        thread::yield_now();
    }
    let mut sent = 0;
    let error = loop {
        match actor.note(sent.to_string()).try_send() {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(sent, 3, "the message in hand has one of the four places");
    let text = error.to_string();
    assert!(text.starts_with("cast `note` to `Bench` <") && text.ends_with("found no room in the mailbox"), "{text}");
    let SendError::Full(cast) = error else { panic!("{error:?}") };
    assert_eq!(cast.message(), &(sent.to_string(),));
    let soon = Instant::now() + Duration::from_millis(20);
    assert!(matches!(actor.note("late".into()).deadline(soon).send(), Err(SendError::Full(_))));
    let call = actor.echo("late".into()).timeout(Duration::from_millis(20)).wait();
    assert!(matches!(call, Err(CallError::Timeout(_))));
    Gate::Full.open();
    cast.send().unwrap();
    assert_eq!(actor.notes().wait().unwrap().len(), sent + 1, "in order, and none twice");
    held.join().unwrap().unwrap();
    lived.stop();
}

#[test]
fn a_late_reply_is_dropped() {
    let lived = spawn::<Bench>(bench());
    let late = lived.actor.wait_for(Gate::Late).timeout(Duration::from_millis(20)).wait();
    assert!(matches!(late, Err(CallError::Timeout(_))));
    Gate::Late.open();
    for n in 0..100 {
        assert_eq!(lived.actor.echo(n.to_string()).wait().unwrap(), n.to_string());
    }
    lived.stop();
}

#[test]
fn calls_that_time_out_leave_nothing_behind() {
    let lived = spawn::<Bench>(bench());
    for _ in 0..2 * CALLS_MAX {
        let _ = lived.actor.echo("too fast".into()).timeout(Duration::ZERO).wait();
    }
    assert_eq!(lived.actor.echo("works".into()).wait().unwrap(), "works");
    lived.stop();
}

#[test]
fn an_actor_cannot_call_itself_but_another_one() {
    let (one, other) = (spawn::<Bench>(bench()), spawn::<Bench>(bench()));
    one.actor.meet(1, one.actor).wait().unwrap();
    one.actor.meet(2, other.actor).wait().unwrap();
    let itself = one.actor.ask(1, "me".into()).wait().unwrap().unwrap().unwrap_err();
    assert!(itself.ends_with("comes from the actor itself, which would wait for ever"), "{itself}");
    assert_eq!(one.actor.ask(2, "you".into()).wait().unwrap(), Some(Ok("you".into())));
    assert_eq!(one.actor.ask(3, "?".into()).wait().unwrap(), None);
    one.stop();
    other.stop();
}

#[test]
fn an_actor_that_fills_its_own_mailbox_does_not_wait_for_itself() {
    let lived = spawn::<Bench>(bench());
    let begin = Instant::now();
    let sent = lived.actor.send_to_self(100).wait().unwrap();
    assert_eq!(sent, 3, "the message in hand has one of the four places");
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(lived.actor.notes().wait().unwrap().len(), sent);
    lived.stop();
}

#[test]
fn the_context_knows_the_actor_and_the_message() {
    let lived = spawn::<Bench>(bench());
    assert_eq!(lived.actor.context().wait().unwrap(), (lived.actor, 1, 1, false, false));
    assert_eq!(lived.actor.incarnation().map(Incarnation::life), Some(1));
    // The reply comes before the message is done with.
    while lived.actor.status().unwrap().handled == 0 {
        thread::yield_now();
    }
    let status = lived.actor.status().unwrap();
    assert_eq!((status.handling, status.handled, status.queued, status.is_stopping), (None, 1, 0, false));
    lived.stop();
}

#[test]
fn an_actor_ends_as_it_says() {
    let lived = spawn::<Bench>(bench());
    lived.actor.enough().send().unwrap();
    assert_eq!(lived.life.join().unwrap(), ExitReason::Normal);

    let lived = spawn::<Bench>(bench());
    lived.actor.break_down("worn out".into()).send().unwrap();
    assert_eq!(lived.life.join().unwrap(), ExitReason::Failed("worn out".into()));

    let lived = spawn::<Bench>(bench());
    lived.actor.fail(String::new()).send().unwrap();
    lived.actor.fail("fatal".into()).send().unwrap();
    assert_eq!(lived.life.join().unwrap(), ExitReason::Failed("fatal".into()));
}

#[test]
fn after_a_stop_what_is_queued_is_handled_and_the_new_is_refused() {
    let lived = spawn::<Bench>(bench());
    let actor = lived.actor;
    let held = thread::spawn(move || actor.wait_for(Gate::Stop).wait());
    while lived.mailbox.stamped().0.is_none() {
        thread::yield_now();
    }
    let status = actor.status().unwrap();
    assert_eq!(status.handling.map(|(handler, _)| handler), Some("wait_for"));
    let queued = thread::spawn(move || actor.notes().wait());
    while lived.mailbox.len() == 0 {
        thread::yield_now();
    }
    lived.mailbox.stop(true);
    assert!(matches!(actor.note("late".into()).send(), Err(SendError::Closed(_))));
    assert!(matches!(actor.echo("late".into()).wait(), Err(CallError::Closed(_))));
    Gate::Stop.open();
    held.join().unwrap().unwrap();
    assert_eq!(queued.join().unwrap().unwrap(), Vec::<String>::new());
    assert_eq!(lived.stop(), ExitReason::Shutdown(None));
}

#[test]
fn an_actor_that_is_no_more_is_nobody_else() {
    let lived = spawn::<Bench>(bench());
    let id = lived.mailbox.id();
    lived.mailbox.stop(true);
    let mut stale = id;
    stale.0.generation = stale.0.generation.wrapping_add(1);
    let stale = ActorRef::<Bench>::new(stale);
    assert!(matches!(stale.echo("x".into()).wait(), Err(CallError::NoProc(_))));
    assert!(matches!(stale.note("x".into()).send(), Err(SendError::NoProc(_))));
    assert_eq!((stale.is_alive(), stale.incarnation()), (false, None));
    assert!(matches!(stale.status(), Err(StopError::NoProc { .. })));
    lived.life.join().unwrap();
}

#[test]
fn references_travel_and_compare() {
    let lived = spawn::<Bench>(bench());
    let mut bytes = Vec::new();
    crate::wire::encode_into(&mut bytes, &lived.actor).unwrap();
    let same: ActorRef<Bench> = crate::wire::decode(&bytes).unwrap();
    assert_eq!(same, lived.actor);
    assert_eq!(same.echo("same".into()).wait().unwrap(), "same");
    assert_eq!(format!("{same}"), format!("`Bench` {}", same.id()));
    lived.stop();
}

#[test]
fn async_calls_and_casts_do_what_the_others_do() {
    let lived = spawn::<Bench>(bench());
    let actor = lived.actor;
    futures::executor::block_on(async {
        assert_eq!(actor.echo("async".into()).await.unwrap(), "async");
        actor.note("async".into()).await.unwrap();
        assert!(matches!(actor.half(3).await, Err(CallError::Handler(text)) if text == "3 is odd"));
        let late = actor.wait_for(Gate::Async).timeout(Duration::from_millis(20)).await;
        assert!(matches!(late, Err(CallError::Timeout(_))));
        let mut sent = 0;
        let full = loop {
            match actor.note("more".into()).timeout(Duration::from_millis(20)).await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(full, SendError::Full(_)) && sent == 3);
        // Waits for room that comes only after this future is pending.
        let opened = thread::spawn(|| Gate::Async.open());
        full.into_cast().timeout(Duration::from_secs(10)).await.unwrap();
        opened.join().unwrap();
        assert_eq!(actor.notes().await.unwrap().len(), sent + 2);
    });
    lived.stop();
}

#[test]
fn more_async_calls_than_slots_wait_for_their_turn() {
    let lived = spawn::<Bench>(bench());
    let actor = lived.actor;
    let calls = (0..3 * CALLS_MAX).map(|n| actor.echo(n.to_string()).into_future());
    let replies = futures::executor::block_on(futures::future::join_all(calls));
    for (n, reply) in replies.into_iter().enumerate() {
        assert_eq!(reply.unwrap(), n.to_string());
    }
    lived.stop();
}

/// Made from something else.
#[derive(Actor)]
struct Opened {
    path: String,
    /// An actor need not be `Sync`, nor serde-able if it has an `#[init]`.
    asked: Cell<u32>,
}

#[handlers]
impl Opened {
    #[init]
    fn open(path: String, strict: bool) -> Result<Self, Failure> {
        match (path.as_str(), strict) {
            ("", false) => Err(Failure::new("no path")),
            ("", true) => Err(Failure::for_good("no path, ever")),
            _ => Ok(Opened { path, asked: Cell::new(0) }),
        }
    }

    #[call]
    fn path(&self) -> String {
        self.asked.set(self.asked.get() + 1);
        self.path.clone()
    }
}

#[test]
fn init_makes_the_actor_from_its_arguments() {
    let lived = spawn::<Opened>(("here".into(), true));
    assert_eq!(lived.actor.path().wait().unwrap(), "here");
    lived.stop();
    let failed = spawn::<Opened>((String::new(), false));
    assert_eq!(failed.life.join().unwrap(), ExitReason::Failed("no path".into()));
    let failed = spawn::<Opened>((String::new(), true));
    assert_eq!(failed.life.join().unwrap(), ExitReason::DoNotRestart("no path, ever".into()));
}

/// Nobody who takes the sizes as they come should find that a node has room for few actors.
#[test]
fn every_process_may_have_a_mailbox_of_the_default_size() {
    #[derive(Actor, Serialize, Deserialize)]
    struct Plain;
    #[handlers]
    impl Plain {}
    let spec = Definition::<Plain>::new(Plain).spec::<std::convert::Infallible>().unwrap();
    let bytes = Layout::of(spec.mailbox.shape()).unwrap().total;
    let room =
        WINDOW_CLASSES.iter().filter(|(size, _)| bytes <= *size).map(|(_, count)| *count as usize).sum::<usize>();
    assert!(PARTICIPANTS_MAX <= room, "{bytes} bytes fit {room} times");
}
