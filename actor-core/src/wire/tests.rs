//! What the codec and the checks around it promise together.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserializer, Serializer};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(Point, f32),
    Polygon { corners: Vec<Point>, label: Option<String> },
    Group(Vec<Shape>),
    Alias(Box<Shape>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum List {
    End,
    Cons(Box<List>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    shapes: Vec<Shape>,
    by_name: BTreeMap<String, (u8, Shape)>,
    by_point: HashMap<u32, Vec<Option<Point>>>,
    blob: Bytes,
    numbers: (i8, u16, i32, u64, i128, u128, char, bool),
    result: Result<(), String>,
    unit: (),
    array: [u16; 5],
}

/// A blob that encodes as one.
#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let bytes: &[u8] = Deserialize::deserialize(deserializer)?;
        Ok(Bytes(bytes.to_vec()))
    }
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(&mut out, value).unwrap();
    out
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> EncodeError {
    let mut out = b"before".to_vec();
    let error = encode_into(&mut out, value).unwrap_err();
    assert_eq!(out, b"before", "a failed encoding leaves nothing behind");
    error
}

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(decode::<T>(&encode(&value)), Ok(value));
}

fn point() -> Point {
    Point { x: -7, y: Some(0.5) }
}

fn polygon() -> Shape {
    Shape::Polygon { corners: vec![point(); 20], label: Some("twenty".into()) }
}

fn everything() -> Everything {
    Everything {
        shapes: vec![
            Shape::Nothing,
            Shape::Circle(point(), 1.5),
            polygon(),
            Shape::Group(vec![Shape::Alias(Box::new(Shape::Nothing)), polygon()]),
        ],
        by_name: BTreeMap::from([("é".into(), (1, polygon())), (String::new(), (2, Shape::Nothing))]),
        by_point: (0..40).map(|i| (i, vec![None, Some(point())])).collect(),
        blob: Bytes((0..=255).collect()),
        numbers: (i8::MIN, u16::MAX, i32::MIN, u64::MAX, i128::MIN, u128::MAX, 'ß', true),
        result: Err("no".into()),
        unit: (),
        array: [1, 200, 3000, 40000, 0],
    }
}

fn list(conses: usize) -> List {
    (0..conses).fold(List::End, |tail, _| List::Cons(Box::new(tail)))
}

#[test]
fn smoke() {
    let mut out = Vec::new();
    encode_into(&mut out, &point()).unwrap();
    assert_eq!(decode(&out), Ok(point()));
}

#[test]
fn nested_enums_maps_and_blobs_round_trip() {
    round_trips(everything());
    round_trips(vec![Some(1u8), None]);
    round_trips(("text".to_owned(), Some(vec![Ok::<u8, String>(3), Err("no".into())])));
    round_trips(Box::new(polygon()));
}

#[test]
fn text_and_blobs_are_borrowed() {
    let bytes = encode(&("text", Bytes(vec![1, 2])));
    let (text, blob): (&str, &[u8]) = decode(&bytes).unwrap();
    assert!(bytes.as_ptr_range().contains(&text.as_ptr()));
    assert!(bytes.as_ptr_range().contains(&blob.as_ptr()));
}

#[test]
fn encoding_appends() {
    let mut out = b"before".to_vec();
    encode_into(&mut out, &1u8).unwrap();
    assert_eq!(out, b"before\x01");
}

#[test]
fn structs_carry_no_field_names() {
    assert_eq!(encode(&Point { x: 1, y: None }), [0x92, 1, 0xc0]);
}

#[test]
fn a_warm_buffer_is_used_again() {
    let mut out = encode(&everything());
    let place = out.as_ptr_range();
    out.clear();
    encode_into(&mut out, &everything()).unwrap();
    assert_eq!(out.as_ptr_range(), place);
}

