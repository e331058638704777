//! [`Books`]: what was sent, handed out and done, written down by those who did it.
//!
//! There is an entry for every message. Whoever does something writes it into the entry *after* it
//! has happened, and a consumer notes what it is about to have in hand *before* it goes on. So when
//! a process is killed between two of its steps, the books differ from the truth by that one step,
//! and which step it was is known: a number that was begun and not sent, or a message in hand.
//!
//! The books know nothing of queues. They are kept on a [`Board`] that survives everybody.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::crash::{Fault, Kind};
use crate::message::Message;

/// Those who write: one seat for each, whoever sits there.
pub(super) const SEATS: usize = 16;
/// Messages that a consumer can have in hand.
pub(super) const HANDS: usize = 8;
/// Messages of one seat between two audits; who has sent so many waits for the next one.
const ENTRIES: usize = 1 << 21;

/// Words of a seat's page.
const PROGRESS: usize = 0;
const NEXT: usize = 1;
const BASE: usize = 2;
const AT_REST: usize = 3;
const PID: usize = 4;
const IN_HAND: usize = 8;
const PAGE: usize = 16;

const PHASE: usize = SEATS * PAGE;
const FIRST_ENTRY: usize = PHASE + PAGE;

/// What everybody is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Send and receive.
    Run = 0,
    /// Finish what was begun, send nothing new.
    Rest = 1,
    /// Leave.
    End = 2,
}

/// The books of one run; plain data, so that they travel to everybody.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Books {
    board: Board,
}

/// One message: `flags:8 | delivered:16 | failed:16 | count:16`, low bits first.
///
/// *delivered* is how often somebody has got it, *failed* how often somebody who may have got it
/// has died or given it back, *count* what the last one was told about which delivery it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    const SENT: u64 = 1;
    const REFUSED: u64 = 1 << 1;
    const DONE: u64 = 1 << 2;
    /// The last one to get it was told a count.
    const COUNTED: u64 = 1 << 3;
    /// Somebody has died while he acknowledged it.
    const UNSURE: u64 = 1 << 4;
    /// A call, and who has made it has the answer.
    const ANSWERED: u64 = 1 << 5;
    const DELIVERED: u32 = 8;
    const FAILED: u32 = 24;
    const COUNT: u32 = 40;

    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn field(self, at: u32) -> u64 {
        self.0 >> at & 0xffff
    }

    fn delivered(self) -> u64 {
        self.field(Entry::DELIVERED)
    }

    fn failed(self) -> u64 {
        self.field(Entry::FAILED)
    }
}

/// What an audit has found in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Messages that were accepted.
    pub sent: u64,
    /// Deliveries, all of them.
    pub delivered: u64,
    /// Deliveries of a message that had been delivered before.
    pub again: u64,
    /// Messages of dead senders that were accepted without their knowing.
    pub unknown: u64,
    /// Deliveries that nobody has lived to write down, known from a later count.
    pub unwritten: u64,
    /// Messages that were acknowledged by somebody who has not lived to write it down.
    pub unsure: u64,
}

impl Books {
    /// Empty books.
    pub(super) fn new() -> Books {
        Books { board: Board::new(FIRST_ENTRY + SEATS * ENTRIES) }
    }

    fn seat(&self, seat: usize, word: usize) -> &AtomicU64 {
        assert!(seat < SEATS && word < PAGE, "word {word} of seat {seat}");
        &self.board[seat * PAGE + word]
    }

    /// What everybody is to do now.
    pub(super) fn phase(&self) -> Phase {
        match self.board[PHASE].load(Acquire) {
            0 => Phase::Run,
            1 => Phase::Rest,
            _ => Phase::End,
        }
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.board[PHASE].store(phase as u64, Release);
    }

    /// Says that a sender has nothing under way, or has again.
    pub(super) fn set_at_rest(&self, seat: usize, is_at_rest: bool) {
        self.seat(seat, AT_REST).store(u64::from(is_at_rest), Release);
    }

    pub(super) fn is_at_rest(&self, seat: usize) -> bool {
        self.seat(seat, AT_REST).load(Acquire) == 1
    }

    /// Steps that a seat has made.
    pub(super) fn progress(&self, seat: usize) -> u64 {
        self.seat(seat, PROGRESS).load(Acquire)
    }

    fn note_progress(&self, seat: usize) {
        self.seat(seat, PROGRESS).fetch_add(1, AcqRel);
    }

    /// The process that sits there, as far as it has said so.
    pub(super) fn pid(&self, seat: usize) -> u32 {
        self.seat(seat, PID).load(Acquire) as u32
    }

