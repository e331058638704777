//! Which part of the node does what is asked for: a table, and nothing else.

use super::actors::Owner;
use super::request::{ActorSpec, Answer, Request};
use super::thread::Node;
use crate::id::Participant;
use crate::mailbox::{Envelope, ReplyAddress};

impl Node {
    /// Does what is asked for, or begins to.
    pub(super) fn handle(&mut self, request: Request, envelope: &Envelope) {
        let reply = envelope.reply;
        match request {
            Request::SpawnProcess(spec) => self.spawn_process(spec, envelope.sender, reply),
            Request::SpawnActor(spec) => self.spawn_actor(spec, reply),
            Request::Join { process } => self.join_process(process, reply),
            Request::Forget { process } => self.forget_process(process),
            Request::ResultTaken { process } => self.on_result_taken(process),
            Request::Signal { process, signal } => self.signal(process, signal, reply),
            Request::KillProcess { process, by } => self.kill_process(process, by, reply),
            Request::StopActor { actor, only, after_all, timeout } if self.is_on(actor, only) => {
                self.stop_actor(actor, after_all, timeout, reply);
            }
            Request::KillActor { actor, only } if self.is_on(actor, only) => self.kill_actor(actor, reply),
            Request::StopActor { .. } | Request::KillActor { .. } => self.answer(reply, &Answer::NoProc),
            Request::KillOverrun { actor, reply: call } => self.kill_overrun(actor, call, reply),
            Request::JoinActor { actor } => self.join_actor(actor, reply),
            Request::RefuseInHand { actor, why } => self.refuse_in_hand(actor, envelope.sender, &why, reply),
            Request::DeadLetters { max } => self.give_dead_letters(max, reply),
            Request::Obituary { left, dead } => self.give_obituary(left, dead, reply),
            Request::NameMemory { name, window } => self.name_memory(name, window, reply),
            Request::FindMemory { name } => self.find_memory(&name, reply),
            Request::Counters => self.give_counters(reply),
            Request::StartSupervisor { rules, children } => self.start_supervisor(rules, children, reply),
            Request::MakeActor(spec) => self.make_unstarted(spec, envelope.sender, reply),
            Request::UnmakeActor { actor } => self.unmake_actor(actor),
            Request::StopSupervisor { supervisor } => self.stop_supervisor(supervisor, reply),
            Request::JoinSupervisor { supervisor } => self.join_supervisor(supervisor, reply),
            Request::WhichChildren { supervisor } => self.which_children(supervisor, reply),
            Request::Link { by, peer, process } => self.link(by, peer, process, reply),
            Request::Unlink { by, process } => self.unlink(by, process, reply),
            Request::Monitor { by, number, process } => self.monitor(by, number, process),
            Request::Demonitor { by, number } => self.demonitor(by, number),
            Request::TakeNews { by } => self.give_news(by, reply),
            Request::Later(spec) => self.set_later(spec, reply),
            Request::CancelLater { number } => self.cancel_later(number, reply),
            Request::Shutdown { timeout } => self.begin_ending(timeout, reply),
        }
    }

    fn make_unstarted(&mut self, spec: ActorSpec, maker: Participant, reply: Option<ReplyAddress>) {
        match self.make_actor(spec, Owner::Builder(maker)) {
            Ok(actor) => {
                // Whoever asked does not know of it, or is dead.
                if !self.deliver(reply, &Answer::Spawned(actor)) {
                    self.unmake_actor(actor);
                }
            }
            Err(failure) => self.answer(reply, &Answer::NotSpawned(failure)),
        }
    }
}
