//! Bytes that encode as bytes.
//!
//! A `Vec<u8>` is a list of numbers for serde, which cannot know better: each byte is visited on its
//! own and half of them take two. What this crate itself sends as encoded bytes it wraps.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Bytes that encode as bytes and not as a list of numbers.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserialize(deserializer).map(Bytes)
    }
}

/// With [`deserialize`] what `#[serde(with = "...")]` wants, for a field that is a `Vec<u8>` in the
/// interface.
pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    deserializer.deserialize_bytes(Copy)
}

struct Copy;

impl<'de> Visitor<'de> for Copy {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len()).map_err(E::custom)?;
        copy.extend_from_slice(bytes);
        Ok(copy)
    }

    /// A format that has no bytes writes them as a list. Ours has them; a user's may not.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn smoke() {
        let (sent, mut out) = (Bytes(vec![0xff; 4 << 20]), Vec::new());
        wire::encode_into(&mut out, &sent).unwrap();
        assert!(out.len() < sent.0.len() + 16, "{} bytes", out.len());
        assert_eq!(wire::decode::<Bytes>(&out).unwrap(), sent);
    }

    #[test]
    fn a_list_of_numbers_is_read_as_well() {
        let mut out = Vec::new();
        wire::encode_into(&mut out, &[1_u8, 2, 255]).unwrap();
        assert_eq!(wire::decode::<Bytes>(&out).unwrap(), Bytes(vec![1, 2, 255]));
    }
}
