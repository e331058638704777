//! What becomes of the message in hand when its receiver dies, and of those that nobody will ever
//! handle.
//!
//! | in hand | answered before the death | `fail` | `dead_letter` | `redeliver(n)`, delivery < n | `redeliver(n)`, delivery n |
//! |---|---|---|---|---|---|
//! | call | done | the caller gets the report | report, dead letter | next life | report, dead letter |
//! | cast | – | dead letter | dead letter | next life | dead letter |
//!
//! A call whose handler has come to its end and has kept or passed on the duty to answer is done as well;
//! whoever has that duty is another matter, see `owed.rs`. So are the duties that other calls have left in
//! the message: with a message that is handed out again they are, too, and else they are the dead one's.
//!
//! A call that nobody waits for any more was answered if its handler had come to its end, which is
//! noted in its slot before the answer; else its caller has given it up, and it is settled as if he
//! waited. A cast that its actor could not read is kept as a dead letter and noted in the same way.

use super::owed;
use super::request::{Answer, DeadLetter};
use super::thread::Node;
use crate::exit::{ExitReason, ExitReport};
use crate::id::{ActorId, Participant};
use crate::mailbox::{Envelope, Mailbox, OnCrash, ReplyAddress};
use crate::planted::planted;
use crate::reply::{self, Holder, ReplyKind};
use crate::shm::slots::{self, Claim, Settled};
use crate::wire;

/// Dead letters that are kept, and their bytes; the oldest are dropped first.
const LETTERS_MAX: usize = 1024;
const LETTER_BYTES_MAX: usize = 16 << 20;
/// Deaths that one letter tells of; each has a text.
const DEATHS_MAX: usize = 16;
/// Bytes of letters in one answer.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What to do with one message; see the table in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    redeliver: bool,
    report: bool,
    dead_letter: bool,
}

/// Why a message becomes a dead letter.
pub(super) struct Why {
    pub(super) deliveries: u32,
    pub(super) deaths: Vec<ExitReason>,
    pub(super) text: String,
}

fn judge(envelope: &Envelope, is_answered: bool, deliveries: u32) -> Verdict {
    let is_call = envelope.reply.is_some();
    if is_answered {
        return Verdict { redeliver: false, report: false, dead_letter: false };
    }
    // What was for one life is for no other.
    let redeliver = envelope.life == 0 && deliveries < envelope.on_crash.deliveries_max();
    Verdict {
        redeliver,
        report: is_call && !redeliver,
        dead_letter: !(redeliver || is_call && envelope.on_crash == OnCrash::Fail),
    }
}

/// Whether there is nothing left to do for a message in hand but to acknowledge it.
pub(super) fn is_done(mailbox: &Mailbox, claim: Claim, envelope: &Envelope) -> bool {
    // Handled and not answered is not done: its caller waits.
    let is_handled = mailbox.is_handled(claim) && !planted!(SettleAnsweredAgain);
    let is_due = |call| reply::is_waited_for(call) && reply::holder(call) == Holder::OwnMessage;
    is_handled && !envelope.reply.is_some_and(is_due)
}

impl Node {
    /// Settles what `dead` had in its hand.
    pub(super) fn settle(&mut self, mailbox: &Mailbox, dead: Participant, report: &ExitReport) {
        let mut extents = Vec::new();
        let window = mailbox.window;
        slots::recover(&window, dead, |claim| {
            let (settled, extent) = self.settle_one(mailbox, claim, dead, report);
            extents.extend(extent);
            settled
        });
        for extent in extents {
            window.free_extent(extent);
        }
        window.wake_everybody();
    }

    fn settle_one(
        &mut self,
        mailbox: &Mailbox,
        claim: Claim,
        dead: Participant,
        report: &ExitReport,
    ) -> (Settled, Option<u32>) {
        let deliveries = u32::from(claim.count) + 1;
        let mut payload = Vec::new();
        // Takes over the extent, so that it can be freed whoever had it.
        let extent = mailbox.extent(claim);
        let Some(envelope) = mailbox.read(claim, &mut payload) else {
            return (Settled::Released, extent);
        };
        let is_answered = is_done(mailbox, claim, &envelope);
        // Between the answer and the acknowledgement the work is done already.
        self.counters.died_at_work += u64::from(!is_answered);
        let deaths = self.note_death(mailbox.id(), claim, &report.reason);
        let verdict = judge(&envelope, is_answered, deliveries);
        if verdict.redeliver && !planted!(SettleAsHandled) {
            self.counters.redelivered += 1;
            mailbox.unmark_handled(claim);
            owed::put_back(&envelope, &payload, dead);
            return (Settled::Returned, None);
        }
        if verdict.report {
            // What it has passed on is answered by others.
            answer_with_report(envelope.reply.filter(|call| reply::holder(*call).is(dead)), report);
        }
        owed::answer_carried(&envelope, &payload, report);
        if verdict.dead_letter {
            let why = Why { deliveries, deaths, text: report.reason.to_string() };
            self.keep_letter(mailbox.id(), &envelope, payload, why);
        }
        (Settled::Released, extent)
    }

