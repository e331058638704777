//! The timetable by examples, and against one that is as simple as it is slow.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn every(period: Duration, missed: Missed) -> Option<Period> {
    Some(Period { every: period, missed })
}

#[test]
fn smoke() {
    let (mut table, start) = (Timetable::default(), Instant::now());
    let late = table.set(Some(start + 2 * MS), None);
    let early = table.set(Some(start + MS), None);
    let never = table.set(None, None);
    assert_eq!((table.len(), table.next()), (3, Some(start + MS)));
    assert_eq!(table.take_due(start), None);
    let due = |number, after| Due { number, at: start + after, count: 1, missed: 0 };
    assert_eq!(table.take_due(start + 5 * MS), Some(due(early, MS)));
    assert_eq!(table.take_due(start + 5 * MS), Some(due(late, 2 * MS)));
    assert_eq!(table.take_due(start + 5 * MS), None);
    assert!(table.cancel(never) && !table.cancel(early) && table.is_empty());
}

#[test]
fn due_times_are_the_start_and_whole_periods_however_late_one_looks() {
    for missed in [Missed::Skip, Missed::Bunch] {
        let (mut table, start) = (Timetable::default(), Instant::now());
        let period = Duration::from_nanos(10_000_019);
        table.set(Some(start + period), every(period, missed));
        let mut now = start;
        for look in 1..=1000_u32 {
            now += period + Duration::from_nanos(u64::from(look % 977));
            while let Some(due) = table.take_due(now) {
                assert_eq!(due.at, start + times(period, due.count), "{missed:?}, look {look}");
            }
        }
    }
}

#[test]
fn what_was_missed_comes_as_one_or_as_many() {
    let start = Instant::now();
    let told = |missed| {
        let mut table = Timetable::default();
        table.set(Some(start + MS), every(MS, missed));
        let mut told = Vec::new();
        for now in [start + 5 * MS + MS / 2, start + 6 * MS] {
            while let Some(due) = table.take_due(now) {
                told.push((due.count, due.missed));
            }
            told.push((0, 0));
        }
        told
    };
    assert_eq!(told(Missed::Skip), [(5, 4), (0, 0), (6, 0), (0, 0)]);
    assert_eq!(told(Missed::Bunch), [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (0, 0), (6, 0), (0, 0)]);
}

#[test]
fn what_is_cancelled_leaves_nothing() {
    let (mut table, start) = (Timetable::default(), Instant::now());
    for _ in 0..10_000 {
        let number = table.set(Some(start + Duration::from_secs(3600)), every(MS, Missed::Skip));
        assert!(table.cancel(number) && !table.cancel(number));
    }
    assert!(table.is_empty() && table.queue.is_empty() && table.next().is_none());
}

#[test]
fn who_is_held_waits_and_then_follows_what_he_has_missed() {
    let (mut table, start) = (Timetable::default(), Instant::now());
    let number = table.set(Some(start), every(MS, Missed::Skip));
    table.take_due(start).unwrap();
    table.hold(number);
    assert_eq!((table.next(), table.take_due(start + 7 * MS)), (None, None));
    table.release(number);
    let due = table.take_due(start + 7 * MS).unwrap();
    assert_eq!((due.at, due.count, due.missed), (start + 7 * MS, 8, 6));
    table.hold(number);
    assert!(table.cancel(number) && table.is_empty());
    table.release(number);
    assert_eq!(table.next(), None, "it is gone");
}

#[test]
fn extremes_neither_panic_nor_overflow() {
    let (mut table, start) = (Timetable::default(), Instant::now());
    let number = table.set(Some(start), every(Duration::MAX, Missed::Bunch));
    let due = table.take_due(start).unwrap();
    assert_eq!(due.number, number);
    assert!(!table.contains(number), "the next would be past the end of the clock");
    table.set(Some(start), every(Duration::from_nanos(1), Missed::Skip));
    let later = start + Duration::from_secs(1 << 32);
    let due = table.take_due(later).unwrap();
    assert_eq!((due.at, due.missed), (later, (1 << 32) * 1_000_000_000));
}

/// Number, due time, period and count.
type NaiveTimer = (u64, u64, Option<(u64, Missed)>, u64);

/// Timers in a list, each looked at each time.
#[derive(Default)]
struct Naive(Vec<NaiveTimer>);

impl Naive {
    fn take_due(&mut self, now: u64) -> Option<(u64, u64, u64, u64)> {
        let (place, _) = self.0.iter().enumerate().min_by_key(|(_, (number, at, ..))| (*at, *number))?;
        let (number, mut at, period, mut count) = self.0[place];
        if now < at {
            return None;
        }
        let mut missed = 0;
        match period {
            Some((every, Missed::Skip)) => {
                while at + every <= now {
                    at += every;
                    missed += 1;
                }
            }
            Some((_, Missed::Bunch)) | None => {}
        }
        count += missed + 1;
        match period {
            Some((every, _)) => self.0[place] = (number, at + every, period, count),
            None => drop(self.0.remove(place)),
        }
        Some((number, at, count, missed))
    }
}

/// Splitmix: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) % end
    }
}

#[test]
fn it_agrees_with_one_that_looks_at_each() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let (mut table, mut naive) = (Timetable::default(), Naive::default());
        let (start, mut now) = (Instant::now(), 0_u64);
        let at = |offset: u64| start + Duration::from_nanos(offset);
        for step in 0..300 {
            match dice.below(4) {
                0 => {
                    let first = now + dice.below(50);
                    let missed = if dice.below(2) == 0 { Missed::Skip } else { Missed::Bunch };
                    let period = (dice.below(2) == 0).then(|| (1 + dice.below(19), missed));
                    let given = period.map(|(every, missed)| Period { every: Duration::from_nanos(every), missed });
                    naive.0.push((table.set(Some(at(first)), given), first, period, 0));
                }
                1 if !naive.0.is_empty() => {
                    let place = dice.below(naive.0.len() as u64) as usize;
                    let (number, ..) = naive.0.remove(place);
                    assert!(table.cancel(number), "seed {seed}, step {step}");
                }
                _ => {
                    now += dice.below(40);
                    for _ in 0..100 {
                        let expected = naive.take_due(now);
                        let found = table.take_due(at(now));
                        let found =
                            found.map(|due| (due.number, (due.at - start).as_nanos() as u64, due.count, due.missed));
                        assert_eq!(found, expected, "seed {seed}, step {step}");
                        if found.is_none() {
                            break;
                        }
                    }
                }
            }
            assert_eq!(table.len(), naive.0.len());
            assert_eq!(table.next(), naive.0.iter().map(|(_, due, ..)| at(*due)).min());
        }
    }
}
