//! Descriptors that mean one process for good: its signal, its death, its status.
//!
//! A pid is a number that the kernel gives out again; a pidfd is not. It becomes readable when the
//! process is dead, which is the proof that recovery waits for. The status is taken with
//! `P_PIDFD` only, so that nobody else's children are ever touched.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, Result, retry_on_intr};
use rustix::process::{self, Pid, PidfdFlags, Signal};

/// How a process ended and what it used, as the kernel tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) end: End,
    pub(crate) usage: Usage,
}

/// The end of a process in the kernel's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    Signaled { signal: i32, core: bool },
}

/// What a process used over its life, with the children it has waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) max_rss_bytes: u64,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

/// `int pidfd_open(pid_t pid, 0)` - a descriptor, closed on exec, for the process that has `pid`
/// now. Only its parent knows that this is still the right one. Man page: pidfd_open(2).
///
/// # Errors
/// `ESRCH` if there is none, `EMFILE` or `ENFILE` without descriptors, `ENOSYS` in a sandbox.
pub(crate) fn open(pid: Pid) -> Result<OwnedFd> {
    process::pidfd_open(pid, PidfdFlags::empty())
}

/// `int pidfd_send_signal(int pidfd, int sig, NULL, 0)` - sends a signal to exactly this process.
/// Man page: pidfd_send_signal(2).
///
/// # Errors
/// `ESRCH` once the process was reaped. A zombie accepts every signal and ignores it.
pub(crate) fn send_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<()> {
    process::pidfd_send_signal(pidfd, signal)
}

/// The status of the process if it is dead, leaving it a zombie that pins its pid and group.
///
/// # Errors
/// `ECHILD` if it is not our child or somebody else has reaped it: dead, and status unknown.
pub(crate) fn peek(pidfd: BorrowedFd<'_>) -> Result<Option<Status>> {
    waitid(pidfd, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
}

/// The status of the process if it is dead, and the end of its zombie and of its pid.
///
/// # Errors
/// `ECHILD` if it is not our child or somebody else has reaped it: dead, and status unknown.
pub(crate) fn reap(pidfd: BorrowedFd<'_>) -> Result<Option<Status>> {
    waitid(pidfd, libc::WEXITED | libc::WNOHANG)
}

/// `int waitid(P_PIDFD, id_t pidfd, siginfo_t *infop, int options, struct rusage *rusage)` - the
/// status of one child. `None` if it lives and the options say `WNOHANG`. The prototype is the
/// kernel's, with the resource usage that the C library leaves out. Man page: waitid(2).
fn waitid(pidfd: BorrowedFd<'_>, options: i32) -> Result<Option<Status>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    retry_on_intr(|| {
        // SAFETY: The kernel writes at most a siginfo and an rusage to the two, which have that
        // type, and keeps neither pointer.
        let result = unsafe {
            libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                info.as_mut_ptr(),
                options,
                usage.as_mut_ptr(),
            )
        };
        match result {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    })?;
    // SAFETY: Both are plain integers, zeroed above, so every state the kernel leaves is a value.
    let (info, usage) = unsafe { (info.assume_init(), usage.assume_init()) };
    // SAFETY: Whatever `waitid` left untouched is zero, and the kernel fills the child's fields.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let end = match info.si_code {
        libc::CLD_EXITED => End::Exited(status),
        code => End::Signaled { signal: status, core: code == libc::CLD_DUMPED },
    };
    Ok(Some(Status { end, usage: usage_of(&usage) }))
}

fn usage_of(usage: &libc::rusage) -> Usage {
    Usage {
        max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// The error of the system call that has just failed on this thread.
pub(super) fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::epoll;
    use std::os::fd::AsFd;
    use std::process::{Child, Command};

    fn shell(script: &str) -> (Child, OwnedFd) {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pidfd = open(Pid::from_raw(child.id() as i32).unwrap()).unwrap();
        (child, pidfd)
    }

    fn end_of(pidfd: &OwnedFd) -> End {
        let timeout = Duration::from_secs(20);
        let ready = epoll::wait_readable(&[pidfd.as_fd()], Some(timeout)).unwrap();
        assert_eq!(ready, Some(0), "the process ends");
        let peeked = peek(pidfd.as_fd()).unwrap().unwrap();
        let reaped = reap(pidfd.as_fd()).unwrap().unwrap();
        assert_eq!(peeked.end, reaped.end, "peeking leaves the status there");
        assert!(reaped.usage.max_rss_bytes > 0);
        assert_eq!(reap(pidfd.as_fd()), Err(Errno::CHILD));
        reaped.end
    }

    #[test]
    fn smoke() {
        let (_child, pidfd) = shell("exit 42");
        assert_eq!(end_of(&pidfd), End::Exited(42));
    }

    #[test]
    fn a_signal_is_told_from_an_exit() {
        let (_child, pidfd) = shell("read line < /dev/zero");
        assert_eq!(peek(pidfd.as_fd()).unwrap(), None);
        assert_eq!(reap(pidfd.as_fd()).unwrap(), None);
        send_signal(pidfd.as_fd(), Signal::KILL).unwrap();
        let end = end_of(&pidfd);
        assert_eq!(end, End::Signaled { signal: 9, core: false });
        assert_eq!(send_signal(pidfd.as_fd(), Signal::KILL), Err(Errno::SRCH));
    }

    #[test]
    fn a_stranger_has_no_status() {
        let parent = open(Pid::from_raw(1).unwrap()).unwrap();
        assert_eq!(reap(parent.as_fd()), Err(Errno::CHILD));
    }
}
