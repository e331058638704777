//! A barrier: nobody goes on before all have come, and one word decides for all what became of a round.
//!
//! # Words
//! The main word is `phase:2 | cause:3 | participant:14 | round:32 (at 32)`. In phase FILLING and BROKEN the
//! cause and the participant say how the round before ended, in ACTING the participant runs the action of
//! this round. Each decision (passed, broken, reset) is one exchange on it, and raises the round.
//!
//! There is a place for each party: `state:2 | cause:3 | owner:14 | rest (at 32)`.
//!
//! ```text
//! FREE ──CAS──► ENTERING(p) ──► ARRIVED(p, round) ──► DONE(p, how it ended) ──p──► FREE
//!                    ▲               │ the round is over
//!                    └── p was late ─┴──p──► FREE
//! ```
//!
//! # Argument
//! A round passes when all places have arrived in it. A place that somebody is entering belongs to no round
//! yet, and none can pass meanwhile; so who has arrived in a round that has passed was counted in it. Places
//! that have arrived stay so until the main word has changed; so who finds all arrived, and then changes the
//! main word from what he has read before, is right.
//!
//! The main word remembers how one round ended. Before it is changed again, whoever does that writes the
//! end into the places of those who have not looked yet (`tell`); so each party learns how its own round
//! ended, however long it sleeps. A sleeper keeps his place, and the next round waits for it.
//!
//! # Death
//! A party that dies in its place, or while it runs the action, breaks the barrier, and so does whoever dies
//! with a handle on it unless it has ended in good order: the others would wait for it in vain. Then its
//! places are free, and all who wait look again. Who gives up, because his time is up, breaks it too.
//!
//! Rounds wrap after 2^32; a party would have to sleep through all of them between two instructions.

mod word;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

pub(crate) use word::{End, Ended};
use word::{FREE, Main, Phase, Place};

use super::layout::{EventLine, Shape};
use super::region;
use super::window::Window;
use super::words::{Mapped, Memory};
use crate::exit::EndKind;
use crate::id::{Participant, ProcessId};
use crate::planted::planted;

/// Parties of one barrier: each looks at the places of all.
pub(crate) const PARTIES_MAX: usize = 4096;
/// How often the node tries to break a barrier that others change at the same time. Each does so once.
const TRIES_MAX: usize = 2 * PARTIES_MAX;

const MAIN_AT: u64 = 0;
const CULPRIT_AT: u64 = 8;
const PARTIES_AT: u64 = 16;
const TIMEOUT_AT: u64 = 24;
const TURNED_AT: u64 = 64;
const ROOM_AT: u64 = 128;
const PLACES_AT: u64 = 192;

/// The words of one barrier.
#[derive(Clone, Copy)]
pub(crate) struct Barrier {
    main: &'static AtomicU64,
    /// The last that has broken it by its death: `participant | generation`. Written by the node.
    culprit: &'static AtomicU64,
    timeout: &'static AtomicU64,
    places: &'static [AtomicU64],
    /// Told at each decision.
    pub(crate) turned: &'static EventLine,
    /// Told when a place has become free.
    pub(crate) room: &'static EventLine,
}

/// One who waits: his place, and the round that he waits for the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) place: u32,
    round: u32,
}

/// What an arrival has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// Others are to come.
    Waits(Arrival),
    /// This was the last one: it runs the action, and calls [`Barrier::pass`] or [`Barrier::give_up`].
    Leads(Arrival),
    /// The barrier is broken, and was before.
    Broken(Ended),
}

impl Barrier {
    pub(crate) fn parties(self) -> usize {
        self.places.len()
    }

    /// How long to wait where nobody says.
    pub(crate) fn timeout(self) -> Option<Duration> {
        self.timeout.load(Relaxed).checked_sub(1).map(Duration::from_nanos)
    }

    /// How many have come and wait for the others.
    pub(crate) fn waiting(self) -> usize {
        let main = self.main();
        self.places.iter().filter(|place| Place(place.load(Relaxed)).has_arrived_in(main.round())).count()
    }

    pub(crate) fn broken(self) -> Option<Ended> {
        let main = self.main();
        (main.phase() == Phase::Broken).then(|| main.last())
    }

    /// Whose death it was.
    pub(crate) fn culprit(self, by: Participant) -> ProcessId {
        let packed = self.culprit.load(Acquire); // PAIR: culprit
        let is_same = packed >> 32 == u64::from(by.0);
        ProcessId { participant: by, generation: if is_same { packed as u32 } else { 0 } }
    }

