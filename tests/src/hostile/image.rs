//! Shared memory that somebody has written into who does not know, or does not care, what it is for.
//!
//! An input is a list of things to be done and of words to be changed between them. Everything that is done
//! ends, with a value or an error, and touches nothing that is not its own. What lies outside is not
//! mapped, so that to touch it is the end of the program.

use std::cell::RefCell;

use actor_core::testing::raw::{Image, Subject};

use super::Target;
use crate::counting;

/// See the module.
pub const TARGET: Target = Target {
    name: "image",
    about: "shared memory, and what is done in it",
    body,
    samples,
    length_max: 160,
    runs: 20_000,
};

const SUBJECTS: [Subject; 12] = [
    Subject::Queue,
    Subject::Mailbox,
    Subject::Replies,
    Subject::Blob,
    Subject::Ordered,
    Subject::Pipe,
    Subject::Lock,
    Subject::RwLock,
    Subject::Permits,
    Subject::Waiters,
    Subject::Barrier,
    Subject::Flag,
];

/// Nothing that is there has more than a few thousand bytes, whatever its length says.
const MEMORY_MAX: usize = 1 << 20;
/// More would only take longer.
const STEPS_MAX: usize = 24;

thread_local! {
    static IMAGES: RefCell<Vec<Image>> = const { RefCell::new(Vec::new()) };
}

/// Takes the first byte for a subject and each four of the others for a step.
///
/// # Panics
/// There is a node in this process, or something is wrong.
pub fn body(data: &[u8]) {
    let Some((subject, steps)) = data.split_first() else { return };
    let subject = usize::from(*subject) % SUBJECTS.len();
    let steps = &steps[..steps.len().min(STEPS_MAX * 4)];
    IMAGES.with_borrow_mut(|images| {
        // All at once: to make one where another was destroyed would be to begin with something else.
        if images.is_empty() {
            images.extend(SUBJECTS.map(Image::new));
        }
        let image = &mut images[subject];
        image.reset();
        let (peak, ()) = counting::peak_of(|| go_through(image, steps));
        assert!(peak <= MEMORY_MAX, "{peak} bytes of memory, because somebody said so");
    });
}

fn go_through(image: &mut Image, steps: &[u8]) {
    for step in steps.chunks_exact(4) {
        match step[0] {
            operation @ 0..128 => image.operate(operation, step[1]),
            change => change_word(image, change, [step[1], step[2], step[3]]),
        }
    }
}

/// Changes one word: half of the changes are such as a program of ours could have made at another time.
fn change_word(image: &Image, change: u8, [place, how, value]: [u8; 3]) {
    // The window itself in most cases.
    let area = match change % 16 {
        0..10 => 0,
        10 | 11 => 1,
        12 | 13 => 2,
        14 => 3,
        _ => 4,
    };
    let words = &image.areas[area].words;
    // Where the words are more than a byte can say, the upper bits of another help.
    let at = words[(usize::from(place) << 3 | usize::from(how) >> 5) % words.len()];
    image.change(area, at, |old| changed(old, how, value.into()));
}

fn changed(old: u64, how: u8, value: u64) -> u64 {
    match how % 16 {
        // Another state, one lap or place on or back, somebody else.
        0 | 1 => old & !0b111 | value & 0b111,
        2 => old.wrapping_add(1 << 24),
        3 => old.wrapping_sub(1 << 24),
        4 => old.wrapping_add(1),
        5 => old ^ (value & 3) << 3,
        6 => old ^ 1 << (value % 64),
        7 => old ^ 1 << 63,
        // Numbers that are too large for a count, a length or a place.
        8 => value << 56,
        9 => u64::MAX,
        10 => old | u64::from(u32::MAX),
        11 => old | u64::from(u32::MAX) << 32,
        12 => value,
        13 => value << 32 | old & u64::from(u32::MAX),
        14 => old.rotate_left(value as u32),
        _ => value.wrapping_mul(0x9e37_79b9_7f4a_7c15),
    }
}

/// For each subject, what a program does, and what is done to it.
fn samples() -> Vec<Vec<u8>> {
    let steps: [&[[u8; 4]]; 5] = [
        &[[0, 10, 0, 0], [4, 0, 0, 0], [7, 3, 0, 0], [15, 0, 0, 0], [19, 0, 0, 0]],
        &[[3, 0, 0, 0], [128, 9, 0, 3], [4, 0, 0, 0], [7, 1, 0, 0], [7, 0, 0, 0], [22, 0, 0, 0]],
        &[[128, 80, 8, 255], [10, 0, 0, 0], [128, 90, 9, 0], [12, 1, 0, 0], [14, 1, 0, 0], [27, 0, 0, 0]],
        &[[138, 0, 2, 1], [17, 9, 0, 0], [24, 0, 0, 0], [25, 0, 0, 0], [0, 5, 0, 0]],
        &[[140, 3, 9, 1], [16, 0, 0, 0], [18, 1, 0, 0], [23, 0, 0, 0], [142, 1, 6, 5], [20, 4, 0, 0]],
    ];
    let of = |subject: u8| steps.iter().map(move |steps| [vec![subject], steps.concat()].concat());
    // The last message of a queue says that it has four gigabytes, and is moved out of its slot.
    let claim = [[128, 13, 202, 0], [4, 0, 0, 0], [4, 0, 0, 0], [4, 0, 0, 0], [4, 0, 0, 0], [7, 1, 0, 0]];
    let own =
        [[64, 0, 0, 0], [66, 1, 0, 0], [128, 105, 12, 0], [67, 0, 0, 0], [128, 96, 4, 1], [70, 2, 0, 0], [69, 0, 0, 0]];
    let own_of = |subject: u8| [vec![subject], own.concat()].concat();
    let plain = (0..4).flat_map(of).chain([[vec![0], claim.concat()].concat()]);
    plain.chain((4..12).flat_map(|subject| of(subject).chain([own_of(subject)]))).collect()
}
