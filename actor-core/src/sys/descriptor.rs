//! Descriptors of the whole process: which are inherited, which are closed, where stderr goes.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Result, retry_on_intr};
use rustix::process::Pid;

use super::pidfd::last_error;
use crate::planted::planted;

/// Closes every descriptor but `keep`, which is sorted here.
///
/// # Safety
/// Nothing in this process may use a descriptor outside `keep` afterwards, or drop its owner: the
/// number may by then be somebody else's. That holds in a process that has just been started and
/// forgets, without dropping, what it inherited.
pub(crate) unsafe fn close_all_but(keep: &mut [RawFd]) -> Result<()> {
    keep.sort_unstable();
    let mut first: u32 = 0;
    for descriptor in keep.iter().filter_map(|fd| u32::try_from(*fd).ok()) {
        if first < descriptor {
            // SAFETY: The caller's promise covers every number outside `keep`.
            unsafe { close_range(first, descriptor - 1)? };
        }
        first = first.max(descriptor + 1);
    }
    // SAFETY: As above.
    unsafe { close_range(first, u32::MAX) }
}

/// `int close_range(unsigned int first, unsigned int last, 0)` - closes the numbers of a range.
/// Man page: close_range(2).
///
/// # Safety
/// As [`close_all_but`].
unsafe fn close_range(first: u32, last: u32) -> Result<()> {
    // SAFETY: The call takes no pointers; the closed numbers are the caller's promise.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// Takes ownership of a descriptor that this process inherited under a number it was told.
///
/// # Errors
/// `EBADF` if the number is not open.
///
/// # Safety
/// Nothing else in this process may own the number.
pub(crate) unsafe fn adopt(number: RawFd) -> Result<OwnedFd> {
    let flag = if planted!(MissingCloexec) { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: The call takes no pointers and changes nothing but a flag, and only if it is open.
    if number < 0 || unsafe { libc::fcntl(number, libc::F_SETFD, flag) } != 0 {
        return Err(rustix::io::Errno::BADF);
    }
    // SAFETY: It is open, as the call above has shown, and ours alone by the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `int open("/proc/PID/fd/N", O_WRONLY | O_CLOEXEC)` - opens a pipe that another process holds,
/// anew and for writing only. Man page: proc(5).
///
/// # Errors
/// `EACCES` if that process may not be inspected (it runs with file capabilities), `ENOENT` if it
/// is gone or has closed the number.
pub(crate) fn open_of(process: Pid, number: RawFd) -> Result<OwnedFd> {
    let path = format!("/proc/{}/fd/{number}", process.as_raw_nonzero());
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    retry_on_intr(|| rustix::fs::open(path.as_str(), flags, Mode::empty()))
}

/// `int dup2(int oldfd, 2)` - makes `target` the stderr of this process. Man page: dup(2).
pub(crate) fn redirect_stderr(target: BorrowedFd<'_>) -> Result<()> {
    retry_on_intr(|| {
        // SAFETY: Number 2 is by convention nobody's property: std and C address it by number.
        match unsafe { libc::dup2(target.as_raw_fd(), 2) } {
            2 => Ok(()),
            _ => Err(last_error()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::pipe::{self, Read};
    use crate::sys::process;
    use std::os::fd::{AsFd, IntoRawFd};

    #[test]
    fn smoke() {
        let (reader, writer) = pipe::create().unwrap();
        let again = open_of(process::id(), writer.as_raw_fd()).unwrap();
        drop(writer);
        pipe::write(again.as_fd(), b"x").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(pipe::read(reader.as_fd(), &mut buffer).unwrap(), Read::Bytes(1));
    }

    #[test]
    fn only_an_open_number_is_adopted() {
        let (reader, _writer) = pipe::create().unwrap();
        let number = reader.into_raw_fd();
        // SAFETY: The number was released by `into_raw_fd` just now.
        let adopted = unsafe { adopt(number).unwrap() };
        assert_eq!(adopted.as_raw_fd(), number);
        // SAFETY: Numbers of this size are never open, and the call then only says so.
        assert!(unsafe { adopt(1 << 30) }.is_err());
        // SAFETY: As above.
        assert!(unsafe { adopt(-1) }.is_err());
    }
}
