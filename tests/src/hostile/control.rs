//! Messages that the parts of the node send each other: requests, answers, orders, and what goes over the
//! start-up channel.
//!
//! Each is refused or read, and what was read is written as it was.

use actor_core::DecodeError;
use actor_core::testing::raw;

use super::Target;

/// See the module.
pub const TARGET: Target =
    Target { name: "control", about: "requests, answers and orders", body, samples, length_max: 512, runs: 30_000 };

/// The first byte says what the rest is taken for.
pub fn body(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 4 {
        0 => round(bytes, raw::request),
        1 => round(bytes, raw::answer),
        2 => round(bytes, raw::order),
        _ => _ = raw::control(bytes),
    }
}

fn round(bytes: &[u8], read: fn(&[u8]) -> Result<Vec<u8>, DecodeError>) {
    if let Ok(once) = read(bytes) {
        assert_eq!(read(&once).as_ref(), Ok(&once), "it is read as it was written");
    }
}

fn samples() -> Vec<Vec<u8>> {
    let marked = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let mut samples: Vec<_> = raw::request_samples().iter().map(|bytes| marked(0, bytes)).collect();
    samples.push(marked(1, b"\xa4Done"));
    samples.push(marked(1, b"\x81\xa5Ended\x90"));
    samples.push(marked(2, b"\x98\x20\x81\xa6Inline\xc4\x01\x00\xa1n\xc0\xc0\xc4\x01/\x90\xa6Zygote"));
    samples.extend(channel_samples().iter().map(|bytes| marked(3, bytes)));
    samples
}

/// An order, a greeting, a pid, and why there is none: as the start-up channel has them.
pub fn channel_samples() -> [Vec<u8>; 4] {
    let hello = [&[0, 20][..], &[0xb1; 20], &[1, 0xac, 0x02]].concat();
    [vec![1, 7, 2], hello, vec![1, 7, 0, 0xac, 0x02], b"\x01\x07\x01\x0ano process".to_vec()]
}
