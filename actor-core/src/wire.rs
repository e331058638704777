//! Messages as bytes: encode, decode, and nothing that a wrong byte could do.
//!
//! The format is MessagePack as rmp-serde writes it: structs as arrays, enum variants by name. No
//! other file names that crate. Sender and receiver are the same build, so positions mean the same
//! on both sides; but what arrives may come from a process that ran wild, and is input.
//!
//! What is promised beyond the codec:
//! - A value either arrives as it was sent or is refused when it is encoded. Where MessagePack has
//!   no room for the difference (`Some` of something that encodes as nothing), and past
//!   [`DEPTH_MAX`] levels, encoding is the step that fails (`guard.rs`).
//! - Decoding never recurses deeper than the limit, through levels that take bytes (`nesting.rs`) or
//!   none (`levels.rs`), never reserves memory that the message cannot fill, and accepts no bytes behind
//!   the value.
//! - A `Serialize` or `Deserialize` that panics is an error.
//!
//! The size of a message is bounded by whoever provides the bytes.
//!
//! What is not covered: a type whose own `Deserialize` goes on for ever without asking the codec for
//! anything, such as an untagged enum with itself as the last variant to be tried.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rmp_serde::decode::Error as RmpDecodeError;
use serde::{Deserialize, Serialize};

use crate::shm::ends;

mod buffer;
pub(crate) mod bytes;
mod guard;
mod levels;
mod nesting;
mod shape;
pub(crate) mod travel;

pub(crate) use buffer::with_buffer;
pub(crate) use bytes::Bytes;
pub(crate) use shape::is_err;

/// How many arrays and maps may lie within each other. An enum variant with fields counts as two.
///
/// Deep enough for honest data; shallow enough for the 2 MiB stack of a thread, even when it is
/// built without optimization.
pub(crate) const DEPTH_MAX: usize = 128;

/// Why a value could not be turned into a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value's `Serialize` refused, or the value would not arrive as it is: one that is nested
    /// deeper than 128 levels, for instance.
    #[error("{0}")]
    Refused(String),
    /// The value's `Serialize` panicked.
    #[error("serializing panicked: {0}")]
    Panicked(String),
}

/// Why the bytes of a message could not be turned into a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message is nested too deeply, that is more than 128 levels.
    #[error("the message is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The bytes are not one whole MessagePack value.
    #[error("the message is cut off or damaged")]
    Damaged,
    /// There are bytes behind the value.
    #[error("the message goes on behind its value")]
    Trailing,
    /// The value is of another type, or the type's `Deserialize` refused it.
    #[error("{0}")]
    Refused(String),
    /// The type's `Deserialize` panicked.
    #[error("deserializing panicked: {0}")]
    Panicked(String),
}

/// Appends the encoded `value` to `out`, without allocating if `out` has room.
///
/// # Errors
///
/// `out` is then as long as it was before.
pub(crate) fn encode_into<T>(out: &mut Vec<u8>, value: &T) -> Result<(), EncodeError>
where
    T: Serialize + ?Sized,
{
    let start = out.len();
    // The one thing that a caught panic can leave half done is `out`, and that is cut below.
    let encoded =
        catch_unwind(AssertUnwindSafe(|| guard::serialize(value, &mut rmp_serde::Serializer::new(&mut *out))));
    let error = match encoded {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => EncodeError::Refused(error.to_string()),
        Err(panic) => EncodeError::Panicked(panic_text(&*panic)),
    };
    out.truncate(start);
    Err(error)
}

/// Decodes the one value that `bytes` hold; it may borrow from them.
///
/// # Errors
///
/// Whatever the bytes are, the outcome is a value of `T` or an error.
pub(crate) fn decode<'a, T>(bytes: &'a [u8]) -> Result<T, DecodeError>
where
    T: Deserialize<'a>,
{
    // Nothing but the value itself is under construction when its decoder panics.
    let decoded = nesting::check_if_needed(bytes).and_then(|()| {
        let decoded = catch_unwind(|| decode_one(bytes));
        decoded.unwrap_or_else(|panic| Err(DecodeError::Panicked(panic_text(&*panic))))
    });
    // Nobody gets the ends of pipes that may lie in there.
    decoded.inspect_err(|_| ends::throw_away(bytes))
}

fn decode_one<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    let value = levels::deserialize(&mut deserializer).map_err(decode_error)?;
    // The codec does not tell its position. At the end of the bytes, and only there, another
    // value cannot even begin.
    match bool::deserialize(&mut deserializer) {
        Err(RmpDecodeError::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(DecodeError::Trailing),
    }
}

#[cold]
fn decode_error(error: RmpDecodeError) -> DecodeError {
    match error {
        RmpDecodeError::InvalidMarkerRead(_) | RmpDecodeError::InvalidDataRead(_) => DecodeError::Damaged,
        RmpDecodeError::DepthLimitExceeded => DecodeError::TooDeep,
        RmpDecodeError::Syntax(text) if text == levels::TOO_DEEP => DecodeError::TooDeep,
        error => DecodeError::Refused(error.to_string()),
    }
}

#[cold]
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no text)").to_owned()
}

#[cfg(test)]
mod tests;
