//! The segment: one sealed, sparse piece of memory that all processes of a node share.
//!
//! Its size is fixed and far larger than any machine's memory; pages exist where something was
//! written. Each process maps it whole, once, and never unmaps it, so references into it live as
//! long as the process. A raw `fork` by user code loses the mapping (`MADV_DONTFORK`) instead of
//! acting as its parent.
//!
//! ```text
//! 0          64 KiB             + 256 MiB          + 4 MiB
//! ├ Prologue ┼ roster ──────────┼ window table ────┼ windows, class by class ────────────────►
//! ```

#![allow(unsafe_code)]

mod census;
#[cfg(feature = "testing")]
mod copies;
pub(crate) mod log_bell;
mod places;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64};

pub(crate) use census::Census;
use places::{ROSTER_AT, SEGMENT_BYTES, TABLE_AT, TABLE_ENTRY, place};
pub(crate) use places::{WINDOW_CLASSES, WINDOWS_MAX};

use super::layout::PAGE;
use super::{headroom, roster};
use crate::id::{PARTICIPANTS_MAX, Participant, WindowId};
use crate::sys::{futex, map, memfd};

/// Says what a descriptor is that a process inherits.
const MAGIC: u64 = u64::from_le_bytes(*b"actorcor");
/// Changes whenever anything in shared memory changes its meaning.
pub(crate) const PROTOCOL: u32 = 2;

/// How many processes may spin at once at most; never more than there are CPUs.
const SPIN_SEATS: usize = 64;

/// The first words of the segment.
#[repr(C)]
struct Prologue {
    magic: AtomicU64,
    protocol: AtomicU32,
    /// The process that made the segment.
    node_pid: AtomicU32,
    /// One past the highest participant ever used.
    participants_end: AtomicU32,
    /// The node's own mailbox: `index:16 | generation:32`, plus one; 0 while there is none.
    node_mailbox: AtomicU64,
    /// Not zero: some window's attention bit was set since the node last looked.
    attention: AtomicU32,
    /// For each window class, where the search for a free window starts.
    window_hints: [AtomicU32; WINDOW_CLASSES.len()],
    /// How many of the seats there are: one for each CPU that the node may use.
    cpus: AtomicU32,
    spin_seats: [AtomicU32; SPIN_SEATS],
    /// Windows that the node is asked to look at.
    attention_bits: [AtomicU64; WINDOWS_MAX.div_ceil(64)],
    logs: log_bell::Words,
}

const _: () = assert!(size_of::<Prologue>() as u64 <= ROSTER_AT);

/// One line of the window table.
#[repr(C, align(64))]
pub(crate) struct TableEntry {
    /// See [`window`](super::window).
    pub(crate) word: AtomicU64,
    /// The lap at which the slots of the next window here start: past all laps ever used here, so
    /// that a producer that was stopped for ages finds no word it expects.
    pub(crate) lap_base: AtomicU64,
}

/// This process's view of the segment.
pub(crate) struct Segment {
    fd: OwnedFd,
    base: *mut u8,
    me: Participant,
    /// The descriptor that wakes the node thread, -1 until there is one.
    bell: AtomicI32,
}

// SAFETY: `base` points to a mapping that is never unmapped, and everything reachable through it
// is accessed by atomics or by copies between claims of the slot protocol.
unsafe impl Send for Segment {}
// SAFETY: as for `Send`.
unsafe impl Sync for Segment {}

static SEGMENT: OnceLock<Segment> = OnceLock::new();

/// The segment of this process. The first call in a process that is nobody's actor makes one and
/// thereby makes the process a node.
///
/// # Errors
/// The kernel refuses memory or mappings.
pub(crate) fn segment() -> io::Result<&'static Segment> {
    if let Some(segment) = SEGMENT.get() {
        return Ok(segment);
    }
    let made = Segment::create()?;
    Ok(SEGMENT.get_or_init(|| made))
}

