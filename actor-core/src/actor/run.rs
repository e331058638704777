//! The life of an actor in its process: init, then message after message and what it is told in between,
//! then terminate.
//!
//! Everything that can go wrong here ends the process, and the node takes it from there: a panic
//! leaves the message in hand where it is, and what becomes of it stands in its envelope. An
//! orderly end is one that returns from [`live`].

use std::any::type_name;

use super::behaviour::{Actor, Failure};
use super::context::{Context, Ending};
use super::dispatch::{Delivery, Handled, Outcome};
use super::dropped;
use crate::boot::Start;
use crate::exit::ExitReason;
use crate::link;
use crate::logs;
use crate::mailbox::{Envelope, Mailbox, Next};
use crate::node::{self, LastWord, Life, Request};
use crate::planted::{self, planted};
use crate::reply::{self, ReplyKind};
use crate::shm::blob;
use crate::shm::slots::Claim;
use crate::time::Deadline;

/// Where the process of an actor of type `A` begins; entered by offset.
pub(crate) fn actor_main<A: Actor>(start: Start) {
    node::live_to_word(start, |life| {
        let mut ending = None;
        (A::OPTIONS.runtime.around)(&mut || ending = Some(live::<A>(life)));
        match ending {
            Some(Ending::Own(reason)) => LastWord::Reason(reason),
            Some(Ending::WithParent(_)) => LastWord::Linked,
            None => LastWord::Reason(ExitReason::Failed("the runtime around the actor never ran it".to_owned())),
        }
    })
}

pub(super) fn live<A: Actor>(life: &Life) -> Ending {
    let mailbox = life.incarnation.and_then(|incarnation| Mailbox::attach(incarnation.actor));
    let (Some(mailbox), Some(incarnation)) = (mailbox, life.incarnation) else {
        return Ending::Own(ExitReason::NoProc);
    };
    let mut context = Context::new(mailbox, incarnation.life);
    let mut actor = match logs::during(A::HANDLERS, type_name::<A>(), || init::<A>(life, &mut context)) {
        Ok(actor) => actor,
        Err(failure) => return Ending::Own(failure.into_reason()),
    };
    life.is_ready();
    let mut buffers = Buffers::default();
    let ending = loop {
        if link::has_local() {
            context.tell(&mut actor);
        }
        context.look_at_ticks(&mut actor);
        if let Some(ending) = context.take_ending() {
            break ending;
        }
        let next = mailbox.next_awake(&mut buffers.message).unwrap_or_else(|| {
            buffers.trim();
            mailbox.next(&mut buffers.message, link::patience().min(context.until_tick()))
        });
        match next {
            Next::Message { envelope, position } if !envelope.is_for(incarnation.life) => {
                outlived(&mailbox, &envelope, position, &buffers.message);
            }
            Next::Message { envelope, position } => {
                context.begin(&envelope, position);
                logs::begin(envelope.handler, envelope.trace);
                if planted!(AcknowledgeBeforeHandling) {
                    mailbox.acknowledge(position);
                }
                let handled = actor.dispatch(buffers.delivery(&envelope, &mailbox), &mut context);
                if envelope.reply.is_some() {
                    mailbox.mark_handled(position);
                }
                reply(&mailbox, &envelope, &handled, &buffers);
                if planted!(SettleAnsweredAgain) {
                    planted::widen();
                }
                // Dead before this line: a call is replied to, so recovery does not run it again.
                context.finish(position, handled.failure);
                logs::end(envelope.reply.is_none());
            }
            Next::News => context.tell(&mut actor),
            Next::Stop => break Ending::Own(ExitReason::Shutdown(None)),
            Next::TimedOut => {}
        }
    };
    actor.terminate(ending.reason(), &mut context);
    dropped::leave_to_the_report();
    ending
}

fn init<A: Actor>(life: &Life, context: &mut Context<A>) -> Result<A, Failure> {
    let args = (A::ARGS.decode)(&life.args)
        .map_err(|error| Failure::for_good(format_args!("the arguments cannot be read: {error}")))?;
    A::init(args, context).map_err(|error| {
        leave_error::<A>(life, &error);
        Failure::new(error)
    })
}