    pub(super) fn set_pid(&self, seat: usize) {
        self.seat(seat, PID).store(u64::from(std::process::id()), Release);
    }

    /// A sender is about to send so many messages: their numbers. `None`: not before the next audit.
    pub(super) fn begin(&self, seat: usize, count: u32) -> Option<std::ops::Range<u32>> {
        let next = self.seat(seat, NEXT).load(Acquire);
        if self.seat(seat, BASE).load(Acquire) + (ENTRIES as u64) < next + u64::from(count) {
            return None;
        }
        self.seat(seat, NEXT).store(next + u64::from(count), Release);
        Some(next as u32..next as u32 + count)
    }

    /// Whether a sender may have to wait for the next audit.
    pub(super) fn is_full(&self, seat: usize) -> bool {
        self.seat(seat, BASE).load(Acquire) + (ENTRIES as u64) < self.next(seat) + 64
    }

    pub(super) fn next(&self, seat: usize) -> u64 {
        self.seat(seat, NEXT).load(Acquire)
    }

    pub(super) fn sent(&self, seat: usize, number: u32) {
        self.change(seat as u32, number, |entry| entry | Entry::SENT).expect("the number was begun");
        self.note_progress(seat);
    }

    /// A call was accepted, carried out and answered.
    pub(super) fn answered(&self, seat: usize, number: u32) {
        let answered = self.change(seat as u32, number, |entry| entry | Entry::SENT | Entry::ANSWERED);
        answered.expect("the number was begun");
        self.note_progress(seat);
    }

    pub(super) fn refused(&self, seat: usize, number: u32) {
        self.change(seat as u32, number, |entry| entry | Entry::REFUSED).expect("the number was begun");
    }

    /// A consumer has got a message; `count` is which delivery of it that is, if it was told.
    ///
    /// # Errors
    /// It should not have.
    pub(super) fn got(&self, seat: usize, hand: usize, message: &Message, count: Option<u32>) -> Result<(), Fault> {
        let (from, number) = (message.from(), message.number());
        if !message.is_whole() {
            return Err(Kind::Torn.fault(format!("INV3: {message:?} is not whole")));
        }
        self.seat(seat, IN_HAND + hand).store(name(from, number), Release);
        let before = self.change(from, number, |entry| {
            let kept = entry & !(0xffff << Entry::COUNT) & !Entry::COUNTED;
            let counted = count.map_or(0, |count| u64::from(count) << Entry::COUNT | Entry::COUNTED);
            (kept + (1 << Entry::DELIVERED)) | counted
        })?;
        self.note_progress(seat);
        let count_min = before.delivered() + 1;
        if before.has(Entry::ANSWERED) {
            return Err(Kind::Doubled.fault(format!("INV2: {message:?} was answered, and came again")));
        }
        if before.has(Entry::DONE) {
            return Err(Kind::Doubled.fault(format!("INV2: {message:?} was done, and came again")));
        }
        if count.is_some_and(|count| u64::from(count) < count_min) {
            let text = format!("INV2: {message:?} came as delivery {count:?}, and is at least {count_min}");
            return Err(Kind::Doubled.fault(text));
        }
        Ok(())
    }

    /// A consumer is about to acknowledge what it has in this hand. Dead from here on, it may have.
    pub(super) fn acknowledges(&self, seat: usize, hand: usize) {
        self.seat(seat, IN_HAND + hand).fetch_or(ACKNOWLEDGES, AcqRel);
    }

    /// A consumer has acknowledged what it had in this hand, if anything.
    ///
    /// # Errors
    /// Somebody else has as well.
    pub(super) fn done(&self, seat: usize, hand: usize) -> Result<(), Fault> {
        let word = self.seat(seat, IN_HAND + hand);
        let Some((from, number)) = named(word.load(Acquire)) else { return Ok(()) };
        let before = self.change(from, number, |entry| entry | Entry::DONE)?;
        word.store(0, Release);
        Kind::Doubled.unless(!before.has(Entry::DONE), || format!("INV2: {number} of {from} was done twice"))
    }

    /// A consumer is about to give back, or has died with, what it has in this hand.
    pub(super) fn failed(&self, seat: usize, hand: usize) {
        let in_hand = self.seat(seat, IN_HAND + hand).load(Acquire);
        if let Some((from, number)) = named(in_hand) {
            let unsure = if in_hand & ACKNOWLEDGES != 0 { Entry::UNSURE } else { 0 };
            let counted = self.change(from, number, |entry| (entry + (1 << Entry::FAILED)) | unsure);
            counted.expect("it was looked up when it came");
        }
    }

    pub(super) fn has_in_hand(&self, seat: usize) -> bool {
        (0..HANDS).any(|hand| self.seat(seat, IN_HAND + hand).load(Acquire) != 0)
    }

