//! What can be an item: every size, every shape, and what happens to those that cannot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue, RecvError, SendError};
use serde::{Deserialize, Serialize, Serializer};

use super::isolated;

fn receive_bytes((queue, max): (Queue<()>, usize)) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; max];
    let mut received = Vec::new();
    while let Ok(length) = queue.recv_into(&mut buffer) {
        received.push(buffer[..length].to_vec());
    }
    received
}

/// The limit is one of bytes, wherever they lie: beside a slot, at the end of a size class, beyond.
#[test]
fn q_10_the_largest_message_fits_and_one_byte_more_does_not() {
    isolated(|| {
        for max in [0, 1, 111, 112, 113, 1024, 1025, 4096, 100_000, 1 << 20] {
            let queue: Queue<()> = Options { message_max: max, ..Options::new(4) }.create().unwrap();
            let receiver = Process::spawn(receive_bytes, (queue.clone(), max)).unwrap();
            let largest: Vec<u8> = (0..max).map(|at| (at * 31) as u8).collect();
            queue.send_bytes(&largest).unwrap();
            let error = queue.send_bytes(&vec![0; max + 1]).unwrap_err();
            assert!(
                matches!(error, SendError::TooLarge { size, max: m, .. } if (size, m) == (max + 1, max)),
                "{error:?}"
            );
            queue.send_bytes(&largest).unwrap();
            queue.close(Close::Drain);
            assert_eq!(receiver.join().unwrap(), [largest.clone(), largest]);
        }
    });
}

/// The same for items that are encoded: they come back, and the error names their encoded size.
#[test]
fn q_10_an_item_that_is_too_large_comes_back() {
    isolated(|| {
        let queue: Queue<String> = Options { message_max: 1000, ..Options::new(4) }.create().unwrap();
        let receiver = Process::spawn(|queue: Queue<String>| queue.iter().collect::<Vec<_>>(), queue.clone()).unwrap();
        // A string of this length has three bytes of MessagePack before it.
        let (fits, too_large) = ("x".repeat(997), "y".repeat(998));
        queue.send(fits.clone()).unwrap();
        match queue.send(too_large.clone()) {
            Err(SendError::TooLarge { item, size: 1001, max: 1000 }) => assert_eq!(item, too_large),
            other => panic!("{other:?}"),
        }
        queue.send("z".into()).unwrap();
        queue.close(Close::Drain);
        assert_eq!(receiver.join(), Ok(vec![fits, "z".into()]));
    });
}

#[test]
fn q_11_a_message_of_no_bytes_is_a_message() {
    isolated(|| {
        let queue: Queue<()> = Options::new(4).create().unwrap();
        let receiver = Process::spawn(receive_bytes, (queue.clone(), 10)).unwrap();
        for bytes in [&b""[..], b"one", b"", b""] {
            queue.send_bytes(bytes).unwrap();
        }
        queue.close(Close::Drain);
        assert_eq!(receiver.join().unwrap(), [&b""[..], b"one", b"", b""]);
    });
}

/// An item whose `Serialize` does not always do what it should.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Moody {
    mood: Mood,
    /// Written before the mood shows.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
enum Mood {
    Good,
    Fails,
    Panics,
}

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeStruct};
        let mut fields = serializer.serialize_struct("Moody", 2)?;
        fields.serialize_field("mood", "Good")?;
        match self.mood {
            Mood::Good => fields.serialize_field("text", &self.text)?,
            Mood::Fails => return Err(S::Error::custom("not today")),
            Mood::Panics => panic!("never again"),
        }
        fields.end()
    }
}

