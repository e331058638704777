//! The crew: processes that send and receive without end, until they are killed.
//!
//! Each keeps the books about what it does and looks for what it should not see: a message that is
//! not whole, one that is done, one out of order. A finding is a panic, and its text is the report.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use actor_core::prelude::*;
use actor_core::queue::{Queue, RecvError, SendError, Task};
use serde::{Deserialize, Serialize};

use super::books::{Books, HANDS, Phase, SEATS};
use crate::chance::Chance;
use crate::crash::{Fault, Kind};
use crate::message::Message;

/// Where somebody works, and with what.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Post {
    pub(super) books: Books,
    pub(super) queue: Queue<Message>,
    pub(super) clerk: ActorRef<Clerk>,
    pub(super) seat: usize,
    pub(super) seed: u64,
}

/// What somebody does at his post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Sends small messages, in batches of several.
    SmallSender,
    /// Sends messages of 4 KiB to 64 KiB, one at a time.
    LargeSender,
    /// Calls an actor, and casts to it.
    Caller,
    /// Receives tasks and holds some of them.
    Holder,
    /// Receives bytes, in batches.
    Reader,
}

impl Role {
    pub(super) const fn work(self) -> fn(Post) {
        match self {
            Role::SmallSender => send_small,
            Role::LargeSender => send_large,
            Role::Caller => call,
            Role::Holder => hold,
            Role::Reader => read,
        }
    }

    pub(super) const fn is_sender(self) -> bool {
        matches!(self, Role::SmallSender | Role::LargeSender | Role::Caller)
    }
}

/// How long who has nothing to do waits until he looks again.
const REST: Duration = Duration::from_micros(200);
/// How long every other message takes: most of the time belongs to those who kill and who begin anew.
const WORK: Duration = Duration::from_millis(1);
/// How long a task is held when there is no other.
const HELD_FOR: Duration = Duration::from_millis(2);
/// More than anything takes that is not wedged.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls `send` with so many new numbers again and again. False: that was the end.
fn send_on(post: &Post, batch: u32, mut send: impl FnMut(std::ops::Range<u32>) -> bool) {
    let Post { books, seat, .. } = post;
    loop {
        let numbers = match books.phase() {
            Phase::Run => books.begin(*seat, batch),
            Phase::Rest => None,
            Phase::End => return,
        };
        books.set_at_rest(*seat, numbers.is_none());
        match numbers.map(&mut send) {
            Some(true) => {}
            Some(false) => return,
            None => thread::park_timeout(REST),
        }
    }
}

fn send_small(post: Post) {
    const BATCH: u32 = 16;
    let (mut chance, from) = (Chance::new(post.seed), post.seat as u32);
    send_on(&post, BATCH, |numbers| {
        let is_batch = chance.once_in(2);
        let messages = numbers.clone().map(|number| Message::new(from, number, chance.below(90) as usize)).collect();
        if is_batch {
            send_batch(&post, messages)
        } else {
            messages.into_iter().all(|message| send_one(&post, message))
        }
    });
}

fn send_large(post: Post) {
    let (mut chance, from) = (Chance::new(post.seed), post.seat as u32);
    send_on(&post, 1, |numbers| {
        let length = 4096 + chance.below(61_000) as usize;
        send_one(&post, Message::new(from, numbers.start, length))
    });
}

fn send_one(post: &Post, message: Message) -> bool {
    let number = message.number();
    match post.queue.send(message) {
        Ok(()) => post.books.sent(post.seat, number),
        Err(SendError::Closed(_)) => {
            post.books.refused(post.seat, number);
            return false;
        }
        Err(error) => panic!("{number}: {error}"),
    }
    true
}

fn send_batch(post: &Post, messages: Vec<Message>) -> bool {
    let numbers: Vec<u32> = messages.iter().map(Message::number).collect();
    let refused = match post.queue.send_batch(messages) {
        Ok(()) => Vec::new(),
        Err(SendError::Closed(rest)) => rest,
        Err(error) => panic!("{error}"),
    };
    let (sent, rest) = numbers.split_at(numbers.len() - refused.len());
    sent.iter().for_each(|number| post.books.sent(post.seat, *number));
    rest.iter().for_each(|number| post.books.refused(post.seat, *number));
    rest.is_empty()
}