    pub(super) fn empty_hand(&self, seat: usize, hand: usize) {
        self.seat(seat, IN_HAND + hand).store(0, Release);
    }

    /// Whoever sat here is dead: what he had in hand has failed.
    pub(super) fn settle(&self, seat: usize) {
        for hand in 0..HANDS {
            self.failed(seat, hand);
            self.empty_hand(seat, hand);
        }
        self.set_at_rest(seat, false);
    }

    fn change(&self, from: u32, number: u32, change: impl Fn(u64) -> u64) -> Result<Entry, Fault> {
        let entry = self.entry(from, number)?;
        let before = entry.fetch_update(AcqRel, Acquire, |entry| Some(change(entry)));
        Ok(Entry(before.expect("the change is never refused")))
    }

    fn entry(&self, from: u32, number: u32) -> Result<&AtomicU64, Fault> {
        let seat = from as usize;
        if seat >= SEATS {
            return Err(Kind::Torn.fault(format!("INV3: there is no sender {from}")));
        }
        let (base, next) = (self.seat(seat, BASE).load(Acquire), self.next(seat));
        if !(base..next).contains(&u64::from(number)) {
            let text = format!("INV2: {number} of {from} is none of {base}..{next}: settled long ago, or never sent");
            return Err(Kind::Doubled.fault(text));
        }
        Ok(&self.board[FIRST_ENTRY + seat * ENTRIES + (u64::from(number) - base) as usize])
    }

    /// Looks at all messages of a sender, when nothing is under way and nothing is left, and begins
    /// a new page. `ends` are the numbers with which lives of this sender have ended.
    ///
    /// # Errors
    /// What is wrong with a message, the first one.
    pub(super) fn audit(&self, seat: usize, ends: &[u64]) -> Result<Audit, Fault> {
        let mut audit = Audit::default();
        let (base, next) = (self.seat(seat, BASE).load(Acquire), self.next(seat));
        // Within one life: a message that was not accepted stands before no accepted one.
        let mut has_ended = false;
        for number in base..next {
            has_ended &= !ends.contains(&number);
            let word = self.entry(seat as u32, number as u32)?;
            let entry = Entry(word.swap(0, AcqRel));
            audit_one(entry, &mut has_ended, &mut audit)
                .map_err(|(kind, why)| kind.fault(format!("{number} of {seat}: {why}, {entry:?}")))?;
        }
        self.seat(seat, BASE).store(next, Release);
        Ok(audit)
    }
}

fn audit_one(entry: Entry, has_ended: &mut bool, audit: &mut Audit) -> Result<(), (Kind, &'static str)> {
    let (delivered, failed) = (entry.delivered(), entry.failed());
    let is_known = entry.has(Entry::SENT);
    if entry.has(Entry::REFUSED) && delivered > 0 {
        return Err((Kind::Doubled, "was refused, and came"));
    }
    if is_known && delivered == 0 {
        return Err((Kind::Lost, "was sent, and is lost"));
    }
    if delivered > 0 && !entry.has(Entry::DONE | Entry::UNSURE) {
        return Err((Kind::Lost, "was delivered, and is lost, for nobody has acknowledged it"));
    }
    if delivered > 1 + failed {
        return Err((Kind::Doubled, "was delivered more often than it had to be"));
    }
    if *has_ended && (is_known || delivered > 0) {
        return Err((Kind::Lost, "was accepted after one that was not"));
    }
    *has_ended |= !is_known && delivered == 0;
    audit.sent += u64::from(is_known);
    audit.delivered += delivered;
    audit.again += delivered.saturating_sub(1);
    audit.unsure += u64::from(delivered > 0 && !entry.has(Entry::DONE));
    audit.unknown += u64::from(!is_known && delivered > 0);
    if entry.has(Entry::COUNTED) {
        audit.unwritten += entry.field(Entry::COUNT).saturating_sub(delivered);
    }
    Ok(())
}

impl std::ops::AddAssign for Audit {
    fn add_assign(&mut self, other: Audit) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.again += other.again;
        self.unknown += other.unknown;
        self.unwritten += other.unwritten;
        self.unsure += other.unsure;
    }
}

/// Beside the name of a message in hand: it may be acknowledged already.
const ACKNOWLEDGES: u64 = 1 << 63;

/// Names a message in one word that is not 0.
fn name(from: u32, number: u32) -> u64 {
    (u64::from(from) + 1) << 32 | u64::from(number)
}

