//! What code of other languages does to a process, as far as tests need it.
//!
//! Safe Rust cannot ignore a signal, crash, or leave without a word; libraries in C do all of this,
//! and the promises of the crate are about exactly that. Nothing here is an example to follow.

#![allow(unsafe_code)]

use std::hint::black_box;

/// `exit(code)` of the C library: runs what was registered for the end of the process.
pub fn exit(code: i32) -> ! {
    // SAFETY: The function has no precondition.
    unsafe { libc::exit(code) }
}

/// `_exit(code)`: the process is gone at once.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: The function has no precondition.
    unsafe { libc::_exit(code) }
}

/// `quick_exit(code)`: runs only what was registered for such an end.
pub fn exit_quickly(code: i32) -> ! {
    unsafe extern "C" {
        fn quick_exit(code: i32) -> !;
    }
    // SAFETY: The function has no precondition.
    unsafe { quick_exit(code) }
}

/// Makes a copy of this process, which exits with this code as any program does, and waits for that.
pub fn fork_and_exit(code: i32) {
    let mut status = 0;
    // SAFETY: The copy, which has one thread, does nothing but leave; what it runs on its way is the
    // business of whoever has registered it. `status` is the place for the answer.
    unsafe {
        match libc::fork() {
            0 => libc::exit(code),
            copy => assert_eq!(libc::waitpid(copy, &raw mut status, 0), copy, "it has ended"),
        }
    }
    assert_eq!(libc::WEXITSTATUS(status), code, "it has left as it was to: {status}");
}

/// `abort()`.
pub fn abort() -> ! {
    // SAFETY: The function has no precondition.
    unsafe { libc::abort() }
}

/// Reads from where no memory is.
pub fn segfault() -> ! {
    // SAFETY: There is none. The address is never mapped, and the process dies of that.
    unsafe { black_box(black_box(8 as *const u8).read_volatile()) };
    unreachable!("the address is not mapped")
}

/// Reads behind the end of a mapped file.
pub fn bus_error(file: &std::fs::File) -> ! {
    use std::os::fd::AsRawFd;
    let (length, fd) = (4096, file.as_raw_fd());
    // SAFETY: A new mapping at a place of the kernel's choice, read within its length; behind the
    // end of the file the kernel answers with a signal, which is what is wanted.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, fd, 0);
        assert_ne!(start, libc::MAP_FAILED, "the file is mapped");
        black_box(start.cast::<u8>().read_volatile());
    }
    unreachable!("there is nothing behind the end of the file")
}

/// Runs `child` in a fork of this process, which then ends with what that gives. Gives what it has ended with.
pub fn fork(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: The child runs on with what this thread has, as foreign code does; what others have locked stays so.
    match unsafe { libc::fork() } {
        0 => exit_now(child()),
        pid => {
            let mut status = 0;
            // SAFETY: A child of this process that nobody else waits for, and a place for its status.
            let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            assert!(waited == pid && libc::WIFEXITED(status), "the fork ended otherwise: {status:#x}");
            libc::WEXITSTATUS(status)
        }
    }
}

/// Does not return before it has slept for so long, whatever signals arrive.
pub fn sleep_in_c(seconds: u32) {
    let mut left = seconds;
    while 0 < left {
        // SAFETY: The function has no precondition.
        left = unsafe { libc::sleep(left) };
    }
}

/// Has a program hear of the signals of a terminal, though whoever has started this one ignores them, as `nohup`
/// and shells do for what runs in the background.
pub fn hear_signals(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let hear = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            // SAFETY: The disposition is one of the two that need no function.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: Between fork and exec the closure makes one kind of system call and touches no memory.
    unsafe { command.pre_exec(hear) };
}

/// From now on SIGTERM does nothing to this process.
pub fn ignore_sigterm() {
    // SAFETY: The disposition is one of the two that need no function.
    let before = unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    assert_ne!(before, libc::SIG_ERR, "SIGTERM can be ignored");
}

/// From now on this process gets a signal each time that so long has passed, which nothing but the
/// system calls notices that are interrupted by it.
pub fn alarm_every(period: std::time::Duration) {
    extern "C" fn nothing(_: i32) {}
    let time = libc::timeval { tv_sec: 0, tv_usec: period.subsec_micros().into() };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: The handler does nothing, so it may run anywhere; all structures are plain data, of which
    // zero is a value, and are only read during the calls.
    unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()), 0);
        assert_eq!(libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()), 0);
    }
}

/// Blocks SIGTERM and SIGUSR1 for the calling thread.
pub fn block_signals() {
    // SAFETY: The set is initialised by the first call and only read by the last.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()), 0);
    }
}

/// Gives a socket the smallest buffer for sending that there is.
pub fn shrink_send_buffer(socket: &impl std::os::fd::AsRawFd) {
    let bytes = 1_i32;
    // SAFETY: The option is a number, which is read during the call.
    let result = unsafe {
        let (value, length) = ((&raw const bytes).cast(), size_of::<i32>() as libc::socklen_t);
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, value, length)
    };
    assert_eq!(result, 0, "the buffer can be small");
}

/// Sets a variable of the environment.
pub fn set_variable(name: &str, value: &str) {
    // SAFETY: The programs that call this read the environment through std alone, which locks it.
    unsafe { std::env::set_var(name, value) };
}
