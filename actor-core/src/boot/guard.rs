//! Nobody outlives the node.
//!
//! Every process asks the kernel for a signal at the node's end, and then looks whether the node is
//! still its parent: it may have died before the kernel was asked. For an actor process the signal
//! is SIGKILL. For the zygote it is SIGCONT, which reaches it even if it is stopped, and then a
//! handler kills what SIGKILL alone does not reach: the processes that actors have started and that
//! are still in their process groups, and all of them where there are control groups.
//!
//! The handler runs in the middle of anything. It reads shared memory, makes system calls, waits half
//! a second at most for the killed to be gone, and nothing else.

use std::sync::{Mutex, PoisonError};

use super::cgroup::Cgroup;
use crate::planted::planted;
use crate::shm::segment::Census;
use crate::sys::{Pid, Signal, process, signal};

/// Held by the only thread of a zygote for no longer than it takes to put something in, and not while
/// there is a handler.
static GUARDED: Mutex<Option<Guarded>> = Mutex::new(None);

/// The processes that a zygote guards.
struct Guarded {
    census: Census,
    cgroup: Option<Cgroup>,
}

/// Ties this process to the node: `signal` comes at the node's end. Does not return if the node is
/// gone already.
pub(super) fn stay_with(node_pid: u32, signal: Signal) {
    let asked = if planted!(NoParentDeathSignal) { Ok(()) } else { signal::set_parent_death(signal) };
    // A failure, which no kernel is known to give, would leave a process that nobody ends.
    if asked.is_err() || is_orphan(node_pid) {
        process::exit_now(0);
    }
}

/// Whether the node is gone. Our parent never changes otherwise.
pub(super) fn is_orphan(node_pid: u32) -> bool {
    process::parent().map(|parent| parent.as_raw_nonzero().get() as u32) != Some(node_pid)
}

/// Makes this process the guard of the processes of `census`, which are in the control group if there
/// is one. The handler must be installed after.
pub(super) fn watch(census: Census, cgroup: Option<Cgroup>) {
    *GUARDED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Guarded { census, cgroup });
}

/// Makes this process, a copy of the guard that has no handler, one that guards nobody.
pub(super) fn resign() {
    *GUARDED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The handler of SIGCONT in the zygote.
pub(super) extern "C" fn on_continue(_: i32) {
    if let Ok(guarded) = GUARDED.try_lock()
        && let Some(guarded) = &*guarded
        && is_orphan(guarded.census.node_pid())
        && !planted!(GuardDoesNothing)
    {
        kill_all(guarded.census);
        if let Some(cgroup) = &guarded.cgroup {
            cgroup.finish();
        }
        process::exit_now(0);
    }
}

/// Kills the group of every process of the node. The processes themselves die by the node's end;
/// a group's number stays theirs while anybody is in it.
pub(super) fn kill_all(census: Census) {
    for pid in census.pids().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        // It fails if nobody is left in the group.
        let _ = process::signal_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let parent = process::parent().unwrap().as_raw_nonzero().get() as u32;
        assert!(!is_orphan(parent));
        assert!(is_orphan(process::id().as_raw_nonzero().get() as u32));
        on_continue(0);
        assert!(GUARDED.lock().unwrap().is_none(), "a process that guards nobody goes on");
    }
}
