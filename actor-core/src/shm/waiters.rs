//! Those who wait at a condition: each has a seat, and a wake belongs to the seat that it was given to.
//!
//! ```text
//! FREE ──sit (CAS)──► WAITING(p, ticket) ──notify (CAS)──► WOKEN(p) ──p has the mutex again──► FREE
//!                        │ its time is up, p died             │ p died, or does not get the mutex
//!                        └──► FREE                            └──► another is notified, then FREE
//! ```
//!
//! The word of a seat is `state:2 | participant:14 | ticket:48`. Tickets are drawn under the mutex that goes with
//! the condition, so a notification goes to who has waited longest. Each seat has an event of its own: nobody is
//! woken but who was chosen.
//!
//! # Death
//! - Of one who waits: its seat is free. It was not chosen, so it has swallowed nothing.
//! - Of one who was chosen, before it had the mutex again: the wake is passed on, and only then is the seat free.
//!   Interrupted and done again it wakes one more, which every use of a condition must bear. A wake for all
//!   is not passed on: whoever waits now has come after it.
//! - Of one who notifies, between the choice and the wake: recovery wakes who was chosen.
//!
//! Seats are bounded ([`WAITERS_MAX`]): to choose the oldest is to look at all.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::event::Event;
use super::layout::{EventLine, Shape};
use super::region;
use super::window::Window;
use super::words::{Mapped, Memory, Word};
use crate::id::Participant;
use crate::planted::planted;

/// Seats of one condition.
pub(crate) const WAITERS_MAX: usize = 4096;

/// How often somebody is looked for who does not give up just then: a peer that runs wild cannot keep the node.
const TRIES_MAX: usize = 2 * WAITERS_MAX;

const TICKETS_AT: u64 = 0;
const COUNT_AT: u64 = 8;
const WORDS_AT: u64 = 64;
const LINE_BYTES: u64 = 64;

/// The word of a seat.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SeatWord(u64);

const STATE: u64 = 0b11;
const FREE: u64 = 0;
const WAITING: u64 = 1;
/// By a notification for one, which is passed on if it is not used.
const WOKEN: u64 = 2;
const WOKEN_WITH_ALL: u64 = 3;
const WHO_SHIFT: u32 = 2;
const WHO: u64 = (1 << Participant::BITS) - 1;
const TICKET_SHIFT: u32 = 16;

impl SeatWord {
    fn waiting(me: Participant, ticket: u64) -> SeatWord {
        SeatWord(WAITING | u64::from(me.0) << WHO_SHIFT | ticket << TICKET_SHIFT)
    }

    fn state(self) -> u64 {
        self.0 & STATE
    }

    fn is_woken(self) -> bool {
        matches!(self.state(), WOKEN | WOKEN_WITH_ALL)
    }

    fn is_of(self, who: Participant) -> bool {
        self.state() != FREE && self.0 >> WHO_SHIFT & WHO == u64::from(who.0)
    }

    fn ticket(self) -> u64 {
        self.0 >> TICKET_SHIFT
    }

    fn with(self, state: u64) -> SeatWord {
        SeatWord(self.0 & !STATE | state)
    }
}

/// The seats of one condition.
pub(crate) trait Waiters {
    type Memory: Memory;

    fn seats(&self) -> &[<Self::Memory as Memory>::Word64];
    fn tickets(&self) -> &<Self::Memory as Memory>::Word64;
    /// What is told to who sits there.
    fn event(&self, seat: u32) -> Event<'_, Self::Memory>;
}

/// Takes a seat. Called with the mutex held. `None`: there is none.
pub(crate) fn sit<W: Waiters>(waiters: &W, me: Participant) -> Option<u32> {
    let waiting = SeatWord::waiting(me, waiters.tickets().fetch_add(1, Relaxed));
    let take = |seat: &<W::Memory as Memory>::Word64| {
        seat.load(Relaxed) == FREE && seat.compare_exchange(FREE, waiting.0, AcqRel).is_ok()
    };
    waiters.seats().iter().position(take).map(|seat| seat as u32)
}

/// Whether who sits there was chosen.
pub(crate) fn is_woken<W: Waiters>(waiters: &W, seat: u32) -> bool {
    SeatWord(waiters.seats()[seat as usize].load(Acquire)).is_woken() // PAIR: seat-woken
}

