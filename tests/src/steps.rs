//! [`Stepped`]: a process that is led through its program one instruction at a time.
//!
//! So a process can be killed at every step of an operation and not only where a test has thought of
//! putting a stop, and what is tested is the program that users get. To be used by the parent of the
//! process, from one thread.

#![allow(unsafe_code)]

use std::io;
use std::ptr::null_mut;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// A process that stands still between two instructions. It runs on when its leader's thread ends.
#[derive(Debug)]
pub struct Stepped {
    pid: Pid,
}

impl Stepped {
    /// Stops a process wherever it is.
    ///
    /// # Errors
    /// The system does not allow it, or there is no such process.
    pub fn stop(pid: u32) -> io::Result<Stepped> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        let stepped = Stepped { pid };
        stepped.request(libc::PTRACE_SEIZE)?;
        stepped.request(libc::PTRACE_INTERRUPT)?;
        stepped.wait()?;
        Ok(stepped)
    }

    /// Lets it execute its next instruction.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn step(&self) -> io::Result<()> {
        self.request(libc::PTRACE_SINGLESTEP)?;
        self.wait()
    }

    /// Lets it run until it is about to make a system call, or comes back from one.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn to_system_call(&self) -> io::Result<()> {
        self.request(libc::PTRACE_SYSCALL)?;
        self.wait()
    }

    fn request(&self, request: libc::c_uint) -> io::Result<()> {
        let (pid, nothing) = (self.pid.as_raw_nonzero().get(), null_mut::<libc::c_void>());
        // SAFETY: None of the four requests reads or writes memory of the caller; with a null pointer
        // for data they set no option and pass no signal on.
        match unsafe { libc::ptrace(request, pid, nothing, nothing) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Waits for a stop only: who waits for its end is somebody else.
    fn wait(&self) -> io::Result<()> {
        waitid(WaitId::Pid(self.pid), WaitIdOptions::STOPPED)?;
        Ok(())
    }
}