fn call(post: Post) {
    let (mut chance, from) = (Chance::new(post.seed), post.seat as u32);
    send_on(&post, 1, |numbers| {
        let number = numbers.start;
        let max = *chance.one_of(&[60, 20_000]);
        let message = Message::new(from, number, chance.below(max) as usize);
        if chance.once_in(2) {
            let answer = post.clerk.note(message).timeout(PATIENCE).wait();
            assert_eq!(answer.unwrap_or_else(|error| panic!("call {number}: {error}")), number);
            post.books.answered(post.seat, number);
        } else {
            let sent = post.clerk.file(message).timeout(PATIENCE).send();
            sent.unwrap_or_else(|error| panic!("cast {number}: {error}"));
            post.books.sent(post.seat, number);
        }
        true
    });
}

/// The order in which the messages of each sender have come, as far as they came for the first time.
#[derive(Default)]
struct Order {
    last: [Option<u32>; SEATS],
}

impl Order {
    fn note(&mut self, message: &Message) {
        let last = &mut self.last[message.from() as usize];
        expect(Kind::Torn.unless(*last < Some(message.number()), || format!("INV4: {message:?} came after {last:?}")));
        *last = Some(message.number());
    }
}

/// What a consumer has seen is in order, or this is the end of the run.
fn expect<T>(result: Result<T, Fault>) -> T {
    result.unwrap_or_else(|why| panic!("{why}"))
}

fn hold(post: Post) {
    let Post { books, queue, seat, .. } = &post;
    let mut chance = Chance::new(post.seed);
    let (mut held, mut order) = (VecDeque::<(usize, Task<Message>)>::new(), Order::default());
    loop {
        let received = match held.len() {
            0 => queue.recv_task(),
            HANDS => Err(RecvError::Empty),
            // With something in hand there is something to do, but no hurry.
            _ => queue.recv_task_timeout(HELD_FOR),
        };
        match received {
            Ok(task) => {
                let in_use = |hand: &usize| held.iter().any(|(other, _)| other == hand);
                let hand = (0..HANDS).find(|hand| !in_use(hand)).expect("not all hands are full");
                expect(books.got(*seat, hand, &task, Some(task.delivery_count())));
                if task.delivery_count() == 1 {
                    order.note(&task);
                }
                if chance.once_in(50) {
                    books.failed(*seat, hand);
                    drop(task);
                    books.empty_hand(*seat, hand);
                } else {
                    held.push_back((hand, task));
                }
            }
            Err(RecvError::Closed) if held.is_empty() => return,
            Err(RecvError::Empty | RecvError::Closed) => {
                let (hand, task) = held.pop_front().expect("somebody waits only with empty hands");
                books.acknowledges(*seat, hand);
                task.done();
                expect(books.done(*seat, hand));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What is done with a message in hand now and then takes its time, so that those who send wait for
/// those who receive and not the other way round.
fn work(chance: &mut Chance) {
    if chance.once_in(2) {
        thread::park_timeout(WORK);
    }
}

fn read(post: Post) {
    let Post { books, queue, seat, .. } = &post;
    let mut chance = Chance::new(post.seed);
    loop {
        let received = queue.recv_bytes_batch(8, |bytes| {
            // The one before was acknowledged when its call had returned.
            expect(books.done(*seat, 0));
            let message = Message::from_encoded(bytes).expect("a message of ours");
            expect(books.got(*seat, 0, &message, None));
            work(&mut chance);
            books.acknowledges(*seat, 0);
        });
        match received {
            Ok(_) => expect(books.done(*seat, 0)),
            Err(RecvError::Closed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The actor of the crew. Its messages are handed out again after each of its deaths.
#[derive(Actor)]
#[actor(name = "clerk", capacity = 32, max_message = "64KiB")]
pub(super) struct Clerk {
    books: Books,
    seat: usize,
    order: Order,
    chance: Chance,
}

#[handlers]
impl Clerk {
    #[init]
    fn init((books, seat): (Books, usize)) -> Clerk {
        // The life before has ended, and this one has not begun to work.
        books.settle(seat);
        books.set_pid(seat);
        Clerk { books, seat, order: Order::default(), chance: Chance::new(seat as u64) }
    }

    #[call(on_crash = "redeliver(100)")]
    fn note(&mut self, message: Message, context: &mut Context<Self>) -> u32 {
        self.take(&message, context.deliveries());
        message.number()
    }

    #[cast(on_crash = "redeliver(100)")]
    fn file(&mut self, message: Message, context: &mut Context<Self>) {
        self.take(&message, context.deliveries());
    }

    fn take(&mut self, message: &Message, delivery: u32) {
        // The one before was acknowledged, or this one would not be here.
        expect(self.books.done(self.seat, 0));
        expect(self.books.got(self.seat, 0, message, Some(delivery)));
        if delivery == 1 {
            self.order.note(message);
        }
        work(&mut self.chance);
        self.books.acknowledges(self.seat, 0);
    }
}
