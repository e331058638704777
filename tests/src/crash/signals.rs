//! Signals for children of this process that are not known by a handle.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::watch::Seen;

/// A signal for the process with this number, if it is a child of ours that lives and is meant. False: it
/// is not.
pub(super) fn signal_if(pid: u32, signal: Signal, is_meant: impl Fn(&Seen) -> bool) -> bool {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let Ok(pidfd) = pidfd_open(number, PidfdFlags::empty()) else { return false };
    // Looked at after it was opened: the number could have become another's before.
    let is_it =
        Seen::of(pid).is_some_and(|seen| seen.parent == std::process::id() && !seen.is_zombie() && is_meant(&seen));
    is_it && pidfd_send_signal(&pidfd, signal).is_ok()
}
