//! [`Frame`]: what one process tells the node of its log, and the one layout in which it does.
//!
//! Written by the process that logs, read by the node, which believes nothing: a frame is read whole or not
//! at all, no number in it makes anybody allocate more than the frame is long, and numbers of sites and spans
//! mean nothing to anybody but their writer. What is too long is cut where it is written, and says so.

use std::fmt::{self, Write};

use super::trace::TraceContext;
use crate::shm::log_ring::{FRAME_MAX, Found, Reader};

/// The longest text of one value, and of one name.
const TEXT_MAX: usize = 4 << 10;
const NAME_MAX: usize = 512;
/// Values of one event or span. The macros of `tracing` allow as many, and the node adds two.
pub(crate) const FIELDS_MAX: usize = 32;
/// Stands at the end of what was cut.
const CUT: &str = "…";

/// What a process tells of its log.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame<'a> {
    /// A place in the program, under a number of the writer's choice.
    Site(Site<'a>, u32),
    /// A span begins: its number, its site, what it is in.
    Span {
        id: u64,
        site: u32,
        parent: Parent,
        values: Values<'a>,
    },
    /// More values of a span.
    Record {
        id: u64,
        values: Values<'a>,
    },
    Event {
        site: u32,
        parent: Parent,
        values: Values<'a>,
    },
    /// A span has ended, out of which this was sent.
    Close {
        id: u64,
        sent: Sent,
    },
}

/// A place in the program, as its process describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site<'a> {
    pub(crate) is_span: bool,
    /// 1 is an error, 5 a trace.
    pub(crate) level: u8,
    pub(crate) target: &'a str,
    pub(crate) name: &'a str,
    pub(crate) module: &'a str,
    pub(crate) file: &'a str,
    /// 0 is unknown.
    pub(crate) line: u32,
    pub(crate) fields: Vec<&'a str>,
}

/// What an event or span is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    None,
    /// A span of the same process.
    Own(u64),
    /// A span of another one.
    Foreign(TraceContext),
}

/// Who may still refer to a span that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    #[default]
    Nothing,
    /// Whoever has handled a call, and has logged it by now.
    Calls,
    /// Whoever is yet to handle a cast.
    Casts,
}

/// A value, by the number of its field.
pub(crate) type Values<'a> = Vec<(u8, Value<'a>)>;

/// What a field can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    Str(&'a str),
    /// What `Debug` or `Display` say.
    Text(&'a str),
}

const SITE: u8 = 1;
const SPAN: u8 = 2;
const RECORD: u8 = 3;
const EVENT: u8 = 4;
const CLOSE: u8 = 5;

/// Writes the site of a number.
pub(crate) fn put_site(out: &mut Vec<u8>, site: &Site<'_>, number: u32) {
    out.clear();
    out.extend_from_slice(&[SITE, u8::from(site.is_span), site.level, site.fields.len().min(FIELDS_MAX) as u8]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&site.line.to_le_bytes());
    for name in [site.target, site.name, site.module, site.file].iter().chain(site.fields.iter().take(FIELDS_MAX)) {
        put_text(out, name, NAME_MAX.min((FRAME_MAX - out.len()) / 64));
    }
}

/// The beginning of a span, in front of its values.
pub(crate) fn put_span(out: &mut Vec<u8>, id: u64, site: u32, parent: Parent) {
    out.clear();
    out.push(SPAN);
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&site.to_le_bytes());
    put_parent(out, parent);
}

/// The beginning of more values of a span.
pub(crate) fn put_record(out: &mut Vec<u8>, id: u64) {
    out.clear();
    out.push(RECORD);
    out.extend_from_slice(&id.to_le_bytes());
}

/// The beginning of an event, in front of its values.
pub(crate) fn put_event(out: &mut Vec<u8>, site: u32, parent: Parent) {
    out.clear();
    out.push(EVENT);
    out.extend_from_slice(&site.to_le_bytes());
    put_parent(out, parent);
}

/// The end of a span.
pub(crate) fn put_close(out: &mut Vec<u8>, id: u64, sent: Sent) {
    out.clear();
    out.extend_from_slice(&[CLOSE, sent as u8]);
    out.extend_from_slice(&id.to_le_bytes());
}

/// The longest of these beginnings.
const BEGINNING_MAX: usize = 64;

fn put_parent(out: &mut Vec<u8>, parent: Parent) {
    match parent {
        Parent::None => out.push(0),
        Parent::Own(id) => {
            out.push(1);
            out.extend_from_slice(&id.to_le_bytes());
        }
        Parent::Foreign(context) => {
            out.push(2);
            out.extend_from_slice(&context.to_bytes());
        }
    }
}

