//! [`Tail`]: the last bytes that a process wrote to its stderr.
//!
//! Fed in pieces as they are read, bounded whatever the process writes. It must stay cheap for a
//! process that writes megabytes: each byte is copied once, and what is overwritten is counted.

/// How much of stderr a report keeps: the end of a stack trace, but not a log file.
pub(crate) const TAIL_BYTES_MAX: usize = 4096;

/// Collects the end of a stream of bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    /// Holds at most twice the limit, so that cutting the front costs one copy per limit's worth.
    bytes: Vec<u8>,
    written: u64,
}

impl Tail {
    /// Takes the next piece of the stream.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.written += piece.len() as u64;
        let piece = &piece[piece.len().saturating_sub(TAIL_BYTES_MAX)..];
        if 2 * TAIL_BYTES_MAX < self.bytes.len() + piece.len() {
            self.bytes.drain(..self.bytes.len().saturating_sub(TAIL_BYTES_MAX));
        }
        self.bytes.extend_from_slice(piece);
    }

    /// The end of the stream as text. What is not UTF-8 is replaced; a character that the limit
    /// cut in two is left out.
    pub(crate) fn text(&self) -> String {
        let cut = self.bytes.len().saturating_sub(TAIL_BYTES_MAX);
        let mut bytes = &self.bytes[cut..];
        if 0 < self.dropped() {
            let is_continuation = |byte: &u8| byte & 0xc0 == 0x80;
            let broken = bytes.iter().take(3).take_while(|byte| is_continuation(byte)).count();
            bytes = &bytes[broken..];
        }
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// How many bytes came before those that [`Tail::text`] shows.
    pub(crate) fn dropped(&self) -> u64 {
        self.written - self.bytes.len().min(TAIL_BYTES_MAX) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut tail = Tail::default();
        tail.push(b"hello ");
        tail.push(b"world\n");
        assert_eq!((&*tail.text(), tail.dropped()), ("hello world\n", 0));
    }

    #[test]
    fn keeps_the_end_for_every_way_of_cutting_the_stream() {
        let stream: Vec<u8> = (0..20_000u32).map(|i| b'a' + (i % 26) as u8).collect();
        for piece in [1, 7, 4095, 4096, 4097, 9000, 20_000] {
            let mut tail = Tail::default();
            stream.chunks(piece).for_each(|chunk| tail.push(chunk));
            assert_eq!(tail.text().as_bytes(), &stream[stream.len() - TAIL_BYTES_MAX..]);
            assert_eq!(tail.dropped(), (stream.len() - TAIL_BYTES_MAX) as u64);
            assert!(tail.bytes.len() <= 2 * TAIL_BYTES_MAX);
        }
    }

    #[test]
    fn a_character_cut_by_the_limit_is_left_out() {
        let mut tail = Tail::default();
        tail.push("é".repeat(TAIL_BYTES_MAX).as_bytes());
        tail.push(b"!");
        assert_eq!(tail.text(), format!("{}!", "é".repeat(TAIL_BYTES_MAX / 2 - 1)));
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        let mut tail = Tail::default();
        tail.push(&[0xff, b'a', 0x80]);
        assert_eq!(tail.text(), "\u{fffd}a\u{fffd}");
    }
}
