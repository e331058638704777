//! What a message says of itself before its payload.
//!
//! Any 24 bytes can be read, or 40 where they say so, and what was read is written as it was.

use actor_core::testing::raw;

use super::Target;

/// See the module.
pub const TARGET: Target =
    Target { name: "envelope", about: "envelopes of messages", body, samples, length_max: 48, runs: 100_000 };

/// As many bytes as an envelope has, and one with a trace, of which one of them tells.
const BYTES: usize = 24;
const BYTES_WITH_TRACE: usize = 40;
const HAS_TRACE: usize = 7;

/// Reads one.
pub fn body(data: &[u8]) {
    let read = raw::envelope(data);
    let bytes = if data.get(HAS_TRACE) == Some(&1) { BYTES_WITH_TRACE } else { BYTES };
    assert_eq!(read.is_some(), bytes <= data.len());
    if let Some(once) = read {
        assert_eq!(once.len(), bytes);
        assert_eq!(raw::envelope(&once), Some(once));
    }
}

fn samples() -> Vec<Vec<u8>> {
    vec![raw::envelope_sample(), vec![0; BYTES]]
}
