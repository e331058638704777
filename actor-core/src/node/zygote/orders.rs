//! Orders: processes that wait for a zygote, that one is at work on, or whose zygote died over them.
//!
//! An order that was under way when a zygote died has either become a process, whose pid the
//! kernel wrote into its record before it ran, or it has not and never will; so it is adopted or
//! ordered anew, and never both.

use super::{State, Zygote};
use crate::control;
use crate::id::Participant;
use crate::logs;
use crate::node::request::SpawnFailure;
use crate::node::thread::Node;

/// Attempts to make the process of one order, each with another zygote.
const ATTEMPTS_MAX: u32 = 3;

impl Node {
    pub(in crate::node) fn order_from_zygote(&mut self, participant: Participant) {
        self.zygote.queued.push_back(participant);
        self.give_orders();
    }

    /// Executes a process without the zygote's help, but not before the zygote can guard it.
    pub(in crate::node) fn execute_guarded(&mut self, participant: Participant) {
        self.zygote.unguarded.push(participant);
        self.want_guard();
        if self.zygote.is_ready() || !self.zygote.is_running() {
            self.execute_waiting();
        }
    }

    pub(super) fn execute_waiting(&mut self) {
        for participant in std::mem::take(&mut self.zygote.unguarded) {
            if self.processes.contains_key(&participant) {
                self.execute(participant);
            }
        }
    }

    /// Gives the zygote what waits, as far as it takes it, starting one if there is none.
    pub(super) fn give_orders(&mut self) {
        while let Some(participant) = self.zygote.queued.front().copied() {
            match &mut self.zygote.state {
                State::None => {
                    self.start_zygote();
                    return;
                }
                State::Unnamed(_) => return,
                State::Connected { line, .. } => {
                    let ticket = self.zygote.tickets;
                    match line.order(control::Order { ticket, participant }) {
                        Ok(()) => {
                            self.zygote.tickets += 1;
                            self.zygote.queued.pop_front();
                            self.zygote.ordered.insert(ticket, participant);
                            *self.zygote.attempts.entry(participant).or_default() += 1;
                        }
                        // Busy, or not ready yet: its next answer comes back here. Gone: its
                        // death does.
                        Err(_) => return,
                    }
                }
            }
        }
    }

    /// Takes back an order that waits for a zygote. False: one is at work on it.
    pub(in crate::node) fn take_back(&mut self, participant: Participant) -> bool {
        let Zygote { queued, unguarded, attempts, .. } = &mut self.zygote;
        let before = queued.len() + unguarded.len();
        queued.retain(|other| *other != participant);
        unguarded.retain(|other| *other != participant);
        let is_back = queued.len() + unguarded.len() < before;
        if is_back {
            attempts.remove(&participant);
        }
        is_back
    }

    /// Nothing is to be started any more.
    pub(in crate::node) fn drop_orders(&mut self) {
        let unguarded = std::mem::take(&mut self.zygote.unguarded);
        self.zygote.queued.extend(unguarded);
        self.fail_queued("the node is ending");
    }

    pub(super) fn fail_queued(&mut self, why: &str) {
        for participant in std::mem::take(&mut self.zygote.queued) {
            self.zygote.attempts.remove(&participant);
            self.never_was(participant, SpawnFailure::System(why.to_owned()));
        }
    }

    /// What becomes of an order whose zygote has died.
    pub(super) fn settle_orphan(&mut self, participant: Participant) {
        let pid = self.pid_in_record(participant);
        let has_attempts = self.zygote.attempts.get(&participant).is_some_and(|attempts| *attempts < ATTEMPTS_MAX);
        if pid == 0 && self.ending.is_none() && has_attempts {
            self.zygote.queued.push_front(participant);
            return;
        }
        self.zygote.attempts.remove(&participant);
        if pid != 0 {
            self.adopt(participant, pid, None);
        } else if self.ending.is_some() {
            self.never_was(participant, SpawnFailure::System("the node is ending".to_owned()));
        } else {
            let why = format!("{ATTEMPTS_MAX} zygotes died while making the process");
            self.never_was(participant, SpawnFailure::System(why));
        }
    }

    /// Zygotes do not come up: what waits for one is executed instead.
    pub(super) fn execute_queued(&mut self) {
        logs::later(
            || tracing::warn!(target: "actor_core", "the zygote does not start; processes are executed for now"),
        );
        for participant in std::mem::take(&mut self.zygote.queued) {
            self.zygote.attempts.remove(&participant);
            self.zygote.unguarded.push(participant);
        }
    }
}
