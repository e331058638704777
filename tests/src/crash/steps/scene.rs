//! [`Scene`]: what the victims of one trial have, and what they say on the board of what they do.
//!
//! Before each thing that could be seen from outside the victim notes that it is about to happen, and
//! after it what it was told. What stands there is true wherever the victim dies, so the checker knows
//! what must be, what may be, and what must not.

use std::cmp::Ordering;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Release};

use actor_core::queue::Queue;
use serde::de::value::{Error, SeqDeserializer};
use serde::de::{self, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::channel::{Channel, Sort};
use crate::board::Board;
use crate::chance::mix;
use crate::steps::stand_still;

/// What a victim plays with. The same in all of the victims of a trial, but for the seat.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Scene {
    /// `None` for a victim that is to find the queue itself.
    pub(super) queue: Option<Channel>,
    /// Another one, to be used by who wants to have done something before.
    pub(super) used: Channel,
    pub(super) place: [u32; 2],
    pub(super) notes: Notes,
    /// Bytes of each message of the victim.
    pub(super) length: usize,
}

/// Where a victim writes, and who it is.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) board: Board,
    pub(super) trial: u32,
    pub(super) seat: usize,
}

/// A word of the board. Most are sets of messages, a bit for each; see [`Sender::bit`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Note {
    /// Not 0: the operation has come to its end.
    Over,
    /// The participant that the victim is.
    Who,
    /// What the victim may hold at some moment.
    Touches,
    /// What it is about to send, has sent, and was told not to be sent.
    Sending,
    Sent,
    Refused,
    /// Not 0: what it decodes from now on is gone as soon as it has decoded it. [`LAST`]: the last one alone.
    Receiving,
    Seen,
    Taken,
    /// What it holds as a task, is about to finish, and has finished.
    Held,
    /// What it has given back before it began.
    Returned,
    Finishing,
    Finished,
    /// 1: it is about to close the queue; 2: with all that is in it.
    Closing,
    Closed,
}

/// Who compares messages decodes them, too, and has none of them for that; the one that it gets comes last.
const LAST: u64 = 2;

/// Words of each victim on the board.
pub(super) const WORDS: usize = 16;
/// Victims of a trial at most.
pub(super) const SEATS: usize = 3;

impl Notes {
    pub(super) fn get(&self, note: Note) -> u64 {
        self.board[self.seat * WORDS + note as usize].load(Acquire)
    }

    /// Stores and does not add: a note is one instruction, whatever it is about.
    pub(super) fn set(&self, note: Note, value: u64) {
        self.board[self.seat * WORDS + note as usize].store(value, Release);
    }

    pub(super) fn add(&self, note: Note, bits: u64) {
        self.set(note, self.get(note) | bits);
    }

    pub(super) fn is_over(&self) -> bool {
        self.get(Note::Over) != 0
    }

    /// What comes after the operation is none of it.
    pub(super) fn end(&self) -> ! {
        self.set(Note::Over, 1);
        loop {
            stand_still();
        }
    }
}

impl Scene {
    /// The victim's message with this number.
    pub(super) fn item(&self, number: u32) -> Item {
        Item::new(self.notes.trial, Sender::Victim(self.notes.seat), number, self.length)
    }

    pub(super) fn queue(&self) -> &Channel {
        self.queue.as_ref().expect("this victim was given the queue")
    }

    /// From here on the victim is led.
    pub(super) fn begin(&self) {
        stand_still();
    }

    /// What the operation does is done.
    pub(super) fn end(&self) {
        self.notes.end()
    }

    /// What is decoded from here on is received.
    pub(super) fn receives(&self) {
        let is_compared = self.queue().sort() == Sort::Priority;
        self.notes.set(Note::Receiving, if is_compared { LAST } else { 1 });
    }

    /// A first handle of this process, from nothing but the queue's place.
    pub(super) fn find_queue(&self) -> Queue<Item> {
        let numbers = SeqDeserializer::<_, Error>::new(self.place.into_iter());
        Queue::deserialize(numbers.into_deserializer()).expect("these are the numbers of a queue")
    }

    /// The numbers of a queue, as it shows them.
    pub(super) fn place_of(queue: &Channel) -> [u32; 2] {
        let text = format!("{queue:?}");
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        [(); 2].map(|()| numbers.next().expect("a queue shows its numbers"))
    }
}

/// Who has made a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Harness,
    Victim(usize),
    Sleeper,
}

