//! Forking a child that belongs to our parent.
//!
//! A plain fork would make the forking process the parent: its death would take all children
//! along, and the one who wants their status could not wait for them. `CLONE_PARENT` makes the
//! child a sibling instead. Called past the C library, it leaves two of its caches wrong in the
//! child, the thread's id and the list of robust locks; both are repaired here, so the child is
//! what `fork` would have made of it, but for `pthread_atfork` handlers, which do not run.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::AtomicU32;

use rustix::io::{Errno, Result};
use rustix::process::Pid;

use super::pidfd::last_error;
use super::process;

/// The right to clone, held by the only thread of a process.
///
/// Whoever holds one starts no threads: a lock that another thread holds at the moment of the
/// clone would stay locked in the child for ever.
#[derive(Debug)]
pub(crate) struct Cloner {
    /// Where the C library keeps the id of this thread.
    thread_id: *mut c_void,
    robust_list: *mut c_void,
    robust_list_bytes: usize,
    not_send: PhantomData<*mut ()>,
}

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Original(Pid),
    Child,
}

impl Cloner {
    /// Finds what the repairs need.
    ///
    /// # Errors
    /// `EBUSY` if the process has a second thread, `EINVAL` if the kernel does not tell the thread
    /// id's address (it is built without checkpoint and restore).
    pub(crate) fn new() -> Result<Cloner> {
        if process::thread_count()? != 1 {
            return Err(Errno::BUSY);
        }
        let (robust_list, robust_list_bytes) = robust_list()?;
        Ok(Cloner { thread_id: thread_id_address()?, robust_list, robust_list_bytes, not_send: PhantomData })
    }

    /// Makes a copy of this process whose parent is our parent, and which starts with default
    /// signal handlers, in a control group if one is given.
    ///
    /// The kernel stores the child's pid in `pid` before the child runs and before this process,
    /// or whoever kills it, can take another step: after our proven death `pid` is not zero
    /// exactly if the child was made. The page of `pid` must have been written before.
    ///
    /// # Errors
    /// `EAGAIN` at the limit of processes, `ENOMEM`; `EINVAL`, `ENOSYS` or `EPERM` where the kernel
    /// or a sandbox does not have the call; `EACCES`, `ENODEV` and others if the group lets nobody in.
    pub(crate) fn sibling(&self, pid: &AtomicU32, group: Option<BorrowedFd<'_>>) -> Result<Side> {
        let flags =
            libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
        // SAFETY: Plain numbers, for which zero is a value.
        let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
        arguments.flags = flags as u64 | CLONE_CLEAR_SIGHAND;
        arguments.child_tid = self.thread_id as u64;
        arguments.parent_tid = pid.as_ptr() as u64;
        if let Some(group) = group {
            arguments.flags |= CLONE_INTO_CGROUP;
            arguments.cgroup = group.as_raw_fd() as u64;
        }
        // SAFETY: There is one thread, by `new` and the type's rule, so no lock is held elsewhere;
        // `thread_id` is where the kernel itself says that the C library keeps it.
        let child = unsafe { clone3(&mut arguments)? };
        let Some(child) = child else {
            // SAFETY: The list's head lies in this thread's block, copied to the same address.
            if unsafe { set_robust_list(self.robust_list, self.robust_list_bytes) }.is_err() {
                // An error here would be taken for the original's, and there would be two of it.
                process::exit_now(1);
            }
            return Ok(Side::Child);
        };
        Ok(Side::Original(child))
    }
}

/// The child's handlers are reset to default, ignored signals stay ignored. In the bindings it is a
/// number too small to hold it, as is the next.
pub(super) const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
/// The child begins in the control group of a descriptor.
pub(super) const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// `long clone3(struct clone_args *cl_args, size_t size)` - copies this process; `None` in the
/// copy. Man page: clone(2).
///
/// # Safety
/// Without `CLONE_VM` the copy has memory of its own. Addresses in `arguments` must be writable
/// places for a thread id, and no other thread may hold a lock that the copy will want.
unsafe fn clone3(arguments: &mut libc::clone_args) -> Result<Option<Pid>> {
    let bytes = size_of::<libc::clone_args>();
    // SAFETY: The caller's promise; the structure and its size agree.
    match unsafe { libc::syscall(libc::SYS_clone3, ptr::from_mut(arguments), bytes) } {
        -1 => Err(last_error()),
        pid => Ok(Pid::from_raw(pid as i32)),
    }
}

/// `int prctl(PR_GET_TID_ADDRESS, int **tidptr)` - where the C library keeps this thread's id.
/// Man page: PR_GET_TID_ADDRESS(2const).
fn thread_id_address() -> Result<*mut c_void> {
    let mut address = ptr::null_mut::<c_void>();
    // SAFETY: The kernel writes one pointer to the place given, which is one.
    match unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address) } {
        0 if !address.is_null() => Ok(address),
        0 => Err(Errno::INVAL),
        _ => Err(last_error()),
    }
}

