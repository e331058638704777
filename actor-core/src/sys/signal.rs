//! Signals of the whole process: a clean start, the parent's death, one handler.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::io::{Errno, Result};
use rustix::process::Signal;

use super::pidfd::last_error;

/// Brings every disposition and the mask of this thread to what a fresh program has, except that
/// SIGPIPE is ignored, so that writing to a closed pipe is an error value.
///
/// # Errors
/// None that a kernel is known to give.
pub(crate) fn reset() -> Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        let disposition = match number {
            libc::SIGPIPE => libc::SIG_IGN,
            _ => libc::SIG_DFL,
        };
        // SAFETY: Both dispositions run no code of this process.
        match unsafe { set_action(number, disposition, 0) } {
            // SIGKILL, SIGSTOP and the two that the C library keeps for itself cannot be set.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    unblock_all()
}

/// `int sigaction(SIGCHLD, const struct sigaction *act, struct sigaction *oldact)` - has the kernel
/// keep how children end, which it does not where SIGCHLD is ignored or `SA_NOCLDWAIT` is set. True:
/// it was so. Man page: sigaction(2).
///
/// # Errors
/// None that a kernel is known to give.
pub(crate) fn keep_ends_of_children() -> Result<bool> {
    let mut action = action_of(libc::SIGCHLD)?;
    let is_ignored = action.sa_sigaction == libc::SIG_IGN;
    if !is_ignored && action.sa_flags & libc::SA_NOCLDWAIT == 0 {
        return Ok(false);
    }
    if is_ignored {
        action.sa_sigaction = libc::SIG_DFL;
    }
    action.sa_flags &= !libc::SA_NOCLDWAIT;
    // SAFETY: The action is the one that was set, or the default, without a flag.
    match unsafe { libc::sigaction(libc::SIGCHLD, &raw const action, ptr::null_mut()) } {
        0 => Ok(true),
        _ => Err(last_error()),
    }
}

/// `int prctl(PR_SET_PDEATHSIG, int sig)` - asks for `signal` when the thread that made this
/// process ends. Who may have ended already must be checked afterwards, by comparing parents.
/// Man page: PR_SET_PDEATHSIG(2const).
pub(crate) fn set_parent_death(signal: Signal) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal))
}

/// Calls `handler` whenever `signal` arrives. Interrupted system calls go on.
///
/// # Safety
/// `handler` may do only what a signal handler may: system calls and atomics, no allocation, no
/// locks, no panic.
pub(crate) unsafe fn handle(signal: Signal, handler: extern "C" fn(i32)) -> Result<()> {
    let address = handler as *const () as libc::sighandler_t;
    // SAFETY: A function of the form that a handler without SA_SIGINFO has; what it does is the
    // caller's promise.
    unsafe { set_action(signal.as_raw(), address, libc::SA_RESTART) }
}

/// The first SIGINT, SIGTERM or SIGHUP, 0 before it.
static INTERRUPT: AtomicI32 = AtomicI32::new(0);
/// Rung by it; -1 while nobody listens.
static INTERRUPT_BELL: AtomicI32 = AtomicI32::new(-1);

/// Notes the first SIGINT, SIGTERM or SIGHUP and rings the bell of [`listen_for_interrupts`]. A SIGINT or
/// SIGTERM after it, or a first one that nobody listens for, ends the process as if there were no handler.
///
/// A signal that is ignored stays so: that is how `nohup` and shells ask for programs to be left alone.
///
/// # Errors
/// None that a kernel is known to give.
pub(crate) fn note_interrupts() -> Result<()> {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        if action_of(signal.as_raw())?.sa_sigaction != libc::SIG_IGN {
            // SAFETY: `note_interrupt` uses atomics and system calls.
            unsafe { handle(signal, note_interrupt)? };
        }
    }
    Ok(())
}

/// From now on an interrupt rings this bell, which stays open for good.
pub(crate) fn listen_for_interrupts(bell: RawFd) {
    INTERRUPT_BELL.store(bell, Ordering::Release);
}

/// The interrupt that has come, if one has.
pub(crate) fn interrupt() -> Option<Signal> {
    Signal::from_named_raw(INTERRUPT.load(Ordering::Acquire))
}

