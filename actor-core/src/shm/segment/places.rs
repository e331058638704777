//! Where everything lies in the segment: offsets and sizes, known at compile time.
//!
//! The same in every process of a node, since all run the same build. Only numbers; who turns them into
//! addresses checks an index here first.

use super::super::roster;

/// Sizes and numbers of the windows; the index of a window says its class. A mailbox of the default
/// size takes more than 256 MiB, none of it memory, and each process of a node may have one.
pub(crate) const WINDOW_CLASSES: [(u64, u32); 5] =
    [(64 << 10, 24_576), (1 << 20, 16_384), (16 << 20, 6_144), (512 << 20, 16_384), (4 << 30, 1_024)];
/// All windows together.
pub(crate) const WINDOWS_MAX: usize = {
    let (mut sum, mut class) = (0, 0);
    while class < WINDOW_CLASSES.len() {
        sum += WINDOW_CLASSES[class].1 as usize;
        class += 1;
    }
    sum
};
const _: () = assert!(WINDOWS_MAX <= 1 << 16, "a window index has 16 bits");

pub(super) const ROSTER_AT: u64 = 64 << 10;
pub(super) const TABLE_AT: u64 = ROSTER_AT + roster::BYTES;
pub(super) const TABLE_ENTRY: u64 = 64;
const WINDOWS_AT: u64 = (TABLE_AT + TABLE_ENTRY * WINDOWS_MAX as u64).next_multiple_of(1 << 20);
pub(super) const SEGMENT_BYTES: u64 = {
    let (mut end, mut class) = (WINDOWS_AT, 0);
    while class < WINDOW_CLASSES.len() {
        end += WINDOW_CLASSES[class].0 * WINDOW_CLASSES[class].1 as u64;
        class += 1;
    }
    end
};

/// Offset and size of a window in the segment.
pub(super) fn place(index: u16) -> Option<(u64, u64)> {
    let (mut offset, mut rest) = (WINDOWS_AT, u64::from(index));
    for (size, count) in WINDOW_CLASSES {
        if rest < u64::from(count) {
            return Some((offset + rest * size, size));
        }
        rest -= u64::from(count);
        offset += size * u64::from(count);
    }
    None
}

/// Where things lie in the segment's file.
#[cfg(feature = "testing")]
pub(crate) struct Places {
    pub(crate) window: u64,
    /// The window's line in the table.
    pub(crate) table: u64,
}

#[cfg(feature = "testing")]
impl Places {
    pub(super) fn of(index: u16) -> Places {
        let window = place(index).map_or(0, |(offset, _)| offset);
        Places { window, table: TABLE_AT + u64::from(index) * TABLE_ENTRY }
    }

    pub(crate) fn record(&self, participant: crate::id::Participant) -> u64 {
        ROSTER_AT + participant.index() as u64 * roster::RECORD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut end = WINDOWS_AT;
        for index in 0..WINDOWS_MAX {
            let (offset, size) = place(index as u16).unwrap();
            assert_eq!(offset, end);
            end = offset + size;
        }
        assert_eq!(end, SEGMENT_BYTES);
        assert_eq!(place(WINDOWS_MAX as u16), None);
    }
}
