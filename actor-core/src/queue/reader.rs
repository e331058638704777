//! [`ItemReader`]: an item that is read piece by piece.
//!
//! An item that is parsed, searched or passed on need not be in memory as a whole. It is copied out in
//! blocks that fit into a CPU's first cache, so what a reader looks at is private: no reference to memory
//! that others can write leaves this crate. That saves room rather than time; who only looks at an item
//! from its beginning to its end saves both with [`Blocks`].

use std::fmt;
use std::io::{self, BufRead, Read};
use std::thread;
use std::time::{Duration, Instant};

use super::Queue;
use super::blocks::Blocks;
use super::error::RecvError;
use crate::shm::hands::Held;
use crate::shm::payload::Meta;
use crate::shm::post::Wake;
use crate::shm::window::Window;
use crate::time::Deadline;
use crate::wire;

/// What is copied out at a time: half of the first cache of common CPUs.
const BLOCK_BYTES: usize = 16 << 10;

/// The bytes of an item in the course of being received, from [`Queue::recv_reader`] and its relatives.
///
/// The item is acknowledged when this is dropped, read to its end or not. Dropped by a panic that
/// came meanwhile, it goes back to the queue, delivered once more, and so it does when this process
/// dies. Until then it keeps its place in the queue, so senders find one place less.
///
/// ```
/// use std::io::BufRead;
///
/// use actor_core::queue::Queue;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = Queue::<()>::bounded(10)?;
/// queue.send_bytes("one\ntwo\n".repeat(5_000).as_bytes())?;
/// let item = queue.recv_reader()?;
/// assert_eq!((item.len(), item.lines().count()), (40_000, 10_000));
/// # Ok(())
/// # }
/// ```
pub struct ItemReader<'a> {
    window: &'a Window,
    held: Held,
    /// A copy, which nobody else can change any more.
    meta: Meta,
    /// How many bytes were copied out.
    copied: usize,
    /// What was copied out last, and how much of it was read.
    block: Vec<u8>,
    read: usize,
    began_in_panic: bool,
}

impl<T> Queue<T> {
    /// Receives the next item as a reader of its bytes, waiting for one: for items that are not
    /// needed as a whole, such as what is parsed, searched or passed on. No buffer of their size is
    /// needed, and [`blocks`](ItemReader::blocks) looks at them where they lie; for small items,
    /// [`recv_into`](Queue::recv_into) is faster.
    ///
    /// # Errors
    /// [`RecvError::Closed`] when the queue is closed and drained.
    pub fn recv_reader(&self) -> Result<ItemReader<'_>, RecvError> {
        self.recv_reader_until(Deadline::Never)
    }

    /// [`recv_reader`](Queue::recv_reader) without waiting.
    ///
    /// # Errors
    /// As `recv_reader`, and [`RecvError::Empty`].
    pub fn try_recv_reader(&self) -> Result<ItemReader<'_>, RecvError> {
        self.recv_reader_until(Deadline::Now)
    }

    /// [`recv_reader`](Queue::recv_reader) for a time.
    ///
    /// # Errors
    /// As `recv_reader`, and [`RecvError::Empty`].
    pub fn recv_reader_timeout(&self, timeout: Duration) -> Result<ItemReader<'_>, RecvError> {
        self.recv_reader_until(Deadline::after(timeout))
    }

    /// [`recv_reader`](Queue::recv_reader) until a point in time.
    ///
    /// # Errors
    /// As `recv_reader`, and [`RecvError::Empty`].
    pub fn recv_reader_deadline(&self, deadline: Instant) -> Result<ItemReader<'_>, RecvError> {
        self.recv_reader_until(deadline.into())
    }

    fn recv_reader_until(&self, deadline: Deadline) -> Result<ItemReader<'_>, RecvError> {
        let held = self.raw.take(deadline)?;
        let window = self.raw.window().ok_or(RecvError::Closed)?;
        match window.open_held(held) {
            Some(meta) => Ok(ItemReader::new(window, held, meta)),
            None => {
                window.finish(held, Wake::Now);
                Err(wire::DecodeError::Damaged.into())
            }
        }
    }
}

impl<'a> ItemReader<'a> {
    fn new(window: &'a Window, held: Held, meta: Meta) -> ItemReader<'a> {
        ItemReader { window, held, meta, copied: 0, block: Vec::new(), read: 0, began_in_panic: thread::panicking() }
    }

    /// How many bytes the item has, those that were read included.
    pub fn len(&self) -> usize {
        self.meta.length as usize
    }

    /// Whether the item has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the item, all of them whatever was read, in blocks of 64 and in place: nothing is
    /// copied but the block that is looked at. The quickest way to look at a large item once, such as
    /// for a sum or a search. Whoever looks twice may see what a broken sender has written in between.
    ///
    /// ```
    /// # use actor_core::queue::{Options, Queue};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let queue: Queue<()> = Options { message_max: 1 << 20, ..Options::new(4) }.create()?;
    /// queue.send_bytes(&[1; 1_000_000])?;
    /// let item = queue.recv_reader()?;
    /// let sum: u64 = item.blocks().map(|block| block.iter().map(|byte| u64::from(*byte)).sum::<u64>()).sum();
    /// assert_eq!(sum, 1_000_000);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn blocks(&self) -> Blocks<'_> {
        let words = self.window.held_words(self.held, self.meta);
        Blocks::new(words.expect("it was looked at when the item was opened"), self.len())
    }