/// Waits no more, unless it was chosen by now: then it is as if it had waited for that. False: it was.
pub(crate) fn give_up<W: Waiters>(waiters: &W, seat: u32) -> bool {
    let word = &waiters.seats()[seat as usize];
    let seen = SeatWord(word.load(Relaxed));
    seen.state() == WAITING && word.compare_exchange(seen.0, FREE, AcqRel).is_ok()
}

/// Leaves the seat with the wake used: the mutex is held again.
pub(crate) fn rise<W: Waiters>(waiters: &W, seat: u32) {
    waiters.seats()[seat as usize].store(FREE, Release);
}

/// Leaves the seat without any use of the wake that there may be.
pub(crate) fn leave<W: Waiters>(waiters: &W, seat: u32) {
    if !give_up(waiters, seat) {
        pass_on(waiters, seat);
    }
}

/// First the wake is another's, then the seat is free: dead in between, it is passed on once more.
fn pass_on<W: Waiters>(waiters: &W, seat: u32) {
    let word = &waiters.seats()[seat as usize];
    if SeatWord(word.load(Acquire)).state() == WOKEN && !planted!(SwallowWakes) {
        notify(waiters, 1);
    }
    word.store(FREE, Release);
}

/// Wakes so many of those who have waited longest, and says how many there were.
pub(crate) fn notify<W: Waiters>(waiters: &W, count: usize) -> usize {
    // Each choice that fails is one that another has made, or one who has given up.
    let wake_one = |_: &usize| (0..TRIES_MAX).find_map(|_| wake_oldest(waiters).ok()).unwrap_or(false);
    (0..count).take_while(wake_one).count()
}

/// False: nobody waits. An error: look again.
fn wake_oldest<W: Waiters>(waiters: &W) -> Result<bool, ()> {
    let seats = waiters.seats().iter().enumerate();
    let waiting = seats.map(|(at, seat)| (SeatWord(seat.load(Acquire)), at));
    let oldest = waiting.filter(|(seen, _)| seen.state() == WAITING).min_by_key(|(seen, _)| seen.ticket());
    match oldest {
        None => Ok(false),
        Some((seen, at)) if wake(waiters, at, seen, WOKEN) => Ok(true),
        Some(_) => Err(()),
    }
}

/// Wakes all, and says how many there were.
pub(crate) fn notify_all<W: Waiters>(waiters: &W) -> usize {
    let seats = waiters.seats().iter().enumerate();
    let waiting = seats.map(|(at, seat)| (at, SeatWord(seat.load(Acquire))));
    waiting.filter(|(at, seen)| seen.state() == WAITING && wake(waiters, *at, *seen, WOKEN_WITH_ALL)).count()
}

fn wake<W: Waiters>(waiters: &W, at: usize, seen: SeatWord, state: u64) -> bool {
    // Dead behind it: recovery tells who sits there.
    let is_ours = waiters.seats()[at].compare_exchange(seen.0, seen.with(state).0, AcqRel).is_ok(); // PAIR: seat-woken
    if is_ours {
        waiters.event(at as u32).notify_each();
    }
    is_ours
}

/// How many wait and were not chosen.
pub(crate) fn waiting<W: Waiters>(waiters: &W) -> usize {
    waiters.seats().iter().filter(|seat| SeatWord(seat.load(Relaxed)).state() == WAITING).count()
}

/// Frees the seats of the dead, passes its wakes on, and tells those whom it may have chosen and not told.
pub(crate) fn recover<W: Waiters>(waiters: &W, dead: Participant) {
    for (at, seat) in waiters.seats().iter().enumerate() {
        if SeatWord(seat.load(Acquire)).is_of(dead) {
            leave(waiters, at as u32);
        }
    }
    for (at, seat) in waiters.seats().iter().enumerate() {
        if SeatWord(seat.load(Acquire)).is_woken() {
            waiters.event(at as u32).notify_all();
        }
    }
}

/// The seats in a window.
#[derive(Clone, Copy)]
pub(crate) struct Seats {
    words: &'static [AtomicU64],
    tickets: &'static AtomicU64,
    lines: &'static [EventLine],
}

impl Seats {
    pub(crate) fn line(self, seat: u32) -> &'static EventLine {
        &self.lines[seat as usize]
    }

    /// All look again: there is nothing to wait for any more.
    pub(crate) fn wake_everybody(self) {
        self.lines.iter().for_each(|line| line.event().notify_each());
    }
}

impl Waiters for Seats {
    type Memory = Mapped;

    fn seats(&self) -> &[AtomicU64] {
        self.words
    }
    fn tickets(&self) -> &AtomicU64 {
        self.tickets
    }
    fn event(&self, seat: u32) -> Event<'_, Mapped> {
        self.line(seat).event()
    }
}

