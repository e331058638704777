//! [`Blocks`]: an item that is looked at where it lies.
//!
//! Copying a large item out costs as much again as all the rest of receiving it. Here it is not copied
//! as a whole: each of its words is taken once, into a block that is private, so that whatever a broken
//! sender writes meanwhile, what was looked at stays as it was.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::atomic::AtomicU64;

use crate::shm::line::{LINE_BYTES, LINE_WORDS, take_line, take_words};

/// The bytes of an item in blocks of 64, from [`ItemReader::blocks`](super::ItemReader::blocks).
///
/// What the last block has beyond the end of the item is zero.
#[derive(Clone)]
pub struct Blocks<'a> {
    words: &'a [AtomicU64],
    /// How many bytes of the item they have.
    left: usize,
}

impl<'a> Blocks<'a> {
    #[inline]
    pub(super) fn new(words: &'a [AtomicU64], length: usize) -> Blocks<'a> {
        debug_assert_eq!(words.len(), length.div_ceil(size_of::<u64>()));
        Blocks { words, left: length }
    }
}

/// The block that an item ends in, if it is not a whole one.
#[cold]
fn last(words: &[AtomicU64], length: usize) -> [u8; LINE_BYTES] {
    let mut block = take_words(words);
    block[length..].fill(0);
    block
}

impl Iterator for Blocks<'_> {
    type Item = [u8; LINE_BYTES];

    #[inline]
    fn next(&mut self) -> Option<[u8; LINE_BYTES]> {
        let Blocks { words, left } = *self;
        match words.split_first_chunk::<LINE_WORDS>() {
            Some((line, rest)) if LINE_BYTES <= left => {
                *self = Blocks { words: rest, left: left - LINE_BYTES };
                Some(take_line(line))
            }
            _ if left == 0 => None,
            _ => {
                *self = Blocks { words: &[], left: 0 };
                Some(last(words, left))
            }
        }
    }

    // What is added up stays in registers when no call can come in between.
    #[inline]
    fn fold<B, F: FnMut(B, [u8; LINE_BYTES]) -> B>(self, init: B, mut f: F) -> B {
        let (lines, rest) = self.words.split_at(self.left / LINE_BYTES * LINE_WORDS);
        let folded = lines.as_chunks().0.iter().fold(init, |all, line| f(all, take_line(line)));
        match self.left % LINE_BYTES {
            0 => folded,
            left => f(folded, last(rest, left)),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let blocks = self.left.div_ceil(LINE_BYTES);
        (blocks, Some(blocks))
    }
}

impl ExactSizeIterator for Blocks<'_> {}

impl FusedIterator for Blocks<'_> {}

impl fmt::Debug for Blocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("left", &self.left).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Options, Queue};

    #[test]
    fn smoke() {
        let queue: Queue<()> = Options { message_max: 1 << 20, ..Options::new(4) }.create().unwrap();
        // What earlier items have left behind is not seen.
        for size in [1 << 20, 200_000, 0, 1, 8, 63, 64, 65, 112, 113, 120, 128, 4095, 4096, 4097, (1 << 20) - 1] {
            let bytes: Vec<u8> = (0..size).map(|at: usize| (at * 31 % 251) as u8 + 1).collect();
            queue.send_bytes(&bytes).unwrap();
            let item = queue.recv_reader().unwrap();
            for _ in 0..2 {
                let mut blocks = item.blocks();
                assert_eq!(blocks.len(), size.div_ceil(LINE_BYTES), "{size}");
                let mut all = blocks.by_ref().collect::<Vec<_>>().concat();
                let mut folded = Vec::new();
                item.blocks().for_each(|block| folded.extend(block));
                assert!(folded == all, "{size}");
                assert_eq!((blocks.next(), blocks.len()), (None, 0));
                assert!(all.split_off(size).iter().all(|byte| *byte == 0), "{size}");
                assert!(all == bytes, "{size}");
            }
        }
        assert!(queue.join_timeout(std::time::Duration::ZERO));
    }
}
