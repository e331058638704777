//! [`Books`]: what must be, may be and must not be on a queue, by what the victims were told.
//!
//! Kept without asking the queue: from the notes that the victims have left and from what the harness
//! has done itself. The invariants are those of the table in the header of [`steps`](super).

use std::fmt;

use super::scene::{Note, Notes, SEATS};
use crate::crash::{Fault, Kind};

/// Sets of messages, a bit for each.
#[derive(Clone, Copy, Default)]
pub(super) struct Books {
    /// Somebody was about to send it.
    tried: u64,
    /// Somebody was told that it was sent, or that it was not.
    sent: u64,
    refused: u64,
    /// It may be gone with a victim that had it, and is gone where that was told so.
    may_be_gone: u64,
    is_gone: u64,
    /// A victim may have held it, held it to its death or gave it back, gave it back before; and so did
    /// another one, and a third one.
    touched: [u64; SEATS],
    held: [u64; SEATS],
    returned: u64,
    /// Received by those who live.
    received: u64,
    /// What is in the queue may be discarded; it may be closed; it is.
    pub(super) may_be_discarded: bool,
    pub(super) may_be_closed: bool,
    pub(super) is_closed: bool,
}

impl Books {
    /// The harness has sent these.
    pub(super) fn send(&mut self, bits: u64) {
        self.tried |= bits;
        self.sent |= bits;
    }

    /// Somebody who lives is about to send this.
    pub(super) fn try_to_send(&mut self, bit: u64) {
        self.tried |= bit;
    }

    /// Somebody who lives was told what has become of what he was about to send.
    pub(super) fn told(&mut self, bit: u64, is_sent: bool) {
        if is_sent { self.sent |= bit } else { self.refused |= bit }
    }

    /// Somebody who lives has received this.
    pub(super) fn receive(&mut self, bit: u64) -> Result<(), Fault> {
        Kind::Doubled.unless(self.received & bit == 0, || format!("{} was received twice", Set(bit)))?;
        self.received |= bit;
        Ok(())
    }

    /// It was closed by the harness.
    pub(super) fn close(&mut self) {
        self.may_be_closed = true;
        self.is_closed = true;
    }

    /// What a victim has noted until its death.
    pub(super) fn add(&mut self, notes: &Notes) {
        self.tried |= notes.get(Note::Sending);
        self.sent |= notes.get(Note::Sent);
        self.refused |= notes.get(Note::Refused);
        self.may_be_gone |= notes.get(Note::Seen) | notes.get(Note::Finishing);
        self.is_gone |= notes.get(Note::Taken) | notes.get(Note::Finished);
        add_once_more(&mut self.touched, notes.get(Note::Touches));
        add_once_more(&mut self.held, notes.get(Note::Held));
        self.returned |= notes.get(Note::Returned);
        self.may_be_closed |= notes.get(Note::Closing) != 0;
        self.may_be_discarded |= notes.get(Note::Closing) == 2;
        self.is_closed |= notes.get(Note::Closed) != 0;
    }

    /// Checks how often a message was handed out, this time included.
    pub(super) fn check_count(&self, bit: u64, count: u32) -> Result<(), Fault> {
        let is = |set: u64| u32::from(set & bit != 0);
        let least = 1 + is(self.returned) + self.held.map(is).iter().sum::<u32>();
        let most = 1 + is(self.returned) + self.touched.map(is).iter().sum::<u32>();
        Kind::Doubled.unless((least..=most).contains(&count), || {
            format!("{} was handed out {count} times, and not {least} to {most}", Set(bit))
        })
    }

    /// Checks what was received, when everything that is there was.
    pub(super) fn check_received(&self) -> Result<(), Fault> {
        let received = self.received;
        Kind::Torn.unless(received & !self.tried == 0, || format!("{} was never sent", Set(received & !self.tried)))?;
        let refused = received & self.refused;
        Kind::Doubled.unless(refused == 0, || format!("{} was refused, and was received", Set(refused)))?;
        let again = received & self.is_gone;
        Kind::Doubled.unless(again == 0, || format!("{} was done with, and was received again", Set(again)))?;
        let missing = self.sent & !received & !self.may_be_gone & !self.is_gone;
        Kind::Lost
            .unless(missing == 0 || self.may_be_discarded, || format!("{} was sent, and is nowhere", Set(missing)))
    }
}

fn add_once_more(sets: &mut [u64; SEATS], bits: u64) {
    for often in (1..SEATS).rev() {
        sets[often] |= sets[often - 1] & bits;
    }
    sets[0] |= bits;
}

/// How texts name messages.
struct Set(u64);

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SENDERS: [&str; 5] =
            ["the harness", "the victim", "the second victim", "the third victim", "the sleeper"];
        const EACH: usize = 12;
        let numbers = (0..SENDERS.len() * EACH).filter(|bit| self.0 & 1 << bit != 0);
        let names: Vec<_> = numbers.map(|bit| format!("message {} of {}", bit % EACH, SENDERS[bit / EACH])).collect();
        f.write_str(&names.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut books = Books::default();
        books.send(0b111);
        books.receive(0b001).unwrap();
        assert_eq!(books.receive(0b001).unwrap_err().kind, Kind::Doubled);
        assert_eq!(books.check_received().unwrap_err().kind, Kind::Lost);
        assert!(Books { may_be_discarded: true, ..books }.check_received().is_ok());
        assert!(Books { may_be_gone: 0b110, ..books }.check_received().is_ok());
        assert_eq!(Books { is_gone: 0b111, ..books }.check_received().unwrap_err().kind, Kind::Doubled);
        assert_eq!(Books { refused: 0b111, ..books }.check_received().unwrap_err().kind, Kind::Doubled);
        assert_eq!(Books { tried: 0b110, ..books }.check_received().unwrap_err().kind, Kind::Torn);
    }

    #[test]
    fn counts_follow_from_who_has_died() {
        let mut books = Books { held: [0b010, 0, 0], returned: 0b100, ..Books::default() };
        add_once_more(&mut books.touched, 0b10111);
        add_once_more(&mut books.touched, 0b110000);
        add_once_more(&mut books.touched, 0b100000);
        let counts = [(0b1000, 1, 1), (0b001, 1, 2), (0b010, 2, 2), (0b100, 2, 3), (0b10000, 1, 3), (0b100000, 1, 3)];
        for (bit, least, most) in counts {
            let fits = |count: &u32| books.check_count(bit, *count).is_ok();
            assert_eq!((1..6).filter(fits).collect::<Vec<_>>(), (least..=most).collect::<Vec<_>>());
        }
    }
}