    /// How the lives ended that had the message in hand, this one included. There is one message
    /// at a time that comes back: the one at the head.
    fn note_death(&mut self, actor: ActorId, claim: Claim, reason: &ExitReason) -> Vec<ExitReason> {
        let Some(actor) = self.actors.get_mut(&super::reap::index_of(actor)) else { return vec![reason.clone()] };
        if claim.count == 0 {
            actor.deaths_in_hand.clear();
        }
        if actor.deaths_in_hand.len() == DEATHS_MAX {
            actor.deaths_in_hand.remove(0);
        }
        actor.deaths_in_hand.push(reason.clone());
        actor.deaths_in_hand.clone()
    }

    fn deaths_so_far(&self, actor: ActorId, claim: Claim) -> Vec<ExitReason> {
        let actor = self.actors.get(&super::reap::index_of(actor)).filter(|_| 0 < claim.count);
        actor.map(|actor| actor.deaths_in_hand.clone()).unwrap_or_default()
    }

    /// Takes everything out of the mailbox of an actor that has ended for good. False: somebody is
    /// still writing a message; look again later.
    pub(super) fn empty(&mut self, mailbox: &Mailbox, report: &ExitReport) -> bool {
        let mut payload = Vec::new();
        // Nothing is accepted any more. A broken peer that goes on is met again later.
        for _ in 0..slots::steps_max(mailbox.window.layout.shape.capacity) {
            let Ok(claim) = slots::take_next(&mailbox.window, self.segment.me()) else { break };
            if let Some(envelope) = mailbox.read(claim, &mut payload) {
                owed::answer_carried(&envelope, &payload, report);
                match envelope.reply {
                    Some(_) if report.reason.is_normal() => {
                        if let Some(address) = envelope.reply {
                            reply::answer(address, ReplyKind::Closed, &[]);
                        }
                    }
                    Some(_) => answer_with_report(envelope.reply, report),
                    None => {
                        let text = format!("the actor has ended: {}", report.reason);
                        let deaths = self.deaths_so_far(mailbox.id(), claim);
                        let why = Why { deliveries: u32::from(claim.count), deaths, text };
                        self.keep_letter(mailbox.id(), &envelope, payload.clone(), why);
                    }
                }
            }
            mailbox.acknowledge(claim);
        }
        slots::seal(&mailbox.window)
    }

    pub(super) fn keep_letter(&mut self, actor: ActorId, envelope: &Envelope, payload: Vec<u8>, why: Why) {
        let known = self.actors.get(&super::reap::index_of(actor));
        let name = |handlers: &Vec<String>| handlers.get(usize::from(envelope.handler)).cloned();
        let letter = DeadLetter {
            actor: known.map(|actor| actor.spec.name.clone()).unwrap_or_default(),
            handler: known.and_then(|actor| name(&actor.spec.handlers)).unwrap_or_default(),
            payload,
            on_crash: envelope.on_crash,
            deliveries: why.deliveries,
            deaths: why.deaths,
            is_call: envelope.reply.is_some(),
            reason: why.text,
        };
        self.counters.dead_letters += 1;
        if LETTER_BYTES_MAX < letter.payload.len() {
            // It would push out all others and then itself.
            self.counters.dead_letters_dropped += 1;
            return;
        }
        self.dead_letters.push_back(letter);
        let mut bytes: usize = self.dead_letters.iter().map(|letter| letter.payload.len()).sum();
        while self.dead_letters.len() > LETTERS_MAX || bytes > LETTER_BYTES_MAX {
            let Some(dropped) = self.dead_letters.pop_front() else { return };
            bytes -= dropped.payload.len();
            self.counters.dead_letters_dropped += 1;
        }
    }