    /// How often the item has been handed out, this time included.
    pub fn delivery_count(&self) -> u32 {
        u32::from(self.held.count()) + 1
    }
}

impl BufRead for ItemReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read == self.block.len() {
            self.block.clear();
            self.read = 0;
            let end = self.len().min(self.copied + BLOCK_BYTES);
            let is_there = self.window.read_held_part(self.held, self.meta, self.copied..end, &mut self.block);
            debug_assert!(is_there, "it was looked at when the item was opened");
            self.copied = end;
        }
        Ok(&self.block[self.read..])
    }

    fn consume(&mut self, count: usize) {
        self.read = self.block.len().min(self.read + count);
    }
}

impl Read for ItemReader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(to)?;
        self.consume(count);
        Ok(count)
    }
}

impl Drop for ItemReader<'_> {
    fn drop(&mut self) {
        match thread::panicking() && !self.began_in_panic {
            true => self.window.give_back(self.held, true),
            false => self.window.finish(self.held, Wake::Now),
        }
    }
}

impl fmt::Debug for ItemReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.len() - self.copied + self.block.len() - self.read;
        f.debug_struct("ItemReader").field("len", &self.len()).field("left", &left).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::queue::Options;

    fn queue_of(capacity: usize) -> Queue<()> {
        Options { message_max: 1 << 20, ..Options::new(capacity) }.create().unwrap()
    }

    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn smoke() {
        let queue = queue_of(4);
        for size in [0, 1, 112, 113, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7, 1 << 20] {
            queue.send_bytes(&bytes(size)).unwrap();
            let mut item = queue.recv_reader().unwrap();
            assert_eq!((item.len(), item.is_empty(), item.delivery_count()), (size, size == 0, 1));
            let mut all = Vec::new();
            assert_eq!(item.read_to_end(&mut all).unwrap(), size);
            assert!(all == bytes(size), "{size}");
            assert_eq!(item.fill_buf().unwrap(), b"");
        }
        assert!(matches!(queue.try_recv_reader(), Err(RecvError::Empty)));
        assert!(queue.join_timeout(Duration::ZERO), "all are acknowledged");
    }

    #[test]
    fn an_item_that_is_dropped_half_read_is_gone_and_its_place_is_free() {
        let queue = queue_of(1);
        for number in 0..10 {
            queue.try_send_bytes(&bytes(200_000 + number)).unwrap();
            let mut item = queue.recv_reader().unwrap();
            item.read_exact(&mut [0; 20_000]).unwrap();
            assert!(queue.try_send_bytes(b"more").is_err(), "it keeps its place while it is read");
            assert_eq!(
                format!("{item:?}"),
                format!("ItemReader {{ len: {}, left: {} }}", 200_000 + number, 180_000 + number)
            );
        }
        assert!(queue.join_timeout(Duration::ZERO));
    }

    #[test]
    fn a_panic_gives_the_item_back_and_a_drop_within_a_panic_does_not() {
        let queue = queue_of(2);
        queue.send_bytes(&bytes(50_000)).unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut item = queue.recv_reader().unwrap();
            item.read_exact(&mut [0; 30_000]).unwrap();
            panic!("in the middle of reading");
        }));
        assert!(panicked.is_err());

        struct Reads<'a>(&'a Queue<()>);
        impl Drop for Reads<'_> {
            fn drop(&mut self) {
                assert_eq!(self.0.recv_reader().unwrap().delivery_count(), 2);
            }
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _reads = Reads(&queue);
            panic!("for a destructor that receives");
        }));
        assert!(panicked.is_err());
        assert!(queue.join_timeout(Duration::ZERO), "what the destructor has received is acknowledged");
    }

    #[test]
    fn what_is_held_is_read_to_its_end_though_the_queue_was_closed() {
        let queue = queue_of(2);
        queue.send_bytes(&bytes(100_000)).unwrap();
        let mut item = queue.recv_reader().unwrap();
        queue.close(crate::queue::Close::Now);
        let mut all = Vec::new();
        item.read_to_end(&mut all).unwrap();
        assert!(all == bytes(100_000));
        drop(item);
        assert!(matches!(queue.recv_reader(), Err(RecvError::Closed)));
    }
}
