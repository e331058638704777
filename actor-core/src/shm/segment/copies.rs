//! Parts of the segment as bytes, for tests: read and written through its descriptor.
//!
//! Reading the mapping instead would give memory to all that is looked at. What is read while others are
//! at work is no state that ever was; whoever writes has to have the window to himself.

use std::io;

use super::places::{TABLE_AT, TABLE_ENTRY, place};
use super::{Segment, WINDOWS_MAX};

impl Segment {
    /// A copy of the words of the window table.
    ///
    /// # Errors
    /// The system does not let us read.
    pub(crate) fn table_words(&self) -> io::Result<Vec<u64>> {
        let mut bytes = vec![0; TABLE_ENTRY as usize * WINDOWS_MAX];
        let mut read = 0;
        while read < bytes.len() {
            match rustix::io::pread(&self.fd, &mut bytes[read..], TABLE_AT + read as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => read += count,
            }
        }
        let entries = bytes.chunks_exact(TABLE_ENTRY as usize);
        Ok(entries.map(|entry| u64::from_ne_bytes(entry[..8].try_into().expect("eight bytes"))).collect())
    }

    /// Copies the beginning of a window.
    ///
    /// # Errors
    /// There is no such window, or the system does not let us read.
    pub(crate) fn read(&self, index: u16, bytes: &mut [u8]) -> io::Result<()> {
        let (start, _) = place(index).ok_or(io::ErrorKind::InvalidInput)?;
        let read = rustix::io::pread(&self.fd, &mut *bytes, start)?;
        if read == bytes.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Overwrites the beginning of a window.
    ///
    /// # Errors
    /// There is no such window, or the system does not let us write.
    pub(crate) fn write(&self, index: u16, bytes: &[u8]) -> io::Result<()> {
        let (start, _) = place(index).ok_or(io::ErrorKind::InvalidInput)?;
        let written = rustix::io::pwrite(&self.fd, bytes, start)?;
        if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}