/// The segment, where a handle proves that it exists.
pub(crate) fn attached() -> Option<&'static Segment> {
    SEGMENT.get()
}

impl Segment {
    fn create() -> io::Result<Segment> {
        let needs = |what: &str, error: io::Error| {
            let size = SEGMENT_BYTES >> 40;
            io::Error::new(error.kind(), format!("a node needs {size} TiB {what}, without using them: {error}"))
        };
        let fd = memfd::create_sealed(c"actor-core", SEGMENT_BYTES);
        let fd = fd.map_err(|error| needs("in a file in memory", error.into()))?;
        let segment = Segment::map(fd, Participant::NODE).map_err(|error| needs("of address space", error))?;
        let prologue = segment.prologue();
        prologue.protocol.store(PROTOCOL, Relaxed);
        prologue.node_pid.store(std::process::id(), Relaxed);
        prologue.participants_end.store(2, Relaxed);
        // Counted once: to look at limits of control groups takes longer than to start a process.
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        prologue.cpus.store(cpus.min(SPIN_SEATS) as u32, Relaxed);
        prologue.magic.store(MAGIC, Release);
        Ok(segment)
    }

    /// Maps the segment `fd` without becoming a participant: for the process that makes others.
    ///
    /// # Errors
    /// It is not a segment of this protocol, or cannot be mapped.
    pub(crate) fn inspect(fd: OwnedFd, bell: RawFd) -> io::Result<Segment> {
        memfd::check(fd.as_fd(), SEGMENT_BYTES)?;
        let segment = Segment::map(fd, Participant::NOBODY)?;
        let prologue = segment.prologue();
        if prologue.magic.load(Acquire) != MAGIC || prologue.protocol.load(Relaxed) != PROTOCOL {
            return Err(invalid("the inherited segment is of another version"));
        }
        segment.bell.store(bell, Relaxed);
        Ok(segment)
    }

    /// Lets the processes that are forked from now on have the mapping, each to [`enter`] it.
    ///
    /// # Errors
    /// There is no memory for the operation.
    ///
    /// [`enter`]: Segment::enter
    pub(crate) fn keep_on_fork(&self) -> io::Result<()> {
        // SAFETY: `base` is the start of a mapping of this size, made by `map`.
        unsafe { map::keep_on_fork(self.start(), SEGMENT_BYTES as usize)? };
        Ok(())
    }

