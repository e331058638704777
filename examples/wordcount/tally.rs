//! Words and how often each was seen.
//!
//! A word is a run of letters, as Unicode knows them, in lower case; everything else separates
//! words. [`for_each_word`] is the only place that finds them, so that workers and the count of one
//! thread cannot differ. Counts travel from worker to main process as one compact
//! buffer: the merge must cost little beside the count, or a second worker would not help.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::word::Word;

/// The counts of one piece of text, as they travel: for each word its count and its length, both
/// as variable-length numbers, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts(Vec<u8>);

/// The counts of everything so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    counts: HashMap<Word, u64, FxBuildHasher>,
    words: u64,
}

/// Counts that no worker of ours has made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the counts of a worker end in the middle of a word or are not UTF-8")]
pub(crate) struct Malformed;

/// Whether words are made of this.
pub(crate) fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

/// Calls `seen` with each word of `text`, in lower case.
pub(crate) fn for_each_word(text: &str, mut seen: impl FnMut(String)) {
    for word in text.split(|c| !is_letter(c)).filter(|word| !word.is_empty()) {
        seen(word.to_lowercase());
    }
}

impl Counts {
    /// Counts the words of one piece of text. This is the work of a worker.
    pub(crate) fn of(text: &str) -> Counts {
        let mut counts: HashMap<String, u64, FxBuildHasher> = HashMap::default();
        for_each_word(text, |word| *counts.entry(word).or_insert(0) += 1);
        let mut bytes = Vec::with_capacity(16 * counts.len());
        for (word, count) in counts {
            put_number(&mut bytes, count);
            put_number(&mut bytes, word.len() as u64);
            bytes.extend_from_slice(word.as_bytes());
        }
        Counts(bytes)
    }
}

impl Totals {
    /// Adds a word that was seen `count` times.
    pub(crate) fn add(&mut self, word: &str, count: u64) {
        self.add_bytes(word.as_bytes(), count).expect("a str is UTF-8");
    }

    fn add_bytes(&mut self, word: &[u8], count: u64) -> Result<(), Malformed> {
        match self.counts.get_mut(word) {
            Some(total) => *total += count,
            None => {
                let word = str::from_utf8(word).map_err(|_| Malformed)?;
                self.counts.insert(Word::new(word), count);
            }
        }
        self.words += count;
        Ok(())
    }

    /// Adds what a worker has counted.
    ///
    /// # Errors
    /// If the buffer is not one of ours. What was read before the damage has been added.
    pub(crate) fn merge(&mut self, counts: &Counts) -> Result<(), Malformed> {
        let mut rest = &counts.0[..];
        while !rest.is_empty() {
            let count = take_number(&mut rest)?;
            let length = take_number(&mut rest)?;
            let length = usize::try_from(length).map_err(|_| Malformed)?;
            let word = rest.split_off(..length).ok_or(Malformed)?;
            self.add_bytes(word, count)?;
        }
        Ok(())
    }

    /// How many words there were.
    pub(crate) fn words(&self) -> u64 {
        self.words
    }

    /// How many different words there were.
    pub(crate) fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// The `n` most frequent words, in the order of the alphabet where counts are equal.
    pub(crate) fn top(&self, n: usize) -> Vec<(&str, u64)> {
        let all = self.counts.iter().map(|(word, count)| (word.as_str(), *count));
        let mut all: Vec<(&str, u64)> = all.collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(n);
        all
    }

    /// The words whose counts differ in `other`, with both counts, in order.
    pub(crate) fn differences<'a>(&'a self, other: &'a Totals) -> Vec<(&'a str, u64, u64)> {
        let of = |totals: &Totals, word: &Word| totals.counts.get(word).copied().unwrap_or(0);
        let words = self.counts.keys().chain(other.counts.keys());
        let both = words.map(|word| (word.as_str(), of(self, word), of(other, word)));
        let mut found: Vec<_> = both.filter(|(_, ours, theirs)| ours != theirs).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Seven bits in each byte, the lowest first; the eighth says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *rest.split_off_first().ok_or(Malformed)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed)
}

