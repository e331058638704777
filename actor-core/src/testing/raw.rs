//! Doors for tests with hostile input: the places where bytes that somebody else has written are read.
//!
//! Each takes any bytes and does with them what the product does. No part of the API: it changes
//! without notice. Nothing here checks anything on its own, or what is tested would not be what runs.

mod image;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::image::{Area, Image, Subject};
use crate::boot::{Entry, Order, Start, StartMethod};
use crate::control;
use crate::exit::KilledBy;
use crate::id::{ActorId, Incarnation, Participant, Peer, ProcessId, WindowId};
use crate::logs::{self, TraceContext};
use crate::mailbox::{Envelope, Mailbox, MailboxSize, OnCrash, ReplyAddress};
use crate::node::{self, ActorSpec, Answer, ProcessSpec, Request, Stderr};
use crate::pool;
use crate::shm::segment::attached;
use crate::time::Deadline;
use crate::wire::{self, Bytes, DecodeError, EncodeError};

/// What the node says of itself when it is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Encodes as messages are encoded.
///
/// # Errors
/// The value would not arrive as it is.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    wire::encode_into(&mut bytes, value)?;
    Ok(bytes)
}

/// Decodes as messages are decoded.
///
/// # Errors
/// The bytes are no such value.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    wire::decode(bytes)
}

/// Reads what the node finds in its mailbox, and gives it encoded again.
///
/// # Errors
/// It is no request.
pub fn request(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    again::<Request>(bytes)
}

/// The same for what comes back from the node.
///
/// # Errors
/// It is no answer.
pub fn answer(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    again::<Answer>(bytes)
}

/// The same for what a new process finds in its record.
///
/// # Errors
/// It is no order.
pub fn order(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    again::<Order>(bytes)
}

fn again<'a, T: Deserialize<'a> + Serialize>(bytes: &'a [u8]) -> Result<Vec<u8>, DecodeError> {
    let value: T = wire::decode(bytes)?;
    Ok(encode(&value).expect("what was decoded can be encoded"))
}

/// Reads a message of the start-up channel: whether the zygote would take it, and whether the node
/// would.
pub fn control(bytes: &[u8]) -> [bool; 2] {
    control::read_bytes(bytes)
}

/// Reads an envelope and writes it again. `None`: there are too few bytes.
pub fn envelope(bytes: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::from_bytes(bytes)?;
    assert!((1..=127).contains(&envelope.on_crash.deliveries_max()), "{envelope:?}");
    assert!(envelope.is_for(envelope.life));
    Some(envelope.to_bytes()[..envelope.length()].to_vec())
}

/// An envelope as it travels.
pub fn envelope_sample() -> Vec<u8> {
    let reply = ReplyAddress { window: WindowId { index: 9, generation: 8 }, slot: 7, generation: 6 };
    let on_crash = OnCrash::Redeliver(3);
    let trace = Some(TraceContext { participant: Participant(3), generation: 2, span: 1 });
    let (reply, sender) = (Some(reply), Participant(3));
    Envelope { handler: 5, on_crash, reply, carries: true, life: 4, sender, trace }.to_bytes().to_vec()
}

/// Lays bytes down as a ring of log events that ends at `tail`, hears what is in it, and tells of how many frames.
pub fn log_ring(tail: u64, bytes: &[u8]) -> u64 {
    logs::door::read(tail, bytes)
}

/// The texts of the events that a process has logged and the node has not read, the first of each. `None`: what lies
/// there is not what a process leaves behind at any moment.
pub fn log_left(participant: u16) -> Option<Vec<String>> {
    logs::door::left(Participant(participant))
}

/// A ring as a process leaves it.
pub fn log_sample() -> Vec<u8> {
    logs::door::sample()
}

/// Reads what is said to be a task of a pool: how many items it has. `None`: it is none.
pub fn pool_task(bytes: &[u8]) -> Option<u32> {
    pool::door::task(bytes)
}

/// Enters what are said to be results of a pool, each with its length in front: the numbers of the eight items that
/// have one by then, each as often as it was told.
pub fn pool_results(bytes: &[u8]) -> Vec<u64> {
    pool::door::results(bytes)
}

/// Lays bytes down on the board of a pool, and does what its workers and itself do there.
pub fn pool_board(bytes: &[u8]) {
    pool::door::board(bytes);
}

