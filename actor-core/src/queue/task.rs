//! [`Task`]: a message that is only gone when its work is done.

use std::ops::{Deref, DerefMut};

use super::raw::RawQueue;
use crate::shm::hands::Held;
use crate::shm::post::Wake;

/// An item received with [`Queue::recv_task`](super::Queue::recv_task) and its relatives.
///
/// [`done`](Task::done) acknowledges it. Dropped without, by a panic too, it goes back to the queue
/// with its [`delivery_count`](Task::delivery_count) raised, and so it does when this process dies.
/// Until then it counts as unfinished for [`Queue::join`](super::Queue::join).
///
/// There is room for 1024 held tasks per queue, or as many as its capacity if that is less; a task
/// beyond these stays in its slot while it is held, and so takes away room from senders.
///
/// ```
/// use actor_core::queue::Queue;
///
/// # fn main() -> actor_core::Result<()> {
/// let queue = Queue::bounded(10)?;
/// queue.send("a".to_owned())?;
/// drop(queue.recv_task()?); // not done, so it goes back
/// let task = queue.recv_task()?;
/// assert_eq!((task.as_str(), task.delivery_count()), ("a", 2));
/// task.done();
/// queue.join(); // nothing is unfinished
/// # Ok(())
/// # }
/// ```
#[must_use = "a task that is dropped goes back to the queue"]
pub struct Task<T> {
    item: Option<T>,
    queue: RawQueue,
    held: Held,
}

impl<T> Task<T> {
    pub(super) fn new(item: T, queue: RawQueue, held: Held) -> Task<T> {
        Task { item: Some(item), queue, held }
    }

    /// How often the item has been handed out, this time included.
    pub fn delivery_count(&self) -> u32 {
        u32::from(self.held.count()) + 1
    }

    /// Acknowledges the task and returns the item: it will not be handed out again.
    #[doc(alias = "task_done")]
    pub fn done(mut self) -> T {
        if let Some(window) = self.queue.window() {
            window.finish(self.held, Wake::Now);
        }
        self.item.take().expect("a task has its item until it is done")
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.item.is_some()
            && let Some(window) = self.queue.window()
        {
            window.give_back(self.held, true);
        }
    }
}

impl<T> Deref for Task<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.item.as_ref().expect("a task has its item until it is done")
    }
}

impl<T> DerefMut for Task<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect("a task has its item until it is done")
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("item", &**self).field("delivery_count", &self.delivery_count()).finish()
    }
}
