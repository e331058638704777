//! A text for the stack overflow of a process that the Rust runtime did not start.
//!
//! The runtime prints "stack overflow" from a handler that it installs before `main`. Our processes
//! never reach `main`, so without this they would end with a bare SIGSEGV. The handler runs on a
//! stack of its own, writes one line to stderr, and lets the process die of the same signal: the
//! exit report then has both.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr;

use rustix::io::Result;

use super::pidfd::last_error;
use super::signal::set_action;

/// Room for the signal frame, which is some 11 KiB with the widest registers, and the handler.
const STACK_BYTES: usize = 64 * 1024;

/// How far from the stack pointer the faulting address of an overflow can lie. Rust touches every
/// page on its way down; C code steps over a guard page only with frames larger than this.
const REACH_BYTES: usize = 64 * 1024;

#[repr(align(16))]
struct HandlerStack(UnsafeCell<[u8; STACK_BYTES]>);

// SAFETY: Nobody but the kernel and the handler uses the bytes, and of these there is one: the
// stack is registered for one thread, once.
unsafe impl Sync for HandlerStack {}

static HANDLER_STACK: HandlerStack = HandlerStack(UnsafeCell::new([0; STACK_BYTES]));

/// Installs the report for the calling thread, which must be the only one that ever does.
///
/// # Errors
/// None that a kernel is known to give.
pub(crate) fn report_on_this_thread() -> Result<()> {
    let stack = libc::stack_t { ss_sp: HANDLER_STACK.0.get().cast(), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: The stack is static and used for nothing else.
    unsafe { use_signal_stack(&stack)? };
    let handler = on_fault as extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
    let flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    for number in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: The handler has the three-argument form that SA_SIGINFO says and makes only
        // calls that a handler may make.
        unsafe { set_action(number, handler as *const () as libc::sighandler_t, flags)? };
    }
    Ok(())
}

/// `int sigaltstack(const stack_t *ss, NULL)` - gives this thread's handlers a stack.
/// Man page: sigaltstack(2).
///
/// # Safety
/// The memory must stay and be used for nothing else while the thread lives.
unsafe fn use_signal_stack(stack: &libc::stack_t) -> Result<()> {
    // SAFETY: The caller's promise.
    match unsafe { libc::sigaltstack(stack, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

extern "C" fn on_fault(number: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: The kernel passes a valid info and context to a handler with SA_SIGINFO.
    let (code, address, pointer) = unsafe { ((*info).si_code, (*info).si_addr() as usize, stack_pointer(context)) };
    // A positive code says that the processor faulted, others that somebody sent the signal.
    if code > 0 && address.abs_diff(pointer) < REACH_BYTES {
        let text = b"the main thread has overflowed its stack\n";
        // SAFETY: A write of constant bytes; there is nothing to be done about its failure.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    // SAFETY: The default is a constant. On return a faulting instruction faults again, and a
    // signal that was sent is pending again by the raise, so the process dies of it either way.
    unsafe {
        set_action(number, libc::SIG_DFL, 0).ok();
        if code <= 0 {
            libc::raise(number);
        }
    }
}

/// The stack pointer of the interrupted code.
///
/// # Safety
/// `context` must be what the kernel passed to a handler with SA_SIGINFO.
unsafe fn stack_pointer(context: *mut c_void) -> usize {
    let context = context.cast::<libc::ucontext_t>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: The caller's promise; the register file has this index.
    return unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] as usize };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: The caller's promise.
    return unsafe { (*context).uc_mcontext.sp as usize };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{descriptor, pipe, process};
    use std::hint::black_box;
    use std::os::fd::{AsFd, OwnedFd};

    /// Runs `body` in a process of its own, with the report installed, and gives its wait status
    /// and its stderr.
    fn run(body: fn()) -> (i32, String) {
        let (reader, writer) = pipe::create().unwrap();
        // SAFETY: The copy makes system calls and computes; it neither allocates nor locks.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let ready = descriptor::redirect_stderr(writer.as_fd()).is_ok() && report_on_this_thread().is_ok();
            if ready {
                // SAFETY: A limit on this process alone; keeps a dying test from dumping core.
                unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
                body();
            }
            process::exit_now(1);
        }
        drop(writer);
        let mut status = 0;
        // SAFETY: `status` is the place for the answer; the child is ours.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        (status, text_of(reader))
    }

    fn text_of(reader: OwnedFd) -> String {
        std::io::read_to_string(std::fs::File::from(reader)).unwrap()
    }

    fn recurse(depth: u64) -> u64 {
        let frame = black_box([depth; 64]);
        if depth == u64::MAX {
            return 0;
        }
        recurse(depth + 1) + black_box(frame)[3]
    }

    #[test]
    fn smoke() {
        let (status, text) = run(|| {
            black_box(recurse(black_box(0)));
        });
        assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
        assert_eq!(text, "the main thread has overflowed its stack\n");
    }

    #[test]
    fn another_fault_is_no_overflow() {
        let (status, text) = run(|| {
            // SAFETY: None: the process is meant to die of it.
            unsafe { black_box(ptr::without_provenance_mut::<u8>(16)).write_volatile(1) };
        });
        assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
        assert_eq!(text, "");
    }

    #[test]
    fn a_signal_that_was_sent_still_kills() {
        let (status, text) = run(|| {
            // SAFETY: The process is meant to die of it.
            unsafe { libc::raise(libc::SIGSEGV) };
        });
        assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
        assert_eq!(text, "");
    }
}
