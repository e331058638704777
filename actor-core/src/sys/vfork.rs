//! A child that begins in a given control group and executes a program.
//!
//! `posix_spawn` cannot name a group before C libraries of 2024, and a process that moves itself
//! stops every fork of the machine until the kernel has waited for all processors: 8 ms were
//! measured. Born there, it costs nothing. So this is what `posix_spawn` does, with one flag more:
//! the child runs in our memory, on a stack of its own, while the calling thread waits for its exec.
//!
//! The child calls only what a signal handler may call, and returns nowhere. It is not a thread and
//! uses the caller's thread-local storage, which holds `errno` and nothing that it touches besides.

#![allow(unsafe_code)]

use std::arch::asm;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::io::{Errno, Result};
use rustix::process::Pid;

use super::clone::{CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP};
use super::pidfd::End;

/// What the child calls needs a few hundred bytes; no signal handler runs on it.
const STACK_BYTES: usize = 64 << 10;

/// What the child does, all of it prepared: it may not allocate.
pub(super) struct Plan<'a> {
    pub(super) program: &'a std::ffi::CStr,
    /// Lists of strings, with a null pointer at the end.
    pub(super) arguments: &'a [*mut libc::c_char],
    pub(super) environment: &'a [*mut libc::c_char],
    /// Descriptors that are above all numbers under which they are passed.
    pub(super) pass: &'a [OwnedFd],
    /// The first of these numbers.
    pub(super) first: RawFd,
}

/// Why there is no process that executes the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The kernel makes none in this group, or not in this way.
    Clone(Errno),
    /// There was one, which is reaped, and it could not.
    Exec(Errno),
}

/// Starts a program in `group`, with stdin at `/dev/null`, the descriptors of the plan and no others
/// above stderr, no signal blocked and no handlers.
pub(super) fn start(plan: &Plan<'_>, group: BorrowedFd<'_>) -> std::result::Result<(Pid, OwnedFd), Failure> {
    let mut child = Child { plan: Some(plan), error: 0 };
    let (pid, pidfd) = clone(&raw mut child, group).map_err(Failure::Clone)?;
    // SAFETY: The child, which may have written it, has executed the program or ended.
    match unsafe { ptr::read_volatile(&raw const child.error) } {
        0 => Ok((pid, pidfd)),
        error => {
            super::process::kill_and_reap(pid.as_raw_nonzero().get() as u32);
            Err(Failure::Exec(Errno::from_raw_os_error(error)))
        }
    }
}

/// Whether a process can begin and live in `group`: one is made to see.
///
/// Kernels since 6.14 kill whoever is born into a group that has been killed more or fewer times than
/// the one in which its parent is, however long ago that was.
pub(crate) fn is_habitable(group: BorrowedFd<'_>) -> bool {
    let mut child = Child { plan: None, error: 0 };
    let Ok((_, pidfd)) = clone(&raw mut child, group) else { return false };
    // It has ended when the call returns, or is about to.
    let ended = super::epoll::wait_readable(&[pidfd.as_fd()], None).and_then(|_| super::pidfd::reap(pidfd.as_fd()));
    matches!(ended, Ok(Some(status)) if status.end == End::Exited(0))
}

/// Makes a child that calls [`execute`].
fn clone(child: *mut Child<'_>, group: BorrowedFd<'_>) -> Result<(Pid, OwnedFd)> {
    let mut stack = Vec::<u128>::new();
    stack.try_reserve_exact(STACK_BYTES / 16).map_err(|_| Errno::NOMEM)?;
    let mut pidfd: RawFd = -1;
    // SAFETY: Plain numbers, for which zero is a value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
    arguments.flags = flags as u64 | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.pidfd = (&raw mut pidfd) as u64;
    arguments.stack = stack.as_mut_ptr() as u64;
    arguments.stack_size = STACK_BYTES as u64;
    arguments.cgroup = group.as_raw_fd() as u64;
    // SAFETY: The stack is ours, of that size and aligned, and lives until the call returns, which
    // is after the exec or the end of the child; so does what the callers' `child` points to.
    let pid = unsafe { clone_and_call(&mut arguments, child)? };
    // SAFETY: The kernel has just put a new descriptor there, which is nobody's yet.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// What both processes see.
struct Child<'a> {
    /// Without one it ends at once.
    plan: Option<&'a Plan<'a>>,
    /// Why the child could not execute the program.
    error: i32,
}

/// What the child does on its stack.
///
/// # Safety
/// `child` must be valid until this process executes or ends.
unsafe extern "C" fn execute(child: *mut Child<'_>) -> ! {
    // SAFETY: The caller's promise; these calls take numbers, strings that end with zero and lists
    // that end with a null pointer, all of which the plan's maker keeps.
    unsafe {
        let Some(plan) = (*child).plan else { libc::_exit(0) };
        if prepare(plan) {
            libc::execve(plan.program.as_ptr(), plan.arguments.as_ptr().cast(), plan.environment.as_ptr().cast());
        }
        (*child).error = (*libc::__errno_location()).max(1);
        libc::_exit(127)
    }
}

