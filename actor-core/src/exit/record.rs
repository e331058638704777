//! [`EndRecord`]: what a process writes about its own end, just before it ends.
//!
//! The record lies in the process's row of shared memory, so it survives the process, and it is
//! input: a process that runs wild can write anything there. [`EndRecord::from_raw`] therefore
//! accepts any bytes. Whether the record is believed is decided in `classify.rs`.

/// The raw kind of a process that wrote no record.
#[cfg(test)]
pub(crate) const END_NONE: u32 = 0;

/// Room for the text of a record. An error or panic text is a sentence; a longer one is clipped.
pub(crate) const TEXT_BYTES_MAX: usize = 1024;

/// Room for the place of a panic, `file:line:column`.
pub(crate) const LOCATION_BYTES_MAX: usize = 256;

/// A process's own account of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndRecord {
    pub(crate) kind: EndKind,
    pub(crate) text: String,
    pub(crate) location: String,
}

/// What the process says happened to it. The numbers are the layout of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum EndKind {
    Normal = 1,
    Shutdown = 2,
    Failed = 3,
    Panicked = 4,
    InitFailed = 5,
    DoNotRestart = 6,
    /// Whoever has started it has ended, and it ends for the same reason, which the node knows.
    Linked = 7,
}

impl EndRecord {
    /// Reads a record that another process wrote. Unknown kinds are no record; texts are clipped
    /// and what is not UTF-8 is replaced.
    pub(crate) fn from_raw(kind: u32, text: &[u8], location: &[u8]) -> Option<EndRecord> {
        Some(EndRecord {
            kind: EndKind::from_raw(kind)?,
            text: bounded_text(text, TEXT_BYTES_MAX),
            location: bounded_text(location, LOCATION_BYTES_MAX),
        })
    }
}

impl EndKind {
    pub(crate) const ALL: [EndKind; 7] = [
        EndKind::Normal,
        EndKind::Shutdown,
        EndKind::Failed,
        EndKind::Panicked,
        EndKind::InitFailed,
        EndKind::DoNotRestart,
        EndKind::Linked,
    ];

    pub(crate) fn from_raw(raw: u32) -> Option<EndKind> {
        EndKind::ALL.into_iter().find(|kind| kind.raw() == raw)
    }

    pub(crate) fn raw(self) -> u32 {
        self as u32
    }

    /// The code with which a process exits after writing a record of this kind. A record is only
    /// believed together with its code: any other end came after the record and counts instead.
    pub(crate) fn exit_code(self) -> i32 {
        match self {
            EndKind::Normal | EndKind::Shutdown => 0,
            EndKind::Failed | EndKind::InitFailed | EndKind::DoNotRestart | EndKind::Linked => 1,
            // What the Rust runtime uses for a panic in `main`.
            EndKind::Panicked => 101,
        }
    }
}

/// The longest beginning of `text` that has at most `bytes_max` bytes and whole characters.
pub(crate) fn clip(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn bounded_text(bytes: &[u8], bytes_max: usize) -> String {
    let bytes = &bytes[..bytes.len().min(bytes_max)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // The writer, or the cut above, may have stopped inside a character.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let record = EndRecord::from_raw(4, b"boom", b"a.rs:1:2").unwrap();
        assert_eq!(record.kind, EndKind::Panicked);
        assert_eq!((&*record.text, &*record.location), ("boom", "a.rs:1:2"));
    }

    #[test]
    fn kinds_round_trip_and_unknown_ones_are_no_record() {
        for kind in EndKind::ALL {
            assert_eq!(EndKind::from_raw(kind.raw()), Some(kind));
        }
        for raw in [END_NONE, 8, u32::MAX] {
            assert_eq!(EndRecord::from_raw(raw, b"text", b""), None);
        }
    }

    #[test]
    fn texts_of_any_bytes_are_bounded() {
        let record = EndRecord::from_raw(3, &[b'x'; 5000], &[0xff; 5000]).unwrap();
        assert_eq!(record.text.len(), TEXT_BYTES_MAX);
        assert_eq!(record.location.chars().count(), LOCATION_BYTES_MAX);
    }

    #[test]
    fn a_cut_character_is_dropped() {
        let record = EndRecord::from_raw(3, &"aé".as_bytes()[..2], b"").unwrap();
        assert_eq!(record.text, "a");
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
    }
}
