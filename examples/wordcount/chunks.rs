//! From files to pieces of text of about the size that one message to a worker carries.
//!
//! Small files share a piece; a large one is streamed in several, cut between words. A file is
//! counted whole or not at all, so one that does not fit into a piece is read twice: once to see
//! that it is text to its end, once to be counted. Never is more than two pieces in memory here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::input::{Reason, Skip};
use crate::tally::is_letter;

/// The size of a piece: large enough that its counts are few beside its words, small enough to stay
/// in a CPU's own cache on its way.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// What is not text mostly shows it in so many bytes from its beginning; the rest of it is not read.
const HEAD_BYTES: usize = 8 << 10;

/// A word longer than this may be cut in two where a piece ends: no text has such words, and a file
/// without any space must not be held in memory.
const WORD_BYTES_MAX: usize = 4 << 10;

/// A piece of text, and what was found on the way to it.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Empty if there was nothing to count.
    pub(crate) text: String,
    /// How many files end in here.
    pub(crate) files: u64,
    /// How many bytes of files this is; the text has a line end of ours between two files.
    pub(crate) bytes: u64,
    pub(crate) skipped: Vec<Skip>,
}

/// Reads files one after the other, as an iterator of pieces.
pub(crate) struct Chunks<'a> {
    files: std::slice::Iter<'a, PathBuf>,
    chunk_bytes: usize,
    /// What was read and is in no piece yet.
    buffer: Buffer,
    pending: Pending<'a>,
}

/// What the buffer holds.
enum Pending<'a> {
    Nothing,
    /// A file that had no room in the last piece.
    Small,
    /// The end of what was read of this file, which goes on.
    Large(&'a Path, File),
}

