//! What is done to a part of shared memory by those who synchronise in it, move ends of pipes, or receive in an
//! order: each as `sync`, `pipe` and `queue::ordered` do, without the sleep.

use std::sync::atomic::Ordering::Relaxed;

use super::{DEAD, Image, Subject};
use crate::id::ProcessId;
use crate::shm::barrier::{self, Arrival, Arrived, End as Ending};
use crate::shm::ends::{self, End, Side};
use crate::shm::flag::{self, Times};
use crate::shm::lock::{By, LockLine, LockWord};
use crate::shm::ordered::{ByRank, Found, Rank};
use crate::shm::rwlock::{self, Reading};
use crate::shm::waiters::{self, Seats};
use crate::shm::{permits, window};
use crate::time::Deadline;

/// What somebody has in his hands there.
#[derive(Default)]
pub(super) struct Hands {
    lock: Option<LockWord>,
    readings: Vec<Reading>,
    permits: Vec<u32>,
    seats: Vec<(Seats, u32)>,
    arrivals: Vec<Arrival>,
    times: Option<Times>,
    ends: Vec<End>,
}

impl Image {
    /// Does one thing that only such a part is there for.
    pub(super) fn synchronise(&mut self, operation: u8, argument: u8) {
        match self.subject {
            Subject::Lock => self.lock(operation),
            Subject::RwLock => self.read_or_write(operation),
            Subject::Permits => self.permit(operation),
            Subject::Waiters => self.notify(operation, argument),
            Subject::Barrier => self.meet(operation),
            Subject::Flag => self.flag(operation),
            Subject::Pipe => self.move_ends(operation, argument),
            Subject::Ordered => self.order(operation, argument),
            Subject::Queue | Subject::Mailbox | Subject::Replies | Subject::Blob => {}
        }
    }

    fn lock(&mut self, operation: u8) {
        if self.window.memory_bytes() < size_of::<LockLine>() as u64 {
            return;
        }
        let (line, me) = (self.window.memory::<LockLine>(0), self.segment.me());
        match operation % 6 {
            0 => self.hands.lock = line.lock().try_take(me, By::Guard).or(self.hands.lock),
            1 => self.hands.lock = line.lock().take(me, By::Guard, Deadline::Now).or(self.hands.lock),
            2 => _ = line.lock().try_take(me, By::Hand),
            3 => _ = line.lock().release_by_hand(me),
            4 => self.hands.lock.take().into_iter().for_each(|word| line.lock().release(word.freed().with_copy(1))),
            _ => assert!(LockWord(line.word.load(Relaxed)).copy() < 2),
        }
    }

    fn read_or_write(&mut self, operation: u8) {
        let (Some(lock), me) = (rwlock::of(&self.window), self.segment.me()) else { return };
        match operation % 6 {
            0 | 1 => self.hands.readings.extend(lock.try_read(me)),
            2 => self.hands.readings.pop().into_iter().for_each(|reading| lock.end_read(me, reading)),
            3 => self.hands.lock = lock.try_claim(me).or(self.hands.lock),
            4 if lock.is_drained() => lock.begin_write(),
            _ => self.hands.lock.take().into_iter().for_each(|word| lock.end_write(word.freed())),
        }
    }

    fn permit(&mut self, operation: u8) {
        let (Some(permits), me) = (permits::of(&self.window), self.segment.me()) else { return };
        match operation % 5 {
            0 | 1 => self.hands.permits.extend(permits.claim(me)),
            2 => self.hands.permits.pop().into_iter().for_each(|at| _ = permits.give_back(at, me)),
            3 => self.hands.permits.pop().into_iter().for_each(|at| _ = permits.forget(at, me)),
            _ => assert!(!permits.add() || permits.free() <= permits.words.len()),
        }
    }