// As bytes and not as a sequence of numbers, which is what the derive would make of a vector.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Counts, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Counts;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the counts of words as bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Counts, E> {
                Ok(Counts(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Counts, E> {
                Ok(Counts(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_word(text, |word| found.push(word));
        found
    }

    fn totals(text: &str) -> Totals {
        let mut totals = Totals::default();
        totals.merge(&Counts::of(text)).unwrap();
        totals
    }

    #[test]
    fn smoke() {
        let totals = totals("To be, or not to be?");
        assert_eq!(totals.words(), 6);
        assert_eq!(totals.distinct(), 4);
        assert_eq!(totals.top(3), [("be", 2), ("to", 2), ("not", 1)]);
        assert_eq!(totals.top(0), []);
    }

    #[test]
    fn words_are_runs_of_letters() {
        for (text, expected) in [
            ("", &[][..]),
            (" \t\n--", &[]),
            ("fn f64_to_u8(X)", &["fn", "f", "to", "u", "x"]),
            ("don't", &["don", "t"]),
            ("2026 ٣ ½", &[]),
            ("Ärger ÜBER straße", &["ärger", "über", "straße"]),
            ("日本語、テスト", &["日本語", "テスト"]),
            ("a\u{a0}b\u{2014}c🦀d", &["a", "b", "c", "d"]),
            ("ΟΔΟΣ", &["οδος"]),
            ("İ", &["i\u{307}"]),
            ("é", &["é"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_may_be_cut_between_words() {
        let text = "Ärger im Straßenbau: 12 Baustellen, 日本語 und κόσμος. ".repeat(3);
        let whole = totals(&text);
        for (cut, _) in text.char_indices().filter(|(_, c)| !c.is_alphanumeric()) {
            let mut parts = totals(&text[..cut]);
            parts.merge(&Counts::of(&text[cut..])).unwrap();
            assert_eq!(parts, whole, "at {cut}");
        }
    }

    #[test]
    fn adding_words_one_by_one_is_the_same() {
        let text = "one two two three three three ÉÉ".repeat(1000);
        let mut one_by_one = Totals::default();
        for_each_word(&text, |word| one_by_one.add(&word, 1));
        assert_eq!(one_by_one, totals(&text));
    }

    #[test]
    fn numbers_of_all_lengths_survive() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(take_number(&mut &bytes[..]), Ok(number));
            let cut = &bytes[..bytes.len() - 1];
            assert_eq!(take_number(&mut &cut[..]), Err(Malformed));
        }
        assert_eq!(take_number(&mut &[0xff; 11][..]), Err(Malformed));
    }

    #[test]
    fn damaged_counts_are_refused_wherever_they_end() {
        let Counts(bytes) = Counts::of("some words, some more");
        let whole = totals("some words, some more");
        let mut accepted = 0;
        for end in 0..bytes.len() {
            let mut totals = Totals::default();
            if totals.merge(&Counts(bytes[..end].to_vec())).is_ok() {
                // Cut between two words: well-formed, but not the same.
                assert_ne!(totals, whole);
                accepted += 1;
            }
        }
        assert_eq!(accepted, whole.distinct());
        assert_eq!(Totals::default().merge(&Counts(vec![1, 1, 0xff])), Err(Malformed));
        assert_eq!(Totals::default().merge(&Counts(vec![1, 0x7f, b'a'])), Err(Malformed));
    }

    #[test]
    fn differences_name_words_and_both_counts() {
        let (a, b) = (totals("x x y z"), totals("x y y w z"));
        assert_eq!(a.differences(&b), [("w", 0, 1), ("x", 2, 1), ("y", 1, 2)]);
        assert_eq!(a.differences(&a), []);
    }
}
