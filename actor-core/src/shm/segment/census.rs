//! [`Census`]: who lives in the node, for a signal handler and for what outlives the segment's owner.
//!
//! Makes no system calls and takes no locks.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::{Prologue, record_at};
use crate::id::{PARTICIPANTS_MAX, Participant};

/// Who lives in the node, for one who only looks. Makes no system calls and takes no locks.
#[derive(Clone, Copy)]
pub(crate) struct Census {
    pub(super) prologue: &'static Prologue,
    pub(super) base: *mut u8,
}

// SAFETY: as for `Segment`.
unsafe impl Send for Census {}
// SAFETY: as for `Segment`.
unsafe impl Sync for Census {}

impl Census {
    pub(crate) fn node_pid(self) -> u32 {
        self.prologue.node_pid.load(Relaxed)
    }

    /// The pids of all processes that were made and not yet reaped.
    pub(crate) fn pids(self) -> impl Iterator<Item = u32> {
        let end = self.prologue.participants_end.load(Acquire).min(PARTICIPANTS_MAX as u32) as usize;
        let first = Participant::NODE.index() + 1;
        (first..end).map(move |index| record_at(self.base, index).pid.load(Acquire)).filter(|pid| *pid != 0)
    }
}
