//! Async waits: shared words to Rust wakers, by one helper thread per process.
//!
//! A future that waits for a shared word registers the word, the value it has seen and its waker
//! here. Whoever changes such a word rings the doorbell of the process; the helper thread sleeps
//! on the doorbell alone, looks which registered words have changed and wakes their wakers. The
//! thread starts with the first registration, so processes without async waits do not have it.
//!
//! Nothing is lost: the future registers, then tests its condition once more, and only then
//! returns `Pending`; the other side changes the word and then rings.
//!
//! Who keeps a [`Registration`] is forgotten when that is dropped. Others are so when their word changes
//! or their time is up, so they must have one of the two.

mod place;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::task::Waker;
use std::time::Instant;

use crate::shm::segment::Segment;
use crate::shm::words::{Mapped, Memory};
use crate::time::Deadline;

pub(crate) use place::Place;

/// The place of one who waits; dropped, he is not woken any more.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// None was given yet: nothing was ever waited for.
    number: Option<u64>,
}

impl Registration {
    pub(crate) const fn new() -> Registration {
        Registration { number: None }
    }

    /// Wakes `waker` once, when `word` is no longer `seen` or at the deadline, instead of what this was
    /// waiting for before. Whoever changes the word must ring this process's doorbell.
    pub(crate) fn set(
        &mut self,
        segment: &'static Segment,
        word: &'static AtomicU32,
        seen: u32,
        deadline: Deadline,
        waker: &Waker,
    ) {
        let mut table = table();
        let number = *self.number.get_or_insert_with(|| {
            table.last += 1;
            table.last
        });
        let before = table.owned.insert(number, Waiting { word, seen, deadline, waker: waker.clone() });
        table.tell_helper(segment, word, seen, deadline);
        drop(table);
        // Behind the lock: a waker may be the last that holds a task, with whatever waits in that.
        drop(before);
    }

    /// Wakes `waker` once, at the deadline.
    pub(crate) fn set_alarm(&mut self, segment: &'static Segment, deadline: Deadline, waker: &Waker) {
        static UNCHANGED: AtomicU32 = AtomicU32::new(0);
        self.set(segment, &UNCHANGED, 0, deadline, waker);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // In a statement of its own, so that it is dropped behind the lock, as in `set`.
            let waiting = table().owned.remove(&number);
            drop(waiting);
        }
    }
}

/// One who waits for a word to change.
struct Waiting {
    word: &'static AtomicU32,
    seen: u32,
    deadline: Deadline,
    waker: Waker,
}

/// All who wait.
struct Table {
    last: u64,
    /// By the number of their registration.
    owned: BTreeMap<u64, Waiting>,
    others: Vec<Waiting>,
    /// When the helper looks again, if nobody rings.
    next_look: Deadline,
}

static TABLE: Mutex<Table> =
    Mutex::new(Table { last: 0, owned: BTreeMap::new(), others: Vec::new(), next_look: Deadline::Never });
static HELPER: Once = Once::new();

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes `waker` when `word` is no longer `seen`, or at the deadline. Whoever changes the word
/// must ring this process's doorbell.
pub(crate) fn register(
    segment: &'static Segment,
    word: &'static AtomicU32,
    seen: u32,
    deadline: Deadline,
    waker: &Waker,
) {
    let mut table = table();
    let is_same = |other: &Waiting| std::ptr::eq(other.word, word) && other.waker.will_wake(waker);
    // Two futures of one task may wait for the same word. Each wake is for both, so the
    // earlier deadline stays.
    let before = table.others.iter().filter(|other| is_same(other)).map(|other| other.deadline).reduce(Deadline::min);
    table.others.retain(|other| !is_same(other));
    let deadline = before.map_or(deadline, |before| before.min(deadline));
    table.others.push(Waiting { word, seen, deadline, waker: waker.clone() });
    table.tell_helper(segment, word, seen, deadline);
}

impl Table {
    /// Has the helper look before it would by itself, if it must. Called with what is in the table by then,
    /// and before the lock is given back.
    fn tell_helper(&mut self, segment: &'static Segment, word: &AtomicU32, seen: u32, deadline: Deadline) {
        HELPER.call_once(|| {
            let spawned = std::thread::Builder::new().name("actor-wakes".into()).spawn(move || serve(segment));
            // Without the thread no async wait could ever end.
            spawned.expect("the system has no thread for async waits");
        });
        let earlier = self.next_look.min(deadline);
        // The helper may sleep past this deadline, or have looked before this word changed.
        if earlier != self.next_look || word.load(Acquire) != seen {
            self.next_look = earlier;
            segment.ring_doorbell(segment.me());
        }
    }