#[test]
fn every_truncation_is_an_error() {
    let samples = [encode(&everything()), encode(&polygon()), encode(&point())];
    for bytes in &samples {
        for cut in 0..bytes.len() {
            assert!(decode::<Everything>(&bytes[..cut]).is_err());
            assert!(decode::<Shape>(&bytes[..cut]).is_err());
            assert!(decode::<Point>(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn every_flipped_bit_is_a_value_or_an_error() {
    let mut bytes = encode(&everything());
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(value) = decode::<Everything>(&bytes) {
            assert!(decode::<Everything>(&encode(&value)).is_ok());
        }
        assert!(claimed(&bytes) <= bytes.len(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(decode(&bytes), Ok(everything()));
}

#[test]
fn bytes_behind_the_value_are_an_error() {
    for value in [encode(&point()), encode(&polygon())] {
        for behind in [&b"\xc0"[..], b"\xc1", b"\x01\x02", b"\xdc"] {
            let bytes = [&value[..], behind].concat();
            assert!(decode::<Point>(&bytes).is_err());
            assert!(decode::<Shape>(&bytes).is_err());
        }
    }
    assert_eq!(decode::<u8>(&[1, 2]), Err(DecodeError::Trailing));
    assert_eq!(decode::<()>(&[]), Err(DecodeError::Damaged));
}

/// Follows arrays and maps wherever they lead and notes how many elements their decoders are told
/// to expect, which is what they reserve memory for.
struct Claims;

thread_local! {
    static CLAIMED: Cell<usize> = const { Cell::new(0) };
}

fn claim(elements: Option<usize>) {
    CLAIMED.set(CLAIMED.get().saturating_add(elements.unwrap_or(0)));
}

/// How many elements all decoders of `bytes` together are told to expect.
fn claimed(bytes: &[u8]) -> usize {
    CLAIMED.set(0);
    drop(decode::<Claims>(bytes));
    CLAIMED.get()
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Claims, D::Error> {
        deserializer.deserialize_any(Claims)
    }
}

macro_rules! scalars {
    ($($method:ident($value:ty);)*) => {$(
        fn $method<E>(self, _: $value) -> Result<Claims, E> {
            Ok(Claims)
        }
    )*};
}

impl<'de> Visitor<'de> for Claims {
    type Value = Claims;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array or a map")
    }

    scalars! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f32(f32);
        visit_f64(f64);
        visit_borrowed_str(&'de str);
        visit_borrowed_bytes(&'de [u8]);
    }

    fn visit_unit<E>(self) -> Result<Claims, E> {
        Ok(Claims)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Claims, A::Error> {
        claim(seq.size_hint());
        while seq.next_element::<Claims>()?.is_some() {}
        Ok(Claims)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        claim(map.size_hint());
        while map.next_entry::<Claims, Claims>()?.is_some() {}
        Ok(Claims)
    }
}

#[test]
fn claims_beyond_the_message_never_reach_a_decoder() {
    assert_eq!(claimed(&encode(&vec![vec![1u8, 2]; 20])), 20 + 40);
    let array = [0xdd, 0xff, 0xff, 0xff, 0xff];
    let bombs = [
        array.to_vec(),
        array.repeat(8),
        array.repeat(25),
        array.repeat(100_000),
        [0xdf, 0xff, 0xff, 0xff, 0xff].repeat(20),
        [0xdc, 0xff, 0xff].repeat(40),
        [&[0x91, 0x92, 0xdc, 0x00, 0x40][..], &[0; 50]].concat(),
    ];
    for bomb in &bombs {
        assert_eq!(claimed(bomb), 0);
        assert_eq!(decode::<Vec<Vec<u64>>>(bomb), Err(DecodeError::Damaged));
    }
    let blobs = [[0xc6, 0xff, 0xff, 0xff, 0xff, 1], [0xdb, 0xff, 0xff, 0xff, 0xff, 1]];
    for blob in &blobs {
        assert!(decode::<Bytes>(blob).is_err());
        assert!(decode::<String>(blob).is_err());
    }
}

#[test]
fn a_million_levels_are_an_error_on_a_small_stack() {
    let arrays = vec![0x91; 1_000_000];
    let enums = b"\x81\xa4Cons".repeat(1_000_000);
    let decoded = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        assert_eq!(decode::<Vec<Shape>>(&arrays), Err(DecodeError::TooDeep));
        assert_eq!(decode::<List>(&enums), Err(DecodeError::TooDeep));
    });
    decoded.unwrap().join().unwrap();
}

#[test]
fn the_limit_of_levels_is_the_same_on_both_sides() {
    round_trips(list(DEPTH_MAX));
    let error = refusal(&list(DEPTH_MAX + 1));
    assert!(error.to_string().contains("deeper than 128 levels"));
    let too_deep = [b"\x81\xa4Cons".repeat(DEPTH_MAX + 1), b"\xa3End".to_vec()].concat();
    assert_eq!(decode::<List>(&too_deep), Err(DecodeError::TooDeep));
    // A variant with several fields is a map around an array.
    let groups = |n| (0..n).fold(Shape::Nothing, |inner, _| Shape::Group(vec![inner]));
    round_trips(groups(DEPTH_MAX / 2));
    refusal(&groups(DEPTH_MAX / 2 + 1));
}

/// Itself, through what encodes as nothing of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Endless(Option<Box<Endless>>);

#[test]
fn levels_that_take_no_byte_are_an_error_on_a_small_stack() {
    let decoded = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        round_trips(Endless(None));
        assert_eq!(decode::<Endless>(&[1]), Err(DecodeError::TooDeep));
        assert_eq!(decode::<Vec<(u8, Endless)>>(&[0x91, 0x92, 1, 0xa1, b'x']), Err(DecodeError::TooDeep));
        round_trips(Some(Some(Some(Some(vec![Some(Some(Endless(None).0.is_none()))])))));
    });
    decoded.unwrap().join().unwrap();
}

#[test]
fn some_of_nothing_is_refused_because_it_would_arrive_as_none() {
    round_trips(None::<()>);
    round_trips(Some(Some(1)));
    round_trips(vec![()]);
    for error in [refusal(&Some(())), refusal(&Some(None::<u8>)), refusal(&[Some(None::<u8>)])] {
        assert_eq!(error.to_string(), "`Some` of nothing would arrive as `None`");
    }
}

/// Fails to serialize in the way that it is told, and panics instead of deserializing.
struct Moody(&'static str);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            "panic" => panic!("lost my temper"),
            _ => Err(S::Error::custom("not today")),
        }
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moody, D::Error> {
        let mood = u32::deserialize(deserializer)?;
        panic!("lost my temper at {mood}")
    }
}

#[test]
fn what_refuses_or_panics_is_an_error() {
    assert_eq!(refusal(&(1, Moody("no"))), EncodeError::Refused("not today".into()));
    assert_eq!(refusal(&(1, Moody("panic"))), EncodeError::Panicked("lost my temper".into()));
    let decoded = decode::<(u8, Moody)>(&encode(&(1, 2)));
    assert_eq!(decoded.err(), Some(DecodeError::Panicked("lost my temper at 2".into())));
    assert!(matches!(decode::<u8>(&encode("text")), Err(DecodeError::Refused(_))));
}
