//! What a message says of itself before its payload.
//!
//! Any 24 bytes can be read, and what was read is written as it was.

use actor_core::testing::raw;

use super::Target;

/// See the module.
pub const TARGET: Target =
    Target { name: "envelope", about: "envelopes of messages", body, samples, length_max: 32, runs: 100_000 };

/// As many bytes as an envelope has.
const BYTES: usize = 24;

/// Reads one.
pub fn body(data: &[u8]) {
    let read = raw::envelope(data);
    assert_eq!(read.is_some(), BYTES <= data.len());
    if let Some(once) = read {
        assert_eq!(once.len(), BYTES);
        assert_eq!(raw::envelope(&once), Some(once));
    }
}

fn samples() -> Vec<Vec<u8>> {
    vec![raw::envelope_sample(), vec![0; BYTES]]
}