    /// Makes this the segment of the process, which is `me`.
    ///
    /// # Errors
    /// This process has a segment already.
    pub(crate) fn enter(mut self, me: Participant) -> io::Result<&'static Segment> {
        // SAFETY: `base` is the start of a mapping of this size, made by `map` here or, before
        // the fork, in the process that kept it for us.
        unsafe { map::drop_on_fork(self.start(), SEGMENT_BYTES as usize)? };
        self.me = me;
        match SEGMENT.set(self) {
            Ok(()) => Ok(SEGMENT.get().expect("it was set just now")),
            Err(_) => Err(invalid("this process has a segment already")),
        }
    }

    /// What remains readable when this value is gone, or in a signal handler.
    pub(crate) fn census(&self) -> Census {
        Census { prologue: self.prologue(), base: self.base }
    }

    fn start(&self) -> NonNull<u8> {
        NonNull::new(self.base).expect("a mapping is not at zero")
    }

    fn map(fd: OwnedFd, me: Participant) -> io::Result<Segment> {
        let base = map::map_whole(fd.as_fd(), SEGMENT_BYTES as usize)?.as_ptr();
        Ok(Segment { fd, base, me, bell: AtomicI32::new(-1) })
    }

    /// The participant that this process is.
    pub(crate) fn me(&self) -> Participant {
        self.me
    }

    pub(crate) fn node_pid(&self) -> u32 {
        self.prologue().node_pid.load(Relaxed)
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn set_bell(&self, bell: RawFd) {
        self.bell.store(bell, Release);
    }

    /// Wakes the node thread: some fact in shared memory has changed for it.
    pub(crate) fn ring_bell(&self) {
        let bell = self.bell.load(Acquire);
        if bell >= 0 {
            // SAFETY: the bell is an eventfd that this process opened or inherited for its whole life.
            let bell = unsafe { BorrowedFd::borrow_raw(bell) };
            // It fails only when its count is near the maximum: then it is rung enough.
            let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
    }

    /// Where requests to the node go, once there is a node thread.
    pub(crate) fn node_mailbox(&self) -> Option<WindowId> {
        let packed = self.prologue().node_mailbox.load(Acquire).checked_sub(1)?;
        Some(WindowId { index: (packed >> 32) as u16, generation: packed as u32 })
    }

    pub(crate) fn set_node_mailbox(&self, id: WindowId) {
        let packed = u64::from(id.index) << 32 | u64::from(id.generation);
        self.prologue().node_mailbox.store(packed + 1, Release);
    }

    /// One past the highest participant that has ever been used.
    pub(crate) fn participants_end(&self) -> u16 {
        self.prologue().participants_end.load(Acquire).min(PARTICIPANTS_MAX as u32) as u16
    }

    /// Called by the node before it uses a participant for the first time.
    pub(crate) fn raise_participants_end(&self, end: u16) {
        let word = &self.prologue().participants_end;
        word.fetch_max(u32::from(end), AcqRel);
    }

    /// The record of a participant.
    pub(crate) fn record(&self, participant: Participant) -> &'static roster::Record {
        record_at(self.base, participant.index())
    }

    /// The line of the window table for `index`.
    pub(crate) fn table_entry(&self, index: u16) -> Option<&'static TableEntry> {
        if usize::from(index) >= WINDOWS_MAX {
            return None;
        }
        let offset = TABLE_AT + u64::from(index) * TABLE_ENTRY;
        // SAFETY: the index was checked, so the entry lies in the table in the mapping; it is
        // aligned, consists of atomics, and the mapping is never unmapped.
        Some(unsafe { &*self.base.add(offset as usize).cast::<TableEntry>() })
    }

    /// Where the window with this index lies in this process, and its size.
    pub(crate) fn window_place(&self, index: u16) -> Option<(*mut u8, u64)> {
        let (offset, size) = place(index)?;
        // SAFETY: `place` gives a range within `SEGMENT_BYTES`, which is mapped.
        Some((unsafe { self.base.add(offset as usize) }, size))
    }

    /// Where things lie in the segment's file, for tests that write there as a wild process would.
    #[cfg(feature = "testing")]
    pub(crate) fn places(&self, index: u16) -> places::Places {
        places::Places::of(index)
    }

    /// Where the search for a free window of a class starts.
    pub(crate) fn window_hint(&self, class: usize) -> &AtomicU32 {
        &self.prologue().window_hints[class]
    }

    /// Puts memory behind a part of a window, so that touching it cannot fail.
    ///
    /// # Errors
    /// There is no memory.
    pub(crate) fn allocate(&self, index: u16, offset: u64, length: u64) -> io::Result<()> {
        let (start, size) = place(index).ok_or(io::ErrorKind::InvalidInput)?;
        debug_assert!(offset + length <= size, "{offset} + {length} > {size}");
        headroom::ask(length)?;
        Ok(map::reserve(self.fd(), start + offset, length)?)
    }

    /// Gives the memory of a part of a window back; it reads as zero afterwards.
    pub(crate) fn punch(&self, index: u16, offset: u64, length: u64) {
        let Some((start, size)) = place(index) else { return };
        let first = offset.next_multiple_of(PAGE);
        let end = (offset + length).min(size) / PAGE * PAGE;
        if first < end {
            // It can only fail for lack of memory for the operation itself; then nothing changes.
            let _ = map::punch(self.fd(), start + first, end - first);
        }
    }

    /// Rings the doorbells of all participants in these groups.
    pub(crate) fn ring_doorbells(&self, groups: u64) {
        (1..self.participants_end())
            .filter(|participant| groups & 1 << (participant % 64) != 0)
            .for_each(|participant| self.ring_doorbell(Participant(participant)));
    }

    /// Tells a process with async waiters to look at its words.
    pub(crate) fn ring_doorbell(&self, participant: Participant) {
        let doorbell = &self.record(participant).doorbell;
        doorbell.fetch_add(1, AcqRel);
        futex::wake(doorbell, u32::MAX);
    }

    /// Asks the node to look at a window soon.
    pub(crate) fn ask_attention(&self, index: u16) {
        let prologue = self.prologue();
        prologue.attention_bits[usize::from(index) / 64].fetch_or(1 << (index % 64), AcqRel);
        prologue.attention.store(1, Release); // PAIR: attention
        self.ring_bell();
    }

    /// Calls `look` for each window that asked for attention since the last call.
    pub(crate) fn take_attention(&self, mut look: impl FnMut(u16)) {
        let prologue = self.prologue();
        if prologue.attention.swap(0, AcqRel) == 0 {
            return; // PAIR: attention
        }
        for (word, bits) in prologue.attention_bits.iter().enumerate() {
            let mut bits = if bits.load(Relaxed) == 0 { 0 } else { bits.swap(0, AcqRel) };
            while bits != 0 {
                look((word * 64) as u16 + bits.trailing_zeros() as u16);
                bits &= bits - 1;
            }
        }
    }

    /// The seats of those who spin; a seat holds its participant or 0.
    pub(crate) fn spin_seats(&self) -> &[AtomicU32] {
        let prologue = self.prologue();
        &prologue.spin_seats[..(prologue.cpus.load(Relaxed) as usize).min(SPIN_SEATS)]
    }

    fn prologue(&self) -> &'static Prologue {
        // SAFETY: the segment starts with the prologue, in mapped memory that is never unmapped,
        // page-aligned, and made of atomics only, for which any bytes are valid.
        unsafe { &*self.base.cast::<Prologue>() }
    }
}

