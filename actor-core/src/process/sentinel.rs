//! A descriptor that becomes readable when a process is dead, for one who is not its parent.
//!
//! The number of a process may have been given to another one by the time that it is looked up.
//! The node takes the number out of the process's record before it reaps the process, so the order
//! here decides: first open whoever has the number now, then see whether the record still has it.
//! If it does, the process had not been reaped, so the number was its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;

use crate::id::ProcessId;
use crate::planted::planted;
use crate::shm::segment::attached;
use crate::sys::{Errno, Pid, eventfd, pidfd};

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
