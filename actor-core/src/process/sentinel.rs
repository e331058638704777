//! A descriptor that becomes readable when a process is dead, for one who is not its parent.
//!
//! The number of a process may have been given to another one by the time that it is looked up.
//! The node takes the number out of the process's record before it reaps the process, so the order
//! here decides: first open whoever has the number now, then see whether the record still has it.
//! If it does, the process had not been reaped, so the number was its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;

use crate::id::{PARTICIPANTS_MAX, ProcessId};
use crate::planted::planted;
use crate::shm::roster::Stage;
use crate::shm::segment::attached;
use crate::sys::{Errno, Pid, eventfd, pidfd};
use crate::wait::{Opened, Source};

/// A descriptor for this process alone; `None` when it is dead and reaped.
///
/// # Errors
/// There are no descriptors left.
pub(super) fn open(process: ProcessId, pid: u32) -> io::Result<Option<OwnedFd>> {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    let opened = pidfd::open(number);
    if !is_in_record(process, pid) && !planted!(SentinelOfAnybody) {
        return Ok(None);
    }
    match opened {
        Ok(descriptor) => Ok(Some(descriptor)),
        // Reaped in between; the record was read a moment before its number was taken out.
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What one comes down to who waits for the end of a process, of which nothing but its identity is known.
///
/// # Errors
/// There are no descriptors left.
pub(crate) fn opened(process: ProcessId) -> io::Result<Opened<'static>> {
    let Some(segment) = attached().filter(|_| process.participant.index() < PARTICIPANTS_MAX) else {
        return Ok(Opened::Ready);
    };
    if process == ProcessId::MAIN {
        // Whoever asks would not be there without it, so its number means it.
        let number = i32::try_from(segment.node_pid()).ok().and_then(Pid::from_raw);
        let root = number.map(pidfd::open).transpose()?;
        return Ok(root.map_or(Opened::Ready, Opened::Owned));
    }
    let pid = segment.record(process.participant).pid.load(SeqCst);
    Ok(open(process, pid)?.map_or(Opened::Ready, Opened::Owned))
}

/// Whether a process is being made that has no number yet.
pub(crate) fn is_starting(process: ProcessId) -> bool {
    let Some(segment) = attached().filter(|_| process.participant.index() < PARTICIPANTS_MAX) else { return false };
    let record = segment.record(process.participant);
    // Read first: the number of the dead is taken out of the record after it says that they are.
    let has_no_number = record.pid.load(SeqCst) == 0;
    has_no_number && record.generation() == process.generation && record.stage() == Stage::Ordered && !record.is_dying()
}

impl Source for ProcessId {
    fn opened(&self) -> io::Result<Opened<'_>> {
        opened(*self)
    }
}

/// Whether the process has this number and was not reaped.
pub(super) fn is_in_record(process: ProcessId, pid: u32) -> bool {
    let Some(segment) = attached() else { return false };
    let record = segment.record(process.participant);
    record.generation.load(SeqCst) == process.generation && record.pid.load(SeqCst) == pid
}

/// A descriptor that is readable at once and for ever: what a dead process's looks like.
///
/// # Errors
/// There are no descriptors left.
pub(super) fn of_the_dead() -> io::Result<OwnedFd> {
    let descriptor = eventfd::create()?;
    eventfd::ring(descriptor.as_fd())?;
    Ok(descriptor)
}