/// `long get_robust_list(0, struct robust_list_head **head_ptr, size_t *sizep)` - this thread's
/// list of robust locks. Man page: get_robust_list(2).
fn robust_list() -> Result<(*mut c_void, usize)> {
    let mut head = ptr::null_mut::<c_void>();
    let mut bytes = 0_usize;
    // SAFETY: The kernel writes one pointer and one size to the places given.
    let result = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut bytes) };
    match result {
        0 => Ok((head, bytes)),
        _ => Err(last_error()),
    }
}

/// `long set_robust_list(struct robust_list_head *head, size_t size)` - registers this thread's
/// list of robust locks. Man page: get_robust_list(2).
///
/// # Safety
/// `head` must be null or a list that stays where it is while the thread lives.
unsafe fn set_robust_list(head: *mut c_void, bytes: usize) -> Result<()> {
    if head.is_null() {
        return Ok(());
    }
    // SAFETY: The caller's promise.
    match unsafe { libc::syscall(libc::SYS_set_robust_list, head, bytes) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::pidfd::{self, End};
    use crate::sys::{epoll, map, memfd, signal};
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    /// A word that processes share.
    fn shared_word() -> &'static AtomicU32 {
        let memory = memfd::create_sealed(c"clone-test", 4096).unwrap();
        let start = map::map_whole(memory.as_fd(), 4096).unwrap();
        // SAFETY: The mapping was made a moment ago and is never unmapped.
        unsafe { map::keep_on_fork(start, 4096).unwrap() };
        // SAFETY: Its start is aligned, zeroed and mapped for good.
        let word = unsafe { start.cast::<AtomicU32>().as_ref() };
        word.store(0, Ordering::Relaxed);
        word
    }

    /// Runs `child` in a process that was cloned by a process which is killed at once, and gives
    /// what its own parent, this process, learns about its end.
    fn end_of_sibling(child: fn(&Cloner) -> i32) -> End {
        let word = shared_word();
        // SAFETY: The copy of this multi-threaded process makes system calls and nothing else:
        // no allocation, no lock, no return.
        let middle = unsafe { libc::fork() };
        if middle == 0 {
            let status = match Cloner::new().and_then(|cloner| {
                let side = cloner.sibling(word, None)?;
                Ok((side, cloner))
            }) {
                Ok((Side::Child, cloner)) => child(&cloner),
                Ok((Side::Original(_), _)) => 0,
                Err(error) => error.raw_os_error(),
            };
            process::exit_now(status);
        }
        let middle = pidfd::open(Pid::from_raw(middle).unwrap()).unwrap();
        assert_eq!(reaped(&middle), End::Exited(0), "the middle one has cloned");
        let pid = Pid::from_raw(word.load(Ordering::Acquire) as i32).expect("the kernel told");
        reaped(&pidfd::open(pid).unwrap())
    }

    fn reaped(pidfd: &OwnedFd) -> End {
        epoll::wait_readable(&[pidfd.as_fd()], Some(Duration::from_secs(20))).unwrap();
        pidfd::reap(pidfd.as_fd()).unwrap().expect("it is dead").end
    }

    #[test]
    fn smoke() {
        assert_eq!(end_of_sibling(|_| 42), End::Exited(42));
    }

    #[test]
    fn a_signal_of_the_child_reaches_our_status() {
        let end = end_of_sibling(|_| {
            // SAFETY: The process means to die of it.
            unsafe { libc::raise(libc::SIGKILL) }
        });
        assert_eq!(end, End::Signaled { signal: 9, core: false });
    }

    #[test]
    fn the_caches_of_the_c_library_are_right_in_the_child() {
        let end = end_of_sibling(|cloner| {
            let mut clock = 0;
            // SAFETY: The calls read this thread's own block; `clock` is the place for the answer.
            let (found, cached) = unsafe {
                let found = libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock);
                (found, *cloner.thread_id.cast::<i32>())
            };
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: `time` is the place for the answer.
            let readable = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
            let is_own = cached == process::id().as_raw_nonzero().get();
            let same_list = robust_list() == Ok((cloner.robust_list, cloner.robust_list_bytes));
            i32::from(found == 0 && readable)
                | i32::from(is_own) << 1
                | i32::from(same_list && !cloner.robust_list.is_null()) << 2
        });
        assert_eq!(end, End::Exited(0b111));
    }

    #[test]
    fn the_child_can_trust_its_parent() {
        let end = end_of_sibling(|_| signal::set_parent_death(rustix::process::Signal::KILL).map_or(1, |()| 0));
        assert_eq!(end, End::Exited(0));
    }

    #[test]
    fn two_threads_are_refused() {
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| Cloner::new().unwrap_err());
            assert_eq!(refused.join().unwrap(), Errno::BUSY);
        });
    }
}
