//! [`Word`]: a word as a key of a large table.
//!
//! Nearly all words are short, so they lie in the table itself: adding up touches one place in
//! memory per word and not two, which took a third off the merge.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// As many bytes as fit without making the key larger than the other variant does.
const SHORT_MAX: usize = 22;

#[derive(Clone, Debug)]
pub(crate) enum Word {
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<str>),
}

impl Word {
    pub(crate) fn new(word: &str) -> Word {
        let mut bytes = [0; SHORT_MAX];
        match bytes.get_mut(..word.len()) {
            Some(room) => {
                room.copy_from_slice(word.as_bytes());
                Word::Short { length: word.len() as u8, bytes }
            }
            None => Word::Long(word.into()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Word::Short { .. } => str::from_utf8(self.as_bytes()).expect("made of a str"),
            Word::Long(word) => word,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Word::Short { length, bytes } => &bytes[..usize::from(*length)],
            Word::Long(word) => word.as_bytes(),
        }
    }
}

// A table is asked for bytes, so all three speak of the bytes.
impl Borrow<[u8]> for Word {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Word) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Word {}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn smoke() {
        for length in [0, 1, SHORT_MAX - 1, SHORT_MAX, SHORT_MAX + 1, 1000] {
            let text = "x".repeat(length);
            let word = Word::new(&text);
            assert_eq!(word.as_str(), text);
            assert_eq!(matches!(word, Word::Short { .. }), length <= SHORT_MAX);
            let table = HashMap::from([(word, 1)]);
            assert_eq!(table.get(text.as_bytes()), Some(&1));
        }
        assert_ne!(Word::new("a"), Word::new("a\0"));
    }
}
