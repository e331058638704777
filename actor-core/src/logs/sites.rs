//! [`Sites`]: places in the program that other processes log from, as this process's subscriber knows them.
//!
//! `tracing` wants a static description of each, so each becomes one that stays for ever: the same in all
//! processes of the node, it is made once, and of a bounded number. It is registered like any other: whoever
//! filters by target, level, file or field names filters these.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use tracing::field::{Field, FieldSet};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Dispatch, Metadata, callsite};

use super::frame;
use super::level;

/// Places that are known at most: they stay for ever, and a process may make up any number.
const SITES_MAX: usize = 4096;
/// Fields that an event has besides its own.
pub(super) const FIELDS_ADDED: usize = 2;

/// What the added fields are called.
const ACTOR: &str = "actor";
const PROCESS: &str = "process";
const PID: &str = "pid";
/// In front of them where the event has such a field of its own.
const OURS: &str = "actor_core.";

/// All places that are known.
#[derive(Default)]
pub(super) struct Sites {
    known: HashMap<(frame::Site<'static>, bool), &'static Site>,
}

/// A place, for ever.
pub(super) struct Site {
    metadata: OnceLock<Metadata<'static>>,
    fields: OnceLock<Vec<Field>>,
    interest: AtomicU8,
}

const NEVER: u8 = 0;
const SOMETIMES: u8 = 1;
const ALWAYS: u8 = 2;

impl Callsite for Site {
    fn set_interest(&self, interest: Interest) {
        let interest = match interest {
            interest if interest.is_never() => NEVER,
            interest if interest.is_always() => ALWAYS,
            _ => SOMETIMES,
        };
        self.interest.store(interest, Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.known()
    }
}

impl Sites {
    /// The place that a process describes. `None`: there are too many.
    pub(super) fn intern(&mut self, site: &frame::Site<'_>, is_actor: bool) -> Option<&'static Site> {
        let known: &HashMap<(frame::Site<'_>, bool), &'static Site> = &self.known;
        let key = (site.clone(), is_actor);
        if let Some(site) = known.get(&key) {
            return Some(site);
        }
        if SITES_MAX <= self.known.len() {
            return None;
        }
        let site = leak_site(site);
        let made = Site::make(&site, is_actor);
        self.known.insert((site, is_actor), made);
        Some(made)
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.into())
}

fn leak_site(site: &frame::Site<'_>) -> frame::Site<'static> {
    frame::Site {
        target: leak(site.target),
        name: leak(site.name),
        module: leak(site.module),
        file: leak(site.file),
        fields: site.fields.iter().map(|name| leak(name)).collect(),
        ..*site
    }
}

impl Site {
    fn make(of: &frame::Site<'static>, is_actor: bool) -> &'static Site {
        let site: &'static Site = Box::leak(Box::new(Site {
            metadata: OnceLock::new(),
            fields: OnceLock::new(),
            interest: AtomicU8::new(SOMETIMES),
        }));
        let mut names = of.fields.clone();
        if !of.is_span {
            for name in [if is_actor { ACTOR } else { PROCESS }, PID] {
                let is_taken = of.fields.contains(&name);
                names.push(if is_taken { leak(&format!("{OURS}{name}")) } else { name });
            }
        }
        let fields = FieldSet::new(Box::leak(names.into()), callsite::Identifier(site));
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        let line = (of.line != 0).then_some(of.line);
        let kind = if of.is_span { Kind::SPAN } else { Kind::EVENT };
        let level = level::of_number(of.level);
        let metadata = Metadata::new(of.name, of.target, level, some(of.file), line, some(of.module), fields, kind);
        let metadata = site.metadata.get_or_init(|| metadata);
        site.fields.get_or_init(|| metadata.fields().iter().collect());
        callsite::register(site);
        site
    }

    pub(super) fn known(&self) -> &Metadata<'static> {
        self.metadata.get().expect("it was set before anybody had the site")
    }

    pub(super) fn metadata(&'static self) -> &'static Metadata<'static> {
        self.known()
    }

    /// The fields, those that were added at the end.
    pub(super) fn fields(&self) -> &[Field] {
        self.fields.get().expect("they were set before anybody had the site")
    }

    /// Whether a subscriber wants what comes from here.
    pub(super) fn is_enabled(&'static self, dispatch: &Dispatch) -> bool {
        match self.interest.load(Relaxed) {
            NEVER => false,
            ALWAYS => true,
            _ => dispatch.enabled(self.metadata()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut sites = Sites::default();
        let fields = vec!["message", "pid"];
        let site =
            frame::Site { is_span: false, level: 3, target: "t", name: "n", module: "", file: "", line: 7, fields };
        let one = sites.intern(&site, true).unwrap();
        assert!(std::ptr::eq(one, sites.intern(&site.clone(), true).unwrap()), "it is made once");
        let names: Vec<_> = one.fields().iter().map(Field::name).collect();
        assert_eq!(names, ["message", "pid", "actor", "actor_core.pid"]);
        let metadata = one.known();
        assert_eq!((metadata.target(), metadata.line(), metadata.file()), ("t", Some(7), None));
        let process = sites.intern(&site, false).unwrap();
        assert_eq!(process.fields()[2].name(), "process");
        let span = sites.intern(&frame::Site { is_span: true, ..site }, true).unwrap();
        assert!(span.known().is_span() && span.fields().len() == 2, "a span says who by the events in it");
    }

    #[test]
    fn places_that_are_made_up_come_to_an_end() {
        let mut sites = Sites { known: HashMap::new() };
        let site = |line| frame::Site {
            is_span: true,
            level: 5,
            target: "made up",
            name: "n",
            module: "",
            file: "",
            line,
            fields: Vec::new(),
        };
        let known = (0..SITES_MAX as u32 + 9).filter(|line| sites.intern(&site(*line), true).is_some()).count();
        assert_eq!(known, SITES_MAX);
        assert!(sites.intern(&site(0), true).is_some());
    }
}
