//! [`Task`]: a message that is only gone when its work is done.

use std::ops::{Deref, DerefMut};

use super::ledger;
use super::passed::Passed;
use super::raw::RawQueue;
use crate::shm::handle::Handle;
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
    queue: Handle,
    passed: Passed,
    held: Held,
}

impl<T> Task<T> {
    pub(super) fn new(item: T, queue: &RawQueue, held: Held) -> Task<T> {
        Task { item: Some(item), queue: queue.handle().clone(), passed: queue.passed().share(), held }
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
        self.take_item()
    }

    /// Gives the item back as if it had never been handed out: not for this consumer, but for another.
    ///
    /// Whoever receives by another handle gets it next, or in its place if the queue has an order of its
    /// own. The handle that this task came by does not receive it again, and waits for others as if it was
    /// not there: so who takes, looks and puts back neither spins nor keeps from itself what lies behind. A
    /// clone of a handle is a consumer of its own. If there is no other consumer, the item waits for one;
    /// closed with [`Close::Drain`](super::Close::Drain), the queue is drained for this handle when nothing
    /// else is left.
    ///
    /// While items lie there that others have put back, receiving takes a look at the whole queue.
    ///
    /// ```
    /// use actor_core::queue::Queue;
    ///
    /// # fn main() -> actor_core::Result<()> {
    /// let (odd, even) = (Queue::bounded(10)?, Queue::<u32>::clone);
    /// let even = even(&odd);
    /// odd.send(2)?;
    /// odd.send(3)?;
    /// odd.recv_task()?.put_back(); // a 2, which is for the other
    /// assert_eq!(odd.recv_task()?.done(), 3);
    /// assert!(odd.try_recv().is_err());
    /// assert_eq!(even.recv()?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn put_back(mut self) {
        self.take_item();
        if let Some(window) = self.queue.window() {
            // In this order: nobody who has this handle as well finds it in between.
            self.passed.note(window, window.origin_of_held(self.held));
            window.give_back(self.held, false);
        }
    }

    /// Takes the item out and leaves it unfinished, until [`task_done`](super::Queue::task_done) of the
    /// queue is called in this process: for code that counts by hand. If this process dies before, it is
    /// handed out again.
    pub fn keep(mut self) -> T {
        ledger::keep(self.queue.clone(), self.held);
        self.take_item()
    }

    /// From here on the drop does nothing.
    fn take_item(&mut self) -> T {
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
