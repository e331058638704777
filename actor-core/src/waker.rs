//! Async waits: shared words to Rust wakers, by one helper thread per process.
//!
//! A future that waits for a shared word registers the word, the value it has seen and its waker
//! here. Whoever changes such a word rings the doorbell of the process; the helper thread sleeps
//! on the doorbell alone, looks which registered words have changed and wakes their wakers. The
//! thread starts with the first registration, so processes without async waits do not have it.
//!
//! Nothing is lost: the future registers, then tests its condition once more, and only then
//! returns `Pending`; the other side changes the word and then rings.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;
use std::sync::{Mutex, Once, PoisonError};
use std::task::Waker;
use std::time::Instant;

use crate::shm::segment::Segment;
use crate::shm::words::{Mapped, Memory};
use crate::time::Deadline;

/// One future that waits for a word to change.
struct Registration {
    word: &'static AtomicU32,
    seen: u32,
    deadline: Deadline,
    waker: Waker,
}

static REGISTERED: Mutex<Vec<Registration>> = Mutex::new(Vec::new());
static HELPER: Once = Once::new();

/// Wakes `waker` when `word` is no longer `seen`, or at the deadline. Whoever changes the word
/// must ring this process's doorbell.
pub(crate) fn register(
    segment: &'static Segment,
    word: &'static AtomicU32,
    seen: u32,
    deadline: Deadline,
    waker: &Waker,
) {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |other: &Registration| std::ptr::eq(other.word, word) && other.waker.will_wake(waker);
    // Two futures of one task may wait for the same word. Each wake is for both, so the
    // earlier deadline stays.
    let before = registered.iter().filter(|other| is_same(other)).map(|other| other.deadline).reduce(Deadline::min);
    registered.retain(|other| !is_same(other));
    let deadline = before.map_or(deadline, |before| before.min(deadline));
    registered.push(Registration { word, seen, deadline, waker: waker.clone() });
    drop(registered);
    HELPER.call_once(|| {
        let spawned = std::thread::Builder::new().name("actor-wakes".into()).spawn(move || serve(segment));
        // Without the thread no async wait could ever end.
        spawned.expect("the system has no thread for async waits");
    });
    if deadline != Deadline::Never || word.load(Acquire) != seen {
        // The helper may sleep past this deadline, or have looked before this word changed: let it
        // look again.
        segment.ring_doorbell(segment.me());
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
    let mut due = Vec::new();
    let mut next = Deadline::Never;
    let now = Instant::now();
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    registered.retain(|waiting| {
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
    });
    drop(registered);
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
}
