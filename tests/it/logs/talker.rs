//! [`Talker`]: an actor that logs what it is told to log.

use std::time::{Duration, Instant};

use actor_core::prelude::*;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use tracing::{debug, error, info, info_span, trace, warn};

/// How long something may take to be heard.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Actor, Serialize, Deserialize)]
#[actor(name = "talker", capacity = 64)]
pub(super) struct Talker {
    pub(super) next: Option<ActorRef<Talker>>,
}

/// An alone talker.
pub(super) const TALKER: Talker = Talker { next: None };

#[handlers]
impl Talker {
    #[call]
    fn say(&self, text: String) -> u32 {
        info!("{text}");
        std::process::id()
    }

    #[cast]
    fn mutter(&self, text: String) {
        info!("{text}");
    }

    /// Says it at every level.
    #[call]
    fn insist(&self, text: String) {
        error!("{text} 1");
        warn!("{text} 2");
        info!("{text} 3");
        debug!("{text} 4");
        trace!("{text} 5");
    }

    /// A field of each type.
    #[call]
    fn tell(&self) {
        let error = std::io::Error::other("the cause");
        let source = &error as &(dyn std::error::Error + 'static);
        info!(target: "elsewhere", a = -1, b = 2u64, c = 0.5, d = true, e = "text", f = ?Some("x"), g = %"y", h = source, "all");
    }

    #[call]
    fn say_in_spans(&self, text: String) {
        let outer = info_span!("outer", n = 1, late = tracing::field::Empty).entered();
        outer.record("late", "recorded");
        let inner = info_span!("inner").entered();
        info!("{text}");
        drop(inner);
        info!("{text} again");
    }

    /// Has the next one say it.
    #[call]
    fn pass(&self, text: String) {
        let next = self.next.expect("there is a next one");
        next.say(text).wait().expect("it answers");
    }

    #[call]
    fn pass_as_cast(&self, text: String) {
        let next = self.next.expect("there is a next one");
        next.mutter(text).send().expect("there is room");
    }

    /// Counts aloud.
    #[call]
    fn count(&self, to: u64) -> u64 {
        let begin = Instant::now();
        for number in 0..to {
            info!(number, "counting");
        }
        begin.elapsed().as_micros() as u64
    }

    /// Counts aloud while the node is stopped. In microseconds of the processor, and altogether.
    #[call]
    fn count_alone(&self, to: u64) -> (u64, u64) {
        let node = rustix::process::getppid().expect("the node is there");
        rustix::process::kill_process(node, Signal::STOP).expect("it is ours");
        wait_for_state(node, 'T');
        let before = processor_time();
        let micros = self.count(to);
        let own = processor_time() - before;
        rustix::process::kill_process(node, Signal::CONT).expect("it is there");
        (own.as_micros() as u64, micros)
    }

    #[call]
    fn say_and_abort(&self, text: String) {
        for number in 0..10 {
            info!("{text} {number}");
        }
        std::process::abort();
    }

    /// Whether a subscriber is installed here.
    #[call]
    fn is_heard(&self) -> bool {
        tracing::dispatcher::has_been_set()
    }

    /// How often something was formatted that is logged at this level.
    #[call]
    fn formatted(&self) -> u32 {
        let times = std::cell::Cell::new(0);
        let costly = std::fmt::from_fn(|f| {
            times.set(times.get() + 1);
            f.write_str("costly")
        });
        debug!("{costly}");
        times.get()
    }

    #[call]
    fn say_on_stderr(&self, text: String) {
        use std::io::Write;
        // Unlike the macro it does nothing else, and is not taken by a test runner.
        std::io::stderr().write_all(text.as_bytes()).expect("it can be written");
    }
}

/// What this thread has had of a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn wait_for_state(pid: Pid, state: char) {
    let is_there = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(state))
    };
    while !is_there() {
        std::thread::yield_now();
    }
}
