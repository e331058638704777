//! Calls whose duty to answer was taken out of their message: what their callers get when whoever has that
//! duty is dead, or the message that it was passed on in is thrown away.
//!
//! They get the exit report of whoever had it last. A duty that somebody else has by then is left alone:
//! that says the word of each call, see [`Duty`].

use super::settle::encode_report;
use super::thread::Node;
use crate::exit::ExitReport;
use crate::id::Participant;
use crate::mailbox::Envelope;
use crate::reply::{Duty, carried};
use crate::shm::ends;

impl Node {
    /// Answers what a dead process had the duty to answer. Called after the message in its hand is settled,
    /// for what it has taken out of a message that is handed out again is not its duty any more.
    pub(super) fn answer_owed(&self, owed: Vec<Duty>, dead: Participant, report: &ExitReport) {
        if owed.is_empty() {
            return;
        }
        let mut bytes = Vec::new();
        let kind = encode_report(&mut bytes, report);
        owed.into_iter().for_each(|duty| duty.answer_for(dead, kind, &bytes));
    }
}

/// Answers what a message that is thrown away has the duty to answer.
pub(super) fn answer_carried(envelope: &Envelope, payload: &[u8], report: &ExitReport) {
    if !envelope.carries {
        return;
    }
    let mut bytes = Vec::new();
    let kind = encode_report(&mut bytes, report);
    carried(payload).for_each(|duty| duty.answer_for_message(kind, &bytes));
    ends::throw_away(payload);
}

/// A message that was in hand of the dead is handed out again: the duties in it are what they were.
pub(super) fn put_back(envelope: &Envelope, payload: &[u8], dead: Participant) {
    let own = envelope.reply.map(Duty::of_message);
    let others = envelope.carries.then(|| carried(payload));
    own.into_iter().chain(others.into_iter().flatten()).for_each(|duty| duty.put_back(dead));
}