impl<'a> Chunks<'a> {
    pub(crate) fn new(files: &'a [PathBuf]) -> Chunks<'a> {
        Chunks::of_size(files, CHUNK_BYTES)
    }

    fn of_size(files: &'a [PathBuf], chunk_bytes: usize) -> Chunks<'a> {
        // One byte more than fits into a piece tells a large file from a small one.
        let buffer = Buffer { bytes: vec![0; chunk_bytes + 1].into(), filled: 0 };
        Chunks { files: files.iter(), chunk_bytes, buffer, pending: Pending::Nothing }
    }

    /// Reads a file into the empty buffer if it fits into a piece; otherwise looks through it.
    fn begin(&mut self, path: &'a Path) -> Result<Pending<'a>, Reason> {
        let mut file = open(path)?;
        let is_end = self.buffer.fill_to(HEAD_BYTES, &file)?;
        if self.buffer.content().contains(&0) {
            return Err(Reason::Binary);
        }
        if is_end || self.buffer.fill_from(&file)? {
            check(self.buffer.content())?;
            return Ok(Pending::Small);
        }
        self.buffer.check_to_the_end_of(&file)?;
        self.buffer.clear();
        file.rewind().map_err(Reason::Unreadable)?;
        Ok(Pending::Large(path, file))
    }

    /// Moves the small file in the buffer into `chunk`. False: it has no room there.
    fn place(&mut self, chunk: &mut Chunk) -> bool {
        let content = self.buffer.content();
        let size = chunk.text.len() + 1 + content.len();
        if size > self.chunk_bytes && !chunk.text.is_empty() {
            return false;
        }
        if !chunk.text.is_empty() {
            chunk.text.push('\n');
        }
        chunk.text.push_str(str::from_utf8(content).expect("checked when it was read"));
        chunk.files += 1;
        chunk.bytes += content.len() as u64;
        self.buffer.clear();
        true
    }

    /// Fills `chunk` with the next part of a large file. False: that was its end.
    fn stream(&mut self, file: &File, chunk: &mut Chunk) -> Result<bool, Reason> {
        let is_end = self.buffer.fill_from(file)?;
        let content = self.buffer.content();
        let part = &content[..content.len().min(self.chunk_bytes)];
        let text = valid_start(part).map_err(|_| changed())?;
        if is_end && text.len() < content.len() {
            return Err(changed());
        }
        let cut = if is_end { text.len() } else { last_gap(text) };
        chunk.text.push_str(&text[..cut]);
        chunk.bytes += cut as u64;
        chunk.files += u64::from(is_end);
        self.buffer.consume(cut);
        Ok(!is_end)
    }
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        self.next_in(String::new())
    }
}

impl<'a> Chunks<'a> {
    /// The next piece, in the memory of a text that is not needed any more.
    pub(crate) fn next_in(&mut self, mut room: String) -> Option<Chunk> {
        room.clear();
        room.reserve(self.chunk_bytes);
        let mut chunk = Chunk { text: room, ..Chunk::default() };
        loop {
            match std::mem::replace(&mut self.pending, Pending::Nothing) {
                Pending::Small => {
                    if !self.place(&mut chunk) {
                        self.pending = Pending::Small;
                        return Some(chunk);
                    }
                }
                Pending::Large(path, file) if !chunk.text.is_empty() => {
                    self.pending = Pending::Large(path, file);
                    return Some(chunk);
                }
                Pending::Large(path, file) => {
                    match self.stream(&file, &mut chunk) {
                        Ok(true) => self.pending = Pending::Large(path, file),
                        Ok(false) => {}
                        Err(reason) => {
                            self.buffer.clear();
                            chunk.skipped.push(Skip { path: path.into(), reason });
                        }
                    }
                    return Some(chunk);
                }
                Pending::Nothing => {
                    let Some(path) = self.files.next() else {
                        let is_last = chunk.files > 0 || !chunk.skipped.is_empty();
                        return is_last.then_some(chunk);
                    };
                    match self.begin(path) {
                        Ok(pending) => self.pending = pending,
                        Err(reason) => {
                            self.buffer.clear();
                            chunk.skipped.push(Skip { path: path.into(), reason });
                        }
                    }
                }
            }
        }
    }
}

/// A reader's buffer whose room is made once: a vector would be grown and cleared for every file.
struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    fn content(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    fn clear(&mut self) {
        self.filled = 0;
    }

    /// Forgets the first `count` bytes.
    fn consume(&mut self, count: usize) {
        self.bytes.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    /// Reads until there is no more room, or until the end: then true.
    fn fill_from(&mut self, file: &File) -> Result<bool, Reason> {
        self.fill_to(self.bytes.len(), file)
    }

    /// Reads until there are as many bytes, which have room, or until the end: then true.
    fn fill_to(&mut self, filled: usize, mut file: &File) -> Result<bool, Reason> {
        let end = filled.min(self.bytes.len());
        while self.filled < end {
            match file.read(&mut self.bytes[self.filled..end]) {
                Ok(0) => return Ok(true),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Reason::Unreadable(error)),
            }
        }
        Ok(false)
    }

    /// Whether a file is text, from what is here to its end. Loses the content.
    fn check_to_the_end_of(&mut self, file: &File) -> Result<(), Reason> {
        let mut is_end = false;
        while !is_end {
            if self.content().contains(&0) {
                return Err(Reason::Binary);
            }
            let valid = valid_start(self.content())?.len();
            self.consume(valid);
            is_end = self.fill_from(file)?;
        }
        check(self.content())
    }
}

/// Opens what is a regular file at this moment, whatever it was during the walk.
fn open(path: &Path) -> Result<File, Reason> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => Reason::Link,
        _ => Reason::Unreadable(error),
    })?;
    let metadata = file.metadata().map_err(Reason::Unreadable)?;
    if metadata.is_file() { Ok(file) } else { Err(Reason::NotAFile) }
}

/// Whether this is text.
fn check(bytes: &[u8]) -> Result<(), Reason> {
    if bytes.contains(&0) {
        return Err(Reason::Binary);
    }
    str::from_utf8(bytes).map(|_| ()).map_err(|_| Reason::NotUtf8)
}

/// The text up to a character that is not complete yet.
fn valid_start(bytes: &[u8]) -> Result<&str, Reason> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_some() => Err(Reason::NotUtf8),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            Ok(str::from_utf8(valid).expect("valid up to here"))
        }
    }
}

/// Where the last word of `text` begins, which may go on after its end.
fn last_gap(text: &str) -> usize {
    let gap = text.char_indices().rev().find(|(_, c)| !is_letter(*c));
    let after = gap.map_or(0, |(at, c)| at + c.len_utf8());
    if after == 0 || text.len() - after > WORD_BYTES_MAX { text.len() } else { after }
}

