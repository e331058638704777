//! What is sent: bytes of which each is read, and a struct as applications have them.
//!
//! Every word of the bytes goes into a sum that the receiver compares with what was sent. So nobody is
//! fast by not looking, and a message that is lost or torn is an error.

use serde::{Deserialize, Serialize};

const WORD: usize = size_of::<u64>();
const FILL: u64 = 0x0101_0101_0101_0101;

/// Bytes that carry a number at their beginning.
pub(crate) struct Bytes(Vec<u8>);

impl Bytes {
    pub(crate) fn new(size: usize) -> Bytes {
        assert!(size.is_multiple_of(WORD));
        Bytes(vec![1; size])
    }

    pub(crate) fn numbered(&mut self, number: u64) -> &[u8] {
        self.0[..WORD].copy_from_slice(&number.to_le_bytes());
        &self.0
    }
}

/// Reads every byte.
#[inline]
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(WORD).map(|word| u64::from_le_bytes(word.try_into().expect("a word")));
    words.fold(0, u64::wrapping_add)
}

/// The sum of messages that carry the numbers from 0 up to `count`.
pub(crate) fn sum_of(count: usize, size: usize) -> u64 {
    let numbers: u64 = (0..count as u64).sum();
    let fill = ((size / WORD - 1) as u64).wrapping_mul(FILL).wrapping_mul(count as u64);
    numbers.wrapping_add(fill)
}

/// What was sent with a number, after it was read: the number again.
pub(crate) fn number_of(sum: u64, size: usize) -> u64 {
    sum.wrapping_sub(sum_of(1, size))
}

/// Some 60 bytes when encoded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) account: u64,
    pub(crate) price: f64,
    pub(crate) quantity: u64,
    pub(crate) symbol: String,
}

impl Order {
    pub(crate) fn some() -> Order {
        Order { id: 1 << 40, account: 99, price: 1.25, quantity: 3, symbol: "ACTR.PROC.LONG.NAME.OF.A.SHARE".into() }
    }

    /// Reads every field.
    pub(crate) fn value(&self) -> u64 {
        let symbol = self.symbol.bytes().fold(0, |sum, byte| sum + u64::from(byte));
        self.id ^ self.account ^ self.price.to_bits() ^ (self.quantity + symbol)
    }
}

/// The request and the reply of a typed call: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) bid: f64,
    pub(crate) ask: f64,
    pub(crate) low: f64,
    pub(crate) number: u64,
}

impl Quote {
    pub(crate) fn numbered(number: u64) -> Quote {
        Quote { bid: 1.25, ask: 1.5, low: 1.0, number }
    }

    /// What is replied to it.
    pub(crate) fn reply(self) -> Quote {
        Quote { low: self.bid.min(self.ask), number: self.number + 1, ..self }
    }
}