/// The descriptors and the signal mask of the child. False: `errno` says why not.
///
/// # Safety
/// Only for a process that has its own descriptors and is about to execute.
unsafe fn prepare(plan: &Plan<'_>) -> bool {
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: Plain calls about numbers that are this process's own; the set is made before it is
    // used; nothing in this process will miss what is closed.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if null < 0 || (null > 0 && libc::dup2(null, 0) < 0) || (null == 0 && libc::fcntl(0, libc::F_SETFD, 0) < 0) {
            return false;
        }
        let mut number = plan.first;
        for descriptor in plan.pass {
            if libc::dup2(descriptor.as_raw_fd(), number) < 0 {
                return false;
            }
            number += 1;
        }
        libc::syscall(libc::SYS_close_range, number, u32::MAX, 0) == 0
            && libc::sigemptyset(none.as_mut_ptr()) == 0
            && libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut()) == 0
    }
}

/// `long clone3(struct clone_args *cl_args, size_t size)` - and, in the child, [`execute`] with
/// `child`, on the new stack. Man page: clone(2).
///
/// # Safety
/// `arguments` must name a stack, and ask for `CLONE_VM` and `CLONE_VFORK`. What they and `child`
/// point to must be valid until this returns.
unsafe fn clone_and_call(arguments: &mut libc::clone_args, child: *mut Child<'_>) -> Result<Pid> {
    let result: isize;
    let bytes = size_of::<libc::clone_args>();
    // SAFETY: In the caller's process this is a system call and nothing else. The child finds its
    // registers as they were and its stack empty and aligned, as a call needs it, and never comes
    // back, so that no frame of the caller's is ever left twice.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") ptr::from_mut(arguments),
            in("rsi") bytes,
            in("r12") child,
            in("r13") execute as *const (),
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: As above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            inlateout("x0") ptr::from_mut(arguments) => result,
            in("x1") bytes,
            in("x8") libc::SYS_clone3,
            in("x20") child,
            in("x21") execute as *const (),
        );
    }
    match i32::try_from(result) {
        Ok(pid) if pid > 0 => Pid::from_raw(pid).ok_or(Errno::SRCH),
        Ok(error) => Err(Errno::from_raw_os_error(-error)),
        Err(_) => Err(Errno::OVERFLOW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::cgroup::Cgroup;
    use crate::sys::{epoll, pidfd, pipe};
    use std::ffi::CStr;

    /// Runs a shell, or what is in its place, with one descriptor passed, and gives its end.
    fn run(program: &CStr, script: &CStr, group: BorrowedFd<'_>) -> std::result::Result<End, Failure> {
        let arguments = [c"sh".as_ptr().cast_mut(), c"-c".as_ptr().cast_mut(), script.as_ptr().cast_mut()];
        let arguments = [&arguments[..], &[ptr::null_mut()]].concat();
        let (reader, _writer) = pipe::create().unwrap();
        let pass = [rustix::io::fcntl_dupfd_cloexec(&reader, 50).unwrap()];
        let plan = Plan { program, arguments: &arguments, environment: &[ptr::null_mut()], pass: &pass, first: 3 };
        let (_, pidfd) = start(&plan, group)?;
        epoll::wait_readable(&[pidfd.as_fd()], None).unwrap();
        Ok(pidfd::reap(pidfd.as_fd()).unwrap().expect("it has ended").end)
    }

    #[test]
    fn smoke() {
        let Some(cgroup) = Cgroup::make() else {
            return eprintln!("SKIP: no control group of the second version is writable");
        };
        let group = cgroup.group(1).unwrap();
        let script = c"[ -p /dev/fd/3 ] && [ ! -e /dev/fd/4 ] && [ /dev/fd/0 -ef /dev/null ] &&
            while read -r line; do case $line in 0::*/1) exit 7 ;; esac; done </proc/self/cgroup";
        assert_eq!(run(c"/bin/sh", script, group.as_fd()), Ok(End::Exited(7)));
        assert_eq!(run(c"/no/such/program", c"", group.as_fd()), Err(Failure::Exec(Errno::NOENT)));
        assert!(is_habitable(group.as_fd()));
        cgroup.end();
    }

    #[test]
    fn what_is_no_group_is_an_error() {
        let (reader, _writer) = pipe::create().unwrap();
        assert_eq!(run(c"/bin/sh", c"", reader.as_fd()), Err(Failure::Clone(Errno::BADF)));
        assert!(!is_habitable(reader.as_fd()));
    }
}
