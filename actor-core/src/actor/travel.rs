//! Reply handles that lie in a message which is about to be sent.
//!
//! A handle says here that it was written, while a message is being encoded that can carry it; after
//! the message was accepted its duty is the message's. Nothing is said of a message that was refused:
//! its sender has the handles as before. This knows of bytes and duties only.

use std::cell::{Cell, RefCell};

use crate::reply::Duty;

/// The handles in one encoded message.
#[derive(Debug, Default)]
#[must_use = "who has been sent must be let go"]
pub(super) struct Travellers(Vec<Duty>);

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
    static NOTED: RefCell<Vec<Duty>> = const { RefCell::new(Vec::new()) };
}

/// Encodes a message that can carry handles, and says which it does.
///
/// # Errors
/// Those of `encode`.
#[inline]
pub(super) fn collect<E>(encode: impl FnOnce() -> Result<(), E>) -> Result<Travellers, E> {
    STATE.set(State::Open);
    let encoded = encode();
    let travellers = match STATE.replace(State::Closed) {
        State::Noted => take(),
        State::Open | State::Closed => Travellers::default(),
    };
    encoded.map(|()| travellers)
}

#[cold]
fn take() -> Travellers {
    Travellers(NOTED.take())
}

/// Notes that a handle was written. False: it must not be.
pub(super) fn note(duty: Duty) -> bool {
    match STATE.get() {
        State::Closed => return false,
        // One that was being encoded when another message was sent from there has lost its own.
        State::Open => NOTED.with_borrow_mut(Vec::clear),
        State::Noted => {}
    }
    NOTED.with_borrow_mut(|noted| noted.push(duty));
    STATE.set(State::Noted);
    true
}

impl Travellers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The message was accepted: whoever gets it has them from now on. Dead before this, or half through,
    /// those that the receiver has not taken count as the sender's.
    #[inline]
    pub(super) fn let_go(self) {
        self.0.into_iter().for_each(Duty::let_go);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::WindowId;
    use crate::mailbox::ReplyAddress;

    fn duty(slot: u16) -> Duty {
        let window = WindowId { index: 1, generation: 1 };
        Duty::of_message(ReplyAddress { window, slot, generation: 1 })
    }

    #[test]
    fn smoke() {
        assert!(!note(duty(1)), "nothing is being sent");
        let travellers = collect(|| {
            assert!(note(duty(1)) && note(duty(2)));
            Ok::<(), ()>(())
        });
        assert_eq!(travellers.unwrap().0, [duty(1), duty(2)]);
        assert!(!note(duty(3)));
    }

    #[test]
    fn who_could_not_be_encoded_does_not_travel_with_the_next() {
        let failed = collect(|| {
            note(duty(1));
            Err(())
        });
        assert!(failed.is_err());
        assert!(collect(|| Ok::<(), ()>(())).unwrap().is_empty());
        let next = collect(|| {
            note(duty(2));
            Ok::<(), ()>(())
        });
        assert_eq!(next.unwrap().0, [duty(2)]);
    }
}
