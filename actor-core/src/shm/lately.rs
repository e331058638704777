//! Windows that a thread has used lately, so that it need not attach to them for each message.
//!
//! Attaching reads the shape and computes the layout, which costs more than a message does. A
//! window that has been taken down since is recognised by its generation, here and again under the
//! slot protocol.

use std::cell::Cell;

use super::segment::Segment;
use super::window::{Kind, Window};
use crate::id::WindowId;

const REMEMBERED: usize = 16;

thread_local! {
    static LATELY: [Cell<Option<(Kind, Window)>>; REMEMBERED] = const { [const { Cell::new(None) }; REMEMBERED] };
}

/// The same as [`Window::attach`].
#[inline]
pub(crate) fn attach(segment: &'static Segment, id: WindowId, kind: Kind) -> Option<Window> {
    LATELY.with(|lately| {
        let place = &lately[usize::from(id.index) % REMEMBERED];
        if let Some((known, window)) = place.get()
            && window.id == id
            && known == kind
            && window.is_live()
        {
            return Some(window);
        }
        let window = Window::attach(segment, id, kind)?;
        place.set(Some((kind, window)));
        Some(window)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::layout::Shape;
    use crate::shm::segment::segment;
    use crate::shm::table;

    #[test]
    fn smoke() {
        let segment = segment().unwrap();
        let shape = Shape { capacity: 1, hands: 0, message_max: 64, bytes: 0 };
        let window = Window::make(segment, Kind::Mailbox, shape).unwrap();
        for _ in 0..2 {
            assert_eq!(attach(segment, window.id, Kind::Mailbox).map(|it| it.id), Some(window.id));
            assert!(attach(segment, window.id, Kind::Queue).is_none(), "it is something else");
        }
        assert!(table::take_down(&window));
        assert!(attach(segment, window.id, Kind::Mailbox).is_none());
    }
}
