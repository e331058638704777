//! Memory whose every access the checker decides on, futexes over it, and participants that die.
//!
//! A participant is killed before its n-th change of shared memory, for every n: the thread
//! unwinds to [`mortal`] and does nothing more. Loads are not counted, since to die before a load
//! is to die before the change that follows. Whoever joins the thread has the proof of the death.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, Ordering};

use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
use loom::sync::{Condvar, Mutex};

use crate::shm::words::{Memory, Word};
use crate::time::Deadline;

/// More changes than any participant of a model makes.
const STEPS_MAX: u32 = 64;

/// Runs `model` in every interleaving with at most so many preemptions.
pub(crate) fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = Some(preemptions);
    checker.check(model);
}

/// Checks `model` with a participant that has 0 steps to live, then 1, and so on, until no
/// interleaving kills it any more. The model says whether it did.
pub(crate) fn check_deaths(preemptions: usize, model: impl Fn(u32) -> bool + Copy + Send + Sync + 'static) {
    for steps in 0..STEPS_MAX {
        let has_died = Arc::new(AtomicBool::new(false));
        let note = has_died.clone();
        check(preemptions, move || note.store(model(steps) | note.load(SeqCst), SeqCst));
        if !has_died.load(SeqCst) {
            assert!(steps > 0, "nothing was changed, so nobody could die");
            return;
        }
    }
    panic!("still dying after {STEPS_MAX} steps");
}

struct Killed;

loom::thread_local! {
    static STEPS_LEFT: Cell<u32> = Cell::new(u32::MAX);
    /// Killed, and on the way out: what its destructors would still do is not done. They see nothing but zeroes, and
    /// whatever they would change is as if they had.
    static IS_DEAD: Cell<bool> = Cell::new(false);
}