/// Leaves the error of `init` where the node finds it for whoever spawned the actor. Where that
/// fails, and dead before its last step, there is the text.
fn leave_error<A: Actor>(life: &Life, error: &A::InitError) {
    let mut bytes = Vec::new();
    if let Some(codec) = A::INIT_ERROR
        && (codec.encode)(&mut bytes, error).is_ok()
        && let Ok(window) = blob::make(life.segment, &bytes)
    {
        life.segment.record(life.segment.me()).set_result(window);
    }
}

/// Tells the caller, if there is one; a late reply is dropped. A cast that could not be read is
/// kept as a dead letter.
fn reply(mailbox: &Mailbox, envelope: &Envelope, handled: &Handled, buffers: &Buffers) {
    let text = &buffers.reply;
    match (&handled.outcome, envelope.reply) {
        (Outcome::Reply(kind), Some(address)) => {
            if reply::answer_patiently(address, *kind, text) {
                handled.let_go();
            }
        }
        (Outcome::Delegated(duty, Some(kind)), _) => {
            let text = if *kind == ReplyKind::Unanswered { &[] } else { &text[..] };
            if duty.answer_own(*kind, text) {
                handled.let_go();
            }
        }
        (Outcome::Refused, Some(address)) => {
            reply::answer(address, ReplyKind::Failed, text);
            lose_carried(envelope, &buffers.message);
        }
        (Outcome::Nothing, Some(address)) => {
            reply::answer(address, ReplyKind::Failed, b"the handler is for casts and does not reply");
        }
        (Outcome::Refused, None) => {
            lose_carried(envelope, &buffers.message);
            refuse(mailbox, String::from_utf8_lossy(text).into_owned());
        }
        (Outcome::Delegated(_, None), _) | (Outcome::Reply(_) | Outcome::Nothing, None) => {}
    }
}

/// The message in hand was for an earlier life.
fn outlived(mailbox: &Mailbox, envelope: &Envelope, claim: Claim, payload: &[u8]) {
    lose_carried(envelope, payload);
    if envelope.reply.is_some() {
        mailbox.mark_handled(claim);
    }
    match envelope.reply {
        Some(address) => drop(reply::answer(address, ReplyKind::NoProc, &[])),
        None => refuse(mailbox, "the life that it was for is over".to_owned()),
    }
    mailbox.acknowledge(claim);
}

/// Nobody will read this message: those who wait for what lies in it are told.
fn lose_carried(envelope: &Envelope, payload: &[u8]) {
    if envelope.carries {
        reply::throw_away(payload);
    }
}

fn refuse(mailbox: &Mailbox, why: String) {
    // Without an answer the node is gone, and this process will be within a moment.
    let _ = node::ask(&Request::RefuseInHand { actor: mailbox.id(), why }, Deadline::Never);
}

/// The message in hand and the reply to it, encoded; reused from one message to the next.
#[derive(Default)]
struct Buffers {
    message: Vec<u8>,
    reply: Vec<u8>,
}

/// What a sleeping actor keeps of a buffer that had to grow.
const BUFFER_KEPT_MAX: usize = 256 << 10;

impl Buffers {
    fn delivery<'a>(&'a mut self, envelope: &Envelope, mailbox: &'a Mailbox) -> Delivery<'a> {
        let (payload, reply) = (&self.message, &mut self.reply);
        Delivery { handler: envelope.handler, payload, reply, caller: envelope.reply, mailbox: Some(mailbox) }
    }

    /// An actor that sleeps does not hold the memory of the largest message that it ever had. One that
    /// works does: to get a page back takes longer than to copy it.
    fn trim(&mut self) {
        for buffer in [&mut self.message, &mut self.reply] {
            if BUFFER_KEPT_MAX < buffer.capacity() {
                *buffer = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut buffers = Buffers { message: Vec::with_capacity(BUFFER_KEPT_MAX + 1), reply: vec![7; 10] };
        buffers.trim();
        assert_eq!((buffers.message.capacity(), buffers.reply.len()), (0, 10));
    }
}
