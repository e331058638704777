//! From an input that means something to one that perhaps does not.
//!
//! A few changes at random places, of kinds that decoders have trouble with. Half of the inputs have one
//! change only: who is refused at the first byte tests nothing behind it.

use crate::chance::Chance;

/// Bytes that begin something in MessagePack, or end a range.
const TELLING: &[u8] = &[
    0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x92, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc4, 0xc6, 0xc7,
    0xc9, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
];
/// Lengths that are too large, at once or together.
const CLAIMS: &[[u8; 5]] = &[
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0xc6, 0xff, 0xff, 0xff, 0xff],
    [0xdb, 0x7f, 0xff, 0xff, 0xff],
    [0xdc, 0xff, 0xff, 0xc0, 0xc0],
    [0xdd, 0x00, 0x00, 0x01, 0x00],
];

/// Makes an input out of `samples`, the same for the same chance.
pub fn input(chance: &mut Chance, samples: &[Vec<u8>], length_max: usize) -> Vec<u8> {
    let mut input = if chance.once_in(50) { noise(chance) } else { chance.one_of(samples).clone() };
    let changes = if chance.once_in(2) { 1 } else { 1 + chance.below(12) };
    for _ in 0..changes {
        change(chance, &mut input, samples);
    }
    input.truncate(length_max);
    input
}

fn noise(chance: &mut Chance) -> Vec<u8> {
    (0..chance.below(64)).map(|_| chance.any() as u8).collect()
}

fn change(chance: &mut Chance, input: &mut Vec<u8>, samples: &[Vec<u8>]) {
    if input.is_empty() {
        input.push(chance.any() as u8);
    }
    let at = chance.below(input.len() as u64) as usize;
    match chance.below(12) {
        0 | 1 => input[at] ^= 1 << chance.below(8),
        2 | 3 => input[at] = chance.any() as u8,
        4 | 5 => input[at] = *chance.one_of(TELLING),
        6 => input.insert(at, *chance.one_of(TELLING)),
        7 => _ = input.remove(at),
        8 => input.truncate(at),
        9 => {
            let end = input.len().min(at + 5);
            input[at..end].copy_from_slice(&chance.one_of(CLAIMS)[..end - at]);
        }
        10 => {
            // Some of it once more, or often: what is nested nests deeper.
            let end = input.len().min(at + 1 + chance.below(16) as usize);
            let part = input[at..end].repeat(1 << chance.below(8));
            input.splice(at..at, part);
        }
        _ => {
            let other = chance.one_of(samples);
            let from = chance.below(other.len() as u64 + 1) as usize;
            input.truncate(at);
            input.extend(&other[from..]);
        }
    }
}