/// The record with this index in the segment that is mapped at `base`.
fn record_at(base: *mut u8, index: usize) -> &'static roster::Record {
    assert!(index < PARTICIPANTS_MAX, "participant {index} of {PARTICIPANTS_MAX}");
    let offset = ROSTER_AT + index as u64 * roster::RECORD_BYTES;
    // SAFETY: the index was checked, so the record lies in the roster, which lies in the mapping
    // of `SEGMENT_BYTES`; it is aligned to pages, consists of atomics and of byte arrays behind
    // `UnsafeCell`, and the mapping is never unmapped.
    unsafe { &*base.add(offset as usize).cast::<roster::Record>() }
}

/// Whether `fd` is a segment, of whatever version: sealed, of the right size, and marked.
pub(crate) fn is_segment(fd: BorrowedFd<'_>) -> bool {
    let mut magic = [0; 8];
    memfd::check(fd, SEGMENT_BYTES).is_ok()
        && rustix::io::pread(fd, &mut magic, 0) == Ok(magic.len())
        && u64::from_ne_bytes(magic) == MAGIC
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let segment = segment().unwrap();
        assert_eq!(segment.me(), Participant::NODE);
        assert_eq!(segment.node_pid(), std::process::id());
        assert!(is_segment(segment.fd()));
        let stranger = memfd::create_sealed(c"stranger", SEGMENT_BYTES).unwrap();
        assert!(!is_segment(stranger.as_fd()), "a memfd of the same size is not marked");
    }

    #[test]
    fn attention_is_given_once() {
        // One of its own: the node thread of other tests takes the attention of the common one.
        let segment = Segment::create().unwrap();
        let index = (WINDOWS_MAX - 1) as u16;
        segment.ask_attention(index);
        let mut seen = Vec::new();
        segment.take_attention(|index| seen.push(index));
        assert!(seen.contains(&index));
        segment.take_attention(|again| assert_ne!(again, index));
    }
}
