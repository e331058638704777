//! A door for tests with hostile input: a ring with anything in it, read as the log thread reads.

use std::sync::{Mutex, PoisonError};

use super::frame::{self, Frame, Parent, Sent, Site, Value};
use super::mirror::Who;
use super::reading::Reading;
use super::trace::TraceContext;
use crate::id::Participant;
use crate::shm::log_ring::{Found, Reader, Writer};
use crate::shm::segment::segment;

/// Reads a ring that begins with these bytes and is said to end at `tail`, and has the subscriber hear what is
/// in it. Tells how many frames that were.
pub(crate) fn read(tail: u64, bytes: &[u8]) -> u64 {
    static RING: Mutex<Option<Writer>> = Mutex::new(None);
    let mut ring = RING.lock().unwrap_or_else(PoisonError::into_inner);
    let segment = segment().expect("there is memory");
    let writer = ring.get_or_insert_with(|| Writer::make(segment).expect("there is memory"));
    let Some(reader) = writer.lay_down(tail, bytes) else { return 0 };
    let who = Who { name: "hostile".into(), is_actor: true, pid: 1 };
    Reading::new(segment).read_alone(reader, who)
}

/// The first text of each event that a process has logged and nobody has read. `None`: what lies there is no ring.
pub(crate) fn left(of: Participant) -> Option<Vec<String>> {
    let segment = segment().expect("there is memory");
    let record = segment.record(of);
    let Some(ring) = record.log() else { return Some(Vec::new()) };
    let mut reader = Reader::of(segment, ring, (of, record.generation()))?;
    reader.go_on();
    let (mut texts, mut buffer) = (Vec::new(), Vec::new());
    loop {
        match reader.next(&mut buffer) {
            Found::Nothing => return Some(texts),
            Found::Broken => return None,
            Found::Frame => {}
        }
        if let Frame::Event { values, .. } = Frame::of(&buffer)? {
            texts.extend(values.into_iter().find_map(|(_, value)| match value {
                Value::Str(text) => Some(text.to_owned()),
                _ => None,
            }));
        }
    }
}

/// A ring as it is after a few events.
pub(crate) fn sample() -> Vec<u8> {
    let site = Site {
        is_span: true,
        level: 3,
        target: "here",
        name: "a span",
        module: "here",
        file: "here.rs",
        line: 1,
        fields: vec!["message", "n"],
    };
    let foreign = TraceContext { participant: Participant(9), generation: 1, span: 1 };
    let (mut ring, mut frame) = (Vec::new(), Vec::new());
    let mut keep = |frame: &[u8]| {
        assert!(Frame::of(frame).is_some());
        ring.extend_from_slice(&(frame.len() as u64).to_le_bytes());
        ring.extend_from_slice(frame);
        ring.resize(ring.len().next_multiple_of(8), 0);
    };
    frame::put_site(&mut frame, &site, 0);
    keep(&frame);
    frame::put_site(&mut frame, &Site { is_span: false, ..site }, 1);
    keep(&frame);
    frame::put_span(&mut frame, 1, 0, Parent::Foreign(foreign));
    frame::put_value(&mut frame, 1, &Value::U64(7));
    keep(&frame);
    frame::put_record(&mut frame, 1);
    frame::put_value(&mut frame, 0, &Value::Str("text"));
    keep(&frame);
    frame::put_event(&mut frame, 1, Parent::Own(1));
    frame::put_value(&mut frame, 0, &Value::Text("said"));
    keep(&frame);
    frame::put_close(&mut frame, 1, Sent::Casts);
    keep(&frame);
    ring
}
