//! From a process that has just begun to the user's function in it.
//!
//! The same for both start methods. A forked process starts with the zygote's few descriptors and
//! default signals, an executed one has made itself equal before it comes here.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::entry::Start;
use super::{Order, guard};
use crate::exit::EndKind;
use crate::id::{Participant, ProcessId};
use crate::shm::roster::Stage;
use crate::shm::segment::Segment;
use crate::sys::name::{self, Title};
use crate::sys::{Errno, Pid, Signal, descriptor, environment, overflow, process};
use crate::wire::Bytes;

/// What a shell and Rust's own runtime make of a panic.
const PANICKED: i32 = 101;

/// Takes the place of `me`, does what its order says, and ends.
pub(super) fn run(segment: Segment, me: Participant, title: Option<Title>) -> ! {
    // A forked process is still in the zygote's session; an executed one has its own already.
    let _ = process::new_session();
    guard::stay_with(segment.node_pid(), Signal::KILL);
    let segment = match segment.enter(me) {
        Ok(segment) => segment,
        Err(error) => {
            eprintln!("actor-core: a process could not take part in its node: {error}");
            process::exit_now(1)
        }
    };
    let record = segment.record(me);
    // For an executed process nobody else has noted it; for a forked one it is what is there.
    record.pid.store(std::process::id(), Ordering::Release);
    match prepare(segment, me, title) {
        Ok(Prepared { entry, start }) => {
            // No news for anybody who waits: the bell rings when it is ready.
            record.set_stage(Stage::Started);
            let ended = panic::catch_unwind(AssertUnwindSafe(|| entry(start)));
            std::process::exit(if ended.is_ok() { 0 } else { PANICKED })
        }
        Err(text) => {
            record.write_end(EndKind::InitFailed.raw(), &text, "");
            std::process::exit(1)
        }
    }
}

/// A function to be run, and what it gets.
struct Prepared {
    entry: fn(Start),
    start: Start,
}

/// Makes the process what its order says, up to the call of its function.
fn prepare(segment: &'static Segment, me: Participant, title: Option<Title>) -> Result<Prepared, String> {
    let record = segment.record(me);
    let order = Order::read(record).map_err(|error| error.to_string())?;
    redirect_stderr(segment, &order).map_err(|error| format!("the pipe for stderr cannot be opened: {error}"))?;
    let id = ProcessId { participant: me, generation: record.generation.load(Ordering::Relaxed) };
    show_name(&order.name, id, title);
    enter_directory(segment, &order)?;
    if !environment::apply(&changes(&order.environment)) {
        return Err("the environment cannot be changed: a constructor of this program has started a thread".into());
    }
    overflow::report_on_this_thread().map_err(|error| format!("a handler of signals cannot be set: {error}"))?;
    let entry = order.entry.get().ok_or("the function to be run is not in this executable")?;
    Ok(Prepared { entry, start: Start { segment, me, order } })
}

/// Opens the node's pipe anew, so that this end has a state of its own.
fn redirect_stderr(segment: &Segment, order: &Order) -> io::Result<()> {
    let Some(number) = order.stderr else { return Ok(()) };
    let node = i32::try_from(segment.node_pid()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    match descriptor::open_of(node, number) {
        Ok(pipe) => Ok(descriptor::redirect_stderr(pipe.as_fd())?),
        // A node with file capabilities lets nobody look at it. Its processes then write to its own
        // stderr, and their reports have no tail.
        Err(Errno::ACCESS | Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn show_name(name: &str, id: ProcessId, title: Option<Title>) {
    // A name is for people: without one, everything works.
    let _ = name::set_thread_name(name);
    if let Some(title) = title {
        title.set(&format!("{name} {id}"));
    }
}

/// Goes where the node was. The path may have been moved since, or removed; the node may still be
/// there.
fn enter_directory(segment: &Segment, order: &Order) -> Result<(), String> {
    let directory = PathBuf::from(os_string(&order.directory));
    let Err(error) = std::env::set_current_dir(&directory) else { return Ok(()) };
    std::env::set_current_dir(format!("/proc/{}/cwd", segment.node_pid()))
        .map_err(|_| format!("the directory `{}` cannot be entered: {error}", directory.display()))
}

fn changes(environment: &[(Bytes, Option<Bytes>)]) -> Vec<environment::Change> {
    environment.iter().map(|(name, value)| (os_string(name), value.as_ref().map(os_string))).collect()
}

fn os_string(bytes: &Bytes) -> OsString {
    OsString::from_vec(bytes.0.clone())
}
