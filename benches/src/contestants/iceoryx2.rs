//! Publish and subscribe of `iceoryx2`: one who looks again and again, and one who sleeps until an
//! event comes. The message is written into shared memory and read where it lies.
//!
//! Its files have names by which they are found again and removed, also if somebody was killed.

use std::fmt::Debug;
use std::{fs, hint};

use iceoryx2::config::Config;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;

use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::transport::{self, Link, Transport};
use crate::worker::Part;
use crate::{Error, Result};

/// Keeps its CPU busy.
pub(crate) struct Poll;

/// Sleeps.
pub(crate) struct Event;

impl Contestant for Poll {
    fn who(&self) -> &'static str {
        "iceoryx2, polling"
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_some() || case == Case::CallHot
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        transport::measure::<Ports<false>>(self, case, effort)
    }

    fn work(&self, part: Part) -> Result<()> {
        transport::work::<Ports<false>>(part)
    }

    fn clear(&self, pid: u32) {
        remove_files(pid);
    }
}

impl Contestant for Event {
    fn who(&self) -> &'static str {
        "iceoryx2, events"
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        matches!(case, Case::Oneway64) || case.is_call()
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        transport::measure::<Ports<true>>(self, case, effort)
    }

    fn work(&self, part: Part) -> Result<()> {
        transport::work::<Ports<true>>(part)
    }

    fn clear(&self, pid: u32) {
        remove_files(pid);
    }
}

/// Messages that can be under way from one to another: as many as ours.
fn buffered(size: usize) -> usize {
    if size > 4096 { 64 } else { 1024 }
}

/// Looks in vain for one message: some seconds.
const LOOKS_MAX: u64 = 1 << 27;

/// What sends, what receives, and with `SLEEPS` also what wakes and is woken.
struct Ports<const SLEEPS: bool> {
    to: Publisher<ipc::Service, [u8], ()>,
    from: Subscriber<ipc::Service, [u8], ()>,
    wake: Notifier<ipc::Service>,
    woken: Listener<ipc::Service>,
    /// What all of them belong to.
    _node: Node<ipc::Service>,
}

impl<const SLEEPS: bool> Transport for Ports<SLEEPS> {
    type Listener = Ports<SLEEPS>;

    const ONLY_SPINS: bool = !SLEEPS;

    fn pace(size: usize) -> f64 {
        if size > 4096 { 1e10 / size as f64 } else { 1.2e6 }
    }

    fn listen(link: Link) -> Result<(Ports<SLEEPS>, String)> {
        let address = name(std::process::id());
        fs::create_dir_all(std::env::temp_dir().join(&address))?;
        Ok((Ports::open(&address, ["back", "there"], link)?, address))
    }

    fn accept(listener: Ports<SLEEPS>) -> Result<Ports<SLEEPS>> {
        Ok(listener)
    }

    fn connect(address: &str, link: Link) -> Result<Ports<SLEEPS>> {
        Ports::open(address, ["there", "back"], link)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sample = self.to.loan_slice_uninit(bytes.len()).map_err(text)?;
        sample.write_from_slice(bytes).send().map_err(text)?;
        if SLEEPS {
            self.wake.notify().map_err(text)?;
        }
        Ok(())
    }

    fn receive(&mut self, look: impl FnOnce(&[u8]) -> u64) -> Result<u64> {
        let mut looks = 0u64;
        loop {
            if let Some(sample) = self.from.receive().map_err(text)? {
                return Ok(look(sample.payload()));
            }
            looks += 1;
            match SLEEPS {
                true => drop(self.woken.blocking_wait(|_| {}).map_err(text)?),
                false if looks == LOOKS_MAX => return Err("no message has come for seconds".into()),
                false => hint::spin_loop(),
            }
        }
    }
}

impl<const SLEEPS: bool> Ports<SLEEPS> {
    /// The services are of the one who comes first, which is always the one that measures.
    fn open(address: &str, [to, from]: [&str; 2], link: Link) -> Result<Ports<SLEEPS>> {
        set_log_level(LogLevel::Fatal);
        let mut config = Config::default();
        let root = std::env::temp_dir().join(address);
        config.global.set_root_path(&root.to_str().ok_or("the path is text")?.try_into().map_err(text)?);
        config.global.prefix = address.try_into().map_err(text)?;
        let node = NodeBuilder::new().config(&config).create::<ipc::Service>().map_err(text)?;
        let bytes = |name: &str| {
            let builder = node.service_builder(&name.try_into().map_err(text)?).publish_subscribe::<[u8]>();
            let builder = builder.max_publishers(8).max_subscribers(8).subscriber_max_buffer_size(buffered(link.size));
            builder.enable_safe_overflow(false).history_size(0).open_or_create().map_err(text)
        };
        let events = |name: &str| -> Result<_> {
            let builder = node.service_builder(&name.try_into().map_err(text)?).event();
            builder.max_notifiers(8).max_listeners(8).open_or_create().map_err(text)
        };
        let service = bytes(to)?;
        let publisher = service.publisher_builder().initial_max_slice_len(link.size);
        let publisher = publisher.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered);
        Ok(Ports {
            to: publisher.create().map_err(text)?,
            from: bytes(from)?.subscriber_builder().buffer_size(buffered(link.size)).create().map_err(text)?,
            wake: events(to)?.notifier_builder().create().map_err(text)?,
            woken: events(from)?.listener_builder().create().map_err(text)?,
            _node: node,
        })
    }
}

/// Of all files of a measurement.
fn name(pid: u32) -> String {
    format!("actor-peers-{pid}-")
}

fn remove_files(pid: u32) {
    let name = name(pid);
    // There is nothing to be removed in most cases, and nobody to be told of the others.
    let _ = fs::remove_dir_all(std::env::temp_dir().join(&name));
    let shared = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    for entry in shared.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name)) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Its errors are not all errors by std's word.
fn text(error: impl Debug) -> Error {
    format!("{error:?}").into()
}
