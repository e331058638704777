//! Ends of pipes: each is in one pair of hands whoever dies while it moves, and who has the other one is told
//! of its end once, behind the last whole message.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use loom::thread::{JoinHandle, spawn};

use super::memory::{Futex, Word64, check, check_deaths, mortal};
use super::ring::{A, B, C, Item, Tested};
use crate::id::{Participant, ProcessId};
use crate::shm::ends::word::{EndWord, State};
use crate::shm::event::Waited;
use crate::shm::slots::{self, Refused};
use crate::shm::window::flags;
use crate::shm::words::Word;
use crate::time::Deadline;

/// The word of an end, and a ring: the pipe that it is of, or the queue that it moves through.
struct Pipe {
    ring: Rc<Tested>,
    end: Word64,
    flags: Futex,
}

/// The hop that each model begins with, and the next one.
const HOPS: u16 = 1;
const NEXT: u16 = EndWord::next_hop(HOPS);

fn process(participant: Participant) -> ProcessId {
    ProcessId { participant, generation: 3 }
}

impl Pipe {
    /// The end is this process's.
    fn new(owner: Participant, items: &[Item]) -> Rc<Pipe> {
        let end = Word64::new(EndWord::owned(process(owner), HOPS).0);
        Rc::new(Pipe { ring: Tested::with(2, items), end, flags: Futex::new(0) })
    }

    /// There is no such end any more.
    fn raise(&self) {
        self.flags.fetch_or(flags::CLOSING, AcqRel);
        self.ring.items().notify_all();
    }

    fn is_raised(&self) -> bool {
        self.flags.load(Acquire) & flags::CLOSING != 0
    }

    /// What the node does after a proven death.
    fn recover(&self, dead: Participant) {
        self.ring.recover(dead);
        if EndWord::bury(&self.end, process(dead)).is_over() {
            self.raise();
        }
    }

    /// Receives until the end, as whoever has the receiver.
    fn read(&self, me: Participant) -> Vec<Item> {
        let mut read = Vec::new();
        loop {
            let next = || match slots::claim_read(&*self.ring, me) {
                Ok(claim) => Some(Some(claim)),
                Err(Refused::Sealed) => Some(None),
                Err(Refused::NotNow) => (self.is_raised() && slots::seal(&*self.ring)).then_some(None),
            };
            let claim = match self.ring.items().wait(Deadline::Never, next) {
                Waited::Ready(claim) | Waited::Slept(claim) => claim,
                Waited::TimedOut => unreachable!("there is no deadline"),
            };
            let Some(claim) = claim else { return read };
            read.push(self.ring.finish(claim));
        }
    }

    /// Sends the end through the ring.
    fn send_end(&self, me: Participant) {
        self.ring.try_send(me, HOPS.into()).unwrap();
        EndWord::let_go(&self.end, process(me), HOPS);
    }

    /// Takes the end out of the message that comes next, if there is one and it is in it.
    fn receive_end(&self, me: Participant) -> bool {
        let Ok(claim) = slots::claim_read(&*self.ring, me) else { return false };
        let hops = self.ring.read(claim.position) as u16;
        let is_taken = EndWord::take(&self.end, hops, EndWord::owned(process(me), NEXT));
        slots::release(&*self.ring, claim.position);
        is_taken
    }

    fn is_owned(&self, by: Participant) -> bool {
        EndWord::load(&self.end) == EndWord::owned(process(by), NEXT)
    }
}

/// One who lives like this, and is repaired if it dies on the way. True: it did.
fn victim(pipe: &Rc<Pipe>, steps: u32, who: Participant, life: impl FnOnce(&Pipe) + 'static) -> JoinHandle<bool> {
    let pipe = pipe.clone();
    spawn(move || {
        let has_died = mortal(steps, || life(&pipe)).is_none();
        if has_died {
            pipe.recover(who);
        }
        has_died
    })
}

/// Closed, or dead at any step of two messages and the closing.
#[test]
fn the_end_is_told_behind_the_last_whole_message() {
    check_deaths(2, |steps| {
        let pipe = Pipe::new(A, &[]);
        let sent = Rc::new(RefCell::new(0));
        let victim = {
            let sent = sent.clone();
            victim(&pipe, steps, A, move |pipe| {
                for item in 1..=2 {
                    pipe.ring.try_send(A, item).unwrap();
                    *sent.borrow_mut() = item;
                }
                assert!(EndWord::close(&pipe.end, process(A), HOPS));
                pipe.raise();
            })
        };
        let read = pipe.read(B);
        let (end, again) = (EndWord::load(&pipe.end), pipe.read(B));
        let has_died = victim.join().unwrap();
        let sent = *sent.borrow() as usize;
        assert!([1, 2].starts_with(&read) && sent <= read.len() && again.is_empty(), "{read:?} of {sent}, {again:?}");
        match end.state() {
            State::Dead => assert!(has_died && end.process() == process(A)),
            state => assert!(state == State::Closed && sent == 2, "{state:?}"),
        }
        has_died
    });
}

/// Dead before the message is accepted, before the end is let go, or after.
#[test]
fn an_end_is_somebodys_when_its_sender_dies() {
    check_deaths(2, |steps| {
        let pipe = Pipe::new(A, &[]);
        let sender = victim(&pipe, steps, A, |pipe| pipe.send_end(A));
        let early = pipe.receive_end(B);
        let has_died = sender.join().unwrap();
        let late = pipe.receive_end(C);
        let is_over = EndWord::load(&pipe.end).is_over();
        assert_eq!(u32::from(early) + u32::from(late) + u32::from(is_over), 1, "{early}, {late}, {is_over}");
        assert!(pipe.is_owned(B) == early && pipe.is_owned(C) == late && pipe.is_raised() == is_over);
        assert!(has_died || !is_over);
        has_died
    });
}

/// Dead before it has taken the end, so that another gets the message with it, or after, so that another gets
/// one without.
#[test]
fn an_end_is_somebodys_when_its_taker_dies() {
    check_deaths(2, |steps| {
        let pipe = Pipe::new(C, &[]);
        pipe.send_end(C);
        let done = Rc::new(Cell::new(false));
        let taker = {
            let done = done.clone();
            victim(&pipe, steps, A, move |pipe| done.set(pipe.receive_end(A)))
        };
        let early = pipe.receive_end(B);
        let has_died = taker.join().unwrap();
        let late = pipe.receive_end(B);
        let is_over = EndWord::load(&pipe.end).is_over();
        assert_eq!(u32::from(done.get()) + u32::from(early || late) + u32::from(is_over), 1);
        assert!(pipe.is_owned(B) == (early || late) && pipe.is_raised() == is_over);
        has_died
    });
}

/// A copy of the message is thrown away while another is read.
#[test]
fn of_two_copies_one_has_the_end() {
    check(3, || {
        let pipe = Pipe::new(A, &[]);
        let thrown = {
            let pipe = pipe.clone();
            spawn(move || {
                let is_lost = EndWord::take(&pipe.end, HOPS, EndWord::new(State::Lost, None, HOPS));
                if is_lost {
                    pipe.raise();
                }
                is_lost
            })
        };
        let letting_go = {
            let pipe = pipe.clone();
            spawn(move || EndWord::let_go(&pipe.end, process(A), HOPS))
        };
        let is_taken = EndWord::take(&pipe.end, HOPS, EndWord::owned(process(B), NEXT));
        letting_go.join().unwrap();
        assert!(thrown.join().unwrap() != is_taken && pipe.is_raised() != is_taken);
        assert!(EndWord::load(&pipe.end).is_over() != is_taken && pipe.is_owned(B) == is_taken);
    });
}
