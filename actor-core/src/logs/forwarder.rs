//! [`Forwarder`]: the subscriber in the processes of a node, which sends everything to the node.
//!
//! An actor's process has it from its beginning, as the default of the thread that runs `init`, and for good
//! from then on unless `init` has installed another one: who does so has his log to himself. Where the
//! node listens to nobody when a process begins, it has none, and what is logged there costs nothing.
//!
//! What nobody in the node wants is not enabled here: the node's most verbose level stands in shared memory. Where
//! user code has forked, the child has lost the shared memory and is not heard.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber, callsite, dispatcher};
use tracing_core::span::Current;

use super::frame::{self, Parent, Value};
use super::handling;
use super::level;
use super::outlet::{Origin, Outlet};
use super::trace::TraceContext;
use crate::shm::segment::{self, Segment};
use crate::sys::process;

/// The state behind the one forwarder of this process.
pub(super) struct Forwarding {
    segment: &'static Segment,
    pub(super) outlet: Outlet,
    /// What is enabled here.
    level: AtomicU32,
}

static FORWARDING: OnceLock<Forwarding> = OnceLock::new();
/// Events of this process go to the node.
static IS_ACTIVE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The spans that this thread has entered.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// Where the values of an event are encoded.
    static BUFFER: Cell<(Vec<u8>, String)> = const { Cell::new((Vec::new(), String::new())) };
}

/// What sends the events of this process to the node, if anybody listens there.
pub(super) fn active() -> Option<&'static Forwarding> {
    if IS_ACTIVE.load(Relaxed) { FORWARDING.get() } else { None }
}

/// Runs `init` with its events sent to the node, and installs that for good unless `init` has installed
/// something else.
pub(crate) fn during<T>(handlers: &'static [&'static str], of: &'static str, init: impl FnOnce() -> T) -> T {
    let Some(forwarding) = begin() else { return init() };
    forwarding.outlet.set_handlers(handlers, of);
    let made = dispatcher::with_default(&Dispatch::new(Forwarder(forwarding)), init);
    install(forwarding);
    made
}

/// Sends the events of this process to the node.
pub(crate) fn install_at_once() {
    if let Some(forwarding) = begin() {
        install(forwarding);
    }
}

/// An actor looks here with each message: the node may want more by now, or less.
#[inline]
pub(crate) fn look_at_level() {
    if let Some(forwarding) = active()
        && forwarding.segment.log_level() != forwarding.level.load(Relaxed)
    {
        forwarding.change_level();
    }
}

fn begin() -> Option<&'static Forwarding> {
    let segment = segment::attached()?;
    let level = segment.log_level();
    if level == 0 || dispatcher::has_been_set() {
        return None;
    }
    let forwarding =
        FORWARDING.get_or_init(|| Forwarding { segment, outlet: Outlet::new(segment), level: AtomicU32::new(level) });
    IS_ACTIVE.store(true, Relaxed);
    process::at_fork_in_child(has_forked);
    Some(forwarding)
}

fn install(forwarding: &'static Forwarding) {
    let is_ours = dispatcher::set_global_default(Dispatch::new(Forwarder(forwarding))).is_ok();
    IS_ACTIVE.store(is_ours, Relaxed);
}

extern "C" fn has_forked() {
    IS_ACTIVE.store(false, Relaxed);
}

impl Forwarding {
    #[cold]
    fn change_level(&self) {
        self.level.store(self.segment.log_level(), Relaxed);
        callsite::rebuild_interest_cache();
    }

    /// What an event or span of this thread is in.
    fn here(&self) -> Parent {
        match entered().or_else(|| handling::span(self)) {
            Some(id) => Parent::Own(id),
            None => Parent::None,
        }
    }

    /// What a message of this thread says of where it comes from.
    pub(super) fn context(&self, is_cast: bool) -> Option<TraceContext> {
        if self.level.load(Relaxed) == 0 {
            return None;
        }
        let id = entered().or_else(|| handling::span(self))?;
        self.outlet.context(id, is_cast)
    }

