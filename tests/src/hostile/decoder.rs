//! The decoder of messages, for types of every shape.
//!
//! Whatever the bytes are, there is a value or an error; a value encodes to bytes that decode to the same;
//! and no more memory is asked for than twice the input and 2 MiB.

use std::fmt::Debug;

use actor_core::testing::raw;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Target;
use super::types::{Everything, List, Point, Shape, Wrapper, everything};
use crate::counting;

/// See the module.
pub const TARGET: Target = Target { name: "decoder", about: "messages", body, samples, length_max: 2048, runs: 30_000 };

/// What may be asked for beyond twice the input.
const SPARE: usize = 2 << 20;

/// The first byte says what the rest is taken for.
pub fn body(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let (peak, ()) = counting::peak_of(|| match kind % 12 {
        0..=3 => decode::<Everything>(bytes),
        4 => decode::<Vec<Shape>>(bytes),
        5 => decode::<List>(bytes),
        6 => decode::<Wrapper<Option<Vec<Wrapper<Point>>>>>(bytes),
        7 => decode::<Vec<Vec<u64>>>(bytes),
        8 => decode::<(String, u128, f64)>(bytes),
        9 => decode::<Option<Result<char, Box<str>>>>(bytes),
        10 => decode::<Vec<(Box<str>, Vec<()>)>>(bytes),
        _ => borrow(bytes),
    });
    assert!(peak <= 2 * bytes.len() + SPARE, "{} bytes of input, {peak} of memory", bytes.len());
}

fn decode<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
    let Ok(value) = raw::decode::<T>(bytes) else { return };
    // What MessagePack has no place for is refused when it is sent. It can arrive in another spelling.
    let Ok(encoded) = raw::encode(&value) else { return };
    let again = raw::decode::<T>(&encoded).unwrap_or_else(|error| panic!("{value:?} arrives as {error}"));
    // Compared as text: what is no number is not equal to itself.
    assert_eq!(format!("{value:?}").len(), format!("{again:?}").len(), "{value:?} arrives as {again:?}");
}

fn borrow(bytes: &[u8]) {
    if let Ok((text, blob)) = raw::decode::<(&str, &[u8])>(bytes) {
        let range = bytes.as_ptr_range();
        assert!(text.is_empty() || range.contains(&text.as_ptr()));
        assert!(blob.is_empty() || range.contains(&blob.as_ptr()));
    }
}

fn samples() -> Vec<Vec<u8>> {
    let everything = everything();
    let list = (0..20).fold(List::End, |tail, _| List::Cons(Box::new(tail)));
    let kinds = [
        (0, raw::encode(&everything)),
        (4, raw::encode(&everything.shapes)),
        (5, raw::encode(&list)),
        (6, raw::encode(&Wrapper(Some(vec![Wrapper(Point { x: 1, y: None })])))),
        (7, raw::encode(&vec![vec![1_u64, 300], vec![u64::MAX]])),
        (8, raw::encode(&("text", u128::MAX, f64::NAN))),
        (9, raw::encode(&Some(Ok::<char, ()>('x')))),
        (10, raw::encode(&vec![("text", vec![(), ()])])),
        (11, Ok(b"\x92\xa4text\xc4\x03\x01\x02\xff".to_vec())),
    ];
    kinds.into_iter().map(|(kind, bytes)| [vec![kind], bytes.expect("it can be sent")].concat()).collect()
}
