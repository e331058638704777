//! [`Tasks`]: what no worker has begun with yet, a queue per [`Priority`].
//!
//! Who takes a task looks into the most urgent queue first. That of [`Priority::Normal`] is always there; the
//! others are made when somebody submits something for them, and then stand on the board, where each worker
//! finds them at its next look. Until then they cost that look, a load of a word each.
//!
//! All workers sleep at the normal queue, so whoever submits wakes there, whatever the priority. The end of a
//! worker wakes those who sleep at a queue when what it had was returned to that queue, and may do so at the
//! normal one before the others are repaired: so its burial wakes them again ([`Tasks::wake_workers`]).
//!
//! The other queues are held by the pool, and by each worker that has found them. They were never sent, so
//! they are gone with the last of these, however it ends.

use std::sync::OnceLock;

use super::board::Board;
use crate::queue::{CreateError, RawQueue};
use crate::shm::event::Waited;
use crate::shm::hands::Held;
use crate::shm::post::{PostError, Wake};
use crate::shm::segment::Segment;
use crate::shm::spin::spin;
use crate::shm::window::Window;
use crate::time::Deadline;

/// Which of the tasks that are pending begins first. Those of one priority begin in the order in which they
/// were submitted.
///
/// A task waits as long as there are more urgent ones, for ever if they do not end. What is running is not
/// interrupted, and room for [`max_pending`](super::Options::max_pending) tasks is room for any of them.
///
/// ```
/// use actor_core::pool::{Pool, Priority, TaskOptions};
///
/// # fn main() -> actor_core::Result<()> {
/// let pool = Pool::new(2)?;
/// let backups: Vec<_> = (0..20).map(|n: u32| {
///     let later = TaskOptions { priority: Priority::Low, ..TaskOptions::default() };
///     later.submit(&pool, |n: u32| n * n, n)
/// }).collect::<Result<_, _>>()?;
/// // Nobody has to wait behind those.
/// assert_eq!(pool.apply(|text: String| text.len(), "answer".to_owned())?, 6);
/// # assert!(backups.into_iter().all(|task| task.wait().is_ok()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// When there is nothing else to do.
    Low,
    /// What is not said to be anything else.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    const MOST_URGENT_FIRST: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    /// Which of the queues that are not always there; `None`: the one that is.
    fn other(self) -> Option<usize> {
        match self {
            Priority::Low => Some(0),
            Priority::Normal => None,
            Priority::High => Some(1),
        }
    }
}

/// The queues, as the pool or a worker has them.
pub(super) struct Tasks {
    normal: RawQueue,
    board: Board,
    others: [OnceLock<RawQueue>; 2],
}

impl Tasks {
    pub(super) fn new(normal: RawQueue, board: Board) -> Tasks {
        Tasks { normal, board, others: [const { OnceLock::new() }; 2] }
    }

    /// Makes the queue of this priority if there is none. For the pool, with its ledger locked: so nobody
    /// closes the queues meanwhile, or makes another.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub(super) fn provide(&self, priority: Priority, segment: &'static Segment) -> Result<(), CreateError> {
        let Some(number) = priority.other().filter(|number| self.others[*number].get().is_none()) else {
            return Ok(());
        };
        let Some(shape) = self.normal.window().map(|window| window.layout.shape) else { return Ok(()) };
        let queue = RawQueue::make(segment, shape)?;
        self.board.show_queue(number, queue.id());
        let _ = self.others[number].set(queue);
        Ok(())
    }

    /// The queue of this priority, if there is one.
    pub(super) fn queue(&self, priority: Priority) -> Option<&RawQueue> {
        let Some(number) = priority.other() else { return Some(&self.normal) };
        let found = || self.board.queue(number).map(|id| self.others[number].get_or_init(|| RawQueue::from_id(id)));
        self.others[number].get().or_else(found)
    }

    /// Sends a task without waiting, and wakes a worker.
    ///
    /// # Errors
    /// See [`PostError`]; [`PostError::Gone`] as well without [`Tasks::provide`].
    pub(super) fn post(&self, priority: Priority, bytes: &[u8]) -> Result<(), PostError> {
        self.queue(priority).ok_or(PostError::Gone)?.post(bytes, Deadline::Now, Wake::Now)?;
        if priority != Priority::Normal
            && let Some(window) = self.normal.window()
        {
            window.items().chain();
        }
        Ok(())
    }

    /// Takes the most urgent task, waiting for one. `None`: there will be none.
    pub(super) fn take(&self) -> Option<(Window, Held)> {
        if let Some(found) = self.look() {
            return found;
        }
        let window = self.normal.window()?;
        if let Some(found) = spin(window.segment, Deadline::Never, || self.look()) {
            return found;
        }
        match window.items().wait(Deadline::Never, || self.look()) {
            Waited::Ready(found) => found,
            Waited::Slept(found) => {
                // There may be more for others.
                window.items().chain();
                found
            }
            Waited::TimedOut => None,
        }
    }

    /// [`Tasks::take`] without waiting; `None`: there is nothing now.
    fn look(&self) -> Option<Option<(Window, Held)>> {
        let mut is_open = false;
        for queue in Priority::MOST_URGENT_FIRST.into_iter().filter_map(|priority| self.queue(priority)) {
            match (queue.try_take(), queue.window()) {
                (Some(Ok(held)), Some(window)) => return Some(Some((*window, held))),
                (None, _) => is_open = true,
                _ => {}
            }
        }
        (!is_open).then_some(None)
    }

    /// Has all look who sleep, since one of them has died.
    pub(super) fn wake_workers(&self) {
        if self.others.iter().any(|other| other.get().is_some())
            && let Some(window) = self.normal.window()
        {
            window.items().notify_all();
        }
    }

    /// No further tasks; with `discards`, no worker takes what is there.
    pub(super) fn close(&self, discards: bool) {
        self.others.iter().filter_map(OnceLock::get).for_each(|other| other.close(discards));
        // Last, since its close wakes the workers, which end when all are closed.
        self.normal.close(discards);
    }
}
