//! What surrounds the user's function in its own process: arguments, readiness, the last words.
//!
//! A process ends normally only if its end-of-life record says so, which is written after the
//! function has returned. A panic is recorded by the panic hook, at the moment it happens, so that
//! it is known under `panic = "abort"` as well.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use crate::boot::{Arguments, Start};
use crate::exit::{EndKind, ExitReason, TEXT_BYTES_MAX, clip};
use crate::id::{Incarnation, ProcessId};
use crate::mailbox::Mailbox;
use crate::shm::blob;
use crate::shm::roster::Stage;
use crate::shm::segment::{self, Segment};

/// One life of an actor or plain process, as seen from inside.
pub(crate) struct Life {
    pub(crate) segment: &'static Segment,
    pub(crate) process: ProcessId,
    /// The actor that lives here, if one does.
    pub(crate) incarnation: Option<Incarnation>,
    /// The encoded arguments.
    pub(crate) args: Vec<u8>,
}

impl Life {
    fn new(start: Start) -> Result<Life, String> {
        let Start { segment, me, order } = start;
        let args = match order.arguments {
            Arguments::Inline(bytes) => bytes.0,
            Arguments::Window(window) => {
                blob::read(segment, window).ok_or("the arguments are gone from shared memory")?
            }
        };
        let incarnation = order.mailbox.map(|actor| {
            let life = Mailbox::attach(actor).map_or(0, |mailbox| mailbox.life().0);
            Incarnation { actor, life }
        });
        let process = ProcessId { participant: me, generation: segment.record(me).generation() };
        Ok(Life { segment, process, incarnation, args })
    }

    /// Tells the node that this process is up.
    pub(crate) fn is_ready(&self) {
        self.segment.record(self.process.participant).set_stage(Stage::Ready);
        self.segment.ring_bell();
    }
}

/// What a process says of its own end.
#[derive(Debug)]
pub(crate) enum LastWord {
    /// Why it ends.
    Reason(ExitReason),
    /// It ends because whoever has started it has: the node knows for what reason.
    Linked,
}

/// Runs `main` and ends the process with the reason that it returns.
pub(crate) fn live(start: Start, main: impl FnOnce(&Life) -> ExitReason) -> ! {
    live_to_word(start, |life| LastWord::Reason(main(life)))
}

/// [`live`], with what there is to say besides a reason.
pub(crate) fn live_to_word(start: Start, main: impl FnOnce(&Life) -> LastWord) -> ! {
    let chained = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        record_panic(info);
        chained(info);
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| match Life::new(start) {
        Ok(life) => main(&life),
        Err(text) => LastWord::Reason(ExitReason::Failed(text)),
    }));
    let kind = match outcome {
        Ok(word) => record_word(word),
        // The hook has written what it was.
        Err(_) => EndKind::Panicked,
    };
    // Flushes stdout and runs what was registered for the end of a process.
    std::process::exit(kind.exit_code())
}

fn record_word(word: LastWord) -> EndKind {
    let (kind, text) = match word {
        LastWord::Linked => (EndKind::Linked, String::new()),
        LastWord::Reason(ExitReason::Shutdown(text)) => (EndKind::Shutdown, text.unwrap_or_default()),
        LastWord::Reason(ExitReason::Failed(text)) => (EndKind::Failed, text),
        LastWord::Reason(ExitReason::DoNotRestart(text)) => (EndKind::DoNotRestart, text),
        LastWord::Reason(ExitReason::Normal) => (EndKind::Normal, String::new()),
        // A function of ours says nothing else; if it did, it would be a failure of its own.
        LastWord::Reason(other) => (EndKind::Failed, other.to_string()),
    };
    if let Some(segment) = segment::attached() {
        segment.record(segment.me()).write_end(kind.raw(), clip(&text, TEXT_BYTES_MAX), "");
    }
    kind
}

/// Writes what the panic says into this process's record.
///
/// A panic of another thread ends that thread only, unless panics abort: it is not the end of the
/// process and not recorded as such.
fn record_panic(info: &PanicHookInfo<'_>) {
    let is_main = rustix::thread::gettid() == rustix::process::getpid();
    if !cfg!(panic = "abort") && !is_main {
        return;
    }
    let Some(segment) = segment::attached() else { return };
    let text = info.payload_as_str().unwrap_or("a value that is not a text");
    let mut location = Location::default();
    if let Some(at) = info.location() {
        // It is cut where the buffer ends; nothing is allocated, memory may be what is lacking.
        let _ = std::fmt::Write::write_fmt(&mut location, format_args!("{at}"));
    }
    segment.record(segment.me()).write_end(EndKind::Panicked.raw(), clip(text, TEXT_BYTES_MAX), location.as_str());
}

/// A text of bounded length without a heap.
struct Location {
    bytes: [u8; crate::exit::LOCATION_BYTES_MAX],
    length: usize,
}

impl Default for Location {
    fn default() -> Location {
        Location { bytes: [0; crate::exit::LOCATION_BYTES_MAX], length: 0 }
    }
}

impl Location {
    fn as_str(&self) -> &str {
        let bytes = &self.bytes[..self.length];
        std::str::from_utf8(bytes)
            .unwrap_or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("valid up to there"))
    }
}

impl std::fmt::Write for Location {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let count = text.len().min(self.bytes.len() - self.length);
        self.bytes[self.length..self.length + count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count;
        Ok(())
    }
}