    /// Notes the span of the handler that this thread runs.
    pub(super) fn open_handler(&self, handler: u16, parent: Option<TraceContext>) -> u64 {
        self.outlet.open(Origin::Handler(handler), parent.map_or(Parent::None, Parent::Foreign), Vec::new())
    }
}

fn entered() -> Option<u64> {
    ENTERED.try_with(|entered| entered.borrow().last().copied()).ok().flatten()
}

/// In the child of a fork, where the lock may be held by a thread that is not there.
const NO_SPAN: u64 = u64::MAX;

/// The subscriber.
struct Forwarder(&'static Forwarding);

impl Subscriber for Forwarder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level::to_number(*metadata.level()) <= self.0.level.load(Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(level::to_filter(self.0.level.load(Relaxed)))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        if !IS_ACTIVE.load(Relaxed) {
            return Id::from_u64(NO_SPAN);
        }
        let parent = match attributes.parent() {
            Some(parent) => Parent::Own(parent.into_u64()),
            None if attributes.is_root() => Parent::None,
            None => self.0.here(),
        };
        let values = with_values(|visitor| attributes.record(visitor), <[u8]>::to_vec);
        Id::from_u64(self.0.outlet.open(Origin::Callsite(attributes.metadata()), parent, values))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if IS_ACTIVE.load(Relaxed) {
            with_values(|visitor| values.record(visitor), |bytes| self.0.outlet.record(span.into_u64(), bytes));
        }
    }

    /// A span has one place in the tree of the node's subscriber.
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if !IS_ACTIVE.load(Relaxed) || self.0.outlet.drops() {
            return;
        }
        let parent = match event.parent() {
            Some(parent) => Parent::Own(parent.into_u64()),
            None if event.is_root() => Parent::None,
            None => self.0.here(),
        };
        let write = |bytes: &[u8]| self.0.outlet.event(event.metadata(), parent, bytes);
        with_values(|visitor| event.record(visitor), write);
        look_at_level();
    }

    fn enter(&self, span: &Id) {
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            if let Some(at) = entered.iter().rposition(|id| *id == span.into_u64()) {
                entered.remove(at);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        if IS_ACTIVE.load(Relaxed) {
            self.0.outlet.retain(span.into_u64());
        }
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        IS_ACTIVE.load(Relaxed) && self.0.outlet.release(span.into_u64())
    }

    fn current_span(&self) -> Current {
        let entered = entered().filter(|_| IS_ACTIVE.load(Relaxed));
        match entered.and_then(|id| Some((id, self.0.outlet.metadata(id)?))) {
            Some((id, metadata)) => Current::new(Id::from_u64(id), metadata),
            None => Current::none(),
        }
    }
}

/// Encodes what `record` shows a visitor, in this thread's buffer, for `then`. What is shown may log itself:
/// it then finds another buffer.
fn with_values<T>(record: impl FnOnce(&mut Encoder<'_>), then: impl FnOnce(&[u8]) -> T) -> T {
    let (mut bytes, mut text) = BUFFER.try_with(Cell::take).unwrap_or_default();
    bytes.clear();
    record(&mut Encoder { bytes: &mut bytes, text: &mut text });
    let result = then(&bytes);
    let _ = BUFFER.try_with(|buffer| buffer.set((bytes, text)));
    result
}

/// Encodes values as it is shown them.
struct Encoder<'a> {
    bytes: &'a mut Vec<u8>,
    text: &'a mut String,
}

impl Encoder<'_> {
    fn put(&mut self, field: &Field, value: Value<'_>) {
        frame::put_value(self.bytes, field.index(), &value);
    }
}

impl Visit for Encoder<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::F64(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, Value::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::U128(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Str(value));
    }

    /// An error is told with its sources, as far as it has any.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let sources = std::iter::successors(value.source(), |error| error.source());
        let sources: String = sources.take(16).map(|error| format!(": {error}")).collect();
        self.record_debug(field, &format_args!("{value}{sources}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        frame::bounded_text(self.text, format_args!("{value:?}"));
        frame::put_value(self.bytes, field.index(), &Value::Text(self.text));
    }
}
