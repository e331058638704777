//! The operating system, one call per function.
//!
//! Everything here is thin: a function makes one system call (or reads one instruction's worth of
//! machine state), takes borrowed descriptors, hands out owned ones, and is documented by its
//! prototype, a sentence and its manual page. `EINTR` is handled here and nowhere else. Nothing in
//! this folder knows what a participant, a window or an actor is.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "actor-core needs Linux 5.11 or newer on x86-64 or aarch64: its actors live on pidfds, memfds and clone3"
);

pub(crate) mod cgroup;
pub(crate) mod clone;
pub(crate) mod cpu;
pub(crate) mod descriptor;
pub(crate) mod environment;
pub(crate) mod epoll;
pub(crate) mod eventfd;
pub(crate) mod exec;
pub(crate) mod futex;
pub(crate) mod image;
pub(crate) mod map;
pub(crate) mod memfd;
pub(crate) mod name;
pub(crate) mod overflow;
pub(crate) mod pidfd;
pub(crate) mod pipe;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod signal;
mod timespec;
pub(crate) mod vfork;

/// The error number of a system call; converts into [`std::io::Error`] by `?`.
pub(crate) use rustix::io::Errno;
/// What identifies and signals a process.
pub(crate) use rustix::process::{Pid, Signal};