    /// Comes to the barrier. `None`: all places are taken, by those who have not left the round before or
    /// by more than the parties; wait for `room`.
    pub(crate) fn enter(self, me: Participant) -> Option<Arrived> {
        if let Some(ended) = self.broken() {
            return Some(Arrived::Broken(ended));
        }
        let take = |place: &AtomicU64| {
            place.load(Relaxed) == FREE && place.compare_exchange(FREE, Place::entering(me).0, AcqRel, Acquire).is_ok()
        };
        let place = self.places.iter().position(take)? as u32;
        Some(self.arrive(place, me))
    }

    /// Arrives in the round that there is, in a place that is this caller's.
    pub(crate) fn arrive(self, place: u32, me: Participant) -> Arrived {
        let main = self.main();
        if main.phase() == Phase::Broken {
            self.leave(place);
            return Arrived::Broken(main.last());
        }
        let arrival = Arrival { place, round: main.round() };
        // Dead here: it has a place in no round. Dead behind it: it has arrived, and breaks the barrier.
        self.put(place, Place::arrived(me, arrival.round).0);
        Mapped::fence();
        // The last of those who arrive sees all others: each looks after he has written.
        let is_full = self.places.iter().all(|place| Place(place.load(Acquire)).has_arrived_in(arrival.round));
        let acting = Main::new(Phase::Acting, Ended { end: End::Passed, by: me }, arrival.round);
        match is_full && main.phase() == Phase::Filling && self.change(main, acting) {
            true => Arrived::Leads(arrival),
            false => Arrived::Waits(arrival),
        }
    }

    /// Lets all go, after the action. False: it was broken meanwhile.
    pub(crate) fn pass(self, arrival: Arrival, me: Participant) -> bool {
        let acting = Main::new(Phase::Acting, Ended { end: End::Passed, by: me }, arrival.round);
        self.decide(acting, End::Passed, me)
    }

    /// How the round of this arrival ended. `None`: it has not. `Some(None)`: this one has come too late to
    /// be counted in any, and [arrives](Barrier::arrive) again.
    pub(crate) fn look(self, arrival: Arrival) -> Option<Option<Ended>> {
        let main = self.main();
        // Behind the main word: whoever has changed that since has told this place before.
        let place = self.places.get(arrival.place as usize).map_or(Place(FREE), |place| Place(place.load(Acquire)));
        match (place.told(), main.round().wrapping_sub(arrival.round)) {
            (Some(ended), _) => Some(Some(ended)),
            (None, 0) => None,
            (None, 1) => Some(Some(main.last())),
            (None, _) => Some(None),
        }
    }

    /// Frees a place that is this caller's.
    pub(crate) fn leave(self, place: u32) {
        self.put(place, FREE);
        self.room.event().notify_each();
    }

    /// Where somebody has written how many places there are, there may be fewer by now.
    fn put(self, place: u32, word: u64) {
        self.places.get(place as usize).iter().for_each(|place| place.store(word, Release));
    }

    /// Breaks the round of this arrival, unless it has ended. Then [`Barrier::look`] tells how.
    pub(crate) fn give_up(self, arrival: Arrival, end: End, me: Participant) {
        self.break_if(end, me, |main| main.round() == arrival.round && main.phase() != Phase::Broken);
    }

    pub(crate) fn abort(self, me: Participant) {
        self.break_if(End::Aborted, me, |main| main.phase() != Phase::Broken);
    }

    /// Makes it usable again: those who wait go, as from a broken one.
    pub(crate) fn reset(self, me: Participant) {
        self.break_if(End::Reset, me, |main| main.phase() == Phase::Broken || self.waiting() != 0);
    }

    /// Ends the round as long as `applies`; whether it did.
    fn break_if(self, end: End, by: Participant, applies: impl Fn(Main) -> bool) -> bool {
        for _ in 0..TRIES_MAX {
            let main = self.main();
            if !applies(main) {
                return false;
            }
            if self.decide(main, end, by) {
                return true;
            }
        }
        false
    }

    fn main(self) -> Main {
        Main(self.main.load(Acquire))
    }

    /// Ends the round of `seen`, unless somebody else has.
    fn decide(self, seen: Main, end: End, by: Participant) -> bool {
        self.tell(seen);
        let is_ours = self.change(seen, seen.ended(end, by));
        if is_ours {
            self.turned.event().notify_all();
            // Who waits for a place looks whether it is broken.
            self.room.event().notify_all();
        }
        is_ours
    }