const SENDERS: [Sender; 5] =
    [Sender::Harness, Sender::Victim(0), Sender::Victim(1), Sender::Victim(2), Sender::Sleeper];

impl Sender {
    /// Messages of each in a trial at most.
    const EACH: u32 = 12;

    const fn number(self) -> u32 {
        match self {
            Sender::Harness => 0,
            Sender::Victim(seat) => 1 + seat as u32,
            Sender::Sleeper => 1 + SEATS as u32,
        }
    }

    /// The bit that stands for a message in a set.
    pub(super) fn bit(self, number: u32) -> u64 {
        assert!(number < Sender::EACH, "a trial has few messages");
        1 << (self.number() * Sender::EACH + number)
    }
}

/// A message that tells the board when it is decoded: who it is from, and bytes that follow from that.
#[derive(Clone, Debug)]
pub(super) struct Item {
    bytes: Vec<u8>,
}

impl Item {
    /// `trial:8 | sender:4 | number:4 | length of the rest:8`
    const HEAD: usize = 24;

    pub(super) fn new(trial: u32, sender: Sender, number: u32, length: usize) -> Item {
        let mut bytes = Vec::with_capacity(Item::HEAD + length + 8);
        bytes.extend_from_slice(&u64::from(trial).to_le_bytes());
        bytes.extend_from_slice(&sender.number().to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&(length as u64).to_le_bytes());
        for place in 0..length.div_ceil(8) as u64 {
            let seed = u64::from(trial) << 32 | u64::from(sender.number() << 16 | number);
            bytes.extend_from_slice(&mix(seed ^ place << 40).to_le_bytes());
        }
        bytes.truncate(Item::HEAD + length);
        Item { bytes }
    }

    /// The bit that stands for it, by its head alone. `None`: it is none of this trial's.
    pub(super) fn bit(&self, trial: u32) -> Option<u64> {
        let number =
            |at: usize| self.bytes.get(at..at + 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let sender = *SENDERS.get(number(8)? as usize)?;
        let is_known = number(0)? == trial && number(4)? == 0 && number(12)? < Sender::EACH;
        is_known.then(|| sender.bit(number(12).unwrap_or(0)))
    }

    /// Which of its sender's messages it is.
    pub(super) fn number(&self) -> u32 {
        self.bytes.get(12..16).map_or(u32::MAX, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    }

    /// What a queue with priorities puts it in order by: two ranks, so that there are equals.
    pub(super) fn rank(number: u32) -> u32 {
        number.wrapping_add(1) % 2
    }

    /// Whether every byte is as it was made.
    pub(super) fn is_whole(&self, trial: u32, length: usize) -> bool {
        let sender = self.bytes.get(8).and_then(|sender| SENDERS.get(usize::from(*sender)));
        sender.is_some_and(|sender| self.bytes == Item::new(trial, *sender, self.number(), length).bytes)
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Item) -> Ordering {
        Item::rank(self.number()).cmp(&Item::rank(other.number()))
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Item {}

/// The notes of this process, if it is a victim.
pub(super) static NOTES: OnceLock<Notes> = OnceLock::new();

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.bytes)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Item, E> {
                Ok(Item { bytes: bytes.to_vec() })
            }
        }
        let item = deserializer.deserialize_bytes(Bytes)?;
        if let Some(notes) = NOTES.get() {
            let bit = item.bit(notes.trial).unwrap_or(0);
            match notes.get(Note::Receiving) {
                0 => {}
                LAST => notes.set(Note::Seen, bit),
                _ => notes.add(Note::Seen, bit),
            }
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let item = Item::new(7, Sender::Victim(1), 3, 100);
        assert_eq!(item.bit(7), Some(Sender::Victim(1).bit(3)));
        assert_eq!((item.bit(8), item.number()), (None, 3));
        assert!(item.is_whole(7, 100) && !item.is_whole(7, 101) && !item.is_whole(6, 100));
        for at in 0..item.bytes.len() {
            let mut damaged = item.clone();
            damaged.bytes[at] ^= 1;
            assert!(!damaged.is_whole(7, 100), "byte {at}");
        }
    }

    #[test]
    fn each_message_has_a_bit_of_its_own() {
        let bits = SENDERS.iter().flat_map(|sender| (0..Sender::EACH).map(|number| sender.bit(number)));
        assert_eq!(bits.sum::<u64>().count_ones(), SENDERS.len() as u32 * Sender::EACH);
    }
}