fn lines_at(waiters: u64) -> u64 {
    (WORDS_AT + waiters * 8).next_multiple_of(LINE_BYTES)
}

/// The shape of the window of a condition with so many seats.
pub(crate) fn shape(waiters_max: usize) -> Option<Shape> {
    let seats = (1..=WAITERS_MAX).contains(&waiters_max).then_some(waiters_max as u64)?;
    region::shape(lines_at(seats) + seats * LINE_BYTES)
}

/// Writes what is there at the beginning, before anybody else has a handle.
pub(crate) fn initialise(window: &Window, waiters_max: usize) {
    window.memory::<AtomicU64>(COUNT_AT).store(waiters_max as u64, Relaxed);
}

/// The seats in a window. `None`: they are none of ours, whatever it says.
pub(crate) fn of(window: &Window) -> Option<Seats> {
    let room = window.memory_bytes();
    if room < WORDS_AT {
        return None;
    }
    // Others can write there: it never reaches over the end.
    let count = window.memory::<AtomicU64>(COUNT_AT).load(Relaxed).min(WAITERS_MAX as u64);
    (lines_at(count) + count * LINE_BYTES <= room).then(|| Seats {
        words: window.memory_slice(WORDS_AT, count as usize),
        tickets: window.memory(TICKETS_AT),
        lines: window.memory_slice(lines_at(count), count as usize),
    })
}

/// See [`region::recover`]. Nobody asks who has waited and died.
pub(super) fn recover_window(window: &Window, dead: Participant) -> bool {
    of(window).iter().for_each(|seats| recover(seats, dead));
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::handle::Handle;
    use crate::shm::kind::Kind;
    use crate::shm::segment::segment;

    const A: Participant = Participant(7);
    const B: Participant = Participant(8);

    fn made(count: usize) -> (Handle, Seats) {
        let handle = Handle::make(segment().unwrap(), Kind::Waiters, shape(count).unwrap()).unwrap();
        initialise(handle.window().unwrap(), count);
        let seats = of(handle.window().unwrap()).unwrap();
        (handle, seats)
    }

    fn woken(seats: &Seats) -> Vec<u32> {
        (0..seats.words.len() as u32).filter(|seat| is_woken(seats, *seat)).collect()
    }

    #[test]
    fn smoke() {
        let (_handle, seats) = made(4);
        let taken: Vec<u32> = (0..4).map(|_| sit(&seats, A).unwrap()).collect();
        assert_eq!((sit(&seats, B), waiting(&seats)), (None, 4));
        assert_eq!((notify(&seats, 2), waiting(&seats)), (2, 2));
        assert_eq!(woken(&seats), taken[..2], "the oldest");
        rise(&seats, taken[0]);
        let young = sit(&seats, B).unwrap();
        assert_eq!(notify(&seats, 2), 2);
        assert!(!is_woken(&seats, young), "it has come last, whatever its seat");
        assert!(give_up(&seats, young) && !give_up(&seats, taken[1]));
        assert_eq!((notify(&seats, 9), notify_all(&seats)), (0, 0));
    }

    #[test]
    fn a_wake_that_is_not_used_is_passed_on() {
        let (_handle, seats) = made(3);
        let [first, second, third] = [A, B, A].map(|who| sit(&seats, who).unwrap());
        notify(&seats, 1);
        recover(&seats, A);
        assert_eq!((woken(&seats), waiting(&seats)), (vec![second], 0), "the third is of the dead as well");
        leave(&seats, second);
        assert_eq!((woken(&seats), waiting(&seats)), (vec![], 0));
        assert_eq!((first, third), (0, 2));
        let [first, second] = [A, B].map(|who| sit(&seats, who).unwrap());
        assert_eq!(notify_all(&seats), 2);
        let late = sit(&seats, B).unwrap();
        leave(&seats, first);
        assert_eq!((woken(&seats), is_woken(&seats, late)), (vec![second], false), "it came after that");
    }

    #[test]
    fn absurd_numbers_have_no_shape_and_reach_over_no_end() {
        assert!(shape(0).is_none() && shape(WAITERS_MAX + 1).is_none() && shape(WAITERS_MAX).is_some());
        let (handle, _) = made(2);
        let window = handle.window().unwrap();
        window.memory::<AtomicU64>(COUNT_AT).store(u64::MAX, Relaxed);
        assert!(of(window).is_none());
    }
}