    fn change(self, from: Main, to: Main) -> bool {
        self.main.compare_exchange(from.0, to.0, AcqRel, Acquire).is_ok()
    }

    /// Writes how the round before ended into the places that still wait for it: the main word is about to
    /// forget it. Done twice it is done once.
    fn tell(self, seen: Main) {
        for place in self.places {
            let word = Place(place.load(Acquire));
            if word.has_arrived_in(seen.round().wrapping_sub(1)) {
                let _ = place.compare_exchange(word.0, word.done(seen.last()).0, AcqRel, Acquire);
            }
        }
    }

    fn recover(self, dead: ProcessId, has_crashed: bool) -> bool {
        let (participant, places) = (dead.participant, self.places);
        let applies = |main: Main| {
            let is_acting = main.phase() == Phase::Acting && main.last().by == participant;
            let waits = |place: &AtomicU64| {
                let place = Place(place.load(Acquire));
                place.is_of(participant) && place.has_arrived_in(main.round())
            };
            main.phase() != Phase::Broken && (has_crashed || is_acting || places.iter().any(waits))
        };
        let packed = u64::from(participant.0) << 32 | u64::from(dead.generation);
        if applies(self.main()) {
            self.culprit.store(packed, Release); // PAIR: culprit
        }
        let is_ours = !planted!(WaitForTheDead) && self.break_if(End::Died, participant, applies);
        for place in places {
            let word = Place(place.load(Acquire));
            if word.is_of(participant) {
                let _ = place.compare_exchange(word.0, FREE, AcqRel, Acquire);
            }
        }
        // It may have swallowed a wake.
        self.turned.event().notify_all();
        self.room.event().notify_all();
        is_ours
    }
}

/// The shape of the window of a barrier.
pub(crate) fn shape(parties: usize) -> Option<Shape> {
    let places = (1..=PARTIES_MAX).contains(&parties).then_some(parties as u64)?;
    region::shape(PLACES_AT + places * 8)
}

/// Writes what is there at the beginning, before anybody else has a handle.
pub(crate) fn initialise(window: &Window, parties: usize, timeout: Option<Duration>) {
    let nanos = timeout.and_then(|timeout| u64::try_from(timeout.as_nanos()).ok()?.checked_add(1));
    window.memory::<AtomicU64>(TIMEOUT_AT).store(nanos.unwrap_or(0), Relaxed);
    window.memory::<AtomicU64>(PARTIES_AT).store(parties as u64, Relaxed);
}

/// The barrier in a window. `None`: it is none of ours, whatever it says.
pub(crate) fn of(window: &Window) -> Option<Barrier> {
    let room = window.memory_bytes().checked_sub(PLACES_AT)? / 8;
    // Others can write there: it never reaches over the end.
    let parties = window.memory::<AtomicU64>(PARTIES_AT).load(Relaxed).min(room);
    Some(Barrier {
        main: window.memory(MAIN_AT),
        culprit: window.memory(CULPRIT_AT),
        timeout: window.memory(TIMEOUT_AT),
        places: window.memory_slice(PLACES_AT, parties as usize),
        turned: window.memory(TURNED_AT),
        room: window.memory(ROOM_AT),
    })
}

