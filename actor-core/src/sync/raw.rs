//! [`RawLock`]: a handle on a lock and on the memory behind it, and [`Held`]: that it is held.
//!
//! How a word of a lock changes stands in [`lock`](crate::shm::lock). Here one waits for it. What is guarded
//! is up to the types above; a dropped `Held` gives nothing back, its owner does.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use super::error::{LockError, too_large};
use super::failure::CreateError;
use crate::id::{ProcessId, WindowId};
use crate::node;
use crate::shm::cells;
use crate::shm::handle::Handle;
use crate::shm::lock::{By, LockLine, LockWord};
use crate::shm::region;
use crate::shm::spin::spin;
use crate::shm::window::{Kind, Window};
use crate::sys::cpu;
use crate::time::Deadline;

/// A handle on a lock, in this process or from a message.
pub(crate) struct RawLock {
    handle: Handle,
    /// `None`: the lock is gone, or is none.
    line: Option<&'static LockLine>,
}

impl Clone for RawLock {
    fn clone(&self) -> RawLock {
        let handle = self.handle.clone();
        let line = self.line.filter(|_| handle.window().is_some());
        RawLock { handle, line }
    }
}

/// Why a lock was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotHeld {
    Late,
    Gone,
}

impl NotHeld {
    pub(super) fn at<G>(self, deadline: Deadline) -> LockError<G> {
        match self {
            NotHeld::Gone => LockError::Gone,
            NotHeld::Late if deadline == Deadline::Now => LockError::WouldBlock,
            NotHeld::Late => LockError::Timeout,
        }
    }
}

/// The most pauses between two looks at a lock that somebody has.
const PAUSES_MAX: u32 = 32;

impl RawLock {
    /// Makes a lock at the beginning of so many bytes of memory.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub(crate) fn make(kind: Kind, bytes: usize) -> Result<RawLock, CreateError> {
        let shape = region::shape(bytes as u64).ok_or(too_large(bytes))?;
        let segment = node::ensure().map_err(CreateError::Memory)?;
        let handle = Handle::make(segment, kind, shape).map_err(|error| CreateError::of(error, bytes))?;
        Ok(RawLock::of_handle(handle, bytes))
    }

    /// What is behind a handle that has come from somewhere, if it has as many bytes.
    pub(crate) fn of_handle(handle: Handle, bytes: usize) -> RawLock {
        let needed = bytes.max(size_of::<LockLine>()) as u64;
        let window = handle.window().filter(|window| needed <= window.memory_bytes());
        let line = window.map(|window| window.memory::<LockLine>(0));
        RawLock { handle, line }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn id(&self) -> WindowId {
        self.handle.id()
    }

    /// The window, if it is a lock.
    pub(crate) fn window(&self) -> Option<&Window> {
        self.handle.window().filter(|_| self.line.is_some())
    }

    #[inline]
    pub(crate) fn line(&self) -> Option<&'static LockLine> {
        self.line
    }

    /// Words of the memory. Empty: the lock is gone.
    pub(crate) fn words(&self, offset: u64, bytes: usize) -> &'static [AtomicU64] {
        self.window().map_or(&[], |window| window.memory_slice(offset, cells::words(bytes)))
    }

    /// Takes the lock if nobody has it.
    #[inline]
    pub(crate) fn try_take(&self, by: By) -> Option<Result<Held, NotHeld>> {
        let (Some(line), Some(window)) = (self.line, self.handle.window()) else {
            return Some(Err(NotHeld::Gone));
        };
        line.lock().try_take(window.segment.me(), by).map(|before| Ok(Held::new(before, window.id)))
    }

    /// Takes the lock, waiting until `deadline`.
    #[inline]
    pub(crate) fn take(&self, by: By, deadline: Deadline) -> Result<Held, NotHeld> {
        match self.try_take(by) {
            Some(result) => result,
            None => self.wait_and_take(by, deadline),
        }
    }

    /// [`RawLock::take`], told as users are.
    pub(crate) fn take_by_guard<G>(&self, deadline: Deadline) -> Result<Held, LockError<G>> {
        self.take(By::Guard, deadline).map_err(|error| error.at(deadline))
    }

    /// [`RawLock::try_take`], told as users are.
    pub(crate) fn try_take_by_guard<G>(&self) -> Option<Result<Held, LockError<G>>> {
        Some(self.try_take(By::Guard)?.map_err(|error| error.at(Deadline::Never)))
    }

    #[cold]
    fn wait_and_take(&self, by: By, deadline: Deadline) -> Result<Held, NotHeld> {
        let (Some(line), Some(window)) = (self.line, self.handle.window()) else { return Err(NotHeld::Gone) };
        if deadline.has_passed() {
            return Err(NotHeld::Late);
        }
        let mut pauses = 1;
        let look = || {
            // A look takes the line from the owner, who needs it to release the lock.
            (0..pauses).for_each(|_| cpu::spin());
            pauses = (2 * pauses).min(PAUSES_MAX);
            self.try_take(by)
        };
        if let Some(taken) = spin(window.segment, deadline, look) {
            return taken;
        }
        let before = line.lock().take(window.segment.me(), by, deadline).ok_or(NotHeld::Late)?;
        Ok(Held::new(before, window.id))
    }

    /// Whether somebody has it.
    pub(crate) fn is_held(&self) -> bool {
        self.line.is_some_and(|line| LockWord(line.word.load(Relaxed)).is_held())
    }

    /// Gives back what was taken.
    #[inline]
    pub(crate) fn release(&self, next: LockWord) {
        if let Some(line) = self.line {
            line.lock().release(next);
        }
    }

    /// No handle is under way any more: it goes with the last one.
    pub(crate) fn close(&self) {
        self.handle.close();
    }
}

/// That this process holds a lock, and how it was when it took it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    before: LockWord,
    id: WindowId,
    is_accepted: bool,
    /// The thread was panicking before: what it does now is not cut short by that.
    was_panicking: bool,
}

impl Held {
    #[inline]
    pub(super) fn new(before: LockWord, id: WindowId) -> Held {
        Held { before, id, is_accepted: false, was_panicking: thread::panicking() }
    }

    pub(crate) fn id(&self) -> WindowId {
        self.id
    }

    /// Who has died with it.
    #[inline]
    pub(crate) fn died(&self) -> Option<ProcessId> {
        self.before.died()
    }

    pub(crate) fn accept(&mut self) {
        self.is_accepted = true;
    }

    /// Which copy of the data counts.
    #[inline]
    pub(crate) fn copy(&self) -> usize {
        self.before.copy()
    }

    /// Whether what was done with it is not to count.
    #[inline]
    pub(crate) fn is_cut_short(&self) -> bool {
        !self.was_panicking && thread::panicking()
    }

    /// The word that releases it, with the data as they were found.
    #[inline]
    pub(crate) fn untouched(&self) -> LockWord {
        let is_repaired = self.is_accepted && !self.is_cut_short();
        if self.before.died().is_none() || is_repaired { self.before.freed() } else { self.before }
    }
}