    /// Takes the wakers of those whose word has changed or whose time is up.
    fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        let mut next = Deadline::Never;
        let mut stays = |waiting: &Waiting| {
            let is_late = match waiting.deadline {
                Deadline::At(at) => at <= now,
                Deadline::Now => true,
                Deadline::Never => false,
            };
            if is_late || waiting.word.load(Acquire) != waiting.seen {
                due.push(waiting.waker.clone());
                return false;
            }
            next = next.min(waiting.deadline);
            true
        };
        self.owned.retain(|_, waiting| stays(waiting));
        self.others.retain(|waiting| stays(waiting));
        self.next_look = next;
        due
    }
}

fn serve(segment: &'static Segment) {
    let doorbell = &segment.record(segment.me()).doorbell;
    loop {
        let rung = doorbell.load(Acquire);
        let next = wake_changed();
        Mapped::sleep(doorbell, rung, next);
    }
}

/// Wakes the futures whose word has changed or whose time is up; the earliest deadline left.
fn wake_changed() -> Deadline {
    let mut table = table();
    let due = table.take_due(Instant::now());
    let next = table.next_look;
    drop(table);
    due.into_iter().for_each(Waker::wake);
    next
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;
    use std::task::Wake;
    use std::time::Duration;

    use super::*;
    use crate::shm::segment::segment;

    struct Woken {
        count: AtomicUsize,
        thread: std::thread::Thread,
    }

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.count.fetch_add(1, SeqCst);
            self.thread.unpark();
        }
    }

    fn woken() -> (Arc<Woken>, Waker) {
        let woken = Arc::new(Woken { count: AtomicUsize::new(0), thread: std::thread::current() });
        (woken.clone(), Waker::from(woken))
    }

    fn wait_for(woken: &Woken) {
        let start = Instant::now();
        while woken.count.load(SeqCst) == 0 {
            assert!(start.elapsed() < Duration::from_secs(10), "never woken");
            std::thread::park_timeout(Duration::from_secs(1));
        }
    }

    #[test]
    fn smoke() {
        static WORD: AtomicU32 = AtomicU32::new(1);
        let segment = segment().unwrap();
        let (woken, waker) = woken();
        register(segment, &WORD, 1, Deadline::Never, &waker);
        WORD.store(2, SeqCst);
        segment.ring_doorbell(segment.me());
        wait_for(&woken);
    }

    #[test]
    fn the_earlier_of_two_deadlines_stays() {
        static WORD: AtomicU32 = AtomicU32::new(1);
        let segment = segment().unwrap();
        let (woken, waker) = woken();
        register(segment, &WORD, 1, Deadline::after(Duration::from_millis(200)), &waker);
        register(segment, &WORD, 1, Deadline::Never, &waker);
        wait_for(&woken);
    }

    #[test]
    fn a_deadline_wakes_as_well() {
        static WORD: AtomicU32 = AtomicU32::new(1);
        let segment = segment().unwrap();
        let (woken, waker) = woken();
        register(segment, &WORD, 1, Deadline::after(Duration::from_millis(5)), &waker);
        wait_for(&woken);
    }

    #[test]
    fn who_has_let_go_is_forgotten() {
        static WORD: AtomicU32 = AtomicU32::new(1);
        let segment = segment().unwrap();
        let (woken, waker) = woken();
        let mut registration = Registration::default();
        for _ in 0..10 {
            registration.set(segment, &WORD, 1, Deadline::after(Duration::from_secs(60)), &waker);
        }
        // The test, its waker and one place in the table.
        assert_eq!(Arc::strong_count(&woken), 3);
        drop(registration);
        assert_eq!((Arc::strong_count(&woken), woken.count.load(SeqCst)), (2, 0));
    }

    #[test]
    fn who_is_woken_can_wait_again() {
        static WORD: AtomicU32 = AtomicU32::new(1);
        let segment = segment().unwrap();
        let mut registration = Registration::default();
        for round in 1..100 {
            let (woken, waker) = woken();
            registration.set(segment, &WORD, round, Deadline::Never, &waker);
            WORD.store(round + 1, SeqCst);
            segment.ring_doorbell(segment.me());
            wait_for(&woken);
        }
    }

    /// The second is set while the helper sleeps for the first.
    #[test]
    fn an_earlier_deadline_is_not_slept_through() {
        let segment = segment().unwrap();
        let ((_, late), (woken, soon)) = (woken(), woken());
        let (mut first, mut second) = (Registration::default(), Registration::default());
        first.set_alarm(segment, Deadline::after(Duration::from_secs(3600)), &late);
        second.set_alarm(segment, Deadline::after(Duration::from_millis(20)), &soon);
        wait_for(&woken);
    }
}
