//! Whoever is stopped in the middle of a request and keeps the node from those of all others.
//!
//! Requests are taken in the order in which their slots were claimed, so one that is never completed
//! would end everybody's spawns, stops and joins. Between claim and publication lie some hundred
//! nanoseconds; a process that needs a second for them was stopped, or hangs in a signal handler. It
//! is killed, and its slot is freed after its proven death, like that of anybody who dies there.
//! Nothing is repaired here.
//!
//! Threads of the root process are waited for: who stops the root has stopped the node.

use std::time::{Duration, Instant};

use super::thread::Node;
use super::timers::Timer;
use crate::exit::KilledBy;
use crate::id::{Participant, ProcessId};
use crate::logs;
use crate::shm::slots::{self, Position};

/// How long the request at the head may stay incomplete while others wait behind it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Somebody was seen in the middle of the request at the head, with others behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    at: Position,
    process: ProcessId,
    since: Instant,
}

impl Node {
    /// Called when nothing can be taken out of the mailbox: looks whether somebody is in the way.
    pub(super) fn look_for_stuck(&mut self) {
        let blocker = slots::blocker(&self.mailbox.window);
        let found = blocker.and_then(|(at, writer)| Some((at, self.process_at(writer)?)));
        let Some((at, process)) = found else {
            self.stuck = None;
            return;
        };
        if self.stuck.is_none_or(|stuck| (stuck.at, stuck.process) != (at, process)) {
            self.stuck = Some(Stuck { at, process, since: Instant::now() });
            self.after(PATIENCE, Timer::Stuck);
        }
    }

    /// Kills whoever is still where he was when the timer was set.
    pub(super) fn on_stuck_timer(&mut self) {
        self.look_for_stuck();
        // A timer that was set for an earlier one does not shorten the time of this one.
        if let Some(stuck) = self.stuck.filter(|stuck| PATIENCE <= stuck.since.elapsed()) {
            let Stuck { process, .. } = stuck;
            logs::later(move || {
                tracing::warn!(target: "actor_core", ?process, "a process hangs in the middle of a request and is killed");
            });
            self.kill(process, KilledBy::Hung);
        }
    }

    /// Nobody for the root process itself, which is never killed.
    fn process_at(&self, participant: Participant) -> Option<ProcessId> {
        self.processes.get(&participant).map(|process| process.id)
    }
}