    /// The asking actor cannot handle what it has in its hand.
    pub(super) fn refuse_in_hand(
        &mut self,
        actor: ActorId,
        asking: Participant,
        why: &str,
        reply: Option<ReplyAddress>,
    ) {
        if let Some(mailbox) = Mailbox::attach(actor)
            && let Some((claim, _)) = mailbox.in_hand(asking)
        {
            let mut payload = Vec::new();
            if let Some(envelope) = mailbox.copy(claim, &mut payload) {
                let deaths = self.deaths_so_far(actor, claim);
                let why = Why { deliveries: u32::from(claim.count) + 1, deaths, text: why.to_owned() };
                self.keep_letter(actor, &envelope, payload, why);
                // If it dies before it can go on, this is not to be settled again.
                mailbox.mark_handled(claim);
            }
        }
        self.answer(reply, &Answer::Done);
    }

    pub(super) fn give_dead_letters(&mut self, max: usize, reply: Option<ReplyAddress>) {
        let mut bytes = 0;
        let fitting = self.dead_letters.iter().take(max).take_while(|letter| {
            bytes += letter.payload.len();
            bytes <= ANSWER_BYTES_MAX
        });
        let count = fitting.count().max(self.dead_letters.len().min(max).min(1));
        let answer = Answer::DeadLetters(self.dead_letters.drain(..count).collect());
        // Whoever does not wait any more has not taken them.
        if !self.deliver(reply, &answer)
            && let Answer::DeadLetters(letters) = answer
        {
            letters.into_iter().rev().for_each(|letter| self.dead_letters.push_front(letter));
        }
    }
}

pub(super) fn answer_with_report(reply: Option<ReplyAddress>, report: &ExitReport) {
    let Some(address) = reply else { return };
    let mut bytes = Vec::new();
    let kind = encode_report(&mut bytes, report);
    reply::answer(address, kind, &bytes);
}

/// A report as an answer.
pub(super) fn encode_report(bytes: &mut Vec<u8>, report: &ExitReport) -> ReplyKind {
    match wire::encode_into(bytes, report) {
        Ok(()) => ReplyKind::Exit,
        Err(error) => {
            bytes.extend_from_slice(error.to_string().as_bytes());
            ReplyKind::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::WindowId;
    use crate::shm::slots::SlotWord;

    fn envelope(on_crash: OnCrash, is_call: bool) -> Envelope {
        let address = ReplyAddress { window: WindowId { index: 1, generation: 1 }, slot: 0, generation: 1 };
        let reply = is_call.then_some(address);
        Envelope { on_crash, ..Envelope::plain(Participant::NODE, reply) }
    }

    /// The table of the header, row by row.
    #[test]
    fn smoke() {
        let verdict = |redeliver, report, dead_letter| Verdict { redeliver, report, dead_letter };
        let rows = [
            (true, true, OnCrash::Fail, 1, verdict(false, false, false)),
            (true, true, OnCrash::Redeliver(3), 1, verdict(false, false, false)),
            (true, false, OnCrash::Fail, 1, verdict(false, true, false)),
            (true, false, OnCrash::DeadLetter, 1, verdict(false, true, true)),
            (true, false, OnCrash::Redeliver(3), 2, verdict(true, false, false)),
            (true, false, OnCrash::Redeliver(3), 3, verdict(false, true, true)),
            (false, false, OnCrash::Fail, 1, verdict(false, false, true)),
            (false, false, OnCrash::DeadLetter, 1, verdict(false, false, true)),
            (false, false, OnCrash::Redeliver(3), 2, verdict(true, false, false)),
            (false, false, OnCrash::Redeliver(3), 3, verdict(false, false, true)),
        ];
        for (is_call, is_answered, on_crash, deliveries, expected) in rows {
            let judged = judge(&envelope(on_crash, is_call), is_answered, deliveries);
            assert_eq!(judged, expected, "call {is_call}, answered {is_answered}, {on_crash:?}, delivery {deliveries}");
        }
    }

    #[test]
    fn what_is_for_one_life_is_for_no_other() {
        let envelope = Envelope { life: 1, ..envelope(OnCrash::Redeliver(3), true) };
        let expected = Verdict { redeliver: false, report: true, dead_letter: true };
        assert_eq!(judge(&envelope, false, 1), expected);
        assert!(envelope.is_for(1) && !envelope.is_for(2));
    }

    #[test]
    fn the_largest_number_of_deliveries_is_reached() {
        let envelope = envelope(OnCrash::Redeliver(u8::MAX), false);
        let most = u32::from(SlotWord::COUNT_MAX);
        assert!(judge(&envelope, false, most - 1).redeliver);
        assert!(!judge(&envelope, false, most).redeliver, "a count that stays would redeliver for ever");
    }
}