/// Writes a value behind those that are there, unless nothing fits any more.
pub(crate) fn put_value(out: &mut Vec<u8>, field: usize, value: &Value<'_>) {
    // Head and some bytes of a text.
    const LEAST: usize = 64;
    let room = (FRAME_MAX - BEGINNING_MAX).saturating_sub(out.len());
    if FIELDS_MAX <= field || room < LEAST {
        return;
    }
    let mut put = |tag: u8, bytes: &[u8]| {
        out.extend_from_slice(&[field as u8, tag]);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::I64(value) => put(0, &value.to_le_bytes()),
        Value::U64(value) => put(1, &value.to_le_bytes()),
        Value::I128(value) => put(2, &value.to_le_bytes()),
        Value::U128(value) => put(3, &value.to_le_bytes()),
        Value::F64(value) => put(4, &value.to_le_bytes()),
        Value::Bool(value) => put(5, &[u8::from(*value)]),
        Value::Str(text) | Value::Text(text) => {
            put(if matches!(value, Value::Str(_)) { 6 } else { 7 }, &[]);
            put_text(out, text, TEXT_MAX.min(room - 8));
        }
    }
}

/// The text of `value`, and nothing of it that would be cut.
pub(crate) fn bounded_text(text: &mut String, value: fmt::Arguments<'_>) {
    struct Bounded<'a>(&'a mut String);
    impl Write for Bounded<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            // A character more than fits, by which it is seen that there was more.
            self.0.push_str(clip(piece, TEXT_MAX + 8 - self.0.len()));
            if self.0.len() <= TEXT_MAX { Ok(()) } else { Err(fmt::Error) }
        }
    }
    text.clear();
    // An error is ours, for enough: or the value's own, which then has said all that it can.
    let _ = Bounded(text).write_fmt(value);
}

