//! From a process that was ordered to one that is ready, or late.
//!
//! A process says in its record how far it has come and rings the bell; here it is looked at, and who
//! asked for the process is told. Nothing here makes a process.

use std::time::Duration;

use super::launch::{Process, Role};
use super::request::{Answer, SpawnFailure};
use super::thread::Node;
use super::timers::Timer;
use crate::exit::KilledBy;
use crate::id::{Participant, ProcessId};
use crate::shm::roster::Stage;

/// How long another zygote has for an order that the one before has not answered in time.
const ZYGOTE_PATIENCE: Duration = Duration::from_secs(2);

impl Node {
    /// Looks which of the starting processes have become ready.
    pub(super) fn look_for_ready(&mut self) {
        // What a ready process sets off may change the list: so first the look, then the rest.
        let (segment, processes, mut ready) = (self.segment, &mut self.processes, Vec::new());
        self.starting.retain(|participant| {
            let stage = segment.record(*participant).stage();
            let Some(process) = processes.get_mut(participant) else { return false };
            if stage >= Stage::Started
                && let Some(stderr) = &mut process.stderr
            {
                stderr.drop_writer();
            }
            let is_ready = stage >= Stage::Ready && process.pidfd.is_some();
            if is_ready {
                ready.push(*participant);
            }
            !is_ready
        });
        for participant in ready {
            self.on_ready(participant);
        }
    }

    fn on_ready(&mut self, participant: Participant) {
        let Some(process) = self.processes.get_mut(&participant) else { return };
        process.is_ready = true;
        let (id, args) = (process.id, process.args.take());
        let answer = Answer::ProcessSpawned { process: id, pid: process.pid.unwrap_or(0) };
        let ready = match &mut process.role {
            Role::Plain { reply, .. } => Err(reply.take()),
            Role::Actor(index) => Ok(*index),
        };
        match ready {
            Err(Some(reply)) => {
                // Whoever asked was told that nothing would be left, or is dead.
                if !self.deliver(Some(reply), &answer) {
                    self.kill(id, KilledBy::StartTimeout);
                }
            }
            Err(None) => {}
            Ok(index) => self.on_actor_ready(index),
        }
        self.drop_args(args);
    }

    pub(super) fn on_start_timeout(&mut self, id: ProcessId) {
        // It may have been ready in time and this thread be the one that is late.
        self.look_for_ready();
        let is_late = |process: &Process| process.id == id && !process.is_ready;
        if !self.processes.get(&id.participant).is_some_and(is_late) {
            return;
        }
        if self.processes[&id.participant].pidfd.is_some() {
            self.kill(id, KilledBy::StartTimeout);
        } else if self.take_back(id.participant) {
            // Its turn did not come: the zygote is starting, which it has its own time for, or busy.
            self.never_was(id.participant, SpawnFailure::TimedOut);
        } else {
            // The zygote does not answer: it cannot be waited for. Nor can the next one for ever.
            self.kill_zygote();
            self.after(ZYGOTE_PATIENCE, Timer::StartTimeout(id));
        }
    }
}
