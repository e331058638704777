//! What a process is to the kernel: its pid, parent, session and threads, and its end.

#![allow(unsafe_code)]

use rustix::io::{Errno, Result};
use rustix::process::{self, Pid, Signal};

/// `pid_t getpid(void)` - this process, never cached. Man page: getpid(2).
pub(crate) fn id() -> Pid {
    process::getpid()
}

/// `pid_t getppid(void)` - the parent, `None` if it is outside this pid namespace. Man page:
/// getppid(2).
pub(crate) fn parent() -> Option<Pid> {
    process::getppid()
}

/// `pid_t setsid(void)` - makes this process the leader of a session and a group of its own, out
/// of reach of the terminal's Ctrl-C. Man page: setsid(2).
///
/// # Errors
/// `EPERM` if it leads a group already.
pub(crate) fn new_session() -> Result<Pid> {
    process::setsid()
}

/// `int kill(-pid, int sig)` - signals every process of a group. Man page: kill(2).
///
/// A group's number is pinned by its members and by its leader's zombie, so this is safe exactly
/// until the leader is reaped. Callable from a signal handler.
///
/// # Errors
/// `ESRCH` if no such group exists.
pub(crate) fn signal_group(group: Pid, signal: Signal) -> Result<()> {
    process::kill_process_group(group, signal)
}

/// `int stat("/proc/self/task", struct stat *statbuf)` - how many threads this process has: its
/// directory of threads has two links more. Man page: proc(5).
///
/// # Errors
/// `ENOENT` where /proc is not mounted.
pub(crate) fn thread_count() -> Result<usize> {
    let directory = rustix::fs::stat(c"/proc/self/task")?;
    let links = usize::try_from(directory.st_nlink).map_err(|_| Errno::OVERFLOW)?;
    links.checked_sub(2).ok_or(Errno::OVERFLOW)
}

/// `int pause(void)` - sleeps until a signal handler has run. Man page: pause(2).
pub(crate) fn pause() {
    rustix::event::pause();
}

/// `int kill(pid_t pid, SIGKILL)`, then `pid_t waitpid(pid_t pid, NULL, 0)` - ends a child for
/// which there is no descriptor left. Only its parent, which alone reaps it, may call this: the pid
/// is the child's until then. Man pages: kill(2), waitpid(2).
pub(crate) fn kill_and_reap(pid: u32) {
    let Some(pid) = Pid::from_raw(pid as i32) else { return };
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    let _ = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()));
}

/// `int atexit(void (*function)(void))` - calls `function` when this process exits of itself.
/// Man page: atexit(3).
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function is a plain one of this program, which is never unloaded.
    let _ = unsafe { libc::atexit(function) };
}

/// `int pthread_atfork(NULL, NULL, void (*child)(void))` - calls `function` in the child of each later fork
/// of this process by the C library. Man page: pthread_atfork(3).
pub(crate) fn at_fork_in_child(function: unsafe extern "C" fn()) {
    // SAFETY: the function is a plain one of this program, which is never unloaded. It fails for lack of memory
    // only, and then it is not called.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(function)) };
}

/// `void _exit(int status)` - ends the process here and now: no destructors, no buffers, no
/// handlers. Callable from a signal handler. Man page: _exit(2).
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: The call does not return and runs no code of this process.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        assert_eq!(id().as_raw_nonzero().get() as u32, std::process::id());
        assert!(parent().is_some());
    }

    #[test]
    fn threads_are_counted() {
        let before = thread_count().unwrap();
        assert!(before >= 1);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (leave, may_leave) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            ready.send(thread_count().unwrap()).unwrap();
            may_leave.recv().unwrap_err();
        });
        assert!(is_ready.recv().unwrap() >= 2);
        drop(leave);
        thread.join().unwrap();
    }
}