fn changed() -> Reason {
    Reason::Unreadable(io::Error::other("it was changed while it was read"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::chance::Chance;
    use crate::tally::{Counts, Totals};

    fn files(contents: &[&[u8]]) -> (TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let name = |at| dir.path().join(format!("{at}"));
        let paths: Vec<PathBuf> = (0..contents.len()).map(name).collect();
        for (path, content) in paths.iter().zip(contents) {
            fs::write(path, content).unwrap();
        }
        (dir, paths)
    }

    fn count(texts: impl Iterator<Item = String>) -> Totals {
        let mut totals = Totals::default();
        for text in texts {
            totals.merge(&Counts::of(&text)).unwrap();
        }
        totals
    }

    #[test]
    fn smoke() {
        let (_dir, paths) = files(&[b"one", b"", b"two"]);
        let chunks: Vec<Chunk> = Chunks::new(&paths).collect();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].text.split_whitespace().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((chunks[0].files, chunks[0].bytes), (3, 6));
        assert_eq!(Chunks::new(&[]).count(), 0);
    }

    #[test]
    fn pieces_count_like_the_whole_at_any_size() {
        let seed = 0x5eed;
        let mut chance = Chance::new(seed);
        let alphabet = ["a", "b7", "é", "日本", " ", " ", "\n", "—", "🦀 "];
        for round in 0..200 {
            let mut text = || {
                let length = chance.below(60);
                (0..length).map(|_| alphabet[chance.below(alphabet.len())]).collect::<String>()
            };
            let texts: Vec<String> = (0..5).map(|_| text()).collect();
            let contents: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let (_dir, paths) = files(&contents);
            let size = 8 + chance.below(200);
            let chunks: Vec<Chunk> = Chunks::of_size(&paths, size).collect();
            let what = format!("seed {seed}, round {round}, size {size}");
            assert!(chunks.iter().all(|chunk| chunk.text.len() <= size), "{what}");
            assert_eq!(chunks.iter().map(|chunk| chunk.files).sum::<u64>(), 5, "{what}");
            let bytes: usize = texts.iter().map(String::len).sum();
            assert_eq!(chunks.iter().map(|chunk| chunk.bytes).sum::<u64>(), bytes as u64, "{what}");
            let pieces = chunks.into_iter().map(|chunk| chunk.text);
            // Words that fill a piece have nowhere to be cut, but these have.
            if texts.iter().all(|text| longest_word(text) < size) {
                assert_eq!(count(pieces), count(texts.into_iter()), "{what}");
            }
        }
    }

    fn longest_word(text: &str) -> usize {
        text.split(|c: char| !is_letter(c)).map(str::len).max().unwrap_or(0)
    }

    #[test]
    fn what_is_not_text_is_skipped_whole_and_named_once() {
        let long = b"word ".repeat(100);
        let with_end = |end: &[u8]| [&long[..], end].concat();
        let (nul, broken, cut) = (with_end(b"\0"), with_end(b"\xff\xfe x"), with_end(b"\xe6\x97"));
        let (_dir, paths) = files(&[b"a\0b", b"\xff", &nul, &broken, &cut, b"text"]);
        let chunks: Vec<Chunk> = Chunks::of_size(&paths, 64).collect();
        let told: Vec<String> = chunks.iter().flat_map(|chunk| &chunk.skipped).map(Skip::to_string).collect();
        let reasons: Vec<&str> = told.iter().map(|t| t.rsplit(": ").next().unwrap()).collect();
        assert_eq!(reasons, ["binary", "not UTF-8", "binary", "not UTF-8", "not UTF-8"]);
        assert_eq!(count(chunks.into_iter().map(|chunk| chunk.text)).words(), 1);
    }

    #[test]
    fn a_file_without_any_gap_is_cut() {
        let (_dir, paths) = files(&["ä".repeat(100_000).as_bytes()]);
        let chunks: Vec<Chunk> = Chunks::of_size(&paths, 10_001).collect();
        assert!(chunks.iter().all(|chunk| chunk.text.len() <= 10_001));
        assert_eq!(chunks.iter().map(|chunk| chunk.text.len()).sum::<usize>(), 200_000);
    }

    #[test]
    fn a_large_sparse_file_costs_one_piece() {
        let (_dir, paths) = files(&[b"text", b"more"]);
        File::options().write(true).open(&paths[0]).unwrap().set_len(4 << 30).unwrap();
        let chunks: Vec<Chunk> = Chunks::new(&paths).collect();
        assert!(matches!(chunks[0].skipped[0].reason, Reason::Binary));
        assert_eq!(chunks[0].text, "more");
    }

    #[test]
    fn what_became_something_else_since_the_walk_is_not_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let (dir, mut paths) = files(&[b"text"]);
        let fifo = dir.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&paths[0], &link).unwrap();
        paths.extend([fifo, link, dir.path().join("gone")]);
        let chunks: Vec<Chunk> = Chunks::new(&paths).collect();
        let reasons: Vec<&Reason> = chunks[0].skipped.iter().map(|skip| &skip.reason).collect();
        let [Reason::NotAFile, Reason::Link, Reason::Unreadable(_)] = reasons[..] else {
            panic!("{reasons:?}");
        };
    }
}