/// A task and results as they are sent.
pub fn pool_samples() -> [Vec<u8>; 2] {
    pool::door::samples()
}

/// Puts bytes into the node's mailbox as if they were a request to which no answer is wanted. False:
/// they do not fit, or there is no node.
pub fn tell_node(bytes: &[u8]) -> bool {
    let Some(segment) = attached() else { return false };
    let mailbox = segment.node_mailbox().and_then(|id| Mailbox::attach(ActorId(id)));
    let envelope = Envelope::plain(segment.me(), None);
    let is_there = mailbox.is_some_and(|mailbox| mailbox.post(&envelope, bytes, Deadline::after(PATIENCE)).is_ok());
    segment.ring_bell();
    is_there
}

/// Whether these bytes are a request that ends the node or starts code that they name: what no node is
/// asked for in vain.
pub fn is_obeyed(bytes: &[u8]) -> bool {
    let request = wire::decode::<Request>(bytes);
    match request {
        Ok(Request::Shutdown { .. } | Request::SpawnProcess(_) | Request::SpawnActor(_)) => true,
        // A link to nobody, or to somebody who will have died.
        Ok(Request::Link { by, .. }) => by == ProcessId::MAIN,
        _ => false,
    }
}

/// Requests of most kinds, encoded.
pub fn request_samples() -> Vec<Vec<u8>> {
    let process = ProcessId { participant: Participant(9000), generation: u32::MAX - 9 };
    let actor = ActorId(WindowId { index: 60_000, generation: u32::MAX - 9 });
    let reply = ReplyAddress { window: WindowId { index: 1, generation: 1 }, slot: 2, generation: 3 };
    let short = Duration::from_millis(50);
    let (spec, plain) = specs(process, short);
    let requests = [
        Request::SpawnProcess(plain),
        Request::SpawnActor(spec.clone()),
        Request::MakeActor(spec),
        Request::UnmakeActor { actor },
        Request::Join { process },
        Request::Forget { process },
        Request::ResultTaken { process },
        Request::Signal { process, signal: 15 },
        Request::KillProcess { process, by: KilledBy::KillAfter },
        Request::StopActor { actor, only: None, after_all: true, timeout: short },
        Request::KillActor { actor, only: None },
        Request::KillOverrun { actor, reply },
        Request::JoinActor { actor },
        Request::RefuseInHand { actor, why: "no such handler".into() },
        Request::DeadLetters { max: 10 },
        Request::Counters,
        Request::StartSupervisor { rules: Default::default(), children: vec![actor, actor] },
        Request::StopSupervisor { supervisor: 1 },
        Request::JoinSupervisor { supervisor: 1 },
        Request::WhichChildren { supervisor: 1 },
        Request::Link { by: process, peer: Peer::Actor(Incarnation { actor, life: 3 }), process: Some(process) },
        Request::Unlink { by: process, process },
        Request::Monitor { by: ProcessId::MAIN, number: 7, process },
        Request::Demonitor { by: ProcessId::MAIN, number: 7 },
        Request::TakeNews { by: process },
        Request::Obituary { left: actor.0, dead: process },
    ];
    requests.iter().map(|request| encode(request).expect("requests can be encoded")).collect()
}

/// An actor and a process that nobody means to start.
fn specs(parent: ProcessId, short: Duration) -> (ActorSpec, ProcessSpec) {
    let entry = Entry::of(nothing).expect("it is code of this program");
    let spec = ActorSpec {
        name: "made".into(),
        type_name: "tests::Made".into(),
        entry,
        args: Bytes(vec![1, 2, 3]),
        handlers: vec!["one".into(), "two".into()],
        mailbox: MailboxSize { capacity: 4, message_max: 3000, bytes: 8000 },
        start_timeout: short,
        stderr: Stderr::Capture,
        start_method: Some(StartMethod::Exec),
        parent: None,
    };
    let plain = ProcessSpec {
        name: "plain".into(),
        entry,
        args: Bytes(vec![0xc0]),
        start_timeout: short,
        stderr: Stderr::Inherit,
        start_method: None,
        parent: Some(parent),
        daemon: true,
    };
    (spec, plain)
}

/// The function of processes that nobody means to start.
fn nothing(_: Start) {}

/// Whether the node does what it is asked for, within a few seconds.
pub fn node_answers() -> bool {
    node::counters().is_ok()
}
