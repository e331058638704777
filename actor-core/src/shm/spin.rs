//! Spinning before a sleep: worth it while a CPU would be idle otherwise.
//!
//! A wake-up across CPUs costs tens of microseconds, a look at a cache line half of one. So a
//! waiter looks for a while before it sleeps, but only if it finds a free seat: there are as many
//! seats as CPUs, and a seat holds the participant that sits there, so that recovery can clear it.
//! Who has spun in vain several times in a row spins more and more rarely, until it pays again: who
//! answers him runs on the same CPU, or takes long.

use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use super::segment::Segment;
use crate::id::Participant;
use crate::sys::cpu;
use crate::time::Deadline;

/// How long to spin at most: about what the sleep and the wake-up would cost.
const SPIN_MAX: Duration = Duration::from_micros(40);
/// Looks between two readings of the clock.
const LOOKS: u32 = 32;
/// After so many vain spins in a row, a thread spins again when it has waited twice as often as at its
/// last spin, until it is a matter of half as many waits as [`RARELY`] says.
const VAIN_MAX: u32 = 4;
const RARELY: u32 = 1024;

thread_local! {
    /// Vain spins in a row, then waits without a spin.
    static VAIN: Cell<u32> = const { Cell::new(0) };
}

/// Repeats `test` for a short while, if a seat is free. `None`: go to sleep.
pub(crate) fn spin<T>(segment: &Segment, deadline: Deadline, mut test: impl FnMut() -> Option<T>) -> Option<T> {
    let seats = segment.spin_seats();
    if seats.len() < 2 || !worth_it() {
        return None;
    }
    let _seat = Seat::take(seats, segment.me())?;
    let start = Instant::now();
    let limit = deadline.remaining().map_or(SPIN_MAX, |left| left.min(SPIN_MAX));
    loop {
        for _ in 0..LOOKS {
            if let Some(value) = test() {
                VAIN.set(0);
                return Some(value);
            }
            cpu::spin();
        }
        if start.elapsed() >= limit {
            one_more_in_vain();
            return None;
        }
    }
}

fn worth_it() -> bool {
    let vain = VAIN.get();
    let is_worth_it = vain < VAIN_MAX || vain.is_power_of_two();
    if !is_worth_it {
        one_more_in_vain();
    }
    is_worth_it
}

fn one_more_in_vain() {
    let more = VAIN.get() + 1;
    // From there it is as far to the next spin as it was to the last one.
    VAIN.set(if more > RARELY { RARELY / 2 + 1 } else { more });
}

/// Frees the seats of a dead participant.
pub(crate) fn recover(segment: &Segment, dead: Participant) {
    for seat in segment.spin_seats() {
        let _ = seat.compare_exchange(u32::from(dead.0), 0, AcqRel, Acquire);
    }
}

struct Seat<'a>(&'a AtomicU32);

impl Seat<'_> {
    fn take(seats: &[AtomicU32], me: Participant) -> Option<Seat<'_>> {
        seats
            .iter()
            .find(|seat| seat.load(Relaxed) == 0 && seat.compare_exchange(0, u32::from(me.0), AcqRel, Acquire).is_ok())
            .map(Seat)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_spins_in_vain_spins_more_and_more_rarely() {
        let mut spins = Vec::new();
        for wait in 0..4 * RARELY {
            if worth_it() {
                spins.push(wait);
                one_more_in_vain();
            }
        }
        let gaps: Vec<u32> = spins.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.is_sorted(), "{spins:?}");
        assert_eq!((gaps[0], *gaps.last().unwrap()), (1, RARELY / 2));
    }

    #[test]
    fn smoke() {
        let seats = [AtomicU32::new(0), AtomicU32::new(0)];
        let first = Seat::take(&seats, Participant(5)).unwrap();
        let _second = Seat::take(&seats, Participant(6)).unwrap();
        assert!(Seat::take(&seats, Participant(7)).is_none());
        drop(first);
        assert!(Seat::take(&seats, Participant(7)).is_some());
    }
}