/// Runs `life` with so many steps to live. `None`: it was killed on the way.
pub(crate) fn mortal<T>(steps: u32, life: impl FnOnce() -> T) -> Option<T> {
    STEPS_LEFT.with(|left| left.set(steps));
    let end = catch_unwind(AssertUnwindSafe(life));
    STEPS_LEFT.with(|left| left.set(u32::MAX));
    IS_DEAD.with(|is_dead| is_dead.set(false));
    match end {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Killed>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

fn is_dead() -> bool {
    IS_DEAD.with(Cell::get)
}

/// About to change shared memory: this may be the end. False: that was before, and nothing is changed.
fn step() -> bool {
    if is_dead() {
        return false;
    }
    STEPS_LEFT.with(|left| match left.get() {
        u32::MAX => {}
        0 => {
            IS_DEAD.with(|is_dead| is_dead.set(true));
            resume_unwind(Box::new(Killed))
        }
        steps => left.set(steps - 1),
    });
    true
}

/// The checker's memory.
pub(crate) struct Checked;

impl Memory for Checked {
    type Word64 = Word64;
    type Word32 = Futex;

    fn fence() {
        if !is_dead() {
            fence(SeqCst);
        }
    }

    fn sleep(word: &Futex, expected: u32, deadline: Deadline) -> bool {
        if !step() {
            return false;
        }
        let is_woken = word.sleep(expected, deadline != Deadline::Never);
        // Chosen, and dead before it can do anything about it.
        step();
        is_woken
    }

    fn wake(word: &Futex, count: u32) -> usize {
        if step() { word.wake(count) } else { 0 }
    }

    fn ring_doorbells(_: u64) {
        if step() {
            DOORBELL.ring();
        }
    }
}

loom::lazy_static! {
    /// The doorbell of the only process of a model that has async waiters.
    static ref DOORBELL: Futex = Futex::new(0);
}

/// The doorbell of the process with async waiters.
pub(crate) fn doorbell() -> &'static Futex {
    &DOORBELL
}

pub(crate) struct Word64(AtomicU64);

impl Word64 {
    pub(crate) fn new(value: u64) -> Word64 {
        Word64(AtomicU64::new(value))
    }
}

/// A word that threads can sleep on, as the kernel has it: comparing and falling asleep are one
/// step against a wake, a wake chooses sleepers in their order, and one that was chosen is awake.
/// Whose time is up was either chosen before or is chosen no more. There is one deadline for all who
/// have any, and [`Futex::expire`] is its moment.
pub(crate) struct Futex {
    value: AtomicU32,
    sleepers: Mutex<Sleepers>,
    woken: Condvar,
}

#[derive(Default)]
struct Sleepers {
    next: u32,
    asleep: VecDeque<Sleeper>,
    /// Those who were asleep when their time was up.
    expired: Vec<u32>,
    is_late: bool,
}

#[derive(Clone, Copy)]
struct Sleeper {
    number: u32,
    has_deadline: bool,
}

impl Futex {
    pub(crate) fn new(value: u32) -> Futex {
        Futex { value: AtomicU32::new(value), sleepers: Mutex::default(), woken: Condvar::new() }
    }

    /// False: the time was up before anybody woke it.
    fn sleep(&self, expected: u32, has_deadline: bool) -> bool {
        let mut sleepers = self.sleepers.lock().unwrap();
        if self.value.load(Acquire) != expected {
            return true;
        }
        if has_deadline && sleepers.is_late {
            return false;
        }
        let number = sleepers.next;
        sleepers.next += 1;
        sleepers.asleep.push_back(Sleeper { number, has_deadline });
        while sleepers.asleep.iter().any(|asleep| asleep.number == number) {
            sleepers = self.woken.wait(sleepers).unwrap();
        }
        !sleepers.expired.contains(&number)
    }

    /// The time is up for all who have a deadline, asleep or not yet.
    pub(crate) fn expire(&self) {
        let mut sleepers = self.sleepers.lock().unwrap();
        sleepers.is_late = true;
        let late: Vec<u32> = sleepers.asleep.iter().filter(|it| it.has_deadline).map(|it| it.number).collect();
        sleepers.asleep.retain(|asleep| !asleep.has_deadline);
        sleepers.expired.extend(late);
        self.woken.notify_all();
    }

    fn wake(&self, count: u32) -> usize {
        let mut sleepers = self.sleepers.lock().unwrap();
        let chosen = sleepers.asleep.len().min(count as usize);
        if chosen != 0 {
            sleepers.asleep.drain(..chosen);
            self.woken.notify_all();
        }
        chosen
    }

    /// Changes the value and wakes everybody, as a doorbell is rung.
    pub(crate) fn ring(&self) {
        self.value.fetch_add(1, Ordering::AcqRel);
        self.wake(u32::MAX);
    }
}

macro_rules! impl_word {
    ($word:ty, $inner:tt, $value:ty) => {
        impl Word<$value> for $word {
            fn load(&self, order: Ordering) -> $value {
                if is_dead() { 0 } else { self.$inner.load(order) }
            }
            fn store(&self, value: $value, order: Ordering) {
                if step() {
                    self.$inner.store(value, order)
                }
            }
            fn compare_exchange(&self, current: $value, new: $value, success: Ordering) -> Result<$value, $value> {
                if !step() {
                    return Ok(current);
                }
                self.$inner.compare_exchange(current, new, success, Acquire)
            }
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                if step() { self.$inner.fetch_add(value, order) } else { 0 }
            }
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                if step() { self.$inner.fetch_or(value, order) } else { 0 }
            }
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                if step() { self.$inner.fetch_and(value, order) } else { 0 }
            }
        }
    };
}

impl_word!(Word64, 0, u64);
impl_word!(Futex, value, u32);

/// A killed thread changes nothing more, and the next one is a new life.
#[test]
fn smoke() {
    check_deaths(2, |steps| {
        let word = std::rc::Rc::new(Word64::new(0));
        let victim = loom::thread::spawn({
            let word = word.clone();
            move || mortal(steps, || (1..=3).for_each(|value| word.store(value, Relaxed))).is_none()
        });
        let has_died = victim.join().unwrap();
        assert_eq!(word.load(Relaxed), u64::from(steps.min(3)));
        assert_eq!(has_died, steps < 3);
        has_died
    });
}