fn named(name: u64) -> Option<(u32, u32)> {
    let from = (name & !ACKNOWLEDGES) >> 32;
    Some(((from as u32).checked_sub(1)?, name as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: usize = 2;
    const CONSUMER: usize = 5;

    fn begun(count: u32) -> Books {
        let books = Books::new();
        assert_eq!(books.begin(SENDER, count), Some(0..count));
        books
    }

    fn message(number: u32) -> Message {
        Message::new(SENDER as u32, number, 10)
    }

    #[test]
    fn smoke() {
        let books = begun(3);
        for number in 0..3 {
            books.sent(SENDER, number);
            books.got(CONSUMER, 0, &message(number), Some(1)).unwrap();
            books.done(CONSUMER, 0).unwrap();
        }
        let audit = books.audit(SENDER, &[]).unwrap();
        assert_eq!(audit, Audit { sent: 3, delivered: 3, ..Audit::default() });
        assert!(books.got(CONSUMER, 0, &message(1), None).unwrap_err().text.contains("settled long ago"));
    }

    #[test]
    fn what_is_lost_or_doubled_is_found() {
        let lost = begun(1);
        lost.sent(SENDER, 0);
        assert!(lost.audit(SENDER, &[]).unwrap_err().text.contains("is lost"));

        let lost_in_hand = begun(1);
        lost_in_hand.got(CONSUMER, 0, &message(0), Some(1)).unwrap();
        lost_in_hand.settle(CONSUMER);
        assert!(lost_in_hand.audit(SENDER, &[]).unwrap_err().text.contains("is lost"));

        let doubled = begun(1);
        doubled.sent(SENDER, 0);
        doubled.got(CONSUMER, 0, &message(0), None).unwrap();
        doubled.got(CONSUMER + 1, 0, &message(0), None).unwrap();
        doubled.done(CONSUMER, 0).unwrap();
        assert!(doubled.done(CONSUMER + 1, 0).is_err());
        assert!(doubled.got(CONSUMER, 0, &message(0), None).unwrap_err().text.contains("came again"));
        assert!(doubled.audit(SENDER, &[]).unwrap_err().text.contains("more often"));

        let answered = begun(1);
        answered.got(CONSUMER, 0, &message(0), Some(1)).unwrap();
        answered.answered(SENDER, 0);
        answered.settle(CONSUMER);
        assert!(answered.got(CONSUMER, 0, &message(0), Some(2)).unwrap_err().text.contains("was answered"));

        let refused = begun(1);
        refused.refused(SENDER, 0);
        refused.got(CONSUMER, 0, &message(0), None).unwrap();
        assert!(refused.audit(SENDER, &[]).unwrap_err().text.contains("was refused"));
    }

    #[test]
    fn a_death_explains_one_delivery_and_one_message() {
        let books = begun(3);
        books.sent(SENDER, 0);
        books.got(CONSUMER, 0, &message(0), Some(1)).unwrap();
        books.settle(CONSUMER);
        assert!(books.got(CONSUMER, 0, &message(0), Some(1)).unwrap_err().text.contains("at least 2"));
        books.settle(CONSUMER);
        books.got(CONSUMER, 0, &message(0), Some(4)).unwrap();
        books.done(CONSUMER, 0).unwrap();
        // The sender has died in the middle of number 1; number 2 was never tried.
        books.got(CONSUMER, 0, &message(1), Some(1)).unwrap();
        books.done(CONSUMER, 0).unwrap();
        let expected = Audit { sent: 1, delivered: 4, again: 2, unknown: 1, unwritten: 1, unsure: 0 };
        assert_eq!(books.audit(SENDER, &[3]), Ok(expected));
    }

    #[test]
    fn who_dies_while_he_acknowledges_may_have_done_it() {
        let books = begun(1);
        books.sent(SENDER, 0);
        books.got(CONSUMER, 0, &message(0), Some(1)).unwrap();
        books.acknowledges(CONSUMER, 0);
        assert!(books.has_in_hand(CONSUMER));
        books.settle(CONSUMER);
        let expected = Audit { sent: 1, delivered: 1, unsure: 1, ..Audit::default() };
        assert_eq!(books.audit(SENDER, &[]), Ok(expected));
    }

    #[test]
    fn a_gap_within_a_life_is_found() {
        let arrive = |books: &Books, number| {
            books.got(CONSUMER, 0, &message(number), None).unwrap();
            books.done(CONSUMER, 0).unwrap();
        };
        let gap = begun(3);
        arrive(&gap, 2);
        assert!(gap.audit(SENDER, &[3]).unwrap_err().text.contains("after one that was not"));
        let two_lives = begun(3);
        arrive(&two_lives, 2);
        assert!(two_lives.audit(SENDER, &[2, 3]).is_ok());
    }
}
