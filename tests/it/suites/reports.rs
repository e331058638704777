//! What the node says of those who have ended: once, and only if there is something to say.

use std::sync::{Mutex, PoisonError};

use actor_tests::watch::until;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;
use crate::harness::isolated;

/// The warnings that the node has given in this process.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the warnings of the node, and nothing else.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "actor_core" && *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{}={value:?} ", field.name());
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

fn warnings_about(pid: u32) -> usize {
    let text = format!("(pid {pid})");
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|warning| warning.contains(&text)).count()
}

#[test]
fn smoke() {
    assert_eq!(warnings_about(0), 0);
    WARNINGS.lock().unwrap().push("`x` (pid 0) was killed".into());
    assert_eq!(warnings_about(0), 1);
}

/// How often it is reported, and how it is brought about.
type Ending = (usize, fn(&ActorRef<Server>));

#[test]
fn a_crash_is_reported_once_and_an_orderly_end_not_at_all() {
    isolated(|| {
        tracing::subscriber::set_global_default(Listener).expect("there is no other");
        let gate = gate();
        let ends: [Ending; 6] = [
            (1, |server| server.rage(10).send().unwrap()),
            (0, |server| drop(server.stop().unwrap())),
            (1, |server| server.despair(10).send().unwrap()),
            (0, |server| drop(server.stop_now().unwrap())),
            (1, |server| drop(server.kill().unwrap())),
            (1, |server| server.rage(10).send().unwrap()),
        ];
        let ended = ends.map(|(reported, end)| {
            let server = server(&gate);
            let (pid, monitor) = (server.os_pid().wait().unwrap(), server.monitor().unwrap());
            end(&server);
            monitor.wait_timeout(SOON).expect("it ends");
            (pid, reported)
        });
        // The node says one thing after the other, not at once, so all before the last has been said as well.
        until("the last is reported", || warnings_about(ended[5].0) == 1);
        for (pid, reported) in ended {
            assert_eq!(warnings_about(pid), reported, "{pid}: {WARNINGS:?}");
        }
        done(gate, []);
    });
}
