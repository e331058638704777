//! [`TraceContext`]: which span somebody is in, as plain data that travels with messages.

use crate::id::Participant;

/// A span of some process of the node. It means something to the node's log thread only, and to that only
/// while the span is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) participant: Participant,
    /// Of the process, since participants are used again.
    pub(crate) generation: u32,
    /// A number that this process has given to a span.
    pub(crate) span: u64,
}

impl TraceContext {
    pub(crate) const BYTES: usize = 16;

    /// Whether it is a span of the root process.
    pub(crate) fn is_of_node(self) -> bool {
        self.participant == Participant::NODE
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..2].copy_from_slice(&self.participant.0.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.generation.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.span.to_le_bytes());
        bytes
    }

    /// Whatever the bytes are, the result is usable: at worst it means no span.
    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> TraceContext {
        let [p0, p1, _, _, g0, g1, g2, g3, span @ ..] = bytes;
        TraceContext {
            participant: Participant(u16::from_le_bytes([p0, p1])),
            generation: u32::from_le_bytes([g0, g1, g2, g3]),
            span: u64::from_le_bytes(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let context = TraceContext { participant: Participant(9), generation: u32::MAX - 3, span: 1 << 50 };
        assert_eq!(TraceContext::from_bytes(context.to_bytes()), context);
    }
}
