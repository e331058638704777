//! [`Travellers`]: handles that lie in a message which is about to be sent, and of which there is one only,
//! such as a reply handle or the end of a pipe.
//!
//! Such a handle says here that it was written, while a message is being encoded that can carry it; after
//! the message was accepted it is the message's. Nothing is said of a message that was refused: its sender
//! has the handles as before. This knows of no kind of handle, and of no way to send.

use std::cell::{Cell, RefCell};
use std::fmt;

/// A handle of which there is one only, as it was written into a message.
pub(crate) trait Traveller: Send + Sync {
    /// The message was accepted: whoever gets it has the handle from now on.
    fn let_go(&self);
}

/// The handles in one encoded message.
#[derive(Default)]
#[must_use = "who has been sent must be let go"]
pub(crate) struct Travellers(Vec<Box<dyn Traveller>>);

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// What is being encoded, if anything is, can carry no handle.
    Closed,
    Open,
    /// There are some in [`NOTED`].
    Noted,
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::Closed) };
    static NOTED: RefCell<Vec<Box<dyn Traveller>>> = const { RefCell::new(Vec::new()) };
}

/// Encodes a message that can carry handles, and says which it does.
///
/// # Errors
/// Those of `encode`.
#[inline]
pub(crate) fn collect<T, E>(encode: impl FnOnce() -> Result<T, E>) -> Result<(T, Travellers), E> {
    // A thread that ends, as the one does that ends the program, sends no handles any more.
    let _ = STATE.try_with(|state| state.set(State::Open));
    let encoded = encode();
    let travellers = match STATE.try_with(|state| state.replace(State::Closed)) {
        Ok(State::Noted) => take(),
        Ok(State::Open | State::Closed) | Err(_) => Travellers::default(),
    };
    encoded.map(|encoded| (encoded, travellers))
}

#[cold]
fn take() -> Travellers {
    Travellers(NOTED.take())
}

/// Notes that a handle was written. False: it must not be.
pub(crate) fn note(traveller: impl Traveller + 'static) -> bool {
    match STATE.try_with(Cell::get) {
        Ok(State::Closed) | Err(_) => return false,
        // One that was being encoded when another message was sent from there has lost its own.
        Ok(State::Open) => NOTED.with_borrow_mut(Vec::clear),
        Ok(State::Noted) => {}
    }
    NOTED.with_borrow_mut(|noted| noted.push(Box::new(traveller)));
    STATE.set(State::Noted);
    true
}

impl Travellers {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The message was accepted. Dead before this, or half through, those that the receiver has not taken
    /// count as the sender's.
    #[inline]
    pub(crate) fn let_go(&self) {
        self.0.iter().for_each(|traveller| traveller.let_go());
    }
}

impl fmt::Debug for Travellers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Travellers({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    struct Guest(Arc<AtomicU32>, u32);

    impl Traveller for Guest {
        fn let_go(&self) {
            self.0.fetch_add(self.1, Relaxed);
        }
    }

    #[test]
    fn smoke() {
        let gone = Arc::new(AtomicU32::new(0));
        let guest = |number| Guest(gone.clone(), number);
        assert!(!note(guest(1)), "nothing is being sent");
        let (written, travellers) = collect(|| Ok::<_, ()>((note(guest(1)), note(guest(10))))).unwrap();
        assert_eq!((written, travellers.is_empty()), ((true, true), false));
        assert!(!note(guest(100)));
        assert_eq!(gone.load(Relaxed), 0, "it is not accepted yet");
        travellers.let_go();
        assert_eq!(gone.load(Relaxed), 11);
    }

    #[test]
    fn who_could_not_be_encoded_does_not_travel_with_the_next() {
        let gone = Arc::new(AtomicU32::new(0));
        let guest = |number| Guest(gone.clone(), number);
        let failed = collect(|| {
            note(guest(1));
            Err::<(), ()>(())
        });
        assert!(failed.is_err());
        assert!(collect(|| Ok::<(), ()>(())).unwrap().1.is_empty());
        let (_, next) = collect(|| Ok::<_, ()>(note(guest(2)))).unwrap();
        next.let_go();
        assert_eq!(gone.load(Relaxed), 2);
    }
}