/// More bad items than there are slots and extents: each would be missed.
fn send_moody(queue: &Queue<Moody>, length: usize) {
    let item = |mood| Moody { mood, text: "x".repeat(length) };
    for bad in [Mood::Fails, Mood::Panics].into_iter().cycle().take(40) {
        let before = queue.len();
        match queue.send(item(bad)) {
            Err(SendError::Encode { item: back, error }) => {
                assert_eq!(back, item(bad), "the item comes back");
                let said = if bad == Mood::Fails { "not today" } else { "never again" };
                assert!(error.to_string().contains(said), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(queue.len(), before, "nothing is queued");
    }
    for _ in 0..queue.capacity() {
        queue.try_send(item(Mood::Good)).unwrap();
    }
}

#[test]
fn q_16_what_cannot_be_encoded_takes_no_room() {
    isolated(|| {
        for length in [10, 5000] {
            let queue = Options { bytes: 4 << 13, ..Options::new(4) }.create::<Moody>().unwrap();
            send_moody(&queue, length);
            let receiver = Process::spawn(
                |queue: Queue<Moody>| {
                    send_moody(&queue, 20);
                    queue.iter().count()
                },
                queue.clone(),
            );
            for _ in 0..4 {
                assert_eq!(queue.recv().unwrap().text.len(), length);
            }
            queue.close(Close::Drain);
            let _ = receiver.unwrap().join();
        }
    });
}

#[test]
fn t_09_what_cannot_be_encoded_is_the_senders_error() {
    isolated(|| {
        let queue = Queue::<Moody>::bounded(2).unwrap();
        let bad = Moody { mood: Mood::Fails, text: String::new() };
        let sender = Process::spawn(
            |queue: Queue<Moody>| {
                let bad = Moody { mood: Mood::Panics, text: String::new() };
                let error = queue.send(bad.clone()).unwrap_err();
                (error.to_string(), queue.len(), error.into_item() == bad)
            },
            queue.clone(),
        );
        let (text, len, is_same) = sender.unwrap().join().unwrap();
        assert!(text.contains("never again"), "{text}");
        assert_eq!((len, is_same), (0, true));
        assert_eq!(queue.send_batch(vec![bad.clone()]).unwrap_err().into_item(), vec![bad.clone()]);
        assert_eq!(futures::executor::block_on(queue.send_async(bad.clone())).unwrap_err().into_item(), bad);
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.try_recv(), Err(RecvError::Empty));
        queue.close(Close::Drain);
    });
}

/// Shared ownership ends at the border of a process: what arrives is a value of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shared(#[serde(with = "pointee")] Arc<Tree>);

mod pointee {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(shared: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(shared, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// As unlike a flat row of numbers as serde allows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tree {
    names: BTreeMap<String, Vec<Option<i64>>>,
    table: HashMap<(u8, char), String>,
    leaves: Vec<Leaf>,
    shared: Option<Shared>,
    text: Box<str>,
    unit: (),
    numbers: (i8, u16, i32, u64, i128, f32, f64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Leaf {
    Nothing,
    One(u8),
    Many(Vec<u8>, [u16; 3]),
    Nested { result: Result<Box<Leaf>, String>, flag: bool },
}

fn tree(depth: u32) -> Tree {
    let nested = Leaf::Nested { result: Ok(Box::new(Leaf::Many(vec![0, 255], [0, 1, u16::MAX]))), flag: true };
    let failed = Leaf::Nested { result: Err("no".into()), flag: false };
    Tree {
        names: (0..depth).map(|n| (format!("name {n}"), vec![None, Some(i64::MIN), Some(n.into())])).collect(),
        table: HashMap::from([((1, 'ß'), "é".into()), ((255, '\u{10ffff}'), "".into())]),
        leaves: vec![Leaf::Nothing, Leaf::One(7), nested, failed, Leaf::Many(vec![9; 30_000], [0; 3])],
        shared: depth.checked_sub(1).map(|below| Shared(Arc::new(tree(below)))),
        text: "x\0\n".into(),
        unit: (),
        numbers: (i8::MIN, u16::MAX, -1, u64::MAX, i128::MIN, f32::MIN_POSITIVE, f64::INFINITY),
    }
}

#[test]
fn q_24_structures_of_every_kind_arrive_equal() {
    isolated(|| {
        let (there, back) = (Queue::<Shared>::bounded(4).unwrap(), Queue::<Shared>::bounded(4).unwrap());
        let mirror = |(there, back): (Queue<Shared>, Queue<Shared>)| {
            for (depth, seen) in there.iter().enumerate() {
                assert_eq!(*seen.0, tree(depth as u32));
                back.send(seen).unwrap();
            }
        };
        let mirror = Process::spawn(mirror, (there.clone(), back.clone())).unwrap();
        for depth in 0..12 {
            there.send(Shared(Arc::new(tree(depth)))).unwrap();
            assert_eq!(*back.recv().unwrap().0, tree(depth));
        }
        there.close(Close::Drain);
        back.close(Close::Drain);
        assert_eq!(mirror.join(), Ok(()));
    });
}