    fn notify(&mut self, operation: u8, argument: u8) {
        let (Some(seats), me) = (waiters::of(&self.window), self.segment.me()) else { return };
        match operation % 8 {
            0..=2 => self.hands.seats.extend(waiters::sit(&seats, me).map(|seat| (seats, seat))),
            3 => _ = waiters::notify(&seats, argument.into()),
            4 => _ = waiters::notify_all(&seats),
            5 => _ = waiters::waiting(&seats),
            _ => {
                let Some((seats, seat)) = self.hands.seats.pop() else { return };
                match (argument % 3, waiters::is_woken(&seats, seat)) {
                    (0, true) => waiters::rise(&seats, seat),
                    (1, _) => _ = waiters::give_up(&seats, seat),
                    _ => waiters::leave(&seats, seat),
                }
            }
        }
    }

    fn meet(&mut self, operation: u8) {
        let (Some(barrier), me) = (barrier::of(&self.window), self.segment.me()) else { return };
        match operation % 8 {
            0..=2 => match barrier.enter(me) {
                Some(Arrived::Leads(arrival)) => {
                    barrier.pass(arrival, me);
                    barrier.leave(arrival.place);
                }
                Some(Arrived::Waits(arrival)) => self.hands.arrivals.push(arrival),
                Some(Arrived::Broken(_)) | None => {}
            },
            3 => barrier.reset(me),
            4 => barrier.abort(me),
            5 => _ = (barrier.timeout(), barrier.waiting(), barrier.broken().map(|ended| barrier.culprit(ended.by))),
            _ => {
                let Some(arrival) = self.hands.arrivals.pop() else { return };
                match barrier.look(arrival) {
                    Some(Some(_)) => barrier.leave(arrival.place),
                    Some(None) => _ = barrier.arrive(arrival.place, me),
                    None => barrier.give_up(arrival, Ending::TimedOut, me),
                }
            }
        }
    }

    fn flag(&mut self, operation: u8) {
        let Some(flag) = flag::of(&self.window) else { return };
        match operation % 4 {
            0 => flag.set(),
            1 => flag.clear(),
            2 => self.hands.times = Some(flag.times()),
            _ => _ = self.hands.times.map(|times| flag.was_set_since(times) || flag.is_set()),
        }
    }

    fn move_ends(&mut self, operation: u8, argument: u8) {
        let side = if argument.is_multiple_of(2) { Side::Sender } else { Side::Receiver };
        match operation % 8 {
            0 => self.hands.ends.extend(<[End; 2]>::from(End::both(&self.window))),
            1 => self.hands.ends.last().into_iter().for_each(|end| end.let_go()),
            2 => {
                let Some(end) = self.hands.ends.pop() else { return };
                self.hands.ends.push(end.take(&self.window));
            }
            3 => self.hands.ends.pop().into_iter().for_each(|end| end.close(&self.window)),
            4 => {
                // The same end twice, and one that somebody has made up.
                let Some(end) = self.hands.ends.last() else { return };
                let mut message = [end.to_bytes(), end.to_bytes(), end.to_bytes()].concat();
                let at = 8 + usize::from(argument) % (message.len() - 8);
                message[at] ^= argument;
                window::set_flags(&self.window, window::flags::CARRIES);
                let _ = self.window.post([&message, &[]], Deadline::Now, crate::shm::post::Wake::Now);
                ends::throw_away(&message[..usize::from(argument) % message.len()]);
            }
            5 => _ = self.window.fate(side),
            6 => _ = ends::recover(&self.window, ProcessId { participant: DEAD, generation: argument.into() }),
            _ => self.window.close(argument.is_multiple_of(8)),
        }
    }

    fn order(&mut self, operation: u8, argument: u8) {
        if !self.window.is_ordered() {
            return;
        }
        match operation % 4 {
            0 => _ = self.window.post_ranked(&[argument; 40], Rank::Of(argument.into()), Deadline::Now),
            1 => _ = self.window.post_ranked(&[argument; 900], Rank::First, Deadline::Now),
            2 => {
                if let Found::Message(held) = self.window.take_first(&ByRank(&self.window), &|_| false, Deadline::Now) {
                    self.held.push(held);
                }
            }
            _ => _ = (self.window.is_anything_first(&|_| false), self.window.may_have_first()),
        }
    }
}
