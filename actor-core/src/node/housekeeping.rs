//! Windows that nobody needs: given back whole, or what their bursts have left.

use std::time::Duration;

use super::thread::Node;
use super::timers::Timer;
use crate::exit::ExitReport;
use crate::id::{Participant, WindowId};
use crate::mailbox::Mailbox;
use crate::shm::table;
use crate::shm::window::{Kind, Window};

/// How long after a large message the memory of large messages is given back. Long enough for a
/// stream of them not to notice, short enough to be gone within a second.
pub(super) const TRIM_AFTER: Duration = Duration::from_millis(300);
/// How long until a window is looked at again in which somebody was at work.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Windows to be taken down as soon as nobody is at work in them.
#[derive(Default)]
pub(super) struct Doomed {
    windows: Vec<WindowId>,
    /// Mailboxes that somebody was still posting to, and how their actors ended.
    mailboxes: Vec<(Mailbox, ExitReport)>,
}

impl Node {
    /// Looks at the windows whose users asked for it.
    pub(super) fn look_after_windows(&mut self) {
        let mut asked = Vec::new();
        self.segment.take_attention(|index| asked.push(index));
        for index in asked {
            let Some(window) = table::at(self.segment, index) else { continue };
            if window.is_trim_asked() {
                self.after(TRIM_AFTER, Timer::Trim(index));
            }
            if table::kind(&window).is_some_and(Kind::is_held) {
                self.free_if_unused(&window);
            }
        }
    }

    /// Takes a window down that nobody has a handle on, and to which none can be under way.
    pub(super) fn free_if_unused(&mut self, window: &Window) {
        let is_attached = |who: Participant| self.segment.record(who).is_attached(window.id.index);
        if table::take_down_unused(window, is_attached) {
            self.obituaries.forget(window.id);
            self.names.forget(window.id);
        }
    }

    /// Gives back what large messages have left, unless there are new ones.
    pub(super) fn trim(&mut self, index: u16) {
        if let Some(window) = table::at(self.segment, index) {
            // First the word, so that a message during the look asks again.
            window.clear_trim_asked();
            window.trim();
        }
    }

    pub(super) fn take_down(&mut self, id: WindowId) {
        let Some(window) = table::at(self.segment, id.index).filter(|window| window.id == id) else { return };
        if !table::take_down(&window) {
            self.doomed.windows.push(id);
            self.after(RETRY_AFTER, Timer::TakeDown);
        }
    }

    /// The mailbox of an actor that has ended, in which somebody is still posting.
    pub(super) fn doom(&mut self, mailbox: Mailbox, report: ExitReport) {
        self.doomed.mailboxes.push((mailbox, report));
        self.after(RETRY_AFTER, Timer::TakeDown);
    }

    pub(super) fn take_down_doomed(&mut self) {
        for id in std::mem::take(&mut self.doomed.windows) {
            self.take_down(id);
        }
        for (mailbox, report) in std::mem::take(&mut self.doomed.mailboxes) {
            if self.empty(&mailbox, &report) {
                self.take_down(mailbox.id().0);
            } else {
                self.doom(mailbox, report);
            }
        }
    }
}
