//! [`Message`]: what tests send, each different from every other and from what is damaged.

use std::fmt;
use std::sync::LazyLock;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::chance::{Chance, mix};

/// Number `number` of sender `from`, and bytes that follow from the two.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

/// `from:4 | number:4 | length of the rest:4`
const HEAD: usize = 12;
/// The longest rest.
const REST_MAX: usize = 256 << 10;

/// The rest of every message is a piece of this.
static POOL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut chance = Chance::new(1);
    (0..2 * REST_MAX / 8).flat_map(|_| chance.any().to_le_bytes()).collect()
});

impl Message {
    /// The message of a sender with a number and `length` bytes more.
    pub fn new(from: u32, number: u32, length: usize) -> Message {
        let mut bytes = Vec::with_capacity(HEAD + length);
        bytes.extend_from_slice(&from.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&(length as u32).to_le_bytes());
        bytes.extend_from_slice(rest(from, number, length));
        Message { bytes }
    }

    /// The `length` of the longest message that is encoded in so many bytes, of at most 65 535.
    pub const fn longest(encoded: usize) -> usize {
        const MARKER: usize = 3;
        encoded - MARKER - HEAD
    }

    /// The message in the encoding of one that was sent, for those who receive bytes.
    pub fn from_encoded(encoded: &[u8]) -> Option<Message> {
        // MessagePack: a byte string with a length of 1, 2 or 4 bytes.
        let head = match encoded.first()? {
            0xc4 => 2,
            0xc5 => 3,
            0xc6 => 5,
            _ => return None,
        };
        Some(Message { bytes: encoded.get(head..)?.to_vec() })
    }

    /// Who has sent it.
    pub fn from(&self) -> u32 {
        self.word(0)
    }

    /// Which of the sender's messages it is.
    pub fn number(&self) -> u32 {
        self.word(4)
    }

    /// The bytes that it has beside its head.
    pub fn length(&self) -> usize {
        self.bytes.len().saturating_sub(HEAD)
    }

    /// Whether it is exactly what [`new`](Message::new) has made, with no byte of another.
    pub fn is_whole(&self) -> bool {
        let length = self.length();
        self.bytes.len() >= HEAD
            && self.word(8) as usize == length
            && length <= REST_MAX
            && self.bytes[HEAD..] == *rest(self.from(), self.number(), length)
    }

    fn word(&self, at: usize) -> u32 {
        self.bytes.get(at..at + 4).map_or(u32::MAX, |word| u32::from_le_bytes(word.try_into().expect("four bytes")))
    }
}

fn rest(from: u32, number: u32, length: usize) -> &'static [u8] {
    let start = mix(u64::from(from) << 32 | u64::from(number)) as usize % REST_MAX;
    &POOL[start..start + length]
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} of {}, {} bytes)", self.number(), self.from(), self.length())
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.bytes)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Message, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Message;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Message, E> {
                Ok(Message { bytes: bytes.to_vec() })
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let message = Message::new(7, 8, 1000);
        assert_eq!((message.from(), message.number(), message.length()), (7, 8, 1000));
        assert!(message.is_whole() && Message::new(0, 0, 0).is_whole());
    }

    #[test]
    fn damage_is_seen() {
        let whole = Message::new(7, 8, 100);
        for at in 0..whole.bytes.len() {
            let mut damaged = whole.clone();
            damaged.bytes[at] ^= 1;
            assert!(!damaged.is_whole(), "byte {at}");
        }
        let mut cut = whole.clone();
        cut.bytes.pop();
        assert!(!cut.is_whole());
        cut.bytes.truncate(5);
        assert!(!cut.is_whole());
    }
}
