//! Items that this process has taken and will finish by counting, as Python's `task_done` does.
//!
//! What is kept here is held as a task is: the slot or hand names this process, so if it dies, they are
//! handed out again. Nothing of the count is shared, so no death can make it wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::error::TooManyDone;
use crate::shm::handle::Handle;
use crate::shm::hands::Held;
use crate::shm::post::Wake;

/// What is kept of one queue, the oldest first, each with what keeps the queue there.
type Kept = VecDeque<(Handle, Held)>;

/// By index and generation of the window.
static KEPT: Mutex<BTreeMap<(u16, u32), Kept>> = Mutex::new(BTreeMap::new());

/// Puts an item on the list of what is unfinished.
pub(super) fn keep(queue: Handle, held: Held) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.entry(key(&queue)).or_default().push_back((queue, held));
}

/// Finishes the item that was put on the list first.
///
/// # Errors
/// This process has kept none that is unfinished; nothing was changed.
pub(super) fn finish_one(queue: &Handle) -> Result<(), TooManyDone> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let list = kept.get_mut(&key(queue)).ok_or(TooManyDone)?;
    let (handle, held) = list.pop_front().ok_or(TooManyDone)?;
    if list.is_empty() {
        kept.remove(&key(queue));
    }
    drop(kept);
    handle.window().inspect(|window| window.finish(held, Wake::Now));
    Ok(())
}

fn key(queue: &Handle) -> (u16, u32) {
    let id = queue.id();
    (id.index, id.generation)
}
