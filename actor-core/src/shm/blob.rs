//! Blobs: bytes that are too many for an order or a record, in a window of their own.
//!
//! The maker writes a blob once; others read it; the node takes it down when it has served, or
//! when its maker has died without having said where it is.

use std::sync::atomic::Ordering::Relaxed;

use super::layout::{PAGE, Shape};
use super::payload::Meta;
use super::segment::Segment;
use super::table::MakeError;
use super::window::{Kind, Window};
use crate::id::WindowId;

/// The longest blob.
pub(crate) const BLOB_MAX: u64 = 1 << 30;

/// Puts `bytes` into a window of their own.
///
/// # Errors
/// They are too many, or there is no window or no memory.
pub(crate) fn make(segment: &'static Segment, bytes: &[u8]) -> Result<WindowId, MakeError> {
    let length = bytes.len() as u64;
    let shape = Shape { capacity: 1, hands: 0, message_max: length.next_multiple_of(PAGE), bytes: 0 };
    if length > BLOB_MAX {
        return Err(MakeError::Shape(shape));
    }
    let window = Window::make(segment, Kind::Blob, shape)?;
    let slot = window.slot(0);
    let extent = match length {
        0 => None,
        _ => window.fill_extent([bytes, &[]]).map_err(MakeError::Memory)?,
    };
    Meta { length: length as u32, extent }.store(slot);
    window.header().fixed.length.store(length, Relaxed);
    Ok(window.id)
}

/// The bytes of a blob. `None`: it is gone, or never was one.
pub(crate) fn read(segment: &'static Segment, id: WindowId) -> Option<Vec<u8>> {
    let window = Window::attach(segment, id, Kind::Blob)?;
    let slot = window.slot(0);
    let mut bytes = Vec::new();
    window.read_payload(slot, Meta::load(slot), 0, &mut bytes).then_some(bytes)
}

/// How many bytes a blob has. `None`: it is gone, or never was one.
pub(crate) fn length(segment: &'static Segment, id: WindowId) -> Option<u64> {
    let window = Window::attach(segment, id, Kind::Blob)?;
    Some(u64::from(Meta::load(window.slot(0)).length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shm::segment::segment;
    use crate::shm::table;

    #[test]
    fn smoke() {
        let segment = segment().unwrap();
        for length in [0, 1, 4096, 4097, 5_000_000] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 3) as u8).collect();
            let id = make(segment, &bytes).unwrap();
            assert_eq!(super::length(segment, id), Some(length));
            assert_eq!(read(segment, id), Some(bytes));
            assert!(table::take_down(&table::at(segment, id.index).unwrap()));
            assert_eq!(read(segment, id), None);
        }
    }
}
