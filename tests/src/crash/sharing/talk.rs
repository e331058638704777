//! Both sides of a pipe: one of the crew, who may be killed, and the one that listens and lives.

use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, JoinHandle};

use actor_core::ProcessId;
use actor_core::pipe::{PipeEnd, RecvError};

use super::commons::{PATIENCE, check_killed};
use super::notes::{Note, Notes};
use crate::chance::Chance;
use crate::crash::{Fault, Kind};
use crate::message::Message;
use crate::watch::bound;

/// How many messages are sent before an answer is awaited, at most.
const AHEAD: u64 = 8;
/// The longest message.
const LENGTH_MAX: u64 = 9_000;

/// Sends some messages, and receives the answer to each.
pub(super) fn talk(notes: &Notes, seat: usize, end: &PipeEnd<Message, u32>, chance: &mut Chance) {
    let first = notes.of(seat, Note::Begun).load(SeqCst) as u32 + 1;
    let numbers = first..first + 1 + chance.below(AHEAD) as u32;
    for number in numbers.clone() {
        let max = *chance.one_of(&[60, LENGTH_MAX]);
        let length = chance.below(max) as usize;
        notes.of(seat, Note::Begun).store(u64::from(number), SeqCst);
        let sent = end.send(Message::new(seat as u32, number, length));
        sent.unwrap_or_else(|error| panic!("{}", Kind::Wedged.fault(format!("message {number}: {error:?}"))));
        notes.of(seat, Note::Sent).store(u64::from(number), SeqCst);
    }
    for number in numbers {
        let answer = end.recv();
        assert_eq!(answer, Ok(number), "{}", Kind::Lost.fault(format!("the answer to {number}")));
    }
}

/// The thread that listens to one life.
pub(super) struct Listener {
    thread: JoinHandle<Result<Heard, Fault>>,
    /// The last message of the life before.
    before: u64,
}

/// What was heard of a life.
struct Heard {
    /// The last message, if there was one.
    last: Option<u64>,
    end: RecvError,
}

impl Listener {
    pub(super) fn new(seat: usize, before: u64, end: PipeEnd<u32, Message>) -> Listener {
        Listener { thread: thread::spawn(move || listen(seat, before, &end)), before }
    }

    /// When that one is dead: whether all that he had sent has come, and who it was.
    ///
    /// # Errors
    /// It is not so.
    pub(super) fn check_death(self, notes: &Notes, seat: usize, process: ProcessId) -> Result<(), Fault> {
        let (begun, sent) = (notes.of(seat, Note::Begun).load(SeqCst), notes.of(seat, Note::Sent).load(SeqCst));
        let before = self.before;
        let Heard { last, end } = self.heard()?;
        let last_or_none = last.unwrap_or(before);
        Kind::Lost.unless(sent <= last_or_none && last_or_none <= begun, || {
            format!("of {seat} was heard up to {last_or_none}, and sent up to {sent} or {begun}")
        })?;
        let RecvError::Disconnected(end) = end else {
            return Err(Kind::Lost.fault(format!("the pipe of {seat}, who was killed, says {end:?}")));
        };
        match end.process() {
            Some(dead) => {
                Kind::Lost.unless(dead == process, || format!("the pipe of {process} says {dead}"))?;
                check_killed("a pipe", end.report().as_ref())
            }
            // He was killed before he had it.
            None => Kind::Lost.unless(last.is_none(), || format!("the pipe of {process} forgets who he was")),
        }
    }

    /// When that one has ended by himself.
    ///
    /// # Errors
    /// That is not what was heard.
    pub(super) fn check_end(self) -> Result<(), Fault> {
        let end = self.heard()?.end;
        Kind::Lost.unless(end == RecvError::Eof, || format!("a pipe that was closed says {end:?}"))
    }

    fn heard(self) -> Result<Heard, Fault> {
        self.thread.join().expect("a fault is no panic")
    }
}

fn listen(seat: usize, before: u64, end: &PipeEnd<u32, Message>) -> Result<Heard, Fault> {
    let mut last = before;
    loop {
        match end.recv_timeout(bound(PATIENCE)) {
            Ok(message) => {
                let is_next = u64::from(message.number()) == last + 1 && message.from() == seat as u32;
                Kind::Torn.unless(is_next && message.is_whole(), || format!("{message:?} came after {last}"))?;
                last += 1;
                // Whoever is dead by now has no use for it.
                let _ = end.send(message.number());
            }
            Err(RecvError::Empty) => return Err(Kind::Wedged.fault(format!("nothing is heard of {seat} any more"))),
            Err(why) => return Ok(Heard { last: (before < last).then_some(last), end: why }),
        }
    }
}
