//! What the node has counted, put together for who asks: most of it is counted where it happens, some of it
//! by others, and some can be seen at any time.

use super::forward;
use super::request::{Answer, Counters};
use super::thread::Node;
use crate::logs;
use crate::mailbox::ReplyAddress;

impl Node {
    pub(super) fn give_counters(&self, reply: Option<ReplyAddress>) {
        let (stderr_dropped, (log_events, log_events_dropped)) = (forward::STDERR.dropped(), logs::counts());
        let delayed = self.outbox.len() as u64;
        let counters = Counters { stderr_dropped, log_events, log_events_dropped, delayed, ..self.counters };
        self.answer(reply, &Answer::Counters(counters));
    }
}
