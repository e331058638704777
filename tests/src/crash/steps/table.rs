//! The operations on a queue, each in all of its variants, and what is there when a victim begins.
//!
//! What the victims do is in [`acts`](super::acts). A new variant is a line here; a new operation is a line
//! and a function there.

use actor_core::queue::{Close, Options};

use super::acts::{
    attach, close_draining, close_now, detach, done, done_without_hand, give_back, give_back_without_hand, keep,
    let_go, make, put_back, recv, recv_batch, recv_for_a_while, recv_patiently, recv_reader, recv_task,
    recv_task_again, recv_task_without_hand, send, send_batch, send_for_a_while, send_patiently, task_done,
};
use super::channel::Sort;
use super::scene::Scene;

/// One operation in one variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) variant: &'static str,
    /// What is tried it on.
    pub(super) sort: Sort,
    /// Messages that the harness has queued before.
    pub(super) queued: u32,
    /// Bytes of each message.
    pub(super) length: usize,
    /// The queue was closed before.
    pub(super) closed: Option<Close>,
    /// Somebody else, who sleeps.
    pub(super) sleeper: Option<Sleep>,
    /// What somebody else does in the midst of it, at an instruction left to chance.
    pub(super) between: Option<Between>,
    /// On a queue that nothing was sent to before.
    pub(super) is_cold: bool,
    /// The node is asked to give memory back.
    pub(super) asks: bool,
    /// Some instructions instead of all of them.
    pub(super) sampled: bool,
    pub(super) act: fn(&Scene),
}

/// What a live one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// A message.
    Recv,
    /// Room.
    Send,
    /// The end of all work.
    Join,
}

/// What a live one does in the midst of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Send,
    Recv,
}

/// Messages that a queue of a trial has room for.
pub(super) const CAPACITY: u32 = 3;
const SHORT: usize = 40;
const LONG: usize = 1_500;
const LONGER: usize = 4_000;
/// With what is around it, of the size class of 64 KiB.
const LONGEST: usize = 65_000;

/// How large the queue of a trial is: in each size class of large messages there is room for one at least.
pub(super) const SIZE: Options = Options { capacity: CAPACITY as usize, message_max: 100_000, bytes: 1 << 14 };

impl Case {
    const fn new(name: &'static str, variant: &'static str, queued: u32, act: fn(&Scene)) -> Case {
        Case {
            name,
            variant,
            sort: Sort::Fifo,
            queued,
            length: SHORT,
            closed: None,
            sleeper: None,
            between: None,
            is_cold: false,
            asks: false,
            sampled: false,
            act,
        }
    }

    const fn long(self) -> Case {
        Case { length: LONG, ..self }
    }

    const fn sampled(self, length: usize) -> Case {
        Case { length, sampled: true, ..self }
    }

    const fn lifo(self) -> Case {
        Case { sort: Sort::Lifo, ..self }
    }

    const fn priority(self) -> Case {
        Case { sort: Sort::Priority, ..self }
    }

    const fn asking(self) -> Case {
        Case { asks: true, ..self }
    }

    const fn cold(self) -> Case {
        Case { is_cold: true, sampled: true, ..self }
    }

    const fn closed(self, close: Close) -> Case {
        Case { closed: Some(close), ..self }
    }

    const fn sleeper(self, sleep: Sleep) -> Case {
        Case { sleeper: Some(sleep), ..self }
    }

    const fn between(self, between: Between) -> Case {
        Case { between: Some(between), ..self }
    }

    /// What faults and command lines call it.
    pub(super) fn title(&self) -> String {
        format!("{}{}/{}", self.sort.prefix(), self.name, self.variant.replace(", ", "-").replace(' ', "-"))
    }

    /// How many messages of its length a queue has room for: of the longest, as many as have a place in
    /// the two largest size classes.
    pub(super) fn room(&self) -> usize {
        if self.length == LONGEST { 2 } else { CAPACITY as usize }
    }

    /// Whether a second victim may be at work beside one of this case, which finds what it needs.
    pub(super) fn may_be_first(&self) -> bool {
        let is_consumer = matches!(
            self.name,
            "recv" | "recv_batch" | "recv_task" | "done" | "give_back" | "put_back" | "keep" | "task_done"
        );
        is_consumer && self.is_alone()
    }

