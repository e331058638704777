//! The envelope: what a message says of itself, and the one layout in which it says so.
//!
//! It travels before the payload, so the node can settle a message without knowing its type. Whatever
//! another process has left there can be read: it is at worst an envelope that nobody meant.

use crate::id::{Participant, WindowId};
use crate::logs::TraceContext;
use crate::shm::slots::SlotWord;

/// What a message says of itself besides its payload: 24 bytes before it in the slot, or 40 if it comes from a
/// span that somebody listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Which handler it is for.
    pub(crate) handler: u16,
    pub(crate) on_crash: OnCrash,
    /// Where the answer goes; a cast has none.
    pub(crate) reply: Option<ReplyAddress>,
    /// Whether duties to answer calls of others lie in its payload.
    pub(crate) carries: bool,
    /// The one life that it is for; 0 is any.
    pub(crate) life: u32,
    pub(crate) sender: Participant,
    /// The span that it was sent in.
    pub(crate) trace: Option<TraceContext>,
}

/// What is said by bits of byte 6.
const HAS_REPLY: u8 = 1;
const CARRIES: u8 = 2;

/// What becomes of the message that was being handled when its actor crashed. Messages that still
/// wait in the mailbox are never affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OnCrash {
    /// The caller gets the exit report at once. A cast, which has no caller, is kept for
    /// inspection.
    Fail,
    /// It is kept for inspection; a caller gets the exit report.
    DeadLetter,
    /// The next life gets it, until so many lives had it in hand, of at most 127; then it is a
    /// dead letter. A caller waits on, within its own time; a call is handed out again as well when
    /// its caller has given it up.
    Redeliver(u8),
}

impl OnCrash {
    /// How often a message is handed out at most.
    pub(crate) fn deliveries_max(self) -> u32 {
        match self {
            OnCrash::Fail | OnCrash::DeadLetter => 1,
            // Deliveries are counted so far and no further.
            OnCrash::Redeliver(lives) => u32::from(lives.clamp(1, SlotWord::COUNT_MAX)),
        }
    }

    fn to_bytes(self) -> [u8; 2] {
        match self {
            OnCrash::Fail => [0, 0],
            OnCrash::DeadLetter => [1, 0],
            OnCrash::Redeliver(lives) => [2, lives],
        }
    }

    fn from_bytes(bytes: [u8; 2]) -> OnCrash {
        match bytes {
            [0, _] => OnCrash::Fail,
            [2, lives] => OnCrash::Redeliver(lives),
            _ => OnCrash::DeadLetter,
        }
    }
}

/// A reply slot of a waiting caller; see [`reply`](crate::reply).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReplyAddress {
    pub(crate) window: WindowId,
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl Envelope {
    /// Of a message without any particulars: for the first handler, of whatever life, out of no span.
    pub(crate) fn plain(sender: Participant, reply: Option<ReplyAddress>) -> Envelope {
        Envelope { handler: 0, on_crash: OnCrash::Fail, reply, carries: false, life: 0, sender, trace: None }
    }

    /// Whether it is for this life of the actor.
    pub(crate) fn is_for(&self, life: u32) -> bool {
        self.life == 0 || self.life == life
    }

    /// Without and with a trace.
    const BYTES: usize = 24;
    pub(crate) const BYTES_MAX: usize = Self::BYTES + TraceContext::BYTES;

    /// How many bytes it takes.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        if self.trace.is_some() { Self::BYTES_MAX } else { Self::BYTES }
    }

    /// The bytes, the first [`length`](Envelope::length) of which count.
    #[inline]
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES_MAX] {
        let mut bytes = [0; Self::BYTES_MAX];
        bytes[0..2].copy_from_slice(&self.handler.to_le_bytes());
        bytes[2..4].copy_from_slice(&self.on_crash.to_bytes());
        bytes[4..6].copy_from_slice(&self.sender.0.to_le_bytes());
        if let Some(reply) = self.reply {
            bytes[6] = HAS_REPLY;
            bytes[8..10].copy_from_slice(&reply.slot.to_le_bytes());
            bytes[10..12].copy_from_slice(&reply.window.index.to_le_bytes());
            bytes[12..16].copy_from_slice(&reply.window.generation.to_le_bytes());
            bytes[16..20].copy_from_slice(&reply.generation.to_le_bytes());
        }
        bytes[6] |= u8::from(self.carries) * CARRIES;
        bytes[20..24].copy_from_slice(&self.life.to_le_bytes());
        if let Some(trace) = self.trace {
            bytes[7] = 1;
            bytes[Self::BYTES..].copy_from_slice(&trace.to_bytes());
        }
        bytes
    }

    /// Reads an envelope back. Whatever the bytes are, the result is usable.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Envelope> {
        let (bytes, behind) = bytes.split_first_chunk::<{ Self::BYTES }>()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let reply = (bytes[6] & HAS_REPLY != 0).then(|| ReplyAddress {
            window: WindowId { index: u16_at(10), generation: u32_at(12) },
            slot: u16_at(8),
            generation: u32_at(16),
        });
        let on_crash = OnCrash::from_bytes([bytes[2], bytes[3]]);
        let trace = match bytes[7] {
            1 => Some(TraceContext::from_bytes(*behind.first_chunk()?)),
            _ => None,
        };
        let (carries, sender) = (bytes[6] & CARRIES != 0, Participant(u16_at(4)));
        Some(Envelope { handler: u16_at(0), on_crash, reply, carries, life: u32_at(20), sender, trace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let reply = ReplyAddress { window: WindowId { index: 9, generation: 8 }, slot: 7, generation: 6 };
        let envelope = Envelope {
            reply: Some(reply),
            carries: true,
            on_crash: OnCrash::Redeliver(3),
            life: 70_000,
            sender: Participant::NODE,
            handler: 500,
            trace: None,
        };
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()[..envelope.length()]), Some(envelope));
        let envelope = Envelope { reply: None, ..envelope };
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()[..envelope.length()]), Some(envelope));
        assert_eq!(Envelope::from_bytes(&[0; 23]), None);
    }

    #[test]
    fn a_trace_is_there_whole_or_it_is_no_envelope() {
        let trace = TraceContext { participant: Participant(4), generation: 3, span: 2 };
        let envelope = Envelope {
            reply: None,
            carries: false,
            on_crash: OnCrash::Fail,
            life: 0,
            sender: Participant::NODE,
            handler: 0,
            trace: Some(trace),
        };
        let bytes = envelope.to_bytes();
        assert_eq!(envelope.length(), bytes.len());
        assert_eq!(Envelope::from_bytes(&bytes), Some(envelope));
        assert_eq!(Envelope::from_bytes(&bytes[..39]), None);
    }
}
