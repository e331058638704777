//! What the thread that runs an actor's handlers sleeps for, as it stands in the actor's mailbox.
//!
//! Here is what a stamp says and how it lies in words; the protocol is that of
//! [`shm::waits`](crate::shm::waits). Whoever looks along the stamps leaves no trace in the mailboxes that
//! it passes: it is attached to none of them.

use super::{Mailbox, ReplyAddress};
use crate::id::{ActorId, WindowId};
use crate::shm::layout::WAIT_WORDS;
use crate::shm::segment::attached;
use crate::shm::window::{Kind, Window};

/// Bytes of a name in a stamp. A longer one is cut.
const NAME_MAX: usize = 64;

/// A wait of an actor for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) target: ActorId,
    pub(crate) cause: Cause,
    /// When it began, on the clock that all processes share.
    pub(crate) since_ns: u64,
    /// What the target is called.
    pub(crate) name: Name,
}

/// What an actor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The answer to a call.
    Answer(ReplyAddress),
    /// Room for so many bytes, envelope included.
    Room { bytes: u64 },
}

/// The name of an actor, padded with zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name([u8; NAME_MAX]);

impl Name {
    pub(crate) fn of(name: &str) -> Name {
        let (mut bytes, cut) = ([0; NAME_MAX], &name[..name.floor_char_boundary(NAME_MAX)]);
        bytes[..cut.len()].copy_from_slice(cut.as_bytes());
        Name(bytes)
    }

    pub(crate) fn text(&self) -> String {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(NAME_MAX);
        String::from_utf8_lossy(&self.0[..length]).into_owned()
    }
}

impl Wait {
    const ROOM: u64 = 1 << 48;

    /// `cause:16 | generation:32 | index:16`, then two words of the cause, the beginning, and the name.
    fn to_words(self) -> [u64; WAIT_WORDS] {
        let WindowId { index, generation } = self.target.0;
        let target = u64::from(index) | u64::from(generation) << 16;
        let mut words = [0; WAIT_WORDS];
        [words[0], words[1], words[2]] = match self.cause {
            Cause::Answer(reply) => {
                let WindowId { index, generation } = reply.window;
                let place = u64::from(reply.slot) | u64::from(index) << 16 | u64::from(generation) << 32;
                [target, place, reply.generation.into()]
            }
            Cause::Room { bytes } => [target | Self::ROOM, bytes, 0],
        };
        words[3] = self.since_ns;
        for (word, bytes) in words[4..].iter_mut().zip(self.name.0.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("there are eight"));
        }
        words
    }

    /// Reads a stamp back. Whatever the words are, the result is usable.
    fn from_words(words: [u64; WAIT_WORDS]) -> Wait {
        let target = ActorId(WindowId { index: words[0] as u16, generation: (words[0] >> 16) as u32 });
        let cause = if words[0] & Self::ROOM != 0 {
            Cause::Room { bytes: words[1] }
        } else {
            let window = WindowId { index: (words[1] >> 16) as u16, generation: (words[1] >> 32) as u32 };
            Cause::Answer(ReplyAddress { window, slot: words[1] as u16, generation: words[2] as u32 })
        };
        let mut name = Name([0; NAME_MAX]);
        for (bytes, word) in name.0.chunks_exact_mut(8).zip(&words[4..]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Wait { target, cause, since_ns: words[3], name }
    }
}

impl Mailbox {
    /// The mailbox of an actor for somebody who only looks: it is attached to nothing.
    pub(crate) fn look(actor: ActorId) -> Option<Mailbox> {
        Window::look(attached()?, actor.0, Kind::Mailbox).map(|window| Mailbox { window })
    }

    /// Stamps what the actor is about to sleep for. Called by the thread that runs its handlers.
    pub(crate) fn stamp_wait(&self, wait: &Wait) {
        self.window.header().waits.stamp(wait.to_words());
    }

    /// Says that the actor sleeps for nobody. Called by the same thread, and by the node between two lives.
    pub(crate) fn clear_wait(&self) {
        self.window.header().waits.clear();
    }

    /// What the actor waits for, with the number of the stamp.
    pub(crate) fn wait(&self) -> Option<(u64, Wait)> {
        let (sequence, words) = self.window.header().waits.read()?;
        // The stamp of who is there now, if it is not the same any more.
        self.window.is_live().then(|| (sequence, Wait::from_words(words)))
    }

    /// Whether a message of so many bytes, envelope included, waits for room here.
    pub(crate) fn lacks_room(&self, bytes: u64) -> bool {
        self.window.lack(bytes).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::MailboxSize;
    use crate::shm::segment::segment;
    use crate::shm::table;

    const TARGET: ActorId = ActorId(WindowId { index: 65_535, generation: u32::MAX });

    #[test]
    fn smoke() {
        let window = WindowId { index: 40_000, generation: 3_000_000_000 };
        let reply = ReplyAddress { window, slot: 50_000, generation: 4_000_000_000 };
        for cause in [Cause::Answer(reply), Cause::Room { bytes: u64::MAX }] {
            let wait = Wait { target: TARGET, cause, since_ns: u64::MAX - 1, name: Name::of("a") };
            assert_eq!(Wait::from_words(wait.to_words()), wait);
        }
    }

    #[test]
    fn names_are_cut_where_a_letter_ends() {
        for (name, kept) in [("", 0), ("bank", 4), (&"x".repeat(100), NAME_MAX), (&"ä".repeat(100), NAME_MAX)] {
            assert_eq!(Name::of(name).text(), name[..kept]);
        }
        let odd = format!("x{}", "ä".repeat(100));
        assert_eq!(Name::of(&odd).text().len(), NAME_MAX - 1);
    }

    #[test]
    fn a_life_begins_and_ends_without_a_stamp() {
        let size = MailboxSize { capacity: 1, message_max: 64, bytes: 0 };
        let mailbox = Mailbox::make(segment().unwrap(), size).unwrap();
        let wait = Wait { target: TARGET, cause: Cause::Room { bytes: 1 }, since_ns: 0, name: Name::of("a") };
        let seen = || Mailbox::look(mailbox.id()).and_then(|mailbox| mailbox.wait()).map(|(_, wait)| wait);
        mailbox.stamp_wait(&wait);
        assert_eq!(seen(), Some(wait));
        mailbox.end_life();
        assert_eq!(seen(), None);
        mailbox.stamp_wait(&wait);
        mailbox.begin_life(2);
        assert_eq!(seen(), None);
        mailbox.stamp_wait(&wait);
        assert!(table::take_down(&mailbox.window));
        assert_eq!((seen(), mailbox.wait()), (None, None));
    }
}
