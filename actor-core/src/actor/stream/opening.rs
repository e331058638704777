//! [`Opening`]: what travels before the arguments of a call that is answered by a stream.
//!
//! A few words of fixed size. They come from another process, so whatever they are they mean at worst a
//! window that is not there.

use std::time::Duration;

use crate::id::WindowId;

/// Where the items go, and how long the actor waits for room there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) window: WindowId,
    pub(super) patience: Duration,
}

impl Opening {
    const BYTES: usize = 16;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..2].copy_from_slice(&self.window.index.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.window.generation.to_le_bytes());
        let patience = u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX);
        bytes[8..16].copy_from_slice(&patience.to_le_bytes());
        bytes
    }

    /// The opening and the arguments behind it.
    pub(super) fn split(payload: &[u8]) -> Option<(Opening, &[u8])> {
        let (bytes, arguments) = payload.split_first_chunk::<{ Self::BYTES }>()?;
        let [a, b, _, _, c, d, e, f, patience @ ..] = *bytes;
        let window = WindowId { index: u16::from_le_bytes([a, b]), generation: u32::from_le_bytes([c, d, e, f]) };
        Some((Opening { window, patience: Duration::from_nanos(u64::from_le_bytes(patience)) }, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let opening =
            Opening { window: WindowId { index: 300, generation: 70_000 }, patience: Duration::from_millis(1500) };
        let mut payload = opening.to_bytes().to_vec();
        payload.extend(b"rest");
        assert_eq!(Opening::split(&payload), Some((opening, &b"rest"[..])));
        assert_eq!(Opening::split(&payload[..15]), None);
        let ever = Opening { patience: Duration::MAX, ..opening };
        let (ever, _) = Opening::split(&ever.to_bytes()).map(|(opening, rest)| (opening, rest.len())).unwrap();
        assert!(Duration::from_secs(1 << 30) < ever.patience);
    }
}
