//! Waiting for room without taking it: for one who says meanwhile that it waits.
//!
//! Whoever is stamped as waiting ([`waits`](super::waits)) must not have got what it waits for, or it would
//! be taken for stuck after it has posted. So it sleeps here until there is room, says that it waits no
//! more, and only then tries to post, as [`post`](super::post) does; somebody else may be faster. Who has
//! slept passes the wake on after its try.

use super::event::Waited;
use super::layout::INLINE_MAX;
use super::slots;
use super::spin::spin;
use super::window::Window;
use crate::time::Deadline;

/// What there is none of for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    Slot,
    Extent,
}

impl Window {
    /// What a message of `length` bytes waits for here. `None`: there is room, or none will ever be.
    pub(crate) fn lack(&self, length: u64) -> Option<Lack> {
        if self.refusal().is_some() {
            None
        } else if !self.has_room() {
            Some(Lack::Slot)
        } else {
            (INLINE_MAX < length && !self.has_extent(length)).then_some(Lack::Extent)
        }
    }

    /// Looks for room for a short while, if that is worth it. False: go to sleep.
    pub(crate) fn spin_for_room(&self, length: u64, deadline: Deadline) -> bool {
        // What was posted without a wake may be what makes room.
        self.wake_consumer();
        let test = || (slots::has_room_ahead(self) && self.lack(length).is_none()).then_some(());
        spin(self.segment, deadline, test).is_some()
    }

    /// Sleeps until there may be room for a message of `length` bytes, or until `deadline`. Before each
    /// sleep it asks `look`, whose value ends the wait as well.
    pub(crate) fn sleep_for_room<T>(
        &self,
        length: u64,
        deadline: Deadline,
        mut look: impl FnMut() -> Option<T>,
    ) -> Waited<Option<T>> {
        let Some(lack) = self.lack(length) else { return Waited::Ready(None) };
        let event = match lack {
            Lack::Slot => self.room(),
            Lack::Extent => self.extent_room(),
        };
        event.wait(deadline, || if self.lack(length) == Some(lack) { look().map(Some) } else { Some(None) })
    }

    /// Passes a wake on, after the try of one who has slept for room: there may be room for more than one.
    pub(crate) fn pass_room_on(&self) {
        self.room().chain();
        self.extent_room().chain();
    }

    /// Has everybody look again who sleeps for room.
    pub(crate) fn wake_senders(&self) {
        self.room().notify_all();
        self.extent_room().notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::shm::layout::Shape;
    use crate::shm::post::Wake;
    use crate::shm::segment::segment;
    use crate::shm::window::{Kind, flags, raise_flags};

    const LARGE: u64 = 900;

    fn window() -> Window {
        let shape = Shape { capacity: 2, hands: 0, message_max: 1000, bytes: 1000 };
        Window::make(segment().unwrap(), Kind::Mailbox, shape).unwrap()
    }

    fn post(window: &Window, length: u64) {
        window.post([&vec![7; length as usize], &[]], Deadline::Now, Wake::Now).unwrap();
    }

    /// Takes what was posted first.
    fn take(window: &Window) {
        let claim = slots::take_next(window, window.segment.me()).unwrap();
        let extent = crate::shm::payload::Meta::load(window.slot(claim.position.index())).extent;
        slots::release(window, claim.position);
        slots::pass(window, claim.position);
        window.room().notify();
        extent.into_iter().for_each(|number| window.free_extent(number));
    }

    #[test]
    fn smoke() {
        let window = window();
        assert_eq!((window.lack(10), window.lack(LARGE)), (None, None));
        post(&window, LARGE);
        assert_eq!((window.lack(10), window.lack(LARGE)), (None, Some(Lack::Extent)));
        post(&window, 10);
        assert_eq!((window.lack(10), window.lack(LARGE)), (Some(Lack::Slot), Some(Lack::Slot)));
        take(&window);
        assert_eq!((window.lack(10), window.lack(LARGE)), (None, None));
        raise_flags(&window, flags::CLOSING);
        take(&window);
        assert_eq!(window.lack(10), None, "nobody waits where nothing is taken any more");
    }

    #[test]
    fn a_sleeper_wakes_where_there_is_room_and_takes_none() {
        let window = window();
        for length in [10, LARGE] {
            post(&window, length);
            post(&window, 10);
            let sleeper = std::thread::spawn(move || {
                let soon = Deadline::after(Duration::from_secs(20));
                window.sleep_for_room(length, soon, || None::<()>)
            });
            take(&window);
            assert!(!matches!(sleeper.join().unwrap(), Waited::TimedOut));
            assert_eq!(window.lack(length), None);
            take(&window);
        }
    }

    #[test]
    fn what_a_look_finds_ends_the_wait() {
        let window = window();
        post(&window, 10);
        post(&window, 10);
        assert_eq!(window.sleep_for_room(10, Deadline::Never, || Some(3)), Waited::Ready(Some(3)));
        let soon = Deadline::after(Duration::from_millis(1));
        assert_eq!(window.sleep_for_room(10, soon, || None::<()>), Waited::TimedOut);
    }
}
