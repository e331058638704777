//! Messages that are cut off, damaged, too deep, or claim to be more than they are.

use std::collections::HashMap;
use std::thread;

use actor_core::testing::raw::{decode, encode};
use actor_core::{DecodeError, EncodeError};
use actor_tests::counting::{is_counted, peak_of};
use actor_tests::hostile::types::{Endless, Everything, List, Point, Shape, Wrapper, everything};
use rmp_serde::Deserializer;
use serde::{Deserialize, Serialize};

/// What reading a message may take in memory that the message itself does not account for.
const MEMORY_MAX: usize = 2 << 20;
/// A quarter of what a thread has if nobody says anything.
const SMALL_STACK: usize = 512 << 10;

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(SMALL_STACK).spawn(work).expect("there is a thread");
    thread.join().expect("nothing failed there");
}

#[test]
fn h_02_every_cut_and_every_flipped_bit_is_a_value_or_an_error() {
    let mut bytes = encode(&everything()).unwrap();
    for cut in 0..bytes.len() {
        assert!(decode::<Everything>(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut values = 0;
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(value) = decode::<Everything>(&bytes) {
            assert!(decode::<Everything>(&encode(&value).unwrap()).is_ok(), "bit {bit}");
            values += 1;
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(0 < values && values < bytes.len() * 8, "{values} of {} bits", bytes.len() * 8);
    assert_eq!(decode(&bytes), Ok(everything()));
}

#[test]
fn h_03_lengths_that_the_bytes_cannot_fill_cost_no_memory() {
    assert!(is_counted());
    let claims: [&[u8]; 7] = [
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xc6, 0xff, 0xff, 0xff, 0xff],
        &[0xdb, 0xff, 0xff, 0xff, 0xff],
        &[0xc9, 0xff, 0xff, 0xff, 0xff, 1],
        &[0xdc, 0xff, 0xff],
        &[0xde, 0xff, 0xff],
    ];
    for claim in claims {
        // Alone, within others, and many times.
        for bytes in [claim.to_vec(), [&[0x91, 0x92], claim].concat(), claim.repeat(100), claim.repeat(100_000)] {
            for read in [claimed::<Vec<Vec<u64>>>, claimed::<String>, claimed::<HashMap<String, Vec<Point>>>] {
                let (peak, is_refused) = peak_of(|| read(&bytes));
                assert!(is_refused, "{claim:x?}");
                assert!(peak < MEMORY_MAX, "{claim:x?}: {peak} bytes");
            }
        }
    }
    // A claim that is true is no bomb: as much as the elements take.
    let units = encode(&vec![(); 100_000]).unwrap();
    assert_eq!(decode::<Vec<()>>(&units).map(|units| units.len()), Ok(100_000));
}

fn claimed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> bool {
    decode::<T>(bytes).is_err()
}

#[test]
fn h_04_a_million_levels_cost_no_stack() {
    on_a_small_stack(|| {
        let arrays = vec![0x91; 1_000_000];
        assert_eq!(decode::<Vec<Shape>>(&arrays), Err(DecodeError::TooDeep));
        let enums = b"\x81\xa4Cons".repeat(1_000_000);
        assert_eq!(decode::<List>(&enums), Err(DecodeError::TooDeep));
        // By number, two bytes for each level; the codec takes that as well.
        assert_eq!(decode::<List>(&b"\x81\x01".repeat(1_000_000)), Err(DecodeError::TooDeep));
        let hidden = b"\x81\xa6Hidden".repeat(1_000_000);
        assert_eq!(decode::<Shape>(&hidden), Err(DecodeError::TooDeep));
        let maps = b"\x81\x01".repeat(1_000_000);
        assert!(decode::<HashMap<u8, HashMap<u8, Everything>>>(&maps).is_err());
    });
}

/// Options and structs of one field take no byte, so there need not even be a million.
#[test]
fn h_04_levels_without_a_byte_cost_no_stack() {
    on_a_small_stack(|| {
        assert_eq!(decode::<Endless>(&[7]), Err(DecodeError::TooDeep));
        assert_eq!(decode::<Wrapper<Option<Vec<Endless>>>>(&[0x92, 0xc0, 7]), Err(DecodeError::TooDeep));
        assert_eq!(decode::<Endless>(&[0xc0]), Ok(Endless(None)));
    });
}

/// It counts on the way through arrays and maps, and not through enums and options.
#[test]
fn the_limit_of_the_codec_alone_does_not_cover_enums() {
    let levels = 500;
    let bytes = [b"\x81\xa4Cons".repeat(levels), b"\xa3End".to_vec()].concat();
    let mut codec = Deserializer::from_read_ref(&bytes);
    codec.set_max_depth(10);
    let mut list = List::deserialize(&mut codec).expect("ten levels are allowed, and these are 500");
    let mut depth = 0;
    while let List::Cons(next) = list {
        (list, depth) = (*next, depth + 1);
    }
    assert_eq!(depth, levels);
    assert_eq!(decode::<List>(&bytes), Err(DecodeError::TooDeep), "what stands around it counts them");
}

#[test]
fn a_value_that_is_too_deep_is_refused_by_its_sender() {
    on_a_small_stack(|| {
        let list = |levels| (0..levels).fold(List::End, |tail, _| List::Cons(Box::new(tail)));
        assert!(encode(&list(128)).is_ok_and(|bytes| decode::<List>(&bytes).is_ok()));
        assert!(matches!(encode(&list(129)), Err(EncodeError::Refused(_))));
    });
}

#[test]
fn h_07_bytes_behind_a_value_are_an_error() {
    for value in [encode(&1_u8).unwrap(), encode(&everything()).unwrap(), encode(&List::End).unwrap()] {
        for behind in [&b"\0"[..], b"\xc0", b"\xc1", b"\x90", b"\xdd\xff\xff\xff\xff"] {
            let bytes = [&value[..], behind].concat();
            assert!(decode::<u8>(&bytes).is_err() && decode::<List>(&bytes).is_err());
            assert!(decode::<Everything>(&bytes).is_err());
        }
    }
    assert_eq!(decode::<u8>(&[1, 2]), Err(DecodeError::Trailing));
}

fn round_trips<T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug>(value: &T) {
    assert_eq!(decode::<T>(&encode(value).unwrap()).as_ref(), Ok(value));
}

#[test]
fn h_20_what_has_no_obvious_meaning_has_a_defined_one() {
    // A text that is none is refused as a text, and arrives as bytes.
    assert!(decode::<String>(b"\xa2\xff\xfe").is_err());
    assert!(decode::<&str>(b"\xa2\xc3(").is_err());
    assert_eq!(decode::<&[u8]>(b"\xc4\x02\xff\xfe"), Ok(&b"\xff\xfe"[..]));
    // Numbers that are none stay so; the largest ones arrive.
    assert!(decode::<f64>(&encode(&f64::NAN).unwrap()).unwrap().is_nan());
    round_trips(&[f64::INFINITY, f64::NEG_INFINITY, -0.0]);
    round_trips(&(i128::MIN, u128::MAX, u64::MAX, i64::MIN));
    // One that does not fit is refused, not cut.
    assert!(decode::<u8>(&encode(&256_u16).unwrap()).is_err());
    assert!(decode::<u32>(&encode(&-1_i8).unwrap()).is_err());
    assert!(decode::<char>(&encode(&"two").unwrap()).is_err());
    // Extensions are what no type of ours is encoded as.
    for extension in [&b"\xd4\x01x"[..], b"\xc7\x01\x05x", b"\xc9\xff\xff\xff\xff\x01"] {
        assert!(decode::<String>(extension).is_err() && decode::<u64>(extension).is_err());
        assert!(decode::<Everything>(extension).is_err());
    }
    // The last of two entries with one key is the one that stays.
    assert_eq!(decode::<HashMap<u8, u8>>(&[0x82, 1, 2, 1, 3]), Ok(HashMap::from([(1, 3)])));
    // The marker that the format never uses.
    assert!(decode::<u8>(&[0xc1]).is_err() && decode::<()>(&[0xc1]).is_err());
}