/// See [`region::recover`]: whoever finds the barrier broken by a death is told whose.
pub(super) fn recover(window: &Window, dead: ProcessId) -> bool {
    let end = EndKind::from_raw(window.segment.record(dead.participant).read_end().kind);
    let has_crashed = !matches!(end, Some(EndKind::Normal | EndKind::Shutdown));
    of(window).is_some_and(|barrier| barrier.recover(dead, has_crashed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::handle::Handle;
    use crate::shm::segment::segment;
    use crate::shm::window::Kind;

    const A: Participant = Participant(7);
    const B: Participant = Participant(8);
    const PASSED: Ended = Ended { end: End::Passed, by: B };

    fn made(parties: usize) -> (Handle, Barrier) {
        let handle = Handle::make(segment().unwrap(), Kind::Barrier, shape(parties).unwrap()).unwrap();
        let window = handle.window().unwrap();
        initialise(window, parties, Some(Duration::from_secs(3)));
        let barrier = of(window).unwrap();
        (handle, barrier)
    }

    fn waits(barrier: Barrier, me: Participant) -> Arrival {
        match barrier.enter(me) {
            Some(Arrived::Waits(arrival)) => arrival,
            other => panic!("{other:?}"),
        }
    }

    /// The last of two, which passes.
    fn last(barrier: Barrier) -> Arrival {
        let Some(Arrived::Leads(arrival)) = barrier.enter(B) else { panic!("it is the last") };
        assert!(barrier.pass(arrival, B));
        barrier.leave(arrival.place);
        arrival
    }

    #[test]
    fn smoke() {
        let (_handle, barrier) = made(2);
        assert_eq!((barrier.parties(), barrier.timeout()), (2, Some(Duration::from_secs(3))));
        let first = waits(barrier, A);
        assert_eq!((barrier.look(first), barrier.waiting()), (None, 1));
        let second = last(barrier);
        assert_eq!((barrier.look(first), barrier.waiting()), (Some(Some(PASSED)), 0));
        assert_ne!(first.place, second.place);
        barrier.leave(first.place);
        waits(barrier, B);
    }

    #[test]
    fn who_looks_late_learns_how_its_own_round_ended() {
        let (_handle, barrier) = made(2);
        let first = waits(barrier, A);
        last(barrier);
        assert_eq!(barrier.enter(B).map(|it| matches!(it, Arrived::Waits(_))), Some(true));
        assert_eq!(barrier.enter(B), None, "the place of the first is not free yet");
        barrier.abort(B);
        barrier.reset(B);
        assert_eq!(barrier.look(first), Some(Some(PASSED)));
    }

    /// It has read the main word, and stood still until two rounds later: nobody has counted it.
    #[test]
    fn who_arrives_late_arrives_again() {
        let (_handle, barrier) = made(2);
        let before = barrier.main().round();
        assert!(barrier.places[1].compare_exchange(FREE, Place::entering(A).0, AcqRel, Acquire).is_ok());
        for end in [End::Aborted, End::Reset] {
            assert!(barrier.break_if(end, B, |_| true));
        }
        barrier.places[1].store(Place::arrived(A, before).0, Release);
        let late = Arrival { place: 1, round: before };
        assert_eq!(barrier.look(late), Some(None));
        assert!(matches!(barrier.arrive(1, A), Arrived::Waits(arrival) if barrier.look(arrival).is_none()));
    }

    #[test]
    fn the_dead_break_it_and_leave_their_place() {
        let (_handle, barrier) = made(2);
        let dead = ProcessId { participant: A, generation: 5 };
        let first = waits(barrier, A);
        let gone = barrier.recover(dead, false);
        assert!(gone && !barrier.recover(dead, true), "it is broken once");
        assert_eq!(barrier.broken(), Some(Ended { end: End::Died, by: A }));
        assert_eq!((barrier.culprit(A), barrier.culprit(B).generation), (dead, 0));
        assert_eq!(barrier.places[first.place as usize].load(Relaxed), FREE);
        barrier.reset(B);
        assert!(!barrier.recover(dead, false) && barrier.recover(dead, true), "in good order, and not");
    }

    /// Somebody has written how many places there are: who has one that is not there waits, or gives up.
    #[test]
    fn a_place_beyond_the_end_is_nobodys() {
        let (handle, barrier) = made(2);
        let first = waits(barrier, A);
        let second = Arrival { place: 1, ..first };
        handle.window().unwrap().memory::<AtomicU64>(PARTIES_AT).store(0, Relaxed);
        let barrier = of(handle.window().unwrap()).unwrap();
        for arrival in [first, second] {
            barrier.arrive(arrival.place, A);
            barrier.give_up(arrival, End::TimedOut, A);
            assert!(barrier.look(arrival).is_some());
            barrier.leave(arrival.place);
        }
        assert!(barrier.broken().is_some() && barrier.waiting() == 0);
    }

    #[test]
    fn one_that_dies_while_it_acts_breaks_it() {
        let (_handle, barrier) = made(2);
        let first = waits(barrier, B);
        let Some(Arrived::Leads(acting)) = barrier.enter(A) else { panic!("it is the last") };
        assert_eq!(barrier.look(first), None);
        assert!(barrier.recover(ProcessId { participant: A, generation: 1 }, false));
        assert_eq!(barrier.look(first), Some(Some(Ended { end: End::Died, by: A })));
        assert!(!barrier.pass(acting, A), "it is over");
    }
}