/// The beginning of a text, of at most `max` bytes and whole characters.
fn clip(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn put_text(out: &mut Vec<u8>, text: &str, max: usize) {
    let (text, mark) = if text.len() <= max { (text, "") } else { (clip(text, max - CUT.len()), CUT) };
    out.extend_from_slice(&((text.len() + mark.len()) as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(mark.as_bytes());
}

impl<'a> Frame<'a> {
    /// Reads a frame. `None`: it is none.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let mut input = Input(bytes);
        let frame = match input.u8()? {
            SITE => {
                let [is_span, level, fields] = input.array()?;
                let (number, line) = (input.u32()?, input.u32()?);
                let (target, name, module, file) = (input.text()?, input.text()?, input.text()?, input.text()?);
                if !(1..=5).contains(&level) || FIELDS_MAX < usize::from(fields) {
                    return None;
                }
                let fields = (0..fields).map(|_| input.text()).collect::<Option<_>>()?;
                Frame::Site(Site { is_span: is_span == 1, level, target, name, module, file, line, fields }, number)
            }
            SPAN => {
                let (id, site) = (input.u64()?, input.u32()?);
                Frame::Span { id, site, parent: input.parent()?, values: input.values()? }
            }
            RECORD => Frame::Record { id: input.u64()?, values: input.values()? },
            EVENT => Frame::Event { site: input.u32()?, parent: input.parent()?, values: input.values()? },
            CLOSE => {
                let sent = match input.u8()? {
                    0 => Sent::Nothing,
                    1 => Sent::Calls,
                    _ => Sent::Casts,
                };
                Frame::Close { id: input.u64()?, sent }
            }
            _ => return None,
        };
        input.0.is_empty().then_some(frame)
    }
}

/// How many events a ring has that nobody will hear any more; gives the ring back.
pub(crate) fn count_events(mut reader: Reader) -> u64 {
    let (mut events, mut buffer) = (reader.take_dropped(), Vec::new());
    while reader.next(&mut buffer) == Found::Frame {
        events += u64::from(buffer.first() == Some(&EVENT));
    }
    reader.take_down();
    events
}

/// What is left of a frame.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.array().map(u16::from_le_bytes)?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }

    fn parent(&mut self) -> Option<Parent> {
        match self.u8()? {
            0 => Some(Parent::None),
            1 => self.u64().map(Parent::Own),
            2 => self.array().map(|bytes| Parent::Foreign(TraceContext::from_bytes(bytes))),
            _ => None,
        }
    }

    fn values(&mut self) -> Option<Values<'a>> {
        let mut values = Vec::new();
        while !self.0.is_empty() {
            let field = self.u8()?;
            let value = match self.u8()? {
                0 => Value::I64(self.array().map(i64::from_le_bytes)?),
                1 => Value::U64(self.u64()?),
                2 => Value::I128(self.array().map(i128::from_le_bytes)?),
                3 => Value::U128(self.array().map(u128::from_le_bytes)?),
                4 => Value::F64(self.array().map(f64::from_le_bytes)?),
                5 => Value::Bool(self.u8()? == 1),
                6 => Value::Str(self.text()?),
                7 => Value::Text(self.text()?),
                _ => return None,
            };
            values.push((field, value));
        }
        // Each field once is all that there can be.
        (values.len() <= 2 * FIELDS_MAX).then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [Value<'static>; 8] = [
        Value::I64(-7),
        Value::U64(u64::MAX),
        Value::I128(i128::MIN),
        Value::U128(u128::MAX),
        Value::F64(0.25),
        Value::Bool(true),
        Value::Str("ströme"),
        Value::Text("{ x: 1 }"),
    ];

    fn context() -> TraceContext {
        TraceContext { participant: crate::id::Participant(7), generation: 9, span: 1 << 40 }
    }

    #[test]
    fn smoke() {
        let mut out = Vec::new();
        put_event(&mut out, 3, Parent::Foreign(context()));
        VALUES.iter().enumerate().for_each(|(field, value)| put_value(&mut out, field, value));
        let values = (0..).zip(VALUES).collect();
        assert_eq!(Frame::of(&out), Some(Frame::Event { site: 3, parent: Parent::Foreign(context()), values }));
        put_span(&mut out, 9, 2, Parent::Own(4));
        assert_eq!(Frame::of(&out), Some(Frame::Span { id: 9, site: 2, parent: Parent::Own(4), values: vec![] }));
        put_close(&mut out, 9, Sent::Casts);
        assert_eq!(Frame::of(&out), Some(Frame::Close { id: 9, sent: Sent::Casts }));
        put_record(&mut out, 9);
        put_value(&mut out, 1, &VALUES[0]);
        assert_eq!(Frame::of(&out), Some(Frame::Record { id: 9, values: vec![(1, VALUES[0])] }));
    }

    #[test]
    fn a_site_is_told_whole_as_far_as_it_fits() {
        let mut out = Vec::new();
        let site = Site {
            is_span: true,
            level: 5,
            target: "a::b",
            name: "event a.rs:1",
            module: "",
            file: "a.rs",
            line: 1,
            fields: vec!["message", "n"],
        };
        put_site(&mut out, &site, 8);
        assert_eq!(Frame::of(&out), Some(Frame::Site(site.clone(), 8)));
        let long = "x".repeat(10_000);
        let fields = vec![&*long; 40];
        put_site(&mut out, &Site { target: &long, name: &long, fields, ..site }, 8);
        let Some(Frame::Site(read, 8)) = Frame::of(&out) else { panic!("{} bytes are no site", out.len()) };
        assert!(out.len() <= FRAME_MAX && read.fields.len() == FIELDS_MAX && read.target.ends_with("xx…"));
    }

    #[test]
    fn what_is_too_long_is_cut_and_fits() {
        let long = "ä".repeat(20_000);
        let mut text = String::new();
        bounded_text(&mut text, format_args!("{long}{long}"));
        assert!((TEXT_MAX + 1..TEXT_MAX + 9).contains(&text.len()));
        let mut out = Vec::new();
        (0..FIELDS_MAX + 1).for_each(|field| put_value(&mut out, field, &Value::Text(&text)));
        assert!(out.len() <= FRAME_MAX - BEGINNING_MAX);
        let mut frame = Vec::new();
        put_span(&mut frame, u64::MAX, u32::MAX, Parent::Foreign(context()));
        assert!(frame.len() <= BEGINNING_MAX);
        frame.extend_from_slice(&out);
        let Some(Frame::Span { values, .. }) = Frame::of(&frame) else { panic!("no span") };
        assert!(matches!(values[0], (0, Value::Text(text)) if text.ends_with("ä…") && text.len() <= TEXT_MAX));
    }

    #[test]
    fn garbage_is_no_frame() {
        let mut out = Vec::new();
        put_event(&mut out, 3, Parent::Own(1));
        put_value(&mut out, 0, &Value::Str("text"));
        for length in 0..out.len() {
            // Shorter by whole values, it is another frame.
            assert!(Frame::of(&out[..length]).is_none() || length == 14, "{length}");
        }
        for bytes in [&[][..], &[0], &[9, 9], &[SITE, 0, 6, 0, 0, 0, 0, 0], &[CLOSE, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            assert_eq!(Frame::of(bytes), None);
        }
    }
}
