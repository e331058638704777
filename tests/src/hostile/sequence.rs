//! Sequences of operations on a queue, beside a list that does the same.
//!
//! The list knows which message lies in a slot and which in a hand, so it says exactly which send finds no
//! room, which message comes next and how often it has come before.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use actor_core::queue::{Close, Options, Queue, RecvError, SendError, Task};
use actor_core::testing::raw;

use super::Target;

/// See the module.
pub const TARGET: Target = Target {
    name: "sequence",
    about: "operations on a queue, beside a list",
    body,
    samples,
    length_max: 256,
    runs: 3_000,
};

const CAPACITY: u64 = 3;
/// As many tasks as have a place of their own.
const HANDS: usize = 3;

/// A number, and bytes that are as many as it says.
type Item = (u64, Vec<u8>);

thread_local! {
    static FIELD: RefCell<Option<Field>> = const { RefCell::new(None) };
}

/// Takes each two bytes for an operation.
///
/// # Panics
/// The queue and the list differ.
pub fn body(data: &[u8]) {
    FIELD.with_borrow_mut(|kept| {
        // Out of its place: what has failed once is not gone on with.
        let mut field = kept.take().unwrap_or_else(Field::new);
        for step in data.chunks_exact(2) {
            field.operate(step[0], step[1]);
        }
        field.end();
        *kept = (field.list.end == End::Open).then_some(field);
    });
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Queued,
    Held,
    Returned,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    state: State,
    in_hand: bool,
    count: u32,
    /// It is no item, whatever it is.
    is_bad: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Open,
    Draining,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Refusal {
    Full,
    Closed,
}

impl Refusal {
    fn of<T>(error: &SendError<T>) -> Refusal {
        match error {
            SendError::Full(_) => Refusal::Full,
            SendError::Closed(_) => Refusal::Closed,
            _ => panic!("an item was refused for what it is"),
        }
    }
}

#[derive(Debug)]
struct List {
    next: u64,
    told: BTreeMap<u64, Told>,
    end: End,
}

impl List {
    /// Why nothing can be sent, if so.
    fn refusal(&self) -> Option<Refusal> {
        if self.end != End::Open {
            return Some(Refusal::Closed);
        }
        let before = self.next.checked_sub(CAPACITY).and_then(|before| self.told.get(&before));
        before.is_some_and(|told| !told.in_hand).then_some(Refusal::Full)
    }

    fn add(&mut self, is_bad: bool) {
        self.told.insert(self.next, Told { state: State::Queued, in_hand: false, count: 0, is_bad });
        self.next += 1;
    }

    fn of(&self, state: State) -> impl Iterator<Item = u64> {
        self.told.iter().filter(move |(_, told)| told.state == state).map(|(number, _)| *number)
    }

    /// What comes next: what came back first, and then what was sent first.
    fn first(&self) -> Option<u64> {
        let waiting = self.of(State::Returned).next().or_else(|| self.of(State::Queued).next());
        waiting.filter(|_| self.end != End::Gone)
    }

    fn is_error_due(&self, error: &RecvError) -> bool {
        match error {
            RecvError::Empty => self.end == End::Open || self.end == End::Draining && !self.told.is_empty(),
            RecvError::Closed => self.end != End::Open,
            _ => false,
        }
    }

    /// A queue that is gone keeps only what is held.
    fn discard(&mut self) {
        if self.end == End::Gone {
            self.told.retain(|_, told| told.state == State::Held);
        }
    }
}

struct Field {
    queue: Queue<Item>,
    list: List,
    tasks: Vec<(u64, Task<Item>)>,
}

impl Field {
    fn new() -> Field {
        let options = Options { message_max: 3000, bytes: 64 << 10, ..Options::new(CAPACITY as usize) };
        let list = List { next: 0, told: BTreeMap::new(), end: End::Open };
        Field { queue: options.create().expect("there is memory"), list, tasks: Vec::new() }
    }

    fn operate(&mut self, operation: u8, argument: u8) {
        match operation % 32 {
            0..=6 => self.send(usize::from(argument) * 11),
            7 | 8 => self.send_batch(usize::from(argument % 5)),
            9 => self.send_garbage(usize::from(argument)),
            10..=15 => self.receive(),
            16..=20 => self.receive_task(),
            21 => self.receive_batch(usize::from(argument % 5)),
            22 => self.receive_bytes(),
            23..=25 => self.settle(argument, true),
            26..=29 => self.settle(argument, false),
            30 if argument.is_multiple_of(8) => self.close(argument),
            _ => self.look(),
        }
    }

    fn item(&self, length: usize) -> Item {
        (self.list.next, vec![self.list.next as u8 & 0x7f; length])
    }

    fn send(&mut self, length: usize) {
        let sent = self.queue.try_send(self.item(length));
        let refusal = self.list.refusal();
        assert_eq!(sent.err().map(|error| Refusal::of(&error)), refusal, "{:?}", self.list);
        if refusal.is_none() {
            self.list.add(false);
        }
    }

    fn send_batch(&mut self, count: usize) {
        let items: Vec<Item> = (0..count as u64).map(|n| (self.list.next + n, vec![9; 40])).collect();
        let left = self.queue.try_send_batch(items).map_or_else(|error| error.into_item().len(), |()| 0);
        for _ in 0..count - left {
            assert!(self.list.refusal().is_none(), "{:?}", self.list);
            self.list.add(false);
        }
        assert!(left == 0 || self.list.refusal().is_some(), "{left} of {:?}", self.list);
    }

    fn send_garbage(&mut self, length: usize) {
        let sent = self.queue.try_send_bytes(&vec![0xc1; length]);
        assert_eq!(sent.err().map(|error| Refusal::of(&error)), self.list.refusal(), "{:?}", self.list);
        if self.list.refusal().is_none() {
            self.list.add(true);
        }
    }

    fn receive(&mut self) {
        match (self.queue.try_recv(), self.list.first()) {
            (Ok((number, bytes)), Some(first)) => {
                assert!(number == first && bytes.iter().all(|byte| *byte == number as u8 & 0x7f || *byte == 9));
                self.list.told.remove(&first);
            }
            (Err(RecvError::Decode(_)), Some(first)) => self.drop_bad(first),
            (Err(error), None) => assert!(self.list.is_error_due(&error), "{error} of {:?}", self.list),
            (received, first) => panic!("{received:?} and not {first:?} of {:?}", self.list),
        }
    }

    fn receive_task(&mut self) {
        match (self.queue.try_recv_task(), self.list.first()) {
            (Ok(task), Some(first)) => {
                let hands = self.list.told.values().filter(|told| told.in_hand).count();
                let told = self.list.told.get_mut(&first).expect("it is the first");
                assert_eq!((task.0, task.delivery_count()), (first, told.count + 1));
                told.state = State::Held;
                told.in_hand |= hands < HANDS;
                self.tasks.push((first, task));
            }
            (Err(RecvError::Decode(_)), Some(first)) => self.drop_bad(first),
            (Err(error), None) => assert!(self.list.is_error_due(&error), "{error} of {:?}", self.list),
            (received, first) => panic!("{received:?} and not {first:?} of {:?}", self.list),
        }
    }

    fn drop_bad(&mut self, number: u64) {
        assert!(self.list.told[&number].is_bad, "{number} of {:?}", self.list);
        self.list.told.remove(&number);
    }

    fn receive_batch(&mut self, max: usize) {
        let mut numbers = Vec::new();
        let seen = |bytes: &[u8]| numbers.push(raw::decode::<Item>(bytes).map(|item| item.0).ok());
        match self.queue.try_recv_bytes_batch(max, seen) {
            Ok(count) => assert_eq!(count, numbers.len()),
            Err(error) => assert!(self.list.first().is_none() && self.list.is_error_due(&error), "{error}"),
        }
        for number in numbers {
            let first = self.list.first().expect("something was there");
            assert_eq!(number, Some(first).filter(|first| !self.list.told[first].is_bad));
            self.list.told.remove(&first);
        }
    }

    fn receive_bytes(&mut self) {
        match (self.queue.try_recv_reader(), self.list.first()) {
            (Ok(mut item), Some(first)) => {
                let mut bytes = Vec::new();
                let length = item.read_to_end(&mut bytes).expect("it is read from memory");
                assert_eq!((length, item.delivery_count()), (item.len(), self.list.told[&first].count + 1));
                assert_eq!(&item.blocks().collect::<Vec<_>>().concat()[..length], bytes);
                let number = raw::decode::<Item>(&bytes).map(|item| item.0).ok();
                assert_eq!(number, Some(first).filter(|first| !self.list.told[first].is_bad));
                self.list.told.remove(&first);
            }
            (Err(error), None) => assert!(self.list.is_error_due(&error), "{error} of {:?}", self.list),
            (received, first) => panic!("{received:?} and not {first:?} of {:?}", self.list),
        }
    }

    fn settle(&mut self, argument: u8, is_done: bool) {
        if self.tasks.is_empty() {
            return;
        }
        let (number, task) = self.tasks.swap_remove(usize::from(argument) % self.tasks.len());
        if is_done {
            assert_eq!(task.done().0, number);
            self.list.told.remove(&number);
        } else {
            drop(task);
            let told = self.list.told.get_mut(&number).expect("it was held");
            told.state = State::Returned;
            told.count = (told.count + 1).min(127);
            self.list.discard();
        }
    }

    fn close(&mut self, argument: u8) {
        if argument.is_multiple_of(16) {
            self.queue.close(Close::Now);
            self.list.end = End::Gone;
            self.list.discard();
        } else {
            self.queue.close(Close::Drain);
            if self.list.end == End::Open {
                self.list.end = End::Draining;
            }
        }
    }

    fn look(&self) {
        let waiting = self.list.of(State::Queued).count() + self.list.of(State::Returned).count();
        assert_eq!(self.queue.len(), waiting, "{:?}", self.list);
        assert_eq!(self.queue.is_closed(), self.list.end != End::Open);
        assert_eq!(self.queue.join_timeout(Duration::ZERO), self.list.told.is_empty(), "{:?}", self.list);
    }

    /// Nothing is left in the end, and nothing has to be waited for.
    fn end(&mut self) {
        while !self.tasks.is_empty() {
            self.settle(0, false);
        }
        while self.list.first().is_some() {
            self.receive();
        }
        self.receive();
        self.look();
    }
}

fn samples() -> Vec<Vec<u8>> {
    let sequences: [&[u8]; 6] = [
        &[0, 1, 0, 2, 10, 0, 0, 100, 31, 0, 10, 0, 10, 0, 10, 0],
        &[0, 1, 1, 2, 2, 3, 3, 4, 16, 0, 3, 4, 16, 0, 16, 0, 26, 1, 10, 0, 31, 0],
        &[7, 4, 16, 0, 16, 0, 16, 0, 7, 3, 16, 0, 0, 0, 23, 0, 0, 200, 27, 0, 28, 0, 20, 0],
        &[9, 5, 0, 9, 10, 0, 16, 0, 9, 200, 16, 0, 31, 0],
        &[7, 2, 21, 4, 7, 3, 16, 0, 30, 8, 21, 3, 0, 0, 26, 0, 10, 0],
        &[7, 3, 16, 0, 30, 16, 26, 0, 10, 0, 31, 0],
    ];
    sequences.into_iter().map(<[u8]>::to_vec).collect()
}
