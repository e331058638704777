//! [`Listener`]: a subscriber that keeps what it hears, for a test to wait for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use actor_tests::watch::bound;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};

use super::talker::PATIENCE;

/// Fields by name, as they were recorded: texts as they are, numbers with a mark of their type.
pub(crate) type Fields = BTreeMap<String, String>;

/// An event that was heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) file: Option<String>,
    pub(super) fields: Fields,
    /// The spans that it is in, the outermost first.
    pub(super) spans: Vec<(String, Fields)>,
}

impl Heard {
    pub(crate) fn message(&self) -> &str {
        self.field("message")
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The names of its spans.
    pub(super) fn path(&self) -> String {
        self.spans.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(":")
    }
}

/// Hears everything that this process's subscriber is given.
#[derive(Clone)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    level: reload::Handle<LevelFilter, Registry>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    closed: Mutex<Vec<String>>,
    changed: Condvar,
    /// Whoever tells the listener something waits here.
    gate: Mutex<()>,
}

impl Listener {
    /// The subscriber of this process, from now on.
    pub(crate) fn install(level: LevelFilter) -> Listener {
        let shared = Arc::<Shared>::default();
        let (filter, level) = reload::Layer::new(level);
        let subscriber = tracing_subscriber::registry().with(filter).with(Ear(shared.clone()));
        tracing::subscriber::set_global_default(subscriber).expect("this process has no other subscriber");
        Listener { shared, level }
    }

    pub(super) fn set_level(&self, level: LevelFilter) {
        self.level.modify(|filter| *filter = level).expect("the subscriber stays");
    }

    /// Nobody is heard while this is held.
    pub(super) fn deafen(&self) -> MutexGuard<'_, ()> {
        self.shared.gate.lock().unwrap()
    }

    /// What was heard so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// The spans that have been closed.
    pub(super) fn closed(&self) -> Vec<String> {
        self.shared.closed.lock().unwrap().clone()
    }

    /// Waits for the first event with this message.
    pub(super) fn wait(&self, message: &str) -> Heard {
        let found = self.wait_until(|heard| heard.iter().find(|heard| heard.message() == message).cloned());
        found.unwrap_or_else(|| panic!("`{message}` was not heard: {:#?}", self.heard()))
    }

    /// Waits until `test` finds something in what was heard.
    pub(crate) fn wait_until<T>(&self, test: impl Fn(&[Heard]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + bound(PATIENCE);
        let mut heard = self.shared.heard.lock().unwrap();
        loop {
            if let Some(found) = test(&heard) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            heard = self.shared.changed.wait_timeout(heard, left).unwrap().0;
        }
    }
}

struct Ear(Arc<Shared>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Noting(&mut fields));
        context.span(id).expect("it was made just now").extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("it is open");
        values.record(&mut Noting(span.extensions_mut().get_mut::<Fields>().expect("it has fields")));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        drop(self.0.gate.lock().unwrap());
        let mut fields = Fields::new();
        event.record(&mut Noting(&mut fields));
        let scope = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let fields_of = |span: &tracing_subscriber::registry::SpanRef<'_, S>| {
            span.extensions().get::<Fields>().cloned().unwrap_or_default()
        };
        let spans = scope.map(|span| (span.name().to_owned(), fields_of(&span))).collect();
        let metadata = event.metadata();
        let heard = Heard {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            file: metadata.file().map(str::to_owned),
            fields,
            spans,
        };
        assert_ne!(heard.message(), "panic in the subscriber");
        self.0.heard.lock().unwrap().push(heard);
        self.0.changed.notify_all();
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let name = context.span(&id).map_or_else(String::new, |span| span.name().to_owned());
        self.0.closed.lock().unwrap().push(name);
    }
}

/// Notes fields with their types.
struct Noting<'a>(&'a mut Fields);

impl Noting<'_> {
    fn note(&mut self, field: &Field, text: String) {
        self.0.insert(field.name().to_owned(), text);
    }
}

impl Visit for Noting<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.to_owned());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, format!("{value}i64"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, format!("{value}u64"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.note(field, format!("{value}f64"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, format!("{value}bool"));
    }
}