extern "C" fn note_interrupt(number: i32) {
    let bell = INTERRUPT_BELL.load(Ordering::Acquire);
    let is_first = INTERRUPT.compare_exchange(0, number, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    if !is_first && number == libc::SIGHUP {
        // One end of a terminal hangs up more than once: the kernel does, and the shell.
        return;
    }
    if bell < 0 || !is_first {
        // It is pending until this handler returns, and ends the process then.
        raise_default(number);
        return;
    }
    let ring = 1_u64;
    // SAFETY: eight readable bytes, and a descriptor that is never closed; a failure changes nothing.
    let _ = unsafe { libc::write(bell, (&raw const ring).cast(), size_of::<u64>()) };
}

/// `int raise(int sig)` - sends this process a signal whose default is to end it, with that default
/// restored: whoever waits for the process sees what it died of. Man page: raise(3).
pub(crate) fn die_of(signal: Signal) {
    raise_default(signal.as_raw());
}

fn raise_default(number: i32) {
    // SAFETY: the disposition is a constant, and the number that of a signal that has come.
    unsafe {
        let _ = set_action(number, libc::SIG_DFL, 0);
        libc::raise(number);
    }
}

/// `int sigaction(int signum, NULL, struct sigaction *oldact)` - what a signal does. Man page: sigaction(2).
fn action_of(number: i32) -> Result<libc::sigaction> {
    // SAFETY: All fields are numbers, for which zero is a value, or an optional function.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: A query; `action` is the place for the answer.
    match unsafe { libc::sigaction(number, ptr::null(), &raw mut action) } {
        0 => Ok(action),
        _ => Err(last_error()),
    }
}

/// `int sigaction(int signum, const struct sigaction *act, NULL)` - sets what a signal does.
/// Man page: sigaction(2).
///
/// # Safety
/// `disposition` must be a constant or a function that keeps the rules of handlers and has the
/// form that `flags` say.
pub(super) unsafe fn set_action(number: i32, disposition: libc::sighandler_t, flags: i32) -> Result<()> {
    // SAFETY: All fields are numbers, for which zero is a value, or an optional function.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = disposition;
    action.sa_flags = flags;
    // SAFETY: `action` outlives the call; the disposition is the caller's promise.
    match unsafe { libc::sigaction(number, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// `int sigprocmask(SIG_SETMASK, const sigset_t *set, NULL)` - lets every signal through.
/// Man page: sigprocmask(2).
fn unblock_all() -> Result<()> {
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` writes the whole set, which is then read.
    let result = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut())
    };
    match result {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SEEN: AtomicI32 = AtomicI32::new(0);

    extern "C" fn remember(number: i32) {
        SEEN.store(number, Ordering::Relaxed);
    }

    #[test]
    fn smoke() {
        // SIGWINCH: ignored by default and sent by nobody here, so other tests do not notice.
        // SAFETY: The handler stores to an atomic.
        unsafe { handle(Signal::WINCH, remember).unwrap() };
        // SAFETY: The signal has a handler, set above, that returns.
        unsafe { libc::raise(libc::SIGWINCH) };
        assert_eq!(SEEN.load(Ordering::Relaxed), libc::SIGWINCH);
        // SAFETY: The default of this signal is to be ignored.
        unsafe { set_action(libc::SIGWINCH, libc::SIG_DFL, 0).unwrap() };
    }

    #[test]
    fn a_reset_process_ignores_sigpipe_and_nothing_else() {
        // SAFETY: The copy makes system calls and leaves; a reset of this process itself would
        // take the test harness's handlers away.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: The dispositions are constants.
            unsafe { set_action(libc::SIGTERM, libc::SIG_IGN, 0).ok() };
            let clean = reset().is_ok();
            super::super::process::exit_now(match status_line(clean) {
                Some(()) => 0,
                None => 1,
            });
        }
        let mut status = 0;
        // SAFETY: `status` is the place for the answer; the child is ours.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
    }

    /// Whether, after a reset, SIGPIPE alone is ignored and SIGTERM is at its default.
    fn status_line(clean: bool) -> Option<()> {
        let disposition = |number| action_of(number).map_or(libc::SIG_ERR, |action| action.sa_sigaction);
        let ignored = (1..=31).filter(|number| disposition(*number) == libc::SIG_IGN);
        (clean && ignored.eq([libc::SIGPIPE]) && disposition(libc::SIGTERM) == libc::SIG_DFL).then_some(())
    }
}
