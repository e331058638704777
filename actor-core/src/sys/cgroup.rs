//! Control groups of the second version: directories whose members can be killed as one.
//!
//! Whoever is in a group has its children in there as well, whatever session they make for
//! themselves; that is what a process group cannot do. Given names of type `CStr`, nothing here
//! allocates, so that a signal handler can call it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RawDir};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::path::Arg;

/// Bytes for entries of one directory, read piece by piece.
const ENTRIES_BYTES: usize = 1024;

/// `int mkdirat(int dirfd, const char *pathname, 0755)` - makes a group. Man page: cgroups(7).
///
/// # Errors
/// `EACCES`, `EPERM` or `EROFS` where we may make none, `EEXIST`, `EAGAIN` at the limit of groups.
pub(crate) fn make(parent: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<()> {
    retry_on_intr(|| rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)))
}

/// `int openat(int dirfd, const char *pathname, O_RDONLY | O_DIRECTORY | O_CLOEXEC)` - a group.
/// Man page: open(2).
///
/// # Errors
/// `ENOENT` if there is none.
pub(crate) fn open(parent: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat(parent, name, flags, Mode::empty()))
}

/// `int flock(int fd, LOCK_EX | LOCK_NB)` - takes the group for us, for as long as anybody has a
/// copy of this descriptor. Man page: flock(2).
///
/// # Errors
/// `EWOULDBLOCK` if somebody has it.
pub(crate) fn lock(group: BorrowedFd<'_>) -> Result<()> {
    retry_on_intr(|| rustix::fs::flock(group, FlockOperation::NonBlockingLockExclusive))
}

/// `write(fd, "1", 1)` to `cgroup.kill` - sends SIGKILL to all members of a group and of the groups
/// in it, and to what they are just forking. `file` is the file's path from `group` on. Man page:
/// cgroups(7).
///
/// # Errors
/// `ENOENT` if there is no such group, or no such file in it: it came with Linux 5.14.
pub(crate) fn kill(group: BorrowedFd<'_>, file: impl Arg + Copy) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = retry_on_intr(|| rustix::fs::openat(group, file, flags, Mode::empty()))?;
    retry_on_intr(|| rustix::io::write(&file, b"1")).map(drop)
}

/// `read` of `cgroup.events` - whether somebody lives in a group or in the groups in it; zombies do
/// not count. `file` is the file's path from `group` on. Man page: cgroups(7).
///
/// # Errors
/// `ENOENT` if there is no such group.
pub(crate) fn is_populated(group: BorrowedFd<'_>, file: impl Arg + Copy) -> Result<bool> {
    is_populated_now(&open_events(group, file)?)
}

fn open_events(group: BorrowedFd<'_>, file: impl Arg + Copy) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat(group, file, flags, Mode::empty()))
}

fn is_populated_now(events: &OwnedFd) -> Result<bool> {
    let mut text = [0; 128];
    let length = retry_on_intr(|| rustix::io::pread(events, &mut text, 0))?;
    Ok(!text[..length].split(|byte| *byte == b'\n').any(|line| line == b"populated 0"))
}

/// `poll` for `POLLPRI` at `cgroup.events` - waits until nobody is in a group or in the groups in
/// it; zombies do not count. False after the timeout. Man page: cgroups(7).
///
/// # Errors
/// `ENOENT` if there is no such group.
pub(crate) fn wait_until_empty(group: BorrowedFd<'_>, timeout: Duration) -> Result<bool> {
    let begin = Instant::now();
    let events = open_events(group, c"cgroup.events")?;
    loop {
        // Read before the wait: that is since when a change counts.
        if !is_populated_now(&events)? {
            return Ok(true);
        }
        let left = timeout.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// `int unlinkat(int dirfd, const char *pathname, AT_REMOVEDIR)` - removes a group, and first the
/// groups in it, to this depth. Man page: cgroups(7).
///
/// # Errors
/// `EBUSY` if somebody lives in one of them.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &CStr, depth: u32) -> Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::BUSY | Errno::NOTEMPTY) if depth > 0 => {}
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    }
    let group = open(parent, name)?;
    for_each_in(group.as_fd(), |inner| {
        // Who lives in there makes the last call here fail.
        let _ = remove(group.as_fd(), inner, depth - 1);
    })?;
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// `long getdents64(int fd, void *dirp, size_t count)` - the names of the groups in a group. Man
/// page: getdents(2).
pub(crate) fn for_each_in(group: BorrowedFd<'_>, mut with: impl FnMut(&CStr)) -> Result<()> {
    let mut entries = [MaybeUninit::uninit(); ENTRIES_BYTES];
    let mut entries = RawDir::new(group, &mut entries);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if entry.file_type() == FileType::Directory && !entry.file_name().to_bytes().starts_with(b".") {
            with(entry.file_name());
        }
    }
    Ok(())
}