    /// Whether it needs nothing that a first victim could have taken.
    pub(super) fn may_be_second(&self) -> bool {
        let needs_nothing = matches!(self.name, "send" | "send_batch" | "close" | "recv" | "recv_batch" | "recv_task");
        needs_nothing && self.is_alone() && !self.variant.contains("hand") && !self.variant.contains("returned")
    }

    /// Whether two others may be at work beside it, who find what they find.
    pub(super) fn may_be_repaired(&self) -> bool {
        self.closed.is_none() && self.between.is_none() && !self.sampled
    }

    /// Whether what it does is in the memory of the queue, and nobody else does anything there.
    pub(super) fn has_images(&self) -> bool {
        !self.is_without_queue() && self.sleeper.is_none() && self.between.is_none() && !self.sampled
    }

    fn is_alone(&self) -> bool {
        self.closed.is_none() && self.sleeper.is_none() && self.between.is_none() && !self.sampled
    }

    /// Whether the victim is to find the queue by itself.
    pub(super) fn is_without_queue(&self) -> bool {
        matches!(self.name, "attach" | "detach" | "make")
    }
}

/// All of them.
pub(super) const TABLE: &[Case] = &[
    Case::new("send", "inline", 1, send),
    Case::new("send", "extent", 1, send).long(),
    Case::new("send", "extent, the first of all", 0, send).long().cold(),
    Case::new("send", "extent of 4 KiB", 0, send).sampled(LONGER),
    Case::new("send", "extent of 64 KiB", 0, send).sampled(LONGEST),
    Case::new("send", "full", CAPACITY, send),
    Case::new("send", "full of extents", CAPACITY, send).long(),
    Case::new("send", "full for a while", CAPACITY, send_for_a_while),
    Case::new("send", "full and then not", CAPACITY, send_patiently).between(Between::Recv),
    Case::new("send", "contended", 0, send).between(Between::Send),
    Case::new("send", "contended extent", 0, send).long().between(Between::Send),
    Case::new("send", "to a sleeper", 0, send).sleeper(Sleep::Recv),
    Case::new("send", "extent to a sleeper", 0, send).long().sleeper(Sleep::Recv),
    Case::new("send", "closed", 1, send).closed(Close::Drain),
    Case::new("send_batch", "inline", 0, send_batch),
    Case::new("send_batch", "extents", 0, send_batch).long(),
    Case::new("send_batch", "some of them", 2, send_batch),
    Case::new("send_batch", "to a sleeper", 0, send_batch).sleeper(Sleep::Recv),
    Case::new("recv", "inline", 2, recv),
    Case::new("recv", "extent", 2, recv).long(),
    Case::new("recv", "extent, and its memory goes back", 2, recv).long().asking(),
    Case::new("recv", "extent of 64 KiB", 1, recv).sampled(LONGEST),
    Case::new("recv", "empty", 0, recv),
    Case::new("recv", "empty for a while", 0, recv_for_a_while),
    Case::new("recv", "empty and then not", 0, recv_patiently).between(Between::Send),
    Case::new("recv", "contended", 2, recv).between(Between::Recv),
    Case::new("recv", "with a sender asleep", CAPACITY, recv).sleeper(Sleep::Send),
    Case::new("recv", "extent, with a sender asleep", CAPACITY, recv).long().sleeper(Sleep::Send),
    Case::new("recv", "extent of 64 KiB, with a sender asleep", 2, recv).sampled(LONGEST).sleeper(Sleep::Send),
    Case::new("recv", "with a joiner asleep", 1, recv).sleeper(Sleep::Join),
    Case::new("recv", "closed", 1, recv).closed(Close::Drain),
    Case::new("recv", "closed and empty", 0, recv).closed(Close::Drain),
    Case::new("recv_batch", "inline", CAPACITY, recv_batch),
    Case::new("recv_batch", "extents", CAPACITY, recv_batch).long(),
    Case::new("recv_batch", "with a sender asleep", CAPACITY, recv_batch).sleeper(Sleep::Send),
    Case::new("recv_reader", "inline", 2, recv_reader),
    Case::new("recv_reader", "extent", 2, recv_reader).long(),
    Case::new("recv_reader", "with a sender asleep", CAPACITY, recv_reader).sleeper(Sleep::Send),
    Case::new("recv_task", "inline", 2, recv_task),
    Case::new("recv_task", "extent", 2, recv_task).long(),
    Case::new("recv_task", "the first of all", 1, recv_task).cold(),
    Case::new("recv_task", "empty", 0, recv_task),
    Case::new("recv_task", "without a hand", CAPACITY, recv_task_without_hand),
    Case::new("recv_task", "contended", 2, recv_task).between(Between::Recv),
    Case::new("recv_task", "with a sender asleep", CAPACITY, recv_task).sleeper(Sleep::Send),
    Case::new("recv_task", "closed", 1, recv_task).closed(Close::Drain),
    Case::new("recv_task", "returned", 2, recv_task_again),
    Case::new("done", "inline", 2, done),
    Case::new("done", "extent", 2, done).long(),
    Case::new("done", "without a hand", CAPACITY, done_without_hand),
    Case::new("done", "with a sender asleep", CAPACITY, done_without_hand).sleeper(Sleep::Send),
    Case::new("done", "with a joiner asleep", 1, done).sleeper(Sleep::Join),
    Case::new("done", "closed", 1, done).closed(Close::Drain),
    Case::new("give_back", "inline", 2, give_back),
    Case::new("give_back", "extent", 2, give_back).long(),
    Case::new("give_back", "without a hand", CAPACITY, give_back_without_hand),
    Case::new("give_back", "to a sleeper", 1, give_back).sleeper(Sleep::Recv),
    Case::new("give_back", "closed", 1, give_back).closed(Close::Drain),
    Case::new("put_back", "inline", 2, put_back),
    Case::new("put_back", "extent", 2, put_back).long(),
    Case::new("put_back", "to a sleeper", 1, put_back).sleeper(Sleep::Recv),
    Case::new("keep", "inline", 2, keep),
    Case::new("task_done", "inline", 2, task_done),
    Case::new("task_done", "with a joiner asleep", 1, task_done).sleeper(Sleep::Join),
    Case::new("close", "draining", 2, close_draining),
    Case::new("close", "draining, with a receiver asleep", 0, close_draining).sleeper(Sleep::Recv),
    Case::new("close", "draining, with a sender asleep", CAPACITY, close_draining).sleeper(Sleep::Send),
    Case::new("close", "now", 2, close_now),
    Case::new("close", "now, with extents", 2, close_now).long(),
    Case::new("close", "now, with a receiver asleep", 0, close_now).sleeper(Sleep::Recv),
    Case::new("close", "now, with a sender asleep", CAPACITY, close_now).sleeper(Sleep::Send),
    Case::new("close", "now, with a joiner asleep", 1, close_now).sleeper(Sleep::Join),
    Case::new("close", "again", 2, close_now).closed(Close::Drain),
    Case::new("attach", "first handle", 1, attach),
    Case::new("detach", "last handle", 1, detach),
    Case::new("detach", "only handle", 0, let_go),
    Case::new("make", "and drop", 0, make),
    Case::new("send", "inline", 1, send).lifo(),
    Case::new("send", "extent", 1, send).lifo().long(),
    Case::new("send", "full", CAPACITY, send).lifo(),
    Case::new("send", "full and then not", CAPACITY, send_patiently).lifo().between(Between::Recv),
    Case::new("send", "contended", 0, send).lifo().between(Between::Send),
    Case::new("send", "to a sleeper", 0, send).lifo().sleeper(Sleep::Recv),
    Case::new("send", "closed", 1, send).lifo().closed(Close::Drain),
    Case::new("recv", "inline", CAPACITY, recv).lifo(),
    Case::new("recv", "extent", 2, recv).lifo().long(),
    Case::new("recv", "empty", 0, recv).lifo(),
    Case::new("recv", "empty and then not", 0, recv_patiently).lifo().between(Between::Send),
    Case::new("recv", "contended", CAPACITY, recv).lifo().between(Between::Recv),
    Case::new("recv", "with a sender asleep", CAPACITY, recv).lifo().sleeper(Sleep::Send),
    Case::new("recv", "closed", 1, recv).lifo().closed(Close::Drain),
    Case::new("recv_task", "inline", CAPACITY, recv_task).lifo(),
    Case::new("recv_task", "extent", 2, recv_task).lifo().long(),
    Case::new("recv_task", "without a hand", CAPACITY, recv_task_without_hand).lifo(),
    Case::new("recv_task", "with a sender asleep", CAPACITY, recv_task).lifo().sleeper(Sleep::Send),
    Case::new("recv_task", "returned", 2, recv_task_again).lifo(),
    Case::new("done", "inline", 2, done).lifo(),
    Case::new("done", "extent", 2, done).lifo().long(),
    Case::new("done", "without a hand", CAPACITY, done_without_hand).lifo(),
    Case::new("done", "with a joiner asleep", 1, done).lifo().sleeper(Sleep::Join),
    Case::new("give_back", "inline", 2, give_back).lifo(),
    Case::new("give_back", "without a hand", CAPACITY, give_back_without_hand).lifo(),
    Case::new("give_back", "to a sleeper", 1, give_back).lifo().sleeper(Sleep::Recv),
    Case::new("put_back", "inline", CAPACITY, put_back).lifo(),
    Case::new("put_back", "to a sleeper", 1, put_back).lifo().sleeper(Sleep::Recv),
    Case::new("task_done", "inline", 2, task_done).lifo(),
    Case::new("close", "draining, with a receiver asleep", 0, close_draining).lifo().sleeper(Sleep::Recv),
    Case::new("close", "now", 2, close_now).lifo(),
    Case::new("close", "now, with extents", 2, close_now).lifo().long(),
    Case::new("send", "inline", 1, send).priority(),
    Case::new("send", "extent", 1, send).priority().long(),
    Case::new("send", "full", CAPACITY, send).priority(),
    Case::new("send", "full and then not", CAPACITY, send_patiently).priority().between(Between::Recv),
    Case::new("send", "contended", 0, send).priority().between(Between::Send),
    Case::new("send", "to a sleeper", 0, send).priority().sleeper(Sleep::Recv),
    Case::new("send", "closed", 1, send).priority().closed(Close::Drain),
    Case::new("recv", "inline", CAPACITY, recv).priority(),
    Case::new("recv", "extent", 2, recv).priority().long(),
    Case::new("recv", "empty", 0, recv).priority(),
    Case::new("recv", "empty and then not", 0, recv_patiently).priority().between(Between::Send),
    Case::new("recv", "contended", CAPACITY, recv).priority().between(Between::Recv),
    Case::new("recv", "with a sender asleep", CAPACITY, recv).priority().sleeper(Sleep::Send),
    Case::new("recv", "closed", 1, recv).priority().closed(Close::Drain),
    Case::new("recv_task", "inline", CAPACITY, recv_task).priority(),
    Case::new("recv_task", "extent", 2, recv_task).priority().long(),
    Case::new("recv_task", "without a hand", CAPACITY, recv_task_without_hand).priority(),
    Case::new("recv_task", "with a sender asleep", CAPACITY, recv_task).priority().sleeper(Sleep::Send),
    Case::new("recv_task", "returned", 2, recv_task_again).priority(),
    Case::new("done", "inline", 2, done).priority(),
    Case::new("done", "extent", 2, done).priority().long(),
    Case::new("done", "without a hand", CAPACITY, done_without_hand).priority(),
    Case::new("done", "with a joiner asleep", 1, done).priority().sleeper(Sleep::Join),
    Case::new("give_back", "inline", 2, give_back).priority(),
    Case::new("give_back", "without a hand", CAPACITY, give_back_without_hand).priority(),
    Case::new("give_back", "to a sleeper", 1, give_back).priority().sleeper(Sleep::Recv),
    Case::new("put_back", "inline", CAPACITY, put_back).priority(),
    Case::new("put_back", "to a sleeper", 1, put_back).priority().sleeper(Sleep::Recv),
    Case::new("task_done", "inline", 2, task_done).priority(),
    Case::new("close", "draining, with a receiver asleep", 0, close_draining).priority().sleeper(Sleep::Recv),
    Case::new("close", "now", 2, close_now).priority(),
    Case::new("close", "now, with extents", 2, close_now).priority().long(),
];
