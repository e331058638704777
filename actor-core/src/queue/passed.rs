//! [`Passed`]: what a handle has put back, so that it does not take the same again and again.
//!
//! A consumer that puts back what is not for it would find it first at its next look, and would either spin
//! or keep what lies behind from itself. So each handle remembers what it has put back, for as long as that
//! is in the queue, and skips it. Other handles do not know of it: to them it is the first to be taken.
//! Nothing of this is shared, so nothing of it has to be repaired.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use crate::shm::slots::Position;
use crate::shm::window::Window;

/// How many are remembered before those that are gone are looked for; then twice as many as were left.
const FEW: usize = 64;

/// What was put back by one handle and the tasks that came by it. A clone of the handle begins anew.
#[derive(Default)]
pub(super) struct Passed(Arc<Marks>);

#[derive(Default)]
struct Marks {
    is_any: AtomicBool,
    origins: Mutex<Origins>,
}

#[derive(Default)]
struct Origins {
    passed: BTreeSet<u64>,
    /// When so many are remembered, those that are gone are forgotten.
    limit: usize,
}

impl Passed {
    /// The same memory, for a task.
    pub(super) fn share(&self) -> Passed {
        Passed(self.0.clone())
    }

    /// Whether the message that was sent there was put back.
    #[inline]
    pub(super) fn has(&self, origin: Position) -> bool {
        self.0.is_any.load(Relaxed) && self.origins(|origins| origins.passed.contains(&origin.0))
    }

    /// Remembers it, before it is put back.
    pub(super) fn note(&self, window: &Window, origin: Position) {
        self.0.is_any.store(true, Relaxed);
        self.origins(|origins| {
            origins.passed.insert(origin.0);
            if origins.passed.len() >= origins.limit.max(FEW) {
                origins.passed.retain(|origin| window.may_have(Position(*origin)));
                origins.limit = 2 * origins.passed.len();
            }
        });
    }

    fn origins<T>(&self, look: impl FnOnce(&mut Origins) -> T) -> T {
        look(&mut self.0.origins.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clone for Passed {
    fn clone(&self) -> Passed {
        Passed::default()
    }
}
